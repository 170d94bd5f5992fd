"""Needs become functions that answer yes or no: no text is looked at in a turn."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from atilite.errors import FlowError
from atilite.flow.frames import Act, Framer
from atilite.flow.model import Compare, HasStatus, IsDone, Marked, Need, Source, Test, Truth
from atilite.flow.scope import Scope, state_field
from atilite.flow.shares import Mark, Share

Check = Callable[[], bool]
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_CLOCKS = {"framer.me.state.elapsed": "elapsed", "framer.me.state.recurred": "recurred"}


def compile_need(need: Need, scope: Scope, granted: list[Act]) -> Check:
    """The function of a need. What it wants to be called when its act is granted is added to `granted`."""
    check = _compile(need, scope, granted)
    return (lambda: not check()) if need.negated else check


def _compile(need: Need, scope: Scope, granted: list[Act]) -> Check:
    match need:
        case Compare():
            return _compare(need, scope)
        case Truth():
            share = scope.share(scope.building.state_path(need.state.path, scope))
            name = state_field(share, need.state)
            return lambda: bool(share.fields.get(name))
        case Marked():
            return _marked(need, scope, granted)
        case HasStatus():
            framer = scope.building.tasker(need.framer, scope)
            return lambda: framer.status == need.status
        case IsDone():
            return _is_done(need, scope)
        case Test():
            return _test(need, scope)


def _compare(need: Compare, scope: Scope) -> Check:
    framer = scope.framer
    clock = _CLOCKS.get(need.state.path)
    state_name = need.state.path.rpartition(".")[2]
    if not isinstance(need.goal, Source):
        if clock is not None and need.comparison in _ORDERS and isinstance(need.goal, int | float):
            return _clock(framer, clock, need.comparison, need.goal)
        state = scope.share(scope.building.state_path(need.state.path, scope))
        return _literal(state, state_field(state, need.state), need)
    state = scope.share(scope.building.state_path(need.state.path, scope))
    field = state_field(state, need.state)
    goal_path = f".goal.{state_name}" if need.goal.path == "goal" else need.goal.path
    goal = scope.share(goal_path)
    goal_field = need.goal.fields[0] if need.goal.fields else ("value" if not goal.fields or "value" in goal.fields
                                                               else field)  # fmt: skip
    compare = comparison(need.comparison, need.tolerance)
    return lambda: compare(state.fields.get(field), goal.fields.get(goal_field))


def _clock(framer: Framer, clock: str, symbol: str, goal: float) -> Check:
    """The commonest need, without a share in between."""
    if clock == "elapsed" and symbol == ">=":
        return lambda: framer.elapsed >= goal
    if clock == "recurred" and symbol == ">=":
        return lambda: framer.recurred >= goal
    order, read = _ORDERS[symbol], operator.attrgetter(clock)
    return lambda: bool(order(read(framer), goal))


def _literal(state: Share, field: str, need: Compare) -> Check:
    goal, order = need.goal, _ORDERS.get(need.comparison)
    if order is None or not isinstance(goal, int | float):
        compare = comparison(need.comparison, need.tolerance)
        return lambda: compare(state.fields.get(field), goal)

    def check() -> bool:
        try:
            return bool(order(state.fields[field], goal))
        except (KeyError, TypeError):  # unset, or not a number
            return False

    return check


def comparison(symbol: str, tolerance: float = 0.0) -> Callable[[Any, Any], bool]:
    """How two values are compared: an unset one, or one of another kind, never holds. == and != have a tolerance."""
    order = _ORDERS.get(symbol)
    if order is not None:
        return lambda state, goal: _ordered(order, state, goal)
    if symbol == "==":
        return lambda state, goal: state is not None and _near(state, goal, tolerance)
    if symbol == "!=":
        return lambda state, goal: state is not None and not _near(state, goal, tolerance)
    raise FlowError(f"{symbol} is no comparison")


def _ordered(order: Callable[[Any, Any], Any], state: Any, goal: Any) -> bool:
    try:
        return bool(order(state, goal))
    except TypeError:
        return False


def _near(state: Any, goal: Any, tolerance: float) -> bool:
    try:
        return bool(goal - tolerance <= state <= goal + tolerance)
    except TypeError:  # texts
        return bool(state == goal)


def _marked(need: Marked, scope: Scope, granted: list[Act]) -> Check:
    share = scope.share(need.share.path)
    frame = scope.building.frame(need.frame if need.frame not in ("", "me") else "", scope)
    key = f"{scope.framer.name}<{need.marker or frame.name}<{need.kind}"
    mark = share.marks.setdefault(key, Mark())
    changed = need.kind == "changed"

    def set_mark() -> None:
        mark.writes = share.writes
        if changed:
            mark.fields = dict(share.fields)

    granted.append(set_mark)
    if need.frame:
        scope.building.mark_on_entry(frame, key, share, set_mark)
    if changed:
        return lambda: mark.fields is None or any(
            name not in mark.fields or mark.fields[name] != value for name, value in share.fields.items()
        )
    return lambda: share.writes > mark.writes


def _is_done(need: IsDone, scope: Scope) -> Check:
    house = scope.building
    if not need.aux:
        tasker = house.tasker(need.framer, scope)
        return lambda: bool(tasker.done)
    owner = scope.framer if need.in_framer in ("", "me") else house.framer(need.in_framer, scope)
    frame = house.frame("" if need.in_frame == "me" else need.in_frame, scope, owner) if need.in_frame else None
    if need.framer == "any" and frame is not None:
        return lambda: any(aux.done for aux in frame.auxes)
    if need.framer == "all" and frame is not None:
        return lambda: bool(frame.auxes) and all(aux.done for aux in frame.auxes)
    aux = house.aux(need.framer, owner)
    if frame is None:
        return lambda: aux.done
    return lambda: aux in frame.auxes and aux.done


def _test(need: Test, scope: Scope) -> Check:
    call = scope.building.guarded(need.function, scope)
    return lambda: bool(call())


