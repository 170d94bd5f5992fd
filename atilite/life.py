"""What happens in an app, told by name: events of its own life and those that its functions emit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .events import Bus
from .hooks import EVENTS, Hooks, call_with_was, fitting
from .runtime.functions import wants_was
from .was.was import Was

F = TypeVar("F", bound=Callable[..., Any])

# Events of an app's own life, told in the thread that sets it up; the set-up waits for their handlers.
LIFECYCLE = (
    "before_mount",
    "mounted",
    "before_reload",
    "reloaded",
    "mounted_or_reloaded",
    "before_umount",
    "umounted",
)


class Life:
    """The part of an app that tells events. `begin_life` is called when the app is made."""

    bus: Bus
    hooks: Hooks

    def begin_life(self) -> None:
        """Make what the events need."""
        self._relays: list[Life] = []
        self._lifecycle: dict[str, list[Callable[..., Any]]] = {}

    def on(self, *names: str) -> Callable[[F], F]:
        """Decorator: call the function, with `was` first when it takes it, at each of these events."""

        def subscribe(function: F) -> F:
            for name in names:
                if name in LIFECYCLE:
                    self._lifecycle.setdefault(name, []).append(function)
                elif name in EVENTS:
                    self.bus.on(name)(_with_what_fits(function))
                    self.hooks.tell(name)
                else:
                    self.bus.on(name)(functools.partial(function, Was(self)) if wants_was(function) else function)
            return function

        return subscribe

    def announce(self, name: str) -> None:
        """Call the handlers of a life-cycle event here, in order: set-up goes on when they have ended."""
        for function in self._lifecycle.get(name, ()):
            call_with_was(function, Was(self))

    def relay_to(self, other: Life) -> None:
        """Let `other` receive every event of this app as well."""
        self._relays.append(other)

    def emit(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell the subscribers of `name`, in this app and in those that subscribed to it. Any thread; never blocks."""
        self.bus.emit(name, *args, **kwargs)
        for other in self._relays:
            other.bus.emit(name, *args, **kwargs)


def _with_what_fits(function: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of a request's event: it gets the request's own `was`, and as much of the rest as it takes."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return function(*fitting(function, *args))

    return call
