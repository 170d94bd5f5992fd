"""How much one client may ask of the server."""

from __future__ import annotations

from ..quickly import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds fit for a small board. Sizes are in bytes, durations in seconds.

    The largest body is a matter of each route: `RequestPolicy.max_body`.
    """

    connections: int = 1000
    header_bytes: int = 32 * 1024
    header_seconds: float = 15.0  # for the whole header, from its first byte
    body_rate: float = 500.0  # bytes a second that a body must reach on average, after `header_seconds` of grace
    idle_seconds: float = 30.0  # a connection without any request
    stall_seconds: float = 120.0  # a client that does not take its answer
    linger_seconds: float = 5.0  # how long a refused client may go on sending before it is cut off
    sweep_seconds: float = 1.0  # how often all this is looked after

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")
