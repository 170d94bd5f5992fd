"""The plans of an app, and of all apps: what the rooms above need of them, whatever a plan is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from atilite.errors import DuplicateName, FlowError

# What a framer is asked for from outside, and a house or the clock of its plan.
CONTROLS = ("start", "run", "stop", "abort", "ready")
SWITCHES = ("pause", "resume", "step", "start", "stop", "renew")


class Plan(Protocol):
    """A plan that runs with its app."""

    name: str

    @property
    def houses(self) -> Mapping[str, Any]: ...
    @property
    def files(self) -> Iterable[str]: ...
    def freeze(self) -> None: ...
    def start_all(self) -> None: ...
    def stop(self, timeout: float) -> bool: ...


class Plans:
    """The plans of one app, in the order in which they were mounted."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []
        self.frozen = False

    def __iter__(self) -> Iterator[Plan]:
        return iter(self._plans)

    def add(self, plan: Plan) -> None:
        """Take a plan. Raises DuplicateName for a house that another one has."""
        for house in plan.houses:
            for other in self._plans:
                if house in other.houses:
                    raise DuplicateName("house", house, other.name, plan.name)
        self._plans.append(plan)

    @property
    def houses(self) -> dict[str, Any]:
        """All houses by name."""
        return {name: house for plan in self._plans for name, house in plan.houses.items()}

    def freeze(self) -> None:
        """Refuse more of them, and build all. Raises SetupError with what is wrong with one."""
        self.frozen = True
        for plan in self._plans:
            plan.freeze()

    def start(self) -> None:
        """Start those that start with the app."""
        for plan in self._plans:
            plan.start_all()

    def stop(self, timeout: float) -> list[str]:
        """Stop all at once; name those that have not ended after so many seconds. Blocks."""
        end = time.monotonic() + timeout
        for plan in self._plans:
            plan.stop(0.0)  # asks, and does not wait
        return [f"plan {plan.name}" for plan in self._plans if not plan.stop(max(0.0, end - time.monotonic()))]


class PlanBoard:
    """The houses of all apps of a process, by the names under which they are shown."""

    def __init__(self, automations: Iterable[Any]) -> None:
        self._automations = tuple(automations)

    @property
    def houses(self) -> dict[str, Any]:
        """In the order of their apps; a name that an earlier app uses too has the app's name in front."""
        found: dict[str, Any] = {}
        for automation in self._automations:
            for name, house in automation.plans.houses.items():
                found[name if name not in found else f"{automation.name}/{name}"] = house
        return found

    def build(self) -> int:
        """Build the plans that have not been, and say how many there are. Raises SetupError with what is wrong."""
        plans = [plan for automation in self._automations for plan in automation.plans]
        for plan in plans:
            plan.freeze()
        return len(plans)

    def house(self, name: str) -> Any:
        """One of them. Raises LookupError with the known names."""
        houses = self.houses
        if name not in houses:
            raise LookupError(f"no house named {name!r}; known: {', '.join(sorted(houses)) or 'none'}")
        return houses[name]


class Shares:
    """The shares of the plans of an app: `was.store[".fan.duty"]`; of several houses `was.store("box1")[...]`.

    Reading gives what stands behind the last full turn: a value, or a dict of fields. Writing is done before the next
    turn; a dict writes fields. FlowError for a share that is not there. Any thread;
    a read waits for the turn under way.
    """

    def __init__(self, plans: Plans, house: Any = None) -> None:
        self._plans, self._house = plans, house

    def __call__(self, house: str) -> Shares:
        """The shares of this house."""
        found = self._plans.houses.get(house)
        if found is None:
            raise FlowError(f"there is no house {house}; known: {', '.join(self._plans.houses) or 'none'}")
        return Shares(self._plans, found)

    def __getitem__(self, path: str) -> Any:
        return self._one.read(path)

    def __setitem__(self, path: str, value: Any) -> None:
        self._one.write(path, value if isinstance(value, Mapping) else {"value": value})

    def __contains__(self, path: object) -> bool:
        try:
            self._one.read(str(path))
        except FlowError:
            return False
        return True

    def get(self, path: str, default: Any = None) -> Any:
        """The value of a share, `default` if it is not there or has none."""
        try:
            value = self._one.read(path)
        except FlowError:
            return default
        return default if value is None else value

    @property
    def _one(self) -> Any:
        if self._house is not None:
            return self._house
        houses = self._plans.houses
        if len(houses) != 1:
            known = ", ".join(houses)
            raise FlowError(
                f'there are several houses, so say which one: was.store("{next(iter(houses))}")[...] ({known})'
                if houses else "no plan is mounted; app.mount_plan mounts one"
            )  # fmt: skip
        return next(iter(houses.values()))
