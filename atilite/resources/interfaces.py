"""Databases that the program brings along: an object of its class is one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import QueryError, ResourceError, TaskTimeout
from .aliases import Alias, Member
from .driver import IDLE_SECONDS, Lost


class Brought:
    """A driver made of a class: `Class(member, **options)` connects, every public method of the object is a task.

    The object may have `close()`, `usable()` (quick), `limit(seconds)` and `sever()` (from another thread, without
    blocking: makes a call that waits fail). OSError means that the connection is lost.
    """

    idle_seconds = IDLE_SECONDS

    def __init__(self, alias: Alias, member: Member, interface: type) -> None:
        self.alias, self.member, self.name = alias, member, alias.name
        self._interface = interface

    def open(self, seconds: float | None) -> Any:
        connection = self._interface(self.member, **self.alias.options)
        self.limit(connection, seconds)
        return connection

    def greet(self, connection: Any) -> None:
        """Its constructor has done that."""

    def close(self, connection: Any) -> None:
        _if_there(connection, "close")

    def usable(self, connection: Any) -> bool:
        return bool(_if_there(connection, "usable", default=True))

    def clean(self, connection: Any) -> bool:
        return True

    def limit(self, connection: Any, seconds: float | None) -> None:
        _if_there(connection, "limit", seconds)

    def interrupt(self, connection: Any) -> None:
        _if_there(connection, "sever")

    sever = interrupt

    def call(self, connection: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One method of the object."""
        found = getattr(connection, method, None)
        if not callable(found):
            raise QueryError(self.name, f"{type(connection).__name__} has no method {method!r}")
        return found(*args, **kwargs)

    def using(self, connection: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """A function of the object."""
        return function(connection, *args)

    def told(self, error: Exception) -> Exception:
        if isinstance(error, ResourceError):
            return error
        if isinstance(error, TimeoutError):
            return TaskTimeout(f"{self.name}: {error}")
        return Lost(self.name, f"{self.member}: {error}") if isinstance(error, (OSError, EOFError)) else error

    def stop(self) -> None:
        """Nothing is shared."""


def _if_there(connection: Any, method: str, *args: Any, default: Any = None) -> Any:
    found = getattr(connection, method, None)
    return found(*args) if callable(found) else default
