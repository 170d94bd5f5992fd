"""Signals between beans: callbacks by key, each called where its bean runs."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
import weakref
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from atilite.pod.places import all_ended, call_beside
from atilite.runtime.engine import Runtime
from atilite.runtime.functions import Kind
from atilite.runtime.promise import Promise

log = logging.getLogger("atilite.pod")

Callback = Callable[..., Any]

# So many different signals are listened to before it is looked for the first time whether somebody still does.
SWEPT = 100


class Listener(Protocol):
    """A bean, as far as signals go."""

    @property
    def id(self) -> int: ...
    @property
    def label(self) -> str | None: ...
    @property
    def kind(self) -> Kind: ...


class Handler:
    """One callback of one bean, held weakly."""

    __slots__ = ("_names", "_reference", "bean")

    def __init__(self, bean: Listener, callback: Callback) -> None:
        self.bean = bean
        self._reference = _weak(callback)
        self._names = _keywords(callback)

    @property
    def callback(self) -> Callback | None:
        """The function, None when nobody keeps it any more."""
        return self._reference()

    def taken(self, passed: Mapping[str, Any]) -> dict[str, Any]:
        """As much of what is passed as the function takes."""
        if self._names is None:
            return dict(passed)
        return {name: value for name, value in passed.items() if name in self._names}


class Signals:
    """The callbacks of all beans of a pod. All methods from any thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._handlers: dict[Hashable, list[Handler]] = {}
        self._look_at = SWEPT

    def add(self, bean: Listener, signal: Hashable, callback: Callback) -> None:
        """Call `callback` of `bean` at each `signal`; once, however often it is added. TypeError if it cannot be."""
        if not callable(callback):
            raise TypeError(f"{callback!r} cannot be called; give a function for the signal {signal!r}")
        handler = Handler(bean, callback)
        with self._lock:
            handlers = self._alive(signal)
            if not any(one.bean is bean and one.callback == callback for one in handlers):
                handlers.append(handler)
            self._handlers[signal] = handlers
            if len(self._handlers) >= self._look_at:
                self._sweep()

    def remove(self, bean: Listener, signal: Hashable, callback: Callback) -> bool:
        """Call it no more; False if it was not called."""
        with self._lock:
            handlers = self._alive(signal)
            left = [one for one in handlers if not (one.bean is bean and one.callback == callback)]
            self._keep(signal, left)
        return len(left) < len(handlers)

    def forget(self, bean: Listener) -> None:
        """Drop all callbacks of a bean: its next life has its own."""
        with self._lock:
            for signal in list(self._handlers):
                self._keep(signal, [one for one in self._alive(signal) if one.bean is not bean])

    def listens(self, bean: Listener, signal: Hashable) -> bool:
        """Whether `bean` has a callback for `signal`."""
        return any(handler.bean is bean for handler in self._of(signal))

    def send(
        self, signal: Hashable, *, sender: Any, wanted: Callable[[Listener], bool], passed: Mapping[str, Any]
    ) -> Promise[int]:
        """Call the callbacks of the beans that are `wanted`; promises their number when all have ended.

        One that raises is logged and keeps none of the others from being called.
        """
        everything = {**passed, "signal": signal, "senders": {sender}, "keys": {signal}}
        calls = [
            (handler.bean, callback, handler.taken(everything))
            for handler in self._of(signal)
            if wanted(handler.bean) and (callback := handler.callback) is not None
        ]
        return all_ended([self._call(signal, *call) for call in calls])

    def _of(self, signal: Hashable) -> list[Handler]:
        with self._lock:
            return list(self._handlers.get(signal, ()))

    def _alive(self, signal: Hashable) -> list[Handler]:
        return [handler for handler in self._handlers.get(signal, ()) if handler.callback is not None]

    def _sweep(self) -> None:
        """Drop what nobody keeps any more: a signal of its own for each answer may never be added or sent again."""
        for signal in list(self._handlers):
            self._keep(signal, self._alive(signal))
        self._look_at = max(SWEPT, 2 * len(self._handlers))

    def _keep(self, signal: Hashable, handlers: list[Handler]) -> None:
        if handlers:
            self._handlers[signal] = handlers
        else:
            self._handlers.pop(signal, None)

    def _call(self, signal: Hashable, bean: Listener, callback: Callback, kwargs: dict[str, Any]) -> Promise[Any]:
        work = call_beside(bean.kind, self._runtime, callback, **kwargs)
        work.on_done(functools.partial(_tell, signal, bean))
        return work


def _tell(signal: Hashable, bean: Listener, ended: Promise[Any]) -> None:
    if ended.error is not None:
        log.error("%s failed at the signal %r", bean, signal, exc_info=ended.error)


def _weak(callback: Callback) -> Callable[[], Callback | None]:
    if inspect.isbuiltin(callback):  # a method of a built-in type is made anew each time, and would be gone at once
        return lambda: callback
    return weakref.WeakMethod(callback) if inspect.ismethod(callback) else weakref.ref(callback)


def _keywords(callback: Callback) -> frozenset[str] | None:
    """The names that `callback` takes by keyword; None if it takes any."""
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):  # some built-in functions have no signature, and take nothing by keyword
        return frozenset()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return None
    return frozenset(one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY))
