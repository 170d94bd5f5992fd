"""A server in four parts: set up, run, hear that the pod ends, clean up."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

from atilite.runtime.functions import kind_of

STOP_SIGNALS = ("SIGINT", "SIGTERM")


async def outcome(value: Any) -> Any:
    """What a hook gave: an awaitable is awaited, anything else is the result itself."""
    return await value if inspect.isawaitable(value) else value


async def called(hook: Callable[..., Any], **kwargs: Any) -> Any:
    """Call a hook, which may be `async def` or plain."""
    return await outcome(hook(**kwargs))


def patience(context: Any, seconds: float) -> float:
    """How long to wait for others at the end: so many seconds, but no more than half of what the bean itself has."""
    available: float = min(context.pod.stop_wait_time, context.bean.spec.stop_timeout)
    return min(seconds, available / 2)


class SimpleServer:
    """A bean to inherit from. Every hook gets the bean's keywords and may be `async def` or plain, but for `run`.

    All of them are called on the asyncio loop, so a plain one must be quick. `cleanup` runs whenever `startup` has
    begun: after `run` has ended, raised or been cancelled, and when `startup` itself failed. A bean with
    `ready="explicit"` counts as started when `startup` has ended.
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self.logger = logging.getLogger(type(self).__name__)

    @property
    def config(self) -> Any:
        """The pod's configuration."""
        return self.context.config

    def startup(self, **kwargs: Any) -> Any:
        """Called first."""

    async def run(self, **kwargs: Any) -> Any:
        """The work; when it returns, the bean is done."""

    def on_stop(self, **kwargs: Any) -> Any:
        """Called at most once, when the pod is about to end: say `run` to return. Gets `signal`, `senders`, `keys`."""

    def cleanup(self, **kwargs: Any) -> Any:
        """Called last, always."""

    async def stop_asked(self) -> None:
        """Wait until the pod is about to end."""
        await self._stop_asked.wait()

    async def __call__(self, **kwargs: Any) -> Any:
        if kind_of(self.run) != "async":
            raise TypeError(f"{type(self).__qualname__}.run must be `async def`: it runs beside all other beans")
        self._stop_asked, self._has_begun = asyncio.Event(), False
        for name in STOP_SIGNALS:
            self.context.add_signal_handler(name, self._told)
        try:
            if self.context.cancelled:  # asked to end before it listened
                return None
            self._has_begun = True
            return await self._live(kwargs)
        finally:
            for name in STOP_SIGNALS:
                self.context.remove_signal_handler(name, self._told)

    async def _live(self, kwargs: dict[str, Any]) -> Any:
        try:
            await outcome(self.startup(**kwargs))
            self.context.ready()
            result = await self.run(**kwargs)
        except BaseException:
            try:
                await outcome(self.cleanup(**kwargs))
            except Exception:
                # What came first is the bean's end, and why cleaning up went wrong.
                self.logger.exception("cleanup of %s failed", type(self).__qualname__)
            raise
        await outcome(self.cleanup(**kwargs))
        return result

    async def _told(self, **kwargs: Any) -> None:
        first = not self._stop_asked.is_set()
        self._stop_asked.set()
        if first and self._has_begun:
            await outcome(self.on_stop(**kwargs))
