"""Handlers with something in front: what the decorators below `@app.route` make."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .runtime.functions import wants_was

F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[Any, Mapping[str, Any]], Any]

# A wrapper takes `was` even where its handler does not; this says that the handler works in Bottle's own style.
PLAIN = "takes_no_was"
# A handler of WebSockets answers GET only; functools.wraps takes this along too.
UPGRADES = "__upgrades__"
# What is demanded of whoever calls a handler; functools.wraps takes it along.
DEMANDS = "__demands__"


def guarded(function: F, check: Check) -> F:
    """The same handler, but `check(was, given)` is called first: what it raises or returns keeps it from running.

    `given` are the parameters by name, without those that were left out; None from `check` means go on.
    """
    names = [name for name in inspect.signature(function).parameters if name != "was"]

    def call(was: Any, inner: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = check(was, {**dict(zip(names, args, strict=False)), **kwargs} if args else kwargs)
        return inner() if answer is None else answer

    return wrapped(function, call)


def noted(function: F, demand: object) -> F:
    """The same handler, with a demand that its description tells."""
    vars(function)[DEMANDS] = (demand, *getattr(function, DEMANDS, ()))
    return function


def wrapped(function: F, call: Callable[..., Any]) -> F:
    """The same handler, called as `call(was, inner, args, kwargs)`; `inner()` calls what was there before."""
    takes_was = wants_was(function)

    @functools.wraps(function)
    def wrapper(was: Any, *args: Any, **kwargs: Any) -> Any:
        given = (was, *args) if takes_was else args
        return call(was, functools.partial(function, *given, **kwargs), args, kwargs)

    if not takes_was:
        # Whoever calls it looks at the signature to see whether it wants `was`.
        signature = inspect.signature(function)
        first = inspect.Parameter("was", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        signature = signature.replace(parameters=[first, *signature.parameters.values()])
        vars(wrapper).update({"__signature__": signature, PLAIN: True})
    return wrapper  # type: ignore[return-value]
