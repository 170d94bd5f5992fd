"""What is expected of a plan, in a file beside it: it is run on the simulated clock, and what differs is told."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atilite.errors import FlowError
from atilite.flow import clauses
from atilite.flow.building import Behaves
from atilite.flow.checking import check
from atilite.flow.cursor import Cursor, Wrong, nearest
from atilite.flow.frames import Framer
from atilite.flow.house import House
from atilite.flow.library import standard
from atilite.flow.lines import Problem, words_of
from atilite.flow.loading import read_plan, read_text
from atilite.flow.model import Compare, HasStatus, IsDone, Need, Place, PlanDecl, Source, Truth
from atilite.flow.needs import comparison
from atilite.flow.running import Running
from atilite.flow.shares import Share

# Seconds of the plan's clock after which one that does not end by itself is left, unless `until` says another time.
PATIENCE = 3600.0
SUFFIX = ".expect"

Check = Callable[[], bool]


@dataclass
class Report:
    """What came of a file of expectations: how many there are, and what is wrong, each with its line."""

    expected: int = 0
    problems: list[Problem] = field(default_factory=list)


def assert_expected(file: str | os.PathLike[str], behaviors: Behaves | None = None) -> None:
    """Run a plan, and fail with all that is not as the file beside it expects. For tests of a user's own."""
    plan, problems = read_plan(file)
    report = tried(os.fspath(file), behaviors if behaviors is not None else standard(), plan, problems)
    if report.problems:
        raise AssertionError("\n".join(map(str, report.problems)))


def tried(
    file: str, behaviors: Behaves, plan: PlanDecl, problems: Iterable[Problem] = (), period: float = 0.125
) -> Report:
    """Run the plan of a file, and compare with what `FILE.expect` says. In the caller's thread.

    `problems` are what was wrong in reading the file.
    """
    found = check(plan, behaviors, problems).errors
    if found:
        return Report(0, found)
    beside = file + SUFFIX
    try:
        text = read_text(Path(beside))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        return Report(0, [Problem(Place(beside, 0, ""), f"the expectations cannot be read: {reason}")])
    reader = _Reader(period)
    reader.read(text, beside)
    running = Running(plan, behaviors, name=file, period=reader.period)
    return _Trial(running, reader).report()


# -- reading ----------------------------------------------------------------------------------------------------------


class _Reader:
    """Takes the lines of a file of expectations apart."""

    def __init__(self, period: float) -> None:
        self.period, self.until = period, math.nan
        self.lines: list[tuple[Cursor, Place]] = []
        self.problems: list[Problem] = []

    def read(self, text: str, file: str) -> None:
        for number, line in enumerate(text.splitlines(), 1):
            found = words_of(line)  # every line is one; `at` continues none here
            place = Place(file, number, " ".join(found))
            try:
                if found:
                    self._take(Cursor(found[0], tuple(word.rstrip(":") for word in found[1:])), place)
            except Wrong as error:
                self.problems.append(Problem(place, f"{error}: {place.text}"))

    def _take(self, words: Cursor, place: Place) -> None:
        if words.verb == "period":
            period = float(words.number("the period in seconds"))
            if period <= 0:
                raise Wrong("period: it is a number of seconds above 0")
            words.end()
            self.period = period
        elif words.verb == "until":
            self.until = float(words.number("the time in seconds"))
            words.end()
        elif words.verb in VERBS:
            self.lines.append((words, place))
        else:
            raise Wrong(f"{words.verb} is no expectation{nearest(words.verb, ('period', 'until', *VERBS))}")


# -- trying -----------------------------------------------------------------------------------------------------------


class _Trial:
    """One run of a plan, and who looks at it behind its turns."""

    def __init__(self, running: Running, reader: _Reader) -> None:
        self._running, self._reader = running, reader
        self.problems = list(reader.problems)
        self.house = next(iter(running.houses.values()))
        self.place = Place("", 0, "")
        self.now = 0.0
        self.each_turn: list[Callable[[], None]] = []
        self.at_end: list[Callable[[], None]] = []
        self.ended = False
        self.faults: set[tuple[str, str]] = set()  # that are expected

    def report(self) -> Report:
        """Run it to its end."""
        for words, place in self._reader.lines:
            self.place = place
            try:
                VERBS[words.verb](self, words)
            except (Wrong, FlowError) as error:
                self.fail(place, f"{error}: {place.text}")
        if not self.problems:
            self._run()
        self.problems.sort(key=lambda problem: (problem.place.file == self._running.name, problem.place.line))
        return Report(len(self._reader.lines), self.problems)

    def _run(self) -> None:
        for house in self._running.houses.values():
            house.listen(functools.partial(self._told, house.name))
        until = PATIENCE if math.isnan(self._reader.until) else self._reader.until
        more = True
        while more and self._running.turns.stamp <= until + 1e-9:
            more = self._running.turn()
            self.now = self._running.turns.now
            for look in self.each_turn:
                look()
        self.ended = not more
        for look in self.at_end:
            look()

    def _told(self, house: str, event: str, framer: str, facts: dict[str, Any]) -> None:
        if event == "fault" and (house, framer) not in self.faults:
            at = f"at {self._running.turns.now:g} in frame {facts['frame']} of framer {framer}"
            self.fail(Place(self._running.name, facts["line"], ""), f"{at}: {facts['error']}")

    def fail(self, place: Place, message: str) -> None:
        """Something is not as expected."""
        self.problems.append(Problem(place, message))

    def framer(self, words: Cursor) -> Framer:
        """The framer that is named next."""
        name = words.name("a framer")
        found = self.house.framers.get(name)
        if found is None:
            raise Wrong(f"there is no framer {name} in house {self.house.name}{nearest(name, self.house.framers)}")
        return found


def _house(trial: _Trial, words: Cursor) -> None:
    """`house NAME`: what follows is about that one."""
    houses = trial._running.houses
    trial.house = houses[words.choice("a house", *houses)]
    words.end()


def _at(trial: _Trial, words: Cursor) -> None:
    """`at SECONDS NEED`: it holds behind the turn of that time, or behind the last one if the plan ends before."""
    when, place = float(words.number("the time in seconds")), trial.place
    holds, found = _condition(trial, words)
    seen: list[bool] = []

    def judge() -> None:
        seen.append(True)
        if not holds():
            trial.fail(place, f"expected {place.text}, found {found()}")

    def look() -> None:
        next_turn = trial._running.turns.stamp
        if not seen and next_turn > when + 1e-9:
            judge()

    def last() -> None:
        if not seen:
            judge()

    trial.each_turn.append(look)
    trial.at_end.append(last)


def _always(trial: _Trial, words: Cursor) -> None:
    """`always NEED`, `never NEED`: behind every turn."""
    wanted, place = words.verb == "always", trial.place
    holds, found = _condition(trial, words)
    failed: list[float] = []

    def look() -> None:
        if not failed and holds() is not wanted:
            failed.append(trial.now)
            trial.fail(place, f"expected {place.text}, but at {trial.now:g} found {found()}")

    trial.each_turn.append(look)


def _once(trial: _Trial, words: Cursor) -> None:
    """`once NEED`: behind some turn."""
    place = trial.place
    holds, found = _condition(trial, words)
    met: list[float] = []

    def look() -> None:
        if not met and holds():
            met.append(trial.now)

    def last() -> None:
        if not met:
            trial.fail(place, f"expected {place.text}, but it never was; at the end found {found()}")

    trial.each_turn.append(look)
    trial.at_end.append(last)


def _transitions(trial: _Trial, words: Cursor) -> None:
    """`transitions FRAMER: FRAME ...`: the lowest frames, from the start on, in their order."""
    framer, place, wanted = trial.framer(words), trial.place, list(words.rest)
    unknown = next((name for name in wanted if name not in framer.frames), None)
    if unknown is not None:
        raise Wrong(f"framer {framer.name} has no frame {unknown}{nearest(unknown, framer.frames)}")
    went: list[str] = []

    def listen(event: str, who: str, facts: dict[str, Any]) -> None:
        if who == framer.name and event == "start":
            went.append(framer.first.outline[-1].name)
        elif who == framer.name and event == "transition":
            went.append(facts["to"][-1])

    def last() -> None:
        if went != wanted:
            trial.fail(place, f"expected the frames {' '.join(wanted)}, found {' '.join(went) or 'none'}")

    trial.house.listen(listen)
    trial.at_end.append(last)


def _prints(trial: _Trial, words: Cursor) -> None:
    """`prints FRAMER: "text" ...`: all its texts, in their order."""
    framer, place, wanted = trial.framer(words), trial.place, [word.strip("\"'") for word in words.rest]
    said: list[str] = []

    def listen(event: str, who: str, facts: dict[str, Any]) -> None:
        if who == framer.name and event == "print":
            said.append(facts["text"])

    def last() -> None:
        if said != wanted:
            trial.fail(place, f"expected the texts {_quoted(wanted)}, found {_quoted(said)}")

    trial.house.listen(listen)
    trial.at_end.append(last)


def _quoted(texts: list[str]) -> str:
    return " ".join(f'"{text}"' for text in texts) or "none"


def _faults(trial: _Trial, words: Cursor) -> None:
    """`faults FRAMER`: a behaviour of it fails, which nothing else may."""
    framer, place = trial.framer(words), trial.place
    words.end()
    trial.faults.add((trial.house.name, framer.name))
    trial.at_end.append(lambda: None if framer.fault else trial.fail(place, f"expected {place.text}, found no fault"))


def _ends(trial: _Trial, words: Cursor) -> None:
    """`ends [at SECONDS]`: by itself, with the turn of that time."""
    place = trial.place
    when = float(words.number("the time in seconds")) if words.skip("at") else None
    words.end()

    def last() -> None:
        if not trial.ended:
            trial.fail(place, f"expected {place.text}, but it still runs at {trial.now:g}")
        elif when is not None and abs(trial.now - when) > 1e-6:
            trial.fail(place, f"expected {place.text}, found that it ends at {trial.now:g}")

    trial.at_end.append(last)


VERBS: dict[str, Callable[[_Trial, Cursor], None]] = {
    "house": _house, "at": _at, "always": _always, "never": _always, "once": _once, "transitions": _transitions,
    "prints": _prints, "faults": _faults, "ends": _ends,
}  # fmt: skip


# -- conditions -------------------------------------------------------------------------------------------------------


def _condition(trial: _Trial, words: Cursor) -> tuple[Check, Callable[[], str]]:
    """Whether something holds, and what is found in its place: needs as in a script, or `FRAMER in FRAME`."""
    pairs = [_part(trial, words)]
    while words.skip("and"):
        pairs.append(_part(trial, words))
    words.end()
    return (lambda: all(holds() for holds, _ in pairs)), (lambda: ", ".join(found() for _, found in pairs))


def _part(trial: _Trial, words: Cursor) -> tuple[Check, Callable[[], str]]:
    ahead = words.rest
    negated = ahead[:1] == ("not",)
    ahead = ahead[negated:]
    if ahead[1:2] == ("in",) and ahead[3:4] in ((), ("and",)):
        words.skip("not")
        check, found = _in_frame(trial, words)
    else:
        need = clauses.need(words, "")
        negated = need.negated
        check, found = _compiled(trial.house, need)
    return (lambda: not check()) if negated else check, found


def _in_frame(trial: _Trial, words: Cursor) -> tuple[Check, Callable[[], str]]:
    framer = trial.framer(words)
    words.expect("in")
    name = words.name("a frame")
    if name not in framer.frames:
        raise Wrong(f"framer {framer.name} has no frame {name}{nearest(name, framer.frames)}")

    def found() -> str:
        return f"{framer.name} in {' > '.join(framer.outline)}" if framer.actives else f"{framer.name} {framer.status}"

    return (lambda: name in framer.outline), found


def _compiled(house: House, need: Need) -> tuple[Check, Callable[[], str]]:
    if isinstance(need, Compare | Truth):
        state, name = _share(house, need.state)
        path = f"{name} in {state.path}" if need.state.fields else state.path

        def found() -> str:
            value = state.fields.get(name)
            return f"{path} unset" if value is None else f"{path} == {value!r}"

        if isinstance(need, Truth):
            return (lambda: bool(state.fields.get(name))), found
        compare, goal = comparison(need.comparison, need.tolerance), need.goal
        if not isinstance(goal, Source):
            return (lambda: compare(state.fields.get(name), goal)), found
        other, goal_name = _share(house, goal)
        return (lambda: compare(state.fields.get(name), other.fields.get(goal_name))), found
    if isinstance(need, HasStatus | IsDone) and not getattr(need, "aux", False):
        tasker: Any = house.framers.get(need.framer) or house.loggers.get(need.framer)
        if tasker is None:
            raise Wrong(f"there is no framer {need.framer}{nearest(need.framer, house.framers)}")
        if isinstance(need, HasStatus):
            wanted = need.status
            return (lambda: tasker.status == wanted), (lambda: f"{tasker.name} {tasker.status}")
        return (lambda: tasker.done), (lambda: f"{tasker.name} {'done' if tasker.done else 'not done'}")
    raise Wrong("only shares, statuses and what is done can be expected; name the framer, not its place")


def _share(house: House, source: Source) -> tuple[Share, str]:
    share = house.store.find(source.path)
    if share is None:
        known = (one.path for one in house.store)
        raise Wrong(f"there is no share {source.path} in house {house.name}{nearest(source.path, known)}")
    return share, source.fields[0] if source.fields else "value"
