"""Facets: attributes of `was` that are built on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Facet(Generic[T]):
    """An attribute of `was`, built on first use and kept until the request or run ends.

    Laziness is not for speed: a facet that is not used cannot fail.
    """

    def __init__(self, make: Callable[[Any], T], doc: str = "") -> None:
        self._make = make
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, was: None, owner: type) -> Facet[T]: ...
    @overload
    def __get__(self, was: object, owner: type) -> T: ...
    def __get__(self, was: object | None, owner: type) -> Facet[T] | T:
        if was is None:
            return self
        # There is no __set__: the value in __dict__ shadows this descriptor from now on.
        value = was.__dict__[self._name] = self._make(was)
        return value
