"""Behaviours that a module declares for whoever names it: nothing is registered anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeVar, overload

from atilite.flow.behaviors import Behavior, Gathered, described

F = TypeVar("F", bound=Callable[..., Any])


@overload
def behavior(function: F, /) -> F: ...
@overload
def behavior(name: str | None = None, /, **options: Any) -> Callable[[F], F]: ...
def behavior(function: Any = None, /, **options: Any) -> Any:
    """Declare a behaviour, bare or with options; see `Gathered.behavior`. Plans name it once they `use` its module."""
    return Gathered().behavior(function, **options)


def doify(
    name: str,
    base: type | None = None,
    registry: MutableMapping[str, Behavior] | None = None,
    parametric: bool | None = None,
    inits: Mapping[str, Any] | None = None,
    ioinits: Mapping[str, Any] | None = None,
    parms: Mapping[str, Any] | None = None,
) -> Callable[[F], F]:
    """Declare a function as the behaviour `name`; it is called with `self`, unless `parametric`.

    `ioinits` says where its inputs and outputs lie: a path, or a mapping with ipath, ival and iown. With `base`, a
    class, `self` is an instance of it that is made with `inits`. `registry` gets the behaviour, too.
    """

    def declare(function: F) -> F:
        made: Any = function if base is None else type(name, (base,), {"action": function})
        found = described(
            made, name=name, ioinits=ioinits, parms=parms, inits=inits, parametric=bool(parametric) and base is None
        )
        function.__behavior__ = found  # type: ignore[attr-defined]
        if registry is not None:
            registry[name] = found
        return function

    return declare
