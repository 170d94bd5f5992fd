"""What is expected of a plan, in a file beside it: it is run on the simulated clock, and what differs is told."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from atilite.errors import FlowError
from atilite.flow.building import Behaves
from atilite.flow.checking import check
from atilite.flow.cursor import Cursor, Wrong, nearest
from atilite.flow.expectations import VERBS
from atilite.flow.library import standard
from atilite.flow.lines import Problem, words_of
from atilite.flow.loading import read_plan, read_text
from atilite.flow.model import Place, PlanDecl
from atilite.flow.running import Running
from atilite.flow.trials import Trial

# Seconds of the plan's clock after which one that does not end by itself is left, unless `until` says another time.
PATIENCE = 3600.0
SUFFIX = ".expect"


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
    return Report(len(reader.lines), _judged(Trial(Running(plan, behaviors, name=file, period=reader.period)), reader))


def _judged(trial: Trial, reader: _Reader) -> list[Problem]:
    """Run a plan, and tell what is not as expected; it does not run if a line cannot be meant."""
    trial.problems += reader.problems
    for words, trial.place in reader.lines:
        try:
            VERBS[words.verb](trial, words)
        except (Wrong, FlowError) as error:
            trial.fail(trial.place, f"{error}: {trial.place.text}")
    if not trial.problems:
        trial.run(PATIENCE if math.isnan(reader.until) else reader.until)
    return sorted(trial.problems, key=lambda problem: (problem.place.file == trial.running.name, problem.place.line))


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
