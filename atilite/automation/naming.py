"""What a function is called and how it describes itself, unless its author says otherwise. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from atilite.errors import SetupError
from atilite.runtime.functions import innermost


def name_of(function: Callable[..., Any]) -> str:
    """Return the qualified name of a function, without its module."""
    name = getattr(function, "__qualname__", None) or innermost(function).__qualname__
    return str(name)


def description_of(function: Callable[..., Any]) -> str:
    """Return the docstring with each of its lines stripped, "" if there is none."""
    text = getattr(function, "__doc__", None) if inspect.isroutine(function) else innermost(function).__doc__
    return "\n".join(line.strip() for line in (text or "").strip().splitlines())


def source_of(function: Callable[..., Any]) -> str:
    """Return "module:line" of a function, for messages and lists."""
    inner = innermost(function)
    code = getattr(inner, "__code__", None)
    line = f":{code.co_firstlineno}" if code is not None else ""
    return f"{getattr(inner, '__module__', '?')}{line}"


def texts_of(given: Any) -> tuple[str, ...]:
    """Return the texts of an option that may be a single one, a list of them, or None."""
    return (given,) if isinstance(given, str) else tuple(given or ())


def check_decorated(decorator: str, option: str, function: Any) -> None:
    """Refuse what a decorator was given in place of the function, as by `@app.action("Water")`. Raises SetupError."""
    if not callable(function):
        raise SetupError(f"{decorator} got {function!r}; its options are given by name: @{decorator}({option}=...)")
