"""What a driver of a database is, and what is told when it fails."""

from __future__ import annotations

from typing import Any, Protocol

from ..errors import ResourceError

# Seconds after which drivers have a connection closed that nobody used.
IDLE_SECONDS = 60.0


class Lost(ResourceError):
    """The connection ended in the middle of a call: whether it was carried out is not known."""


class Unreachable(Lost):
    """No connection could be made: nothing was sent, so another member may be tried."""


def shown(text: str, password: str) -> str:
    """What may be shown of an error's text: without the password, in one line, not endless. Pure."""
    clean = text.replace(password, "***") if password else text
    line = " ".join("".join(one if one.isprintable() else " " for one in clean[:2000]).split())
    return line if len(line) <= 500 else line[:500] + "…"


class Driver(Protocol):
    """How one kind of database is spoken to. A connection is used by one thread at a time."""

    name: str
    member: Any  # shown in errors
    idle_seconds: float  # a connection that nobody has used for so long is closed

    def open(self, seconds: float | None) -> Any:
        """Make a connection within about so many seconds. Raises what the client library raises."""

    def greet(self, connection: Any) -> None:
        """Exchange the first words on a new one; `sever` is called when that takes too long."""

    def close(self, connection: Any) -> None:
        """End it."""

    def usable(self, connection: Any) -> bool:
        """Whether it can be used once more after having been idle. Quick: no round trip."""

    def clean(self, connection: Any) -> bool:
        """Leave no trace of the last call; False if it should not be used again."""

    def limit(self, connection: Any, seconds: float | None) -> None:
        """Tell the other side how long the next call may take."""

    def interrupt(self, connection: Any) -> None:
        """Ask the other side to stop. Another thread; may block for two seconds."""

    def sever(self, connection: Any) -> None:
        """Make a call that waits fail at once. The loop: must not block."""

    def told(self, error: Exception) -> Exception:
        """What the caller is told: a ResourceError for an error of the client library, anything else as it is."""

    def stop(self) -> None:
        """Close what all connections share."""
