"""How a generator hears the messages of its connection: by `message = yield was.Input()`, or a bare yield."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol

from ..runtime.coroutine import relayed
from .encodings import BadMessage


class Heard(Protocol):
    """Where messages come from."""

    @property
    def ready(self) -> bool: ...

    def listen(self, callback: Callable[[], None]) -> None:
        """Call `callback` as soon as it is `ready`."""

    def hear(self) -> Any:
        """Take the next message, None at the end."""


class Listening:
    """The next message, waited for like a task. Loop only."""

    timeout = None

    def __init__(self, talk: Heard) -> None:
        self._talk = talk

    @property
    def done(self) -> bool:
        return self._talk.ready

    def on_done(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(self)` when a message, or the end, is there to be taken."""
        self._talk.listen(lambda: callback(self))


def listened(generator: Generator[Any, Any, Any], talk: Heard) -> Generator[Any, Any, Any]:
    """The same generator, but where it yields nothing it gets the next message; None is the last one."""

    def ask(wish: Any) -> Any:
        return Listening(talk) if wish is None else wish

    def take(wish: Any, got: Any) -> Any:
        return talk.hear() if isinstance(got, Listening) else got

    return relayed(generator, ask, take, final=(BadMessage,))
