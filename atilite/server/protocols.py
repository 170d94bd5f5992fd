"""Who asks what of whom inside the server, so that each module can be read without the next one."""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping, MutableSet
from typing import TYPE_CHECKING, Any, Protocol

from atilite.runtime.loop import Loop
from atilite.server.limits import Limits
from atilite.server.parser import Policy
from atilite.server.refusals import Refusal

if TYPE_CHECKING:
    from atilite.server.certificates import Certificates


class Work(Protocol):
    """What a worker thread serves: a channel with a request."""

    def serve(self) -> None:
        """Run the first request up to its end or until it is parked."""

    def handle_close(self) -> None:
        """Close the connection."""


class Shared(Protocol):
    """What a server has in common with its listeners."""

    loop: Loop
    limits: Limits
    application: Callable[..., Any]
    policy: Policy | None
    trusted: Collection[str]  # addresses whose X-Forwarded headers are believed
    certificates: Certificates | None  # what connections are encrypted with
    monotonic: Callable[[], float]
    receiving: MutableSet[Any]  # channels on which a request has not arrived completely
    parked: MutableSet[Any]  # exchanges
    hijacked: MutableMapping[Any, Callable[[], None] | None]  # sockets that were taken over: who hears of the end

    def add_task(self, channel: Any) -> None:
        """Serve the first request of a channel. Any thread."""

    def count(self) -> None:
        """One more request has come."""

    def left(self, channel: Any) -> None:
        """A connection has ended."""

    def unavailable(self) -> Refusal:
        """Return the answer to a request that comes while the server stops."""


class Host(Shared, Protocol):
    """What a channel sees as its server: its listener."""

    environ: dict[str, Any]
    stopping: bool

    def io(self, fd: int, events: int) -> Any:
        """Return a watcher of the hub."""

    def pull_trigger(self) -> None:
        """Waitress's name for waking its poll loop."""


class Owner(Shared, Protocol):
    """What a listener asks of its server."""

    adj: Any
    map: dict[int, Any]
    channels: dict[int, Any]

    @property
    def full(self) -> bool:
        """Whether as many connections are open as may be."""

    def make_room(self) -> bool:
        """Close idle connections for a new one; False if there was none, then accepting pauses."""

    def pause(self) -> None:
        """Accept nothing for a while."""


class Connection(Protocol):
    """What a task and a parked exchange see of their channel."""

    server: Host
    addr: tuple[Any, ...]
    connected: bool
    total_outbufs_len: int
    exchange: Any

    @property
    def quiet(self) -> bool:
        """Whether the connection carries nothing but its one running request."""

    def write_soon(self, data: Any) -> int:
        """Send, or keep what the client does not take yet."""

    def check_client_disconnected(self) -> bool:
        """Whether the client has left."""

    def resume(self, task: Any) -> None:
        """End the parked first request."""

    def detach(self) -> Any:
        """Give the connection away, as a socket of gevent."""

    def handle_close(self) -> None:
        """Close the connection."""
