"""What an app runs around each request: four lists of functions, for the whole app and for each of its mounts.

`before_request(was)` may answer instead of the handler; `finish_request(was, response)` may replace what the handler
returned; `failed_request(was, exc_info)` may answer instead of the error page; `teardown_request(was)` always runs
last. Events of the same names tell that these points have been reached; they change nothing.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from .errors import Frozen
from .runtime.functions import wants_was

Hook = Callable[..., Any]
F = TypeVar("F", bound=Hook)
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# The events of a request, told on the app's bus: nothing waits for their handlers.
EVENTS = ("before_request", "finish_request", "failed_request", "teardown_request")

log = logging.getLogger("atilite")


def call_with_was(function: Hook, was: Any, *args: Any) -> Any:
    """Call a hook or handler with `was` first when it takes that, and with as many of `args` as it takes."""
    return fitted(function, 1 + len(args))(was, *args)


def fitted(function: Hook, count: int) -> Hook:
    """A function of `count` arguments, `was` first, that gives `function` those of them that it has room for.

    A parameter called `was` gets that one wherever it stands. Looks at the signature once: a hook is called for each
    request.
    """
    parameters = _parameters(function)
    if parameters is None:
        return function
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return _apart(function) if _wants_by_name(parameters) else function
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if _wants_by_name(parameters):
        others = [name for name in names if name != "was"]
        return _named(function, others[: count - 1])
    first = 1 if len(names) < count and names[:1] != ["was"] else 0
    end = min(first + len(names), count)
    return function if (first, end) == (0, count) else _cut(function, first, end)


def with_was(function: Hook, make: Callable[[], Any]) -> Hook:
    """The same function, called with a `was` that is made for each call, if it has a parameter of that name."""
    if _wants_by_name(_parameters(function) or []):

        @functools.wraps(function)
        def call_by_name(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **{"was": make(), **kwargs})

        return call_by_name
    if not wants_was(function):
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(make(), *args, **kwargs)

    return call


def _parameters(function: Hook) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in functions have no signature
        return None


def _wants_by_name(parameters: list[inspect.Parameter]) -> bool:
    """Whether there is a parameter `was` that is not simply the first one."""
    places = {one.name: (at, one.kind) for at, one in enumerate(parameters)}
    at, kind = places.get("was", (0, inspect.Parameter.POSITIONAL_ONLY))
    return kind is inspect.Parameter.KEYWORD_ONLY or (at > 0 and kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _named(function: Hook, names: list[str]) -> Hook:
    @functools.wraps(function)
    def call(was: Any, *args: Any) -> Any:
        return function(was=was, **dict(zip(names, args, strict=False)))

    return call


def _apart(function: Hook) -> Hook:
    @functools.wraps(function)
    def call(was: Any, *args: Any) -> Any:
        return function(*args, was=was)

    return call


def _cut(function: Hook, first: int, end: int) -> Hook:
    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return function(*args[first:end])

    return call


class Lists:
    """The hooks of one place: of an app, or of a mount."""

    def __init__(self) -> None:
        self.before: list[Hook] = []
        self.finish: list[Hook] = []
        self.failed: list[Hook] = []
        self.teardown: list[Hook] = []


class Around:
    """What runs around the requests of one route: ready to be called, in order. Any thread."""

    __slots__ = ("before", "failed", "finish", "teardown")

    def __init__(self, places: list[Lists], tell: Mapping[str, Hook]) -> None:
        outwards = places[::-1]
        told = {name: (tell[name],) if name in tell else () for name in EVENTS}
        self.before = (*(fitted(hook, 1) for one in places for hook in one.before), *told["before_request"])
        self.finish = (*(fitted(hook, 2) for one in outwards for hook in one.finish), *told["finish_request"])
        # Told before anybody answers: the first answer ends the round.
        self.failed = (*told["failed_request"], *(fitted(hook, 2) for one in outwards for hook in one.failed))
        self.teardown = (*(fitted(hook, 1) for one in outwards for hook in one.teardown), *told["teardown_request"])

    def run_before(self, was: Any) -> Any:
        """Run the `before` hooks until one answers; return that answer or None."""
        for hook in self.before:
            answer = hook(was)
            if answer is not None:
                return answer
        return None

    def run_finish(self, was: Any, result: Any) -> Any:
        """Pass `result` through the `finish` hooks and return what is to be sent."""
        for hook in self.finish:
            replaced = hook(was, result)
            if replaced is not None:
                result = replaced
        return result

    def run_failed(self, was: Any, info: ExcInfo) -> Any:
        """Run the `failed` hooks until one answers; return that answer or None."""
        for hook in self.failed:
            answer = hook(was, info)
            if answer is not None:
                return answer
        return None

    def run_teardown(self, was: Any) -> None:
        """Run every `teardown` hook; an error in one is logged and keeps none of the others from running."""
        for hook in self.teardown:
            try:
                hook(was)
            except Exception:
                # The answer is already on its way: there is nobody left to tell but the log.
                log.exception("teardown_request hook %s failed", getattr(hook, "__qualname__", hook))


class Hooks:
    """The hooks of one app and of its mounts. Filled at set-up, only read afterwards.

    A hook that is registered while a mount sets itself up holds for the routes of that mount and of those below it;
    `place()` gives that mount, None for the app itself. `emit` tells an event.
    """

    def __init__(self, place: Callable[[], Any], emit: Callable[..., Any]) -> None:
        self._place, self._emit = place, emit
        self._own = Lists()
        self._told: set[str] = set()
        self._frozen = False
        self._general: Around | None = None

    def before_request(self, function: F) -> F:
        """Decorator: run `function(was)` before each handler; a result other than None is the answer."""
        self._lists("before_request").before.append(function)
        return function

    def finish_request(self, function: F) -> F:
        """Decorator: run `function(was, response)` after a handler; a result other than None replaces its result."""
        self._lists("finish_request").finish.append(function)
        return function

    def failed_request(self, function: F) -> F:
        """Decorator: run `function(was, exc_info)` when a handler raised; a result other than None is the answer."""
        self._lists("failed_request").failed.append(function)
        return function

    def teardown_request(self, function: F) -> F:
        """Decorator: run `function(was)` at the true end of each request, whatever happened."""
        self._lists("teardown_request").teardown.append(function)
        return function

    def tell(self, event: str) -> None:
        """Emit this event of each request from now on: somebody listens."""
        self._told.add(event)
        self._general = None

    def freeze(self) -> None:
        """End the set-up: from now on a new hook is an error."""
        self._frozen = True
        self._general = None

    def around(self, mount: Any) -> Around:
        """What runs around the routes of `mount` (None: those of the app itself): the app's hooks, then inwards."""
        tell = {name: functools.partial(self._emission, name) for name in self._told}
        inner = [] if mount is None else [one.hooks for one in mount.upwards()]
        return Around([self._own, *reversed(inner)], tell)

    @property
    def general(self) -> Around:
        """What runs around a request that no route answers."""
        if self._general is None:
            self._general = self.around(None)
        return self._general

    def _emission(self, name: str, *args: Any) -> None:
        self._emit(name, *args)

    def _lists(self, kind: str) -> Lists:
        if self._frozen:
            raise Frozen("hook", kind)
        mount = self._place()
        return self._own if mount is None else mount.hooks
