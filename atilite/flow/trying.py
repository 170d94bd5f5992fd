"""One behaviour by itself: values in, values out, for tests."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from atilite.errors import FlowError
from atilite.flow.behaviors import Behavior, Behaviors, Io, described
from atilite.flow.building import build
from atilite.flow.controls import STOP
from atilite.flow.cursor import nearest
from atilite.flow.frames import Framer
from atilite.flow.house import House
from atilite.flow.model import NOWHERE, Do, FrameDecl, FramerDecl, HouseDecl, Line
from atilite.flow.shares import Share
from atilite.flow.turns import Turns

# Turns that a generator gets to come to its end.
MANY = 1000


def outputs_of(
    behavior: Any,
    inputs: Mapping[str, Any] | None = None,
    *,
    turns: int | None = None,
    period: float = 0.125,
    timeout: float = 10.0,
    **given: Any,
) -> dict[str, Any]:
    """What a behaviour has written, by the names of its outputs: `outputs_of(double, {"inp": 2}) == {"out": 4}`.

    `inputs` are values, or mappings of fields, by the names of inputs; keywords are parameters. It is called once, or
    in so many `turns` that are `period` seconds apart; a generator until it ends. A task that it yields is waited for,
    `timeout` seconds at most. Raises what the behaviour raises, FlowError for names that it does not have.
    """
    known = replace(_declared(behavior, inputs or {}, given), sequence=True)
    house, shares = _house(known, inputs or {}, given)
    before = {name: dict(share.fields) for name, share in shares.items()}
    framer = house.framers["trial"]
    turning = Turns([house], period)
    generator = framer.parts[0].routine is not None
    for _ in range(turns if turns is not None else MANY if generator else 1):
        turning.turn()
        if framer.desire == STOP:  # the generator has come to its end, or failed
            break
        _wait(framer, timeout)
    turning.stamp = turning.now
    if framer.fault is None:
        framer.obey(STOP)
    if framer.fault is not None:
        raise framer.fault.error
    return {name: share.shown for name, share in shares.items() if share.writes or share.fields != before[name]}


def _declared(behavior: Any, inputs: Mapping[str, Any], given: Mapping[str, Any]) -> Behavior:
    """The behaviour; of a function that was not declared as one, parameters without a value are inputs and outputs."""
    if isinstance(behavior, Behavior):
        return behavior
    found = described(behavior)
    if hasattr(behavior, "__behavior__") or inspect.isclass(behavior):
        return found
    parameters = inspect.signature(behavior).parameters.items()
    free = [name for name, one in parameters if name not in given and one.default is one.empty and name != "self"]
    return replace(found, ios={name: Io() for name in {**dict.fromkeys(free), **inputs}})


def _house(
    behavior: Behavior, inputs: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[House, dict[str, Share]]:  # fmt: skip
    """A house with one frame that does it, and the shares of its inputs and outputs."""
    names = [name for name, io in behavior.ios.items() if not io.path.endswith(".")]
    unknown = inputs.keys() - set(names)
    if unknown:
        name = min(unknown)
        raise FlowError(f"behaviour {behavior.name} has no input or output {name}{nearest(name, names)}")
    made_with = _inits(behavior, given)
    data = tuple((name, value) for name, value in given.items() if name not in made_with)
    inits = tuple((name, given[name]) for name in given if name in made_with)
    act = Do(behavior.name, data=data, ios=tuple((name, f".{name}") for name in names), inits=inits)
    frame = FrameDecl("trial", lines=[Line("recur", act, NOWHERE)])
    framer = FramerDecl("trial", "active", first="trial", frames={"trial": frame})
    house, problems = build(HouseDecl("trial", taskers={"trial": framer}), Behaviors({behavior.name: behavior}))
    if problems:
        raise FlowError("\n".join(problem.message for problem in problems))
    shares = {name: house.store.share(name) for name in names}
    for name, value in inputs.items():
        shares[name].change(value if isinstance(value, Mapping) else {"value": value})
    return house, shares


def _inits(behavior: Behavior, given: Mapping[str, Any]) -> set[str]:
    """Those parameters that a class is made with."""
    if not inspect.isclass(behavior.make):
        return set()
    return given.keys() & inspect.signature(behavior.make).parameters.keys()


def _wait(framer: Framer, timeout: float) -> None:
    """Wait for the task that the generator has yielded."""
    routine = framer.parts[0].routine
    if routine is not None and routine.task is not None:
        ended = threading.Event()
        routine.task.on_done(lambda _: ended.set())
        if not ended.wait(timeout):
            raise FlowError(f"behaviour {framer.parts[0].name} has waited {timeout:g} s for a task")
