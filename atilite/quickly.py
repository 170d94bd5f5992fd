"""Dataclasses that are declared quickly: those of the standard library, but for methods that all of them share.

`dataclasses` writes and compiles comparison, hash and text for each class anew. A start declares dozens of classes
and compares few of their values, and on a small board that is time that somebody waits for.
"""

from __future__ import annotations

import dataclasses
import functools
import reprlib
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, *, eq: bool = True, **options: Any) -> Any:
        """The decorator of `dataclasses`, with its options but for `order`."""
        if cls is None:
            return functools.partial(dataclass, eq=eq, **options)
        own = vars(cls)
        made = dataclasses.dataclass(cls, eq=False, repr=False, **options)
        shared = {"__repr__": _repr}
        if eq:
            shared |= {"__eq__": _eq, "__hash__": _hash if options.get("frozen") else None}
        for name, method in shared.items():
            if name not in own:
                setattr(made, name, method)
        return made


@functools.cache
def _compared(kind: Any) -> Callable[[object], object]:
    """What gives the values by which two of a kind are compared."""
    return attrgetter("__class__", *(one.name for one in dataclasses.fields(kind) if one.compare))


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = _compared(self.__class__)
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_compared(self.__class__)(self))


@reprlib.recursive_repr()
def _repr(self: Any) -> str:
    shown = (one.name for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"
