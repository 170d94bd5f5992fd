"""How the handler of a WebSocket is called: the constants of `@app.websocket` and what they add up to. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ..errors import SetupError
from ..quickly import dataclass
from ..runtime.functions import kind_of
from ..web.websocket import MAX_MESSAGE
from .encodings import ENCODINGS

# One call of the handler for each message.
WS_CHANNEL = 1
# One generator for each connection. It goes on on the loop, so it must not block.
WS_COROUTINE = 8
# Where the calls are made: in the task threads, as it is without any of these, or on the loop.
WS_THREAD = 0
WS_NOTHREAD = WS_NOPOOL = 128
# As WS_THREAD. `was.websocket.send` may be called from any thread in every mode.
WS_THREADSAFE = 2
# One generator for each connection that goes on in the task threads, so it may block.
WS_SESSION = 256
WS_CHATTY = WS_CHANNEL | WS_SESSION

_KNOWN = WS_CHANNEL | WS_THREADSAFE | WS_COROUTINE | WS_NOTHREAD | WS_SESSION

# Seconds without any message before a connection is closed.
TIMEOUT = 60.0
# Bytes that a client may leave untaken before it is cut off.
MAX_UNSENT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spec:
    """What a sum of WS_ constants asks for: a call a message, or one generator; in the threads, or on the loop."""

    session: bool
    place: Literal["thread", "hub"]

    @classmethod
    def of(cls, flags: int, function: Callable[..., Any]) -> Spec:
        """Read the constants for a handler. Raises SetupError for a sum, or a handler, that makes no sense."""
        name = getattr(function, "__qualname__", repr(function))
        if not isinstance(flags, int) or isinstance(flags, bool) or flags & ~_KNOWN:
            raise SetupError(f"@app.websocket of {name}: {flags!r} is no sum of WS_ constants")
        session = bool(flags & (WS_COROUTINE | WS_SESSION))
        if flags & WS_COROUTINE and flags & WS_SESSION:
            raise SetupError(f"@app.websocket of {name}: WS_COROUTINE goes on on the loop, WS_SESSION in threads")
        if session and kind_of(function) != "generator":
            which = "WS_COROUTINE" if flags & WS_COROUTINE else "WS_SESSION"
            raise SetupError(f"@app.websocket of {name}: {which} wants a generator, which takes messages by yield")
        return cls(session, "hub" if flags & (WS_COROUTINE | WS_NOTHREAD) else "thread")


@dataclass(frozen=True, slots=True)
class Terms:
    """The options of one `@app.websocket`.

    `timeout` is in seconds (None or 0: for ever), `max_message` and `max_unsent` are in bytes, `origins` are other
    sites whose pages may connect ("*": all).
    """

    spec: Spec
    timeout: float | None = TIMEOUT
    onopen: Callable[..., Any] | None = None
    onclose: Callable[..., Any] | None = None
    encoding: str = "text"
    subprotocols: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_message: int = MAX_MESSAGE
    max_unsent: int = MAX_UNSENT

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            hint = "; gRPC has its own protocol, which WebSockets do not carry" if self.encoding == "grpc" else ""
            raise SetupError(f"@app.websocket: there is no encoding {self.encoding!r}, use {_listed(ENCODINGS)}{hint}")
        for name in ("onopen", "onclose"):
            function = getattr(self, name)
            if function is not None and not callable(function):
                raise SetupError(f"@app.websocket: {name} is a function, not {function!r}")
        if self.timeout is not None and self.timeout < 0:
            raise SetupError("@app.websocket: timeout is in seconds, None for ever")
        if self.max_message < 1 or self.max_unsent < self.max_message:
            raise SetupError("@app.websocket: max_unsent must have room for a message of max_message bytes")


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names)
