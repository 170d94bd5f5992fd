"""The driver of MongoDB: each method of a pymongo collection is a task."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from typing import Any

from ..errors import AliasError, QueryError, ResourceError, TaskTimeout
from .aliases import Alias, Member
from .driver import Lost, Unreachable, shown
from .sql import CONNECT_SECONDS, authorities, driver_module

# The database of a member that names a collection only, as pymongo's own default.
DEFAULT_DATABASE = "test"


class _Turn:
    """One call's place at the client that all calls of a member share, with the time it has."""

    __slots__ = ("collection", "seconds")

    def __init__(self, collection: Any) -> None:
        self.collection = collection
        self.seconds: float | None = None


class Mongo:
    """MongoDB by pymongo, whose client has the connections and is shared. A member is "host/database/collection".

    "host/collection" is a collection of the database "test". pymongo itself holds every call to its time.
    """

    idle_seconds = math.inf

    def __init__(self, alias: Alias, member: Member) -> None:
        self.alias, self.member, self.name = alias, member, alias.name
        self._lock = threading.Lock()
        self._client: Any = None

    @functools.cached_property
    def _pymongo(self) -> Any:
        return driver_module(self.name, "pymongo", "mongo")

    def open(self, seconds: float | None) -> _Turn:
        database, _, collection = self.member.path.rpartition("/")
        if not collection:
            raise AliasError(self.name, f"{self.member} names no collection; write host/database/collection")
        with self._lock:
            if self._client is None:
                self._client = self._pymongo.MongoClient(**self._options(seconds or CONNECT_SECONDS))
            return _Turn(self._client[database or DEFAULT_DATABASE][collection])

    def _options(self, seconds: float) -> dict[str, Any]:
        member = self.member
        options: dict[str, Any] = {
            "host": member.host,
            "port": member.port or 27017,
            "maxPoolSize": self.alias.max_conns,
            "appname": "atilite",
            "retryWrites": False,
            "serverSelectionTimeoutMS": int(seconds * 1000),
            "connectTimeoutMS": int(seconds * 1000),
        }
        if member.user:
            options |= {"username": member.user, "password": member.password}
        trusted = authorities(self.alias)
        if trusted is not None:
            options |= {"tls": True, "tlsCAFile": trusted}
        return {**options, **self.alias.options}

    def greet(self, turn: _Turn) -> None:
        """The client does that by itself."""

    def close(self, turn: _Turn) -> None:
        """The connections are the client's."""

    def usable(self, turn: _Turn) -> bool:
        return True

    def clean(self, turn: _Turn) -> bool:
        return True

    def limit(self, turn: _Turn, seconds: float | None) -> None:
        turn.seconds = seconds

    def interrupt(self, turn: _Turn) -> None:
        """pymongo has no way to stop a call from outside; it ends at its limit."""

    def sever(self, turn: _Turn) -> None:
        """As `interrupt`."""

    def call(self, turn: _Turn, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One method of the collection. A cursor is read to its end: the data are a list."""
        with self._pymongo.timeout(turn.seconds):
            answer = getattr(turn.collection, method)(*args, **kwargs)
            return list(answer) if hasattr(answer, "__next__") else answer

    def using(self, turn: _Turn, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """A function of the collection, within the call's time."""
        with self._pymongo.timeout(turn.seconds):
            return function(turn.collection, *args)

    def told(self, error: Exception) -> Exception:
        if isinstance(error, ResourceError):
            return error
        faults = self._pymongo.errors
        if not isinstance(error, faults.PyMongoError):
            return error
        text = shown(str(error), self.member.password)
        if isinstance(error, faults.ServerSelectionTimeoutError):
            return Unreachable(self.name, f"{self.member}: no server answers: {text.partition(', Timeout:')[0]}")
        if error.timeout:
            return TaskTimeout(f"{self.name}: {text}")
        if isinstance(error, faults.ConnectionFailure):
            return Lost(self.name, f"{self.member}: {text}")
        if isinstance(error, faults.DuplicateKeyError):
            return QueryError(self.name, text, "unique")
        return QueryError(self.name, text)

    def stop(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
