"""Scripts that are played in a test, and histories in the notation of the recorded ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from atilite.flow.building import Behaves, build
from atilite.flow.house import House
from atilite.flow.model import Do
from atilite.flow.scope import Scope
from atilite.flow.syntax import parse
from atilite.flow.turns import Turns

Event = tuple[str, str, dict[str, Any]]
# Events that the recorded histories do not tell.
UNTOLD = ("benter", "ready", "resume", "done")
STEPS = ("enter", "recur", "exit", "renter", "rexit")


class NoBehaviors:
    """For scripts without `do`."""

    def bind(self, act: Do, scope: Scope) -> Any:
        raise AssertionError(f"{act.kind} was not expected here")


@dataclass
class Turn:
    """What happened in one turn, and what the shares had in them behind it."""

    stamp: float
    events: list[Event]
    shares: dict[str, Any]


@dataclass
class Played:
    """A script that has been played to its end."""

    house: House
    turns: list[Turn] = field(default_factory=list)

    def of(self, *events: str) -> list[tuple[float, str, dict[str, Any]]]:
        """The events of these names: when, of which framer, and what is told of each."""
        return [(turn.stamp, framer, facts) for turn in self.turns for name, framer, facts in turn.events
                if name in events]  # fmt: skip

    def moves(self, framer: str = "") -> list[tuple[float, str]]:
        """When each transition was, and to which lowest frame."""
        return [(at, facts["to"][-1]) for at, who, facts in self.of("transition") if who == framer or not framer]


def built(script: str, behaviors: Behaves | None = None) -> House:
    """The house of a script that has no errors."""
    plan, problems = parse(script, "plan.flo")
    assert problems == []
    house, problems = build(next(iter(plan.houses.values())), behaviors or NoBehaviors())
    assert [str(problem) for problem in problems] == []
    return house


def problems_of(script: str, behaviors: Behaves | None = None) -> list[str]:
    """What is wrong with a script, in the order of its lines."""
    plan, problems = parse(script, "plan.flo")
    for decl in plan.houses.values():
        problems += build(decl, behaviors or NoBehaviors())[1]
    return [str(problem) for problem in sorted(problems, key=lambda problem: problem.place.line)]


def play(script: str, behaviors: Behaves | None = None, *, limit: int = 3000, period: float = 0.125) -> Played:
    """Play a script until nothing runs any more, at most so many turns."""
    house = built(script, behaviors)
    played, events = Played(house), []  # type: tuple[Played, list[Event]]
    house.listen(lambda name, framer, facts: events.append((name, framer, facts)), detailed=True)
    turns = Turns([house], period)
    more = True
    while more and turns.count < limit:
        events.clear()
        more = turns.turn()
        played.turns.append(
            Turn(turns.now, list(events), {share.path: share.shown for share in house.store if share.fields})
        )
    return played


def told(events: list[Event]) -> str:
    """The events of a turn in the notation of the recorded histories, with slashes between the frames of an outline."""
    parts: list[str] = []
    last = ""
    for name, framer, facts in events:
        if name in STEPS:
            step = f"{name}:{facts['frame']}"
            if last == framer:
                parts[-1] += f" {step}"
            else:
                parts.append(f"{framer}: {step}")
            last = framer
        elif name not in UNTOLD:
            parts.append(_one(name, framer, facts))
            last = ""
    return "; ".join(parts)


def _one(name: str, framer: str, facts: dict[str, Any]) -> str:
    if name == "print":
        return f'<print "{facts["text"]}">'
    if name == "transition":
        old, new = "/".join(facts["from"]), "/".join(facts["to"])
        return f"<TRANS {framer} {old} => {new} by {facts['by']} ({facts['cause']})>"
    if name == "suspend":
        return f"<SUSPEND {facts['aux']} in {framer} by {facts['by']} ({facts['cause']}) after {facts['after']:.3f}>"
    return f"<{name.upper()[:5] if name != 'stop' else 'STOPP'} {framer}>"


def recorded(text: str) -> list[tuple[float, str, dict[str, str]]]:
    """The turns of a recorded history: when, what happened, and shares behind it."""
    found: list[tuple[float, str, dict[str, str]]] = []
    for line in text.splitlines():
        again = re.match(r"\s+\.\.\. same for (\d+) more turn", line)
        if again:
            stamp, events, shares = found[-1]
            found += [(stamp + 0.125 * more, events, shares) for more in range(1, int(again[1]) + 1)]
            continue
        turn = re.match(r"([\d.]+)  (.*?)(?:   \{(.*)\})?$", line)
        if turn:
            shares = dict(re.findall(r"(\w+)=('[^']*'|\S+)", turn[3] or ""))
            found.append((float(turn[1]), _plain(turn[2].strip()), shares))
    return found


def _plain(events: str) -> str:
    events = re.sub(
        r"<TRANS (\w+) (\S+) => (\S+) by",
        lambda found: f"<TRANS {found[1]} {_outline(found[2])} => {_outline(found[3])} by",
        events,
    )
    suspend = r"<SUSPEND (\w+) in (\w+)<<\w+> Via: (\w+) (\(.*?\)) From: \S+ after"
    return re.sub(suspend, r"<SUSPEND \1 in \2 by \3 \4 after", events)


def _outline(text: str) -> str:
    return re.sub(r"[<>]+", "/", text).strip("/")
