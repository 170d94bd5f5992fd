"""What an app runs around each request: four lists of functions, called in order.

`before_request(was)` may answer instead of the handler; `finish_request(was, response)` may replace what the handler
returned; `failed_request(was, exc_info)` may answer instead of the error page; `teardown_request(was)` always runs
last.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

Hook = Callable[..., Any]
F = TypeVar("F", bound=Hook)
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

log = logging.getLogger("atilite")


def call_with_was(function: Hook, was: Any, *args: Any) -> Any:
    """Call a hook or handler with `was` first when it takes that, and with as many of `args` as it takes."""
    return function(*fitting(function, was, *args))


def fitting(function: Hook, *args: Any) -> tuple[Any, ...]:
    """The leading arguments that `function` has room for. The first one, `was`, is dropped when it is not asked for."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return args
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return args
    room = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(room) < len(args) and (not room or room[0].name != "was"):
        args = args[1:]
    return args[: len(room)]


class Hooks:
    """The hooks of one app. Filled at set-up, only read afterwards."""

    def __init__(self) -> None:
        self.before: list[Hook] = []
        self.finish: list[Hook] = []
        self.failed: list[Hook] = []
        self.teardown: list[Hook] = []

    def before_request(self, function: F) -> F:
        """Decorator: run `function(was)` before each handler; a result other than None is the answer."""
        self.before.append(function)
        return function

    def finish_request(self, function: F) -> F:
        """Decorator: run `function(was, response)` after a handler; a result other than None replaces its result."""
        self.finish.append(function)
        return function

    def failed_request(self, function: F) -> F:
        """Decorator: run `function(was, exc_info)` when a handler raised; a result other than None is the answer."""
        self.failed.append(function)
        return function

    def teardown_request(self, function: F) -> F:
        """Decorator: run `function(was)` at the true end of each request, whatever happened."""
        self.teardown.append(function)
        return function

    def run_before(self, was: Any) -> Any:
        """Run the `before` hooks until one answers; return that answer or None."""
        for hook in self.before:
            answer = call_with_was(hook, was)
            if answer is not None:
                return answer
        return None

    def run_finish(self, was: Any, result: Any) -> Any:
        """Pass `result` through the `finish` hooks and return what is to be sent."""
        for hook in self.finish:
            replaced = call_with_was(hook, was, result)
            if replaced is not None:
                result = replaced
        return result

    def run_failed(self, was: Any, info: ExcInfo) -> Any:
        """Run the `failed` hooks until one answers; return that answer or None."""
        for hook in self.failed:
            answer = call_with_was(hook, was, info)
            if answer is not None:
                return answer
        return None

    def run_teardown(self, was: Any) -> None:
        """Run every `teardown` hook; an error in one is logged and keeps none of the others from running."""
        for hook in self.teardown:
            try:
                call_with_was(hook, was)
            except Exception:
                # The answer is already on its way: there is nobody left to tell but the log.
                log.exception("teardown_request hook %s failed", getattr(hook, "__qualname__", hook))
