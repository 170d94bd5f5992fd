"""An attribute that is computed on first use and kept: most requests need few of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):
    """Decorate a method with it and read it as an attribute; the second read costs a dictionary look-up.

    Unlike functools.cached_property it takes no lock (a request belongs to one thread at a time). A method that
    raises is tried again at the next read, and assigning to the attribute replaces the value.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> lazy[T] | T:
        if instance is None:
            return self
        # There is no __set__, so the value in __dict__ shadows this descriptor from now on.
        value = instance.__dict__[self._name] = self._make(instance)
        return value
