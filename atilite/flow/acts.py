"""Acts become functions without arguments: what they need was looked up when the house was built."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from atilite.errors import FlowError
from atilite.flow import clones
from atilite.flow.controls import ABORT, REACHED, STOP
from atilite.flow.faults import fall, fault_of
from atilite.flow.frames import Act
from atilite.flow.model import (
    Aux,
    Bid,
    Call,
    Do,
    Done,
    Fiat,
    Go,
    Inc,
    Let,
    Line,
    Print,
    Put,
    Raze,
    Rear,
    Source,
)
from atilite.flow.needs import compile_need
from atilite.flow.scope import Scope, dest_fields, source_fields
from atilite.flow.shares import Share


def compile_act(line: Line, scope: Scope) -> Act:
    """The function of an act. FlowError if it names what is not there."""
    act = line.act
    match act:
        case Put():
            return _put(act, scope)
        case Inc():
            return _inc(act, scope)
        case Print():
            return _print(act.text, scope)
        case Go():
            return _go(act, line, scope)
        case Let():
            return _all([compile_need(need, scope, []) for need in act.needs])
        case Aux():
            return _suspend(act, line, scope)
        case Rear():
            return _rear(act, scope)
        case Raze():
            return _raze(act, scope)
        case Do():
            return scope.building.behave(act, scope)
        case Bid():
            return _bid(act, scope)
        case Fiat():
            return _fiat(act, scope)
        case Done():
            return _done(act, scope)
        case Call():
            return scope.building.guarded(act.function, scope)


def writes_of(line: Line) -> Iterable[str]:
    """The paths of the shares that an act of the script writes."""
    if isinstance(line.act, Put | Inc):
        yield line.act.dest.path


# -- data -------------------------------------------------------------------------------------------------------------


def _put(act: Put, scope: Scope) -> Act:
    dest, writer = scope.share(act.dest.path), scope.framer.name
    if act.source is None:
        fields = dest_fields(dest, tuple(name for name, _ in act.data), act.dest.fields)
        data = dict(zip(fields, (value for _, value in act.data), strict=True))
        _declare(dest, fields)
        return lambda: dest.update(data, writer)
    source, pairs = _paired(act.source, act.dest, dest, scope)
    return lambda: dest.update({to: source.fields.get(name) for to, name in pairs}, writer)


def _inc(act: Inc, scope: Scope) -> Act:
    dest, writer = scope.share(act.dest.path), scope.framer.name
    if act.source is not None:
        source, pairs = _paired(act.source, act.dest, dest, scope)

        def add() -> None:
            dest.update({to: (dest.fields.get(to) or 0) + (source.fields.get(name) or 0) for to, name in pairs}, writer)

        return _counting(add, scope)
    fields = dest_fields(dest, tuple(name for name, _ in act.data), act.dest.fields)
    steps = list(zip(fields, (value for _, value in act.data), strict=True))
    _declare(dest, fields)
    for name, step in steps:
        if not isinstance(step, int | float):
            raise FlowError(f"inc: {name} is a number, not {step!r}")
    if len(steps) > 1:

        def add_all() -> None:
            dest.update({name: (dest.fields.get(name) or 0) + step for name, step in steps}, writer)

        return _counting(add_all, scope)
    ((field, by),) = steps
    house, frame, place = scope.house, scope.frame, scope.place

    def add_one() -> None:
        try:  # as _counting does, without a call more: this is done in many turns
            dest.update({field: (dest.fields.get(field) or 0) + by}, writer)
        except TypeError as error:
            house.failed(error, frame, place)

    return add_one


def _counting(act: Act, scope: Scope) -> Act:
    """An act that fails where a share has no number."""
    return scope.house.contained(act, scope.frame, scope.place)


def _paired(source: Source, wanted: Source, dest: Share, scope: Scope) -> tuple[Share, list[tuple[str, str]]]:
    """The share that is read, and the fields: where each goes, and which it is."""
    share = scope.share(source.path)
    names = source_fields(share, source.fields, wanted.fields)
    fields = dest_fields(dest, names, wanted.fields)
    _declare(dest, fields)
    return share, list(zip(fields, names, strict=True))


def _declare(share: Share, fields: Iterable[str]) -> None:
    """Let a share know its fields before they have a value."""
    share.create(dict.fromkeys(fields))


def _print(text: str, scope: Scope) -> Act:
    house, name = scope.house, scope.framer.name
    return lambda: house.tell("print", name, text=text)


# -- transitions and auxiliaries --------------------------------------------------------------------------------------


def _go(act: Go, line: Line, scope: Scope) -> Act:
    framer, near, far = scope.framer, scope.frame, scope.building.target(act.far, scope)
    granted: list[Act] = []
    needs = [compile_need(need, scope, granted) for need in act.needs]
    marks = tuple(granted)
    if not needs:
        return lambda: framer.go(near, far, line, marks)
    if len(needs) == 1:
        (need,) = needs
        return lambda: need() and framer.go(near, far, line, marks)
    holds = _all(needs)
    return lambda: holds() and framer.go(near, far, line, marks)


def _all(checks: list[Callable[[], bool]]) -> Callable[[], bool]:
    if len(checks) == 1:
        return checks[0]

    return lambda: all(check() for check in checks)


def _suspend(act: Aux, line: Line, scope: Scope) -> Act:
    """A conditional auxiliary: while it runs, the frames below its own are suspended."""
    house, main = scope.house, scope.frame
    framer, aux = scope.framer, scope.building.framer(act.framer, scope, "aux")
    granted: list[Act] = []
    holds = _all([compile_need(need, scope, granted) for need in act.needs])

    def tell(event: str) -> None:
        house.tell(
            event, framer.name, aux=aux.name, by=main.name, cause=line.place.text, after=framer.elapsed,
        )  # fmt: skip

    def begin() -> bool:
        if not holds() or (aux.main is not None and aux.main is not main) or not aux.may_start():
            return False
        tell("suspend")
        for mark in granted:
            mark()
        aux.main = main
        aux.enter_all()
        aux.recur()
        return goes_on(False)

    def goes_on(suspended: bool) -> bool:
        if not aux.done:
            if not suspended:
                framer.suspend(main)
            return True
        aux.leave_all()
        if suspended:
            framer.resume()
        tell("resume")
        return False

    def act_on() -> bool:
        if aux.done:
            return begin()
        aux.segue()
        aux.recur()
        return goes_on(True)

    def end() -> None:
        if not aux.done:
            aux.leave_all()

    # Behind the exit acts of the script: whatever leaves the frame ends the auxiliary.
    scope.building.later(lambda: main.acts["exit"].append(end))
    return act_on


def _rear(act: Rear, scope: Scope) -> Act:
    building = scope.building
    moot, frame = building.moot(act.framer), building.frame(act.frame, scope)
    if frame in scope.frame.outline:
        raise FlowError(f"rear: frame {frame.name} is in the outline of {scope.frame.name}; give the clone to another")
    return scope.house.contained(lambda: clones.rear(building, moot, frame), scope.frame, scope.place)


def _raze(act: Raze, scope: Scope) -> Act:
    house, frame = scope.house, scope.building.frame("" if act.frame == "me" else act.frame, scope)
    return lambda: clones.raze(house, frame, act.which)


# -- control ----------------------------------------------------------------------------------------------------------


def _bid(act: Bid, scope: Scope) -> Act:
    building, control = scope.building, act.control
    if act.names == ("all",):
        taskers = scope.house.scheduled
    else:
        taskers = [scope.framer if name == "me" else building.tasker(name, scope, "scheduled") for name in act.names]
    if act.period is None or control in (STOP, ABORT):

        def bid() -> None:
            for tasker in taskers:
                tasker.desire = control

        return bid
    period = scope.house.contained(_number(act.period, scope), scope.frame, scope.place)
    house = scope.house

    def bid_at() -> None:
        for tasker in taskers:
            tasker.period, tasker.desire = max(0.0, period() or 0.0), control
            if house.meta["real"] and house.store.stamp is not None:
                # One that took no turns by a period has been due for long, and is not to make up for that.
                tasker.due = max(tasker.due, house.store.stamp)

    return bid_at


def _number(given: float | Source, scope: Scope) -> Callable[[], float]:
    if not isinstance(given, Source):
        return lambda: given
    share = scope.share(given.path)
    field = given.fields[0] if given.fields else "value"
    return lambda: float(share.fields.get(field) or 0.0)


def _fiat(act: Fiat, scope: Scope) -> Act:
    slave, control = scope.building.tasker(act.name, scope, "slave"), act.control
    wanted = REACHED[control]
    moving = scope.house.moving

    def move() -> bool:
        if slave in moving:  # its own acts, or those of slaves that it moves, ask for it once more
            return False
        moving.add(slave)
        try:
            return bool(slave.obey(control) == wanted)
        except Exception as error:  # here the turn of a slave ends, and its master goes on
            fall(scope.house, slave, fault_of(slave, error))
            return False
        finally:
            moving.discard(slave)

    return move


def _done(act: Done, scope: Scope) -> Act:
    house, building, who = scope.house, scope.building, scope.framer.name
    framers = [scope.framer if name == "me" else building.framer(name, scope, "aux", "slave") for name in act.names]

    def done() -> None:
        for framer in framers:
            framer.done = True
        house.tell("done", who)

    return done
