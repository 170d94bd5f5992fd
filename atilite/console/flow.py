"""The pages of plans: all houses, and one of them with its framers, frames, shares, transitions and script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import quote, urlencode

from atilite.console import figures, flownet, flowtree, words
from atilite.console.desk import Visit
from atilite.console.figures import Figure
from atilite.console.flownet import Net
from atilite.console.flowtree import Node
from atilite.console.lines import HTML_ONLY
from atilite.console.states import PAUSED, State
from atilite.console.words import Clockface, Moment, Span
from atilite.errors import Error
from atilite.quickly import dataclass

PLAN = """house box

framer mission be active first leg

frame leg
  print heading out
  go done if elapsed >= 5

frame done
  print back again
  bid stop all"""
MOUNT = 'app.mount_plan("box.flo")'

STATES = {
    "stopped": State("stopped", "Stopped"),
    "readied": State("starting", "Readied"),
    "started": State("running", "Running"),
    "running": State("running", "Running"),
    "aborted": State("cancelled", "Aborted"),
}
FAULTED = State("failed", "Failed")
CRUMB = " \u203a "
OUTLINES = 6  # of a house in the list of houses
# Framers, shares and transitions that are shown before somebody asks for all.
FEW_FRAMERS, FEW_SHARES, FEW_STEPS, ALL_STEPS = 50, 12, 10, 200


@dataclass(frozen=True, slots=True)
class HouseRow:
    """A house in the list of houses."""

    name: str
    plan: str
    state: State
    turn: int
    outlines: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where its page is."""
        return path_of(self.name)


@dataclass(frozen=True, slots=True)
class FlowPage:
    """All houses, or how to get one."""

    houses: tuple[HouseRow, ...] = ()
    title: str = field(default="Flow", metadata=HTML_ONLY)
    plan: str = field(default=PLAN, metadata=HTML_ONLY)
    mount: str = field(default=MOUNT, metadata=HTML_ONLY)


@dataclass(frozen=True, slots=True)
class FramerRow:
    """A framer: its active frames from the top down, for how long it has been in the lowest, and its turns."""

    name: str
    state: State
    over: tuple[str, ...]
    frame: str
    elapsed: Span | None
    turns: int
    fault: str
    waits_for: tuple[str, ...]
    path: str = field(metadata=HTML_ONLY)
    on: bool = field(metadata=HTML_ONLY)
    control: str = field(metadata=HTML_ONLY)

    @property
    def verb(self) -> str:
        """What its button says."""
        return self.control.capitalize()


@dataclass(frozen=True, slots=True)
class Edit:
    """A field of a share in its form; `error` is why it was not written."""

    name: str
    text: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A share with its value; `edits` are its fields where they may be written by this person."""

    path: str
    fields: Mapping[str, Any]
    writer: str
    when: str
    figure: Figure | None
    id: str = field(metadata=HTML_ONLY)
    edits: tuple[Edit, ...] = field(metadata=HTML_ONLY)

    @property
    def value(self) -> str:
        """The value, or all fields, on one line."""
        return shown(self.fields)

    @property
    def long(self) -> bool:
        """Whether the value takes more than a narrow column."""
        return len(self.value) > 16


@dataclass(frozen=True, slots=True)
class StepRow:
    """Something that happened: a transition, a start, an end or a fault."""

    framer: str
    event: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    cause: str
    line: int
    t: float
    after: Span | None
    at: Moment

    @property
    def long(self) -> bool:
        """Whether the cause takes more than a column that does not wrap."""
        return self.event != "start" and len(self.cause) > 40


@dataclass(frozen=True, slots=True)
class HousePage:
    """One house. `t` is the time of the plan in seconds, `more` the links to all framers, shares and history."""

    name: str
    state: State
    turn: int
    t: float
    summary: str
    failure: str
    run: int | None
    framers: tuple[FramerRow, ...]
    framer: str
    tree: tuple[Node, ...]
    ways: tuple[str, ...]
    shares: tuple[ShareRow, ...]
    steps: tuple[StepRow, ...]
    at_work: bool = field(metadata=HTML_ONLY)
    paused: bool = field(metadata=HTML_ONLY)
    ended: bool = field(metadata=HTML_ONLY)
    may: bool = field(metadata=HTML_ONLY)
    more: Mapping[str, str] = field(metadata=HTML_ONLY)
    error: str = field(default="", metadata=HTML_ONLY)
    live: bool = field(default=False, metadata=HTML_ONLY)
    script: tuple[tuple[str, tuple[Any, ...]], ...] | None = None
    network: Net | None = None

    @property
    def path(self) -> str:
        """Where it is."""
        return path_of(self.name)

    @property
    def drawing(self) -> flowtree.Drawing:
        """The frames as they are drawn."""
        return flowtree.drawn(self.tree)

    @property
    def title(self) -> str:
        """The page's title."""
        return f"{'Error: ' if self.error else ''}House {self.name}"


def path_of(name: str, **query: str) -> str:
    """Where a house is, below the console."""
    given = {key: value for key, value in query.items() if value}
    return "/flow/" + quote(name, safe="") + (f"?{urlencode(given)}" if given else "")


def shown(fields: Mapping[str, Any]) -> str:
    """The value of a share on one line: digits as a person reads them."""
    if fields.keys() == {"value"}:
        value = fields["value"]
        # Nobody reads a zero with a sign; adding 0 takes it away.
        return f"{value + 0.0:.6g}" if isinstance(value, float) else words.short(value, 40)
    return words.listed({name: shown({"value": value}) for name, value in fields.items()}, 60)


def listing(visit: Visit) -> FlowPage:
    """All houses."""
    houses = visit.reads.catalogue.plans.houses
    return FlowPage(tuple(_house_row(name, house) for name, house in houses.items()))


def _house_row(name: str, house: Any) -> HouseRow:
    framers = house.framers()
    outlines = tuple(f"{one.name}: {CRUMB.join(one.outline)}" for one in framers if one.outline)[:OUTLINES]
    return HouseRow(name, house.plan.name, _state(house, framers), house.plan.facts.turn, outlines)


def house_of(visit: Visit) -> Any:
    """The house in the path. Raises Error 404."""
    try:
        return visit.reads.catalogue.plans.house(visit.path("name"))
    except LookupError as unknown:
        raise Error(404, str(unknown.args[0])) from None


def page(visit: Visit, wrong: Mapping[str, tuple[str, str]] | None = None, *, live: bool = False) -> HousePage:
    """One house; `wrong` has what was sent for fields of shares, and why it was not written. Raises Error 404.

    A `live` one has no buttons and no forms, and only what is new.
    """
    house, name = house_of(visit), visit.path("name")
    facts, framers = house.plan.facts, house.framers()
    chosen = _chosen(visit.arg("framer"), house.sizes())
    all_shares, all_steps = visit.arg("shares") == "all", visit.arg("history") == "all"
    may = visit.may("run") and not live
    tree = house.tree(chosen)
    steps = house.history(visit.arg("framer"), ALL_STEPS if all_steps else FEW_STEPS)
    shares = house.shares(remembering=True, built_in=all_shares)
    picked = shares if all_shares else _few(shares)
    given = {key: visit.arg(key) for key in ("framer", "framers", "shares", "history", "script", "network")}
    listed = framers if visit.arg("framers") == "all" else framers[:FEW_FRAMERS]
    whole = {"framers": len(listed) == len(framers), "shares": all_shares, "history": all_steps}
    return HousePage(
        name=name,
        state=_state(house, framers),
        turn=facts.turn,
        t=round(facts.stamp, 6),
        summary=_summary(facts),
        failure=facts.failure,
        run=facts.run,
        framers=tuple(_framer_row(one, name, chosen, may) for one in listed),
        framer=chosen,
        tree=flowtree.nodes(tree, flowtree.notes_of(chosen, framers, house.history(chosen, ALL_STEPS))),
        ways=tuple(flowtree.ways(tree)),
        shares=tuple(_share_row(one, facts, may, wrong or {}) for one in picked),
        steps=tuple(_step_row(one, visit.face) for one in steps),
        at_work=facts.alive and any(one.alive for one in framers),
        paused=facts.paused,
        ended=not facts.alive,
        may=may,
        more={what: "" if done else path_of(name, **{**given, what: "all"}) for what, done in whole.items()},
        error="; ".join(reason for _, reason in (wrong or {}).values()),
        live=live,
        script=_script(house) if visit.arg("script") and not live else None,
        network=flownet.net(house.network()) if visit.arg("network") and not live else None,
    )


def _chosen(asked: str, sizes: Mapping[str, int]) -> str:
    """The framer whose frames are shown: the one that was asked for, else the one with the most of them."""
    return asked if asked in sizes else max(sizes, key=sizes.__getitem__, default="")


def _state(house: Any, framers: Sequence[Any]) -> State:
    facts = house.plan.facts
    if facts.alive and facts.paused:
        return PAUSED
    if facts.alive and any(one.alive for one in framers):
        return STATES["running"]
    return FAULTED if facts.failure or any(one.fallen for one in framers) else STATES["stopped"]


def _summary(facts: Any) -> str:
    """`Turn 300, 37.5 s; one turn each 125 ms, the longest took 1.8 ms`, and what was late."""
    told = [f"Turn {words.number(facts.turn)}, {words.duration(facts.stamp)}; one turn each "
            f"{words.duration(facts.period)}"]  # fmt: skip
    if facts.longest:
        told.append(f"the longest took {words.duration(facts.longest)}")
    if facts.overruns:
        told.append(f"{words.plural(facts.overruns, 'turn')} took longer than that")
    if facts.missed:
        told.append(f"{words.plural(facts.missed, 'turn')} left out")
    return ", ".join(told)


def _framer_row(look: Any, house: str, chosen: str, may: bool) -> FramerRow:
    turns = look.schedule in ("active", "inactive") and look.status != "aborted"
    return FramerRow(
        name=look.name,
        state=FAULTED if look.fallen and not look.alive else STATES.get(look.status, State("stopped", look.status)),
        over=look.outline[:-1],
        frame=look.outline[-1] if look.outline else "",
        elapsed=Span(look.elapsed, words.duration(look.elapsed)) if look.outline else None,
        turns=look.turns,
        fault=look.fault,
        waits_for=look.waits_for,
        path=path_of(house, framer=look.name),
        on=look.name == chosen,
        control=("stop" if look.alive else "start") if may and turns else "",
    )


def _few(shares: Sequence[Any]) -> list[Any]:
    """Those that a person wants to see first: what may be written, and what the plan itself has named."""
    def place(share: Any) -> tuple[bool, bool, int, int]:
        return not share.writable, share.stamp is None, len(share.fields), share.path.count(".")

    return sorted(shares, key=place)[:FEW_SHARES]


def _share_row(share: Any, facts: Any, may: bool, wrong: Mapping[str, tuple[str, str]]) -> ShareRow:
    if share.stamp is None:
        when = ""
    else:
        age = facts.stamp - share.stamp
        when = f"{words.duration(age)} ago" if age >= 0.0005 else "this turn"
    edits = tuple(_edit(share.path, name, value, wrong) for name, value in share.fields.items())
    return ShareRow(
        path=share.path,
        fields=dict(share.fields),
        writer=share.writer,
        when=when,
        figure=figures.values(_numbers(share.history)),
        id=words.slug(share.path),
        edits=edits if may and share.writable else (),
    )


def _edit(path: str, name: str, value: Any, wrong: Mapping[str, tuple[str, str]]) -> Edit:
    text, error = wrong.get(f"{path} {name}", (words.plainly(value) if value is not None else "", ""))
    return Edit(name, text, error)


def _numbers(history: Iterable[Any]) -> list[float]:
    """The values of the writes of a share that has one number."""
    found = []
    for written in history:
        numbers = [one for one in written.fields.values() if isinstance(one, (int, float))]
        if len(written.fields) == 1 and numbers:
            found.append(float(numbers[0]))
    return found


def _step_row(step: Any, face: Clockface) -> StepRow:
    after = Span(step.after, words.duration(step.after)) if step.event == "transition" else None
    return StepRow(
        step.framer, step.event, step.old, step.new, step.cause, step.line, round(step.stamp, 6), after,
        face.time(step.at, seconds=True),
    )  # fmt: skip


def _script(house: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return tuple((file.rpartition("/")[2], tuple(lines)) for file, lines in house.script().items())
