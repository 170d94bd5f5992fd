"""A pod whose time is moved by hand and whose beans are played by the test."""

from __future__ import annotations

from typing import Any

from atilite.pod.bean import Bean
from atilite.pod.pod import Change, Pod
from atilite.runtime.promise import Promise
from atilite.runtime.unit import Life
from tests.runtime.fakes import SteppedTime


def idle() -> None:
    """What played beans are called; the test says what they do."""


class Stage:
    """Beans by label; each ends when the test says so, or when it is cancelled unless it is stubborn."""

    def __init__(self, **options: Any) -> None:
        self.time = SteppedTime()
        self.lives: dict[str, list[Life]] = {}
        self.works: dict[str, Promise[Any]] = {}
        self.stubborn: set[str] = set()
        self.pod = Pod(clock=self.time, later=self.time.later, launch=self._launch, **options)
        self.seen: list[Change] = []
        self.pod.changed.listen(self.seen.append)

    def add(self, label: str, **keys: Any) -> Bean:
        bean = self.pod.add_bean(idle, label=label, **keys)
        assert bean is not None
        return bean

    def end(self, label: str, error: Exception | None = None) -> None:
        self.works[label].settle(None, error)

    def life(self, label: str) -> Life:
        return self.lives[label][-1]

    def state(self, label: str) -> str:
        return self.pod.get_beans(label)[0].state

    def states(self) -> dict[str, str]:
        return {bean.name: bean.state for bean in self.pod.beans}

    def _launch(self, bean: Bean, life: Life) -> Promise[Any]:
        self.lives.setdefault(bean.name, []).append(life)
        work: Promise[Any] = Promise((lambda: False) if bean.name in self.stubborn else None)
        self.works[bean.name] = work
        if bean.spec.ready == "auto":
            life.ready()
        return work
