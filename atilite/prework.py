"""What runs before and after single handlers: tests, reloading of changed files and values, chains of functions."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from .answer import is_waitable, result_of
from .clock import Clock
from .errors import Error
from .hooks import Hook, fitted
from .wrapping import guarded, wrapped

F = TypeVar("F", bound=Callable[..., Any])


class Watch:
    """Looks at a number that grows when something has changed, at most once in `interval` seconds. Any thread."""

    def __init__(self, read: Callable[[], float], interval: float, clock: Clock) -> None:
        self._read, self._interval, self._clock = read, interval, clock
        self._seen, self._looked = read(), clock.monotonic() - interval  # the first request looks
        self._lock = threading.Lock()

    def changed(self) -> float | None:
        """The number before, when it has grown since the last look; None when it has not, or it is not yet time."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._looked < self._interval:
                return None
            self._looked = now
            before, found = self._seen, self._read()
            if found <= before:
                return None
            self._seen = found
            return before

    def forget(self, before: float) -> None:
        """See the change again at the next look: what was to be done about it has failed."""
        with self._lock:
            self._seen, self._looked = before, self._looked - self._interval


class Prework:
    """The part of an app whose decorators stand below `@app.route` and put work around one handler."""

    clock: Clock
    getlu: Callable[..., float]
    emit: Callable[..., None]

    def testpass_required(self, test: Hook) -> Callable[[F], F]:
        """Decorator: call the handler only when `test(was)` is True or None; False is 403, else it is the answer."""
        ask = fitted(test, 1)

        def check(was: Any, given: Mapping[str, Any]) -> Any:
            passed = ask(was)
            if passed is False:
                raise Error(403, "the test was not passed")
            return None if passed is True else passed

        return lambda function: guarded(function, check)

    def if_file_modified(self, path: str | Path, work: Hook, interval: float = 1.0) -> Callable[[F], F]:
        """Decorator: call `work(was, path)` before the handler when the file has been written since.

        It is looked at no more than once in `interval` seconds. A result other than None is the answer; if `work`
        raises, the request fails and the next one tries again.
        """
        return self._watching(lambda: _written_at(path), path, work, interval)

    def if_cache_updated(self, names: str | Iterable[str], work: Hook, interval: float = 1.0) -> Callable[[F], F]:
        """Decorator: call `work(was, name)` before the handler for each name that `setlu` has told of since.

        `names` is one or a list of them; the rest is as with `if_file_modified`.
        """
        listed = [names] if isinstance(names, str) else list(names)

        def decorate(function: F) -> F:
            # The first of the list is asked first: each wraps what was there before.
            for name in reversed(listed):
                function = self._watching(lambda name=name: self.getlu(name), name, work, interval)(function)  # type: ignore[misc]
            return function

        return decorate

    def run_before(self, *functions: Hook) -> Callable[[F], F]:
        """Decorator: call each `function(was)` before the handler; the first result other than None is the answer."""
        works = [fitted(function, 1) for function in functions]

        def check(was: Any, given: Mapping[str, Any]) -> Any:
            for work in works:
                answer = work(was)
                if answer is not None:
                    return answer
            return None

        return lambda function: guarded(function, check)

    def run_after(self, *functions: Hook) -> Callable[[F], F]:
        """Decorator: call each `function(was)` when the handler has ended well; what they return is ignored.

        They may still set headers, unless the handler streams its answer.
        """
        works = [fitted(function, 1) for function in functions]

        def call(was: Any, inner: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            def finish() -> None:
                for work in works:
                    work(was)

            return _followed(inner(), finish)

        return lambda function: wrapped(function, call)

    def emit_after(self, event: str) -> Callable[[F], F]:
        """Decorator: emit `event` when the handler has ended well, a coroutine or stream at its true end."""

        def call(was: Any, inner: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return _followed(inner(), lambda: self.emit(event))

        return lambda function: wrapped(function, call)

    def _watching(
        self, read: Callable[[], float], subject: str | Path, work: Hook, interval: float
    ) -> Callable[[F], F]:
        watch, act = Watch(read, interval, self.clock), fitted(work, 2)

        def check(was: Any, given: Mapping[str, Any]) -> Any:
            before = watch.changed()
            if before is None:
                return None
            try:
                return act(was, subject)
            except BaseException:
                watch.forget(before)
                raise

        return lambda function: guarded(function, check)


def _written_at(path: str | Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return -1.0  # not there now: when it comes, it is new


def _followed(value: Any, finish: Callable[[], None]) -> Any:
    """What a handler returned, with `finish` called at its true end if that went well."""
    if inspect.isgenerator(value):
        return _after_generator(value, finish)
    if inspect.iscoroutine(value):
        return _after_coroutine(value, finish)
    if is_waitable(value):
        return _after_generator(result_of(value), finish)
    finish()
    return value


def _after_generator(generator: Any, finish: Callable[[], None]) -> Generator[Any, Any, Any]:
    value = yield from generator
    finish()
    return value


async def _after_coroutine(coroutine: Any, finish: Callable[[], None]) -> Any:
    value = await coroutine
    finish()
    return value
