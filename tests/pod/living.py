"""Pods for tests of components: one bean each, on the process's own loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from atilite.pod.bean import Bean
from atilite.pod.pod import Pod

PATIENCE = 60.0  # seconds; only to tell what hangs from what is slow


class Living:
    """A pod and its bean."""

    def __init__(self, core: Any, **keys: Any) -> None:
        config, seconds = keys.pop("config", None), keys.pop("stop_wait_time", PATIENCE)
        self.pod = Pod(config=config, stop_wait_time=seconds)
        bean = self.pod.add_bean(core, **{"start_timeout": PATIENCE, **keys})
        assert bean is not None
        self.bean: Bean = bean

    @property
    def instance(self) -> Any:
        return self.bean.instance

    def start(self) -> Living:
        self.pod.start().wait(PATIENCE)
        return self

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function on the asyncio loop, where the bean lives; return what it gives."""

        async def called() -> Any:
            return function(*args)

        return self.pod.runtime.aio.run(called()).wait(PATIENCE)

    def stop(self) -> int:
        """Ask it to end; return the pod's exit code."""
        return self.pod.stop("the test is over").wait(PATIENCE)

    def ended(self) -> int:
        """Wait for the natural end; return the pod's exit code."""
        return self.pod.done.wait(PATIENCE)


@pytest.fixture
def alive() -> Iterator[Callable[..., Living]]:
    """Starts a pod with one bean; every pod is ended after the test."""
    pods: list[Living] = []

    def start(core: Any, **keys: Any) -> Living:
        pods.append(Living(core, **keys))
        return pods[-1].start()

    yield start
    for one in pods:
        if not one.pod.done.done:
            one.pod.stop()
            one.pod.stop()  # at once
            one.ended()


class Happened:
    """What happened, in order, told by a bean and awaited by a test."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.things: list[Any] = []

    def __call__(self, thing: Any) -> None:
        with self._changed:
            self.things.append(thing)
            self._changed.notify_all()

    def wait_for(self, thing: Any) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: thing in self.things, PATIENCE), self.things
