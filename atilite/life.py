"""What happens in an app, told by name: events of its own life and those that its functions emit."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from .events import Bus, Emitted
from .hooks import EVENTS, Hooks, call_with_was, fitted, with_was
from .runtime.functions import innermost
from .sharing import BROADCAST
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

log = logging.getLogger("atilite")


class Announced:
    """`@app.mounted` and its like: `@app.on` with the name of an event of the app's life."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, app: Any, owner: type) -> Any:
        return self if app is None else app.on(self._name)


class Life:
    """The part of an app that tells events. `begin_life` is called when the app is made."""

    bus: Bus
    hooks: Hooks

    before_mount = Announced("before_mount")
    mounted = Announced("mounted")
    before_reload = Announced("before_reload")
    reloaded = Announced("reloaded")
    mounted_or_reloaded = Announced("mounted_or_reloaded")
    before_umount = Announced("before_umount")
    umounted = Announced("umounted")

    def begin_life(self) -> None:
        """Make what the events need."""
        self._relays: list[Life] = []
        self._lifecycle: dict[str, list[Callable[..., Any]]] = {}
        # By event: each handler as it was written, and as the bus knows it.
        self._subscribed: dict[str, list[tuple[Callable[..., Any], Callable[..., Any]]]] = {}

    def on(self, *names: str) -> Callable[[F], F]:
        """Decorator: call the function, with `was` when it takes it, at each of these events.

        A handler that comes from a module which was loaded anew takes the place of its earlier self.
        """

        def subscribe(function: F) -> F:
            for name in names:
                if name in LIFECYCLE:
                    handlers = self._lifecycle.setdefault(name, [])
                    handlers[:] = [*(one for one in handlers if not is_reload_of(function, one)), function]
                else:
                    self._subscribe(name, function)
            return function

        return subscribe

    def on_broadcast(self, *names: str) -> Callable[[F], F]:
        """Decorator: call the function when any app of the process broadcasts one of these events."""
        return self.on(*(BROADCAST + name for name in names))

    def _subscribe(self, name: str, function: Callable[..., Any]) -> None:
        if name in EVENTS:
            called = _with_what_fits(function)
            self.hooks.tell(name)
        else:
            called = with_was(function, lambda: Was(self))
        kept = []
        for earlier in self._subscribed.get(name, ()):
            if is_reload_of(function, earlier[0]):
                self.bus.off(name, earlier[1])
            else:
                kept.append(earlier)
        self._subscribed[name] = [*kept, (function, called)]
        self.bus.on(name)(called)

    def announce(self, name: str) -> None:
        """Call the handlers of a life-cycle event here, in order: set-up goes on when they have ended."""
        for function in self._lifecycle.get(name, ()):
            call_with_was(function, Was(self))

    def announce_end(self, name: str) -> None:
        """As `announce`, but an error in a handler is logged: what has to end, ends."""
        for function in self._lifecycle.get(name, ()):
            try:
                call_with_was(function, Was(self))
            except Exception:
                # The other handlers have something to give back as well.
                log.exception("the handler %s of %s failed", getattr(function, "__qualname__", function), name)

    def relay_to(self, *others: Life) -> None:
        """Let these apps, and no others, receive every event of this one as well."""
        self._relays = list(others)

    def emit(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell the subscribers of `name`, in this app and in those that subscribed to it. Any thread; never blocks."""
        self.bus.emitted.emit(Emitted(name, args, kwargs))
        self.bus.emit(name, *args, **kwargs)
        for other in self._relays:
            other.bus.emit(name, *args, **kwargs)


def is_reload_of(function: Callable[..., Any], earlier: Callable[..., Any]) -> bool:
    """Whether both are one function of the program, `function` in a later load of its module.

    Two functions of one load that have one name, as a loop makes them, are two.
    """
    new, old = innermost(function), innermost(earlier)
    same = (getattr(new, "__module__", 0), getattr(new, "__qualname__", 0)) == (
        getattr(old, "__module__", 1),
        getattr(old, "__qualname__", 1),
    )
    return same and getattr(new, "__globals__", None) is not getattr(old, "__globals__", None)


def _with_what_fits(function: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of a request's event: it gets the request's own `was`, and as much of the rest as it takes."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return fitted(function, len(args))(*args)

    return call
