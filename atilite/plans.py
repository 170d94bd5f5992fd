"""Plans in a site: `app.mount_plan`. Loaded with the first plan."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from .automation.engine import Automation
from .errors import Frozen, SetupError
from .flow.behaviors import Behavior, Behaviors, described
from .flow.library import standard
from .flow.lines import Problem
from .flow.loading import read_plan
from .flow.model import PlanDecl
from .flow.syntax import parse
from .mountedplan import MountedHouse, MountedPlan


def declare(
    app: Any,
    plan: Any,
    point: str = "",
    *,
    name: str | None = None,
    period: float | None = None,
    start: bool = True,
    behaviors: Any = (),
    writable: Iterable[str] = (),
    logs: str | Path | None = None,
    record: str | Path | None = None,
) -> MountedPlan:
    """Run a plan with the app: `app.mount_plan("mission.flo")`, a script's path or text, or a `Plan`.

    A path is looked for beside the file that mounts it. The plan turns each `period` seconds in a thread of its own;
    with `start=False` it waits for somebody to start it. `behaviors` are a module, functions or a mapping whose
    behaviours it may name; the app's actions and services are within its reach as well. Shares named by `writable`
    may be written on the console and through the API, by whoever has the role run. What loggers write goes into the
    journal, and with the folder `logs` into files as well. `record` is a file for what `flow run --replay` needs. With
    `point` its state is served there as JSON, for the role view.

    Raises SetupError for what is no plan, Frozen after the app has started. What is wrong with the plan is told, all
    of it, when the app starts: by then all actions and services are known.
    """
    automation: Automation = app.automation
    known = Behaviors(standard())
    for behavior in (*_behaviors(getattr(plan, "behaviors", {})), *_behaviors(behaviors)):
        known.add(behavior, replace=True)
    found, called, problems = _plan_of(plan, _caller())
    made = MountedPlan(
        automation, found, problems, name=name or called or next(iter(found.houses), "plan"),
        period=period or float(getattr(plan, "period", None) or 0.125), start=start, behaviors=known,
        writable=(writable,) if isinstance(writable, str) else writable,
        logs=None if logs is None else Path(logs), record=None if record is None else Path(record),
    )  # fmt: skip
    if automation.plans.frozen:
        raise Frozen("plan", made.name)
    automation.plans.add(made)
    if point:
        _serve(app, made, point)
    return made


def _plan_of(plan: Any, folder: Path) -> tuple[PlanDecl, str, list[Problem]]:
    """What is declared, what it is called, and what is wrong with its lines. SetupError for what is no plan."""
    if isinstance(plan, PlanDecl):
        return plan, "", []
    if isinstance(plan, str) and "\n" in plan:
        found, problems = parse(plan, "plan")
        return found, "", problems
    if isinstance(plan, (str, Path)):
        path = folder / plan
        found, problems = read_plan(path if path.exists() else plan)
        return found, path.stem, problems
    declared = getattr(plan, "decl", None)
    if callable(declared):
        declared = declared()
    if not isinstance(declared, PlanDecl):
        raise SetupError(f"{plan!r} is no plan; give the path of a script, its text, or an atilite.flow.Plan")
    return declared, str(getattr(plan, "name", "")), []


def _behaviors(given: Any) -> list[Behavior]:
    if isinstance(given, Mapping):
        return list(given.values())
    if isinstance(given, ModuleType):
        return [one for one in map(_declared, vars(given).values()) if one is not None]
    if isinstance(given, Iterable):
        return [behavior for one in given for behavior in _behaviors(one)]
    return [given if isinstance(given, Behavior) else described(given)]


def _declared(value: Any) -> Behavior | None:
    found = getattr(value, "__behavior__", None)
    return found if isinstance(found, Behavior) else None


def _caller() -> Path:
    """The folder of the file that mounts a plan."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "atilite":
        frame = frame.f_back
    file = frame.f_globals.get("__file__") if frame is not None else None
    return Path(file).parent if file else Path.cwd()


def _serve(app: Any, plan: MountedPlan, point: str) -> None:
    def state_of_plan(was: Any) -> Any:
        """How the houses of the plan are: their framers and their shares."""
        return was.API(houses={name: told(house) for name, house in plan.houses.items()})

    app.route(point, methods=["GET"], role="view")(state_of_plan)


def told(house: MountedHouse) -> dict[str, Any]:
    """A house as JSON has it: its framers and its shares."""
    shares = {share.path: dict(share.fields) for share in house.shares()}
    framers = [{"name": one.name, "status": one.status, "outline": list(one.outline),
                "elapsed": round(one.elapsed, 6)} for one in house.framers()]  # fmt: skip
    facts = house.plan.facts
    return {"t": round(facts.stamp, 6), "turn": facts.turn, "framers": framers, "shares": shares}
