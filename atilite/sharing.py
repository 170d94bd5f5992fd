"""What is shared by name: numbers and broadcasts in the whole process, locks among the threads of an app.

Numbers are shared with other processes as well by `g.share(file)`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from .clock import Clock
from .errors import SetupError
from .events import Bus, Emitted
from .lazily import LazyModule

if TYPE_CHECKING:
    from . import sharedfile
else:
    # Few programs run in several processes.
    sharedfile = LazyModule("atilite.sharedfile")

# What is told to all apps of the process has a channel of its own: an event of one app is no business of the others.
BROADCAST = "broadcast:"

# How much later an update within one tick of the clock counts: readers compare times only.
TICK = 1e-6


class Numbers(MutableMapping[str, float]):
    """Numbers by name: `atilite.g["tables.users"]`. Any thread.

    Names are registered before they are written, so that a misspelt one is an error and no silent second number.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._values: dict[str, float] | sharedfile.SharedFile = {}
        self._names: set[str] = set()
        self._started = self._clock.time()
        self._lock = threading.Lock()

    def register(self, *names: str) -> None:
        """Make these names known; any number of times."""
        for name in names:
            if not isinstance(name, str) or not name:
                raise SetupError(f"register_g takes names, not {name!r}")
        with self._lock:
            self._names.update(names)

    def share(self, path: str | os.PathLike[str]) -> None:
        """Keep the numbers in this file from now on: every process that does the same has the same numbers.

        For a program that runs in several processes of one machine, such as gunicorn's workers. Called when it is set
        up, with `register_g`. Raises SetupError if the file cannot be used.
        """
        shared = sharedfile.SharedFile(path)
        with self._lock:
            for name, value in self._values.items():
                shared.setdefault(name, value)
            self._values = shared

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __setitem__(self, name: str, value: float) -> None:
        """Raises LookupError for a name that was not registered, TypeError for what is no number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name!r} shares numbers only, not {type(value).__name__}")
        self._check(name)
        with self._lock:
            self._values[name] = float(value)

    def __delitem__(self, name: str) -> None:
        with self._lock:
            del self._values[name]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def _check(self, name: str) -> None:
        if name not in self._names:
            known = ", ".join(sorted(self._names)) or "none"
            remedy = f"say atilite.register_g({name!r}) in serve.py"
            raise LookupError(f"nobody registered {name!r}: {remedy} (known: {known})")

    def require(self, *names: str) -> None:
        """Raise LookupError for a name that was not registered."""
        for name in names:
            self._check(name)

    def touch(self, name: str) -> float:
        """Note that `name` was updated now; return the time, which is later than the one before. LookupError."""
        self._check(name)
        with self._lock:
            if not isinstance(self._values, dict):
                return self._values.raise_to(name, self._clock.time(), TICK)
            moment = max(self._clock.time(), self._values.get(name, 0.0) + TICK)
            self._values[name] = moment
        return moment

    def newest(self, *names: str) -> float:
        """When one of `names` was updated last, in seconds since 1970; the start of the process if none ever was."""
        return max((self._values.get(name, self._started) for name in names), default=self._started)


#: The numbers of this process, shared by all of its apps; with other processes after `g.share(file)`.
g = Numbers()


def register_g(*names: str) -> None:
    """Declare names whose time of update is shared: `atilite.register_g("tables.users")`."""
    g.register(*names)


class Sharing:
    """The part of an app that it shares with other apps and among threads. Any thread.

    `begin_sharing` is called when the app is made.
    """

    site: Any
    bus: Bus
    import_name: str

    def begin_sharing(self) -> None:
        """Make what the locks need."""
        self._locks: dict[str | None, Any] = {}
        self._locks_lock = threading.Lock()

    def setlu(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Note that `name` was updated now, and emit `setlu:<name>` with the rest in every app of the process.

        Raises LookupError for a name that was not registered.
        """
        g.touch(name)
        self._tell_everybody(f"setlu:{name}", args, kwargs)

    def getlu(self, *names: str) -> float:
        """When one of `names` was updated last, in seconds since 1970; the start of the process if none ever was."""
        return g.newest(*names)

    @property
    def siblings(self) -> dict[str, Any]:
        """The apps of this process by name; without a site it is this one alone."""
        apps: dict[str, Any] = {self.import_name: self} if self.site is None else self.site.apps
        return apps

    def broadcast(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell every app of the process, this one included: what `@app.on_broadcast(name)` subscribed. Never blocks."""
        self._tell_everybody(BROADCAST + name, args, kwargs)

    def get_lock(self, name: str | None = None) -> Any:
        """The app's lock of that name, for threads: `with app.get_lock("index"): ...`.

        A thread that holds it may take it again. All coroutines share the thread of the loop: do not hold it across
        a `yield`, it would keep none of them out.
        """
        with self._locks_lock:
            return self._locks.setdefault(name, threading.RLock())

    def _tell_everybody(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.bus.emitted.emit(Emitted(event, args, kwargs))
        for app in {id(one): one for one in (self, *self.siblings.values())}.values():
            app.bus.emit(event, *args, **kwargs)
