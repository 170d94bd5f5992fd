"""What a plan was given from outside, and which transitions it made, in a file; and the same run from that file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from atilite.errors import FlowError
from atilite.flow.chance import new_seed
from atilite.flow.model import PlanDecl
from atilite.flow.running import Moved, Running, Wish

FORMAT = 1


class Step(NamedTuple):
    """A transition: the number of its turn, and who went from which outline to which, because of which line."""

    turn: int
    house: str
    framer: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    cause: str

    def __str__(self) -> str:
        return f"{self.framer} {' > '.join(self.old)} -> {' > '.join(self.new)} ({self.cause})"


@dataclass
class Recording:
    """A run as it was recorded. `turns` is 0 when the run was cut off before its end."""

    period: float = 0.125
    seed: int = 0
    files: dict[str, str] = field(default_factory=dict)  # digests of the scripts by their names
    wishes: list[Wish] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    turns: int = 0
    stopped: bool = False

    @property
    def asked(self) -> int:
        """The last turn before which something was asked for."""
        return max((wish.turn for wish in self.wishes if wish.kind != "end"), default=0)

    def changes(self, plan: PlanDecl) -> list[str]:
        """The names of scripts that are not what they were."""
        now = digests(plan)
        return sorted(name for name in now.keys() | self.files.keys() if now.get(name) != self.files.get(name))


def digests(plan: PlanDecl) -> dict[str, str]:
    """A digest of each script of a plan, by the name of its file."""
    return {
        Path(file).name: hashlib.sha256("\n".join(lines).encode()).hexdigest() for file, lines in plan.files.items()
    }


# -- recording --------------------------------------------------------------------------------------------------------


class Recorder:
    """Writes a run into a file, line by line, so that one that is cut off can be replayed up to there.

    Make it before the first turn and `close` it behind the last; meanwhile turns draw from `random` by the seed.
    FlowError for a file that cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], running: Running, *, seed: int | None = None) -> None:
        self._running = running
        seed = running.seed = new_seed() if seed is None else seed
        self._lines: list[dict[str, Any]] = [
            {"format": FORMAT, "period": running.turns.period, "seed": seed, "files": digests(running.plan)}
        ]
        self._failure: OSError | None = None
        try:
            # Without a buffer: what a full disk has refused is not tried again when the file is closed.
            self._out = open(path, "wb", buffering=0)  # noqa: SIM115  # closed by close()
            self._flush()
        except OSError as error:
            raise FlowError(f"the recording {os.fspath(path)} cannot be written: {error.strerror}") from error
        running.granted.listen(self._granted)
        running.moved.listen(self._moved)
        running.after_turn(self._turned)

    def close(self) -> None:
        """Write how it ended. FlowError if something could not be written, now or before."""
        self._running.seed = None
        self._lines.append({"end": {"turns": self._running.turns.count, "stopped": self._running.stopped}})
        self._turned()
        try:
            self._out.close()
        except OSError as error:
            self._failure = error
        if self._failure is not None:
            raise FlowError(f"the recording is not complete: {self._failure.strerror}") from self._failure

    def _granted(self, wish: Wish) -> None:
        self._lines.append({"wish": wish._asdict()})

    def _moved(self, moved: Moved) -> None:
        self._lines.append({"step": _step(self._running, moved)._asdict()})

    def _turned(self) -> None:
        if self._lines and self._failure is None:
            try:
                self._flush()
            except OSError as error:  # the plan is more than its recording; `close` tells
                self._failure = error

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        text = "".join(json.dumps(line, ensure_ascii=False, default=repr) + "\n" for line in lines)
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        while rest:
            rest = rest[self._out.write(rest) :]


def _step(running: Running, moved: Moved) -> Step:
    one = moved.transition
    return Step(running.turns.count, moved.house, one.framer, one.old, one.new, one.place.text)


# -- replaying --------------------------------------------------------------------------------------------------------


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """A recording from its file. FlowError for what is none."""
    found = Recording()
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise FlowError(f"the recording {os.fspath(path)} cannot be read: {reason}") from error
    for number, line in enumerate(lines, 1):
        try:
            _take(found, json.loads(line), first=number == 1)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if number == len(lines) > 1:
                break  # the run was cut off while it wrote this line
            raise FlowError(f"{os.fspath(path)}:{number}: this is no line of a recording: {error}") from error
    if not lines:
        raise FlowError(f"the recording {os.fspath(path)} is empty")
    if not found.turns:
        found.turns = 1 + max([found.asked, *(step.turn for step in found.steps)])
    return found


def _take(found: Recording, line: Mapping[str, Any], *, first: bool) -> None:
    if first:
        if line["format"] != FORMAT:
            raise ValueError(f"its format is {line['format']}, and {FORMAT} was expected")
        found.period, found.seed, found.files = float(line["period"]), int(line["seed"]), dict(line["files"])
    elif "wish" in line:
        found.wishes.append(Wish(**line["wish"]))
    elif "step" in line:
        step = line["step"]
        found.steps.append(Step(**{**step, "old": tuple(step["old"]), "new": tuple(step["new"])}))
    else:
        found.turns, found.stopped = int(line["end"]["turns"]), bool(line["end"]["stopped"])


def replay(running: Running, recording: Recording) -> str:
    """Run a plan as it was recorded, on the simulated clock; say where its history first differs, or nothing.

    Make `running` with the period and the wishes of the recording. In the caller's thread.
    """
    steps: list[Step] = []
    running.seed = recording.seed
    running.moved.listen(lambda moved: steps.append(_step(running, moved)))
    turning = True
    while running.turns.count < recording.turns and (turning or running.turns.count <= recording.asked):
        turning = running.turn()  # a plan that has ended is begun again by what is asked of it later
    if recording.stopped:
        running.end()
    for now, then in zip(steps, recording.steps, strict=False):
        if now != then:
            return f"the history differs in turn {then.turn}: it was {then}, and is {now} in turn {now.turn}"
    if len(steps) != len(recording.steps):
        more, fewer = sorted((steps, recording.steps), key=len, reverse=True)
        said = "was, and is not" if more is recording.steps else "is, and was not"
        return f"the history differs in turn {more[len(fewer)].turn}: there {said}: {more[len(fewer)]}"
    if running.turns.count != recording.turns:
        return f"the plan ends after {running.turns.count} turns, and ended after {recording.turns}"
    return ""
