"""The driver of Redis: each method of redis-py's client is a task."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..errors import AliasError, QueryError, ResourceError, TaskTimeout
from .aliases import Alias, Member
from .driver import IDLE_SECONDS, Lost, shown
from .sql import CONNECT_SECONDS, authorities, driver_module

# What a method gives that is no answer but goes on talking: only inside `run` it has the connection for itself.
LIVE = ("Pipeline", "PubSub", "Lock", "Monitor", "Script")


class Redis:
    """Redis by redis-py: a connection is a client with one socket. Answers are text unless `decode_responses=False`."""

    idle_seconds = IDLE_SECONDS

    def __init__(self, alias: Alias, member: Member) -> None:
        self.alias, self.member, self.name = alias, member, alias.name

    @functools.cached_property
    def _redis(self) -> Any:
        return driver_module(self.name, "redis", "redis")

    def open(self, seconds: float | None) -> Any:
        return self._redis.Redis(**self._options(seconds or CONNECT_SECONDS))

    def greet(self, client: Any) -> None:
        client.ping()

    def _options(self, seconds: float) -> dict[str, Any]:
        member = self.member
        if member.path and not member.path.isdigit():
            raise AliasError(self.name, f"{member}: what follows the host is the number of the database: host/0")
        place: dict[str, Any] = {"host": member.host, "port": member.port or 6379}
        options: dict[str, Any] = {
            **({"unix_socket_path": member.host} if member.host.startswith("/") else place),
            "db": int(member.path or 0),
            "username": member.user or None,
            "password": member.password or None,
            "decode_responses": True,
            "socket_connect_timeout": seconds,
            "socket_timeout": None,  # the pool cuts the connection when the call's time is over
            "max_connections": 1,
            "retry": None,  # a command that counts must not be sent twice
            "retry_on_error": [],
        }
        trusted = authorities(self.alias)
        if trusted is not None:
            options |= {"ssl": True, "ssl_ca_certs": trusted}
        return {**options, **self.alias.options}

    def close(self, client: Any) -> None:
        client.close()

    def usable(self, client: Any) -> bool:
        connection = client.connection_pool.get_connection()
        try:
            return not connection.can_read(0)
        except (OSError, self._redis.RedisError):
            return False
        finally:
            client.connection_pool.release(connection)

    def clean(self, client: Any) -> bool:
        return True

    def limit(self, client: Any, seconds: float | None) -> None:
        """Redis has no limit of its own."""

    def interrupt(self, client: Any) -> None:
        self.sever(client)

    def sever(self, client: Any) -> None:
        client.connection_pool.disconnect()

    def call(self, client: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One command. The whole answer: what comes piece by piece is a list."""
        answer = getattr(client, method)(*args, **kwargs)
        if type(answer).__name__ in LIVE:
            raise QueryError(
                self.name, f"{method} gives no answer but a {type(answer).__name__}; use it inside run(function)"
            )
        return list(answer) if hasattr(answer, "__next__") else answer

    def using(self, client: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What needs the connection for itself: a pipeline, a lock."""
        return function(client, *args)

    def told(self, error: Exception) -> Exception:
        if isinstance(error, ResourceError):
            return error
        text = shown(str(error), self.member.password)
        if isinstance(error, self._redis.TimeoutError):
            return TaskTimeout(f"{self.name}: {text}")
        if isinstance(error, (self._redis.ConnectionError, self._redis.InvalidResponse, OSError)):
            return Lost(self.name, f"{self.member}: {text}")
        return QueryError(self.name, text) if isinstance(error, self._redis.RedisError) else error

    def stop(self) -> None:
        """Nothing is shared."""
