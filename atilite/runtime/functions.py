"""What kind of function somebody registered, and whether it wants `was`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal

Kind = Literal["plain", "generator", "async"]


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what is really called: without partial, wrapper and the object around a `__call__`."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif _is_callable_object(function):
            function = type(function).__call__
        else:
            return function


def kind_of(function: Callable[..., Any]) -> Kind:
    """Tell how `function` runs: at once, as a generator that yields tasks, or on the asyncio loop.

    A partial, a `functools.wraps` wrapper and an object with `__call__` are what they lead to.
    """
    function = innermost(function)
    if inspect.iscoroutinefunction(function):
        return "async"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "plain"


def wants_was(function: Callable[..., Any]) -> bool:
    """Whether the first parameter that a caller fills is called `was`. Costs some 10 us: ask at registration."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False
    return next(iter(parameters), None) == "was"


def _is_callable_object(function: object) -> bool:
    return not (inspect.isroutine(function) or inspect.isclass(function)) and hasattr(type(function), "__call__")  # noqa: B004
