"""A supervisor whose units are played by hand, with a clock that moves only when told."""

from __future__ import annotations

from typing import Any

from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.supervisor import Supervisor
from atilite.runtime.unit import Life, Plan, Transition
from tests.runtime.fakes import SteppedTime


class Stage:
    """Units by name, what their lives were, and which changes were told."""

    def __init__(self) -> None:
        self.time = SteppedTime()
        self.supervisor = Supervisor(clock=self.time, later=self.time.later)
        self.lives: dict[str, list[Life]] = {}
        self.seen: list[Transition] = []
        self.supervisor.changed.listen(self.seen.append)

    def add(self, name: str, *, stubborn: bool = False, policy: RestartPolicy | None = None, **options: Any) -> None:
        """A unit whose end is decided by the test; unless it is stubborn it ends when it is cancelled."""

        def run(life: Life) -> Promise[Any]:
            self.lives.setdefault(name, []).append(life)
            return Promise((lambda: False) if stubborn else None)

        replace = options.pop("replace", False)
        plan = Plan(name, run, policy or RestartPolicy(delay=3, within=60), **options)
        self.supervisor.add(plan, replace=replace)

    def end(self, name: str, error: Exception | None = None) -> None:
        work = self.lives[name][-1].work
        assert work is not None
        work.settle(None, error)

    def state(self, name: str) -> str:
        return str(self.supervisor.status(name).state)

    def reason(self, name: str) -> str:
        return self.supervisor.status(name).reason

    def course(self, name: str | None = None) -> list[str]:
        """The states that were told, in order; with the names if none is given."""
        if name is None:
            return [f"{told.name} {told.new}" for told in self.seen]
        return [str(told.new) for told in self.seen if told.name == name]
