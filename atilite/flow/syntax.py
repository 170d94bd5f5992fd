"""A script becomes a declaration of houses, with every error of it found in one pass. Pure but for files it loads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from atilite.flow import clauses, logsyntax
from atilite.flow.clauses import FROM, WITH
from atilite.flow.cursor import Cursor, Wrong, nearest
from atilite.flow.lines import Problem, Sentence, sentences
from atilite.flow.model import (
    ORDERS,
    SCHEDULES,
    Context,
    FrameDecl,
    FramerDecl,
    HouseDecl,
    Init,
    Line,
    LoggerDecl,
    Place,
    PlanDecl,
)
from atilite.flow.sentences import CONTEXT_WORDS, FIXED, VERBS

# Gives the text of a file that another one loads; raises OSError.
Read = Callable[[str, str], tuple[str, str]]


def parse(text: str, file: str, read: Read | None = None) -> tuple[PlanDecl, list[Problem]]:
    """Read a script: what it declares, and what is wrong in it.

    `read(name, file)` gives the name and the text of a file that `file` loads; without it nothing can be loaded.
    """
    reader = _Reader(read)
    reader.read(text, file)
    return reader.plan, reader.problems


@dataclass
class _Reader:
    """What is being read: the current house, framer, frame and context."""

    load: Read | None
    plan: PlanDecl = field(default_factory=PlanDecl)
    problems: list[Problem] = field(default_factory=list)
    house: HouseDecl | None = None
    framer: FramerDecl | None = None
    frame: FrameDecl | None = None
    logger: LoggerDecl | None = None
    context: Context | None = None  # None is native
    open: tuple[str, ...] = ()  # the files that are being read

    def read(self, text: str, file: str) -> None:
        self.plan.files[file] = text.splitlines()
        self.open = (*self.open, file)
        for sentence in sentences(text, file):
            try:
                self._take(sentence)
            except Wrong as error:
                self.problems.append(Problem(sentence.place, f"{error}: {sentence.place.text}"))
        self.open = self.open[:-1]

    def _take(self, sentence: Sentence) -> None:
        verb = sentence.words[0]
        words = Cursor(verb, sentence.words[1:])
        if verb in STATEMENTS:
            STATEMENTS[verb](self, words, sentence.place)
        elif verb in VERBS:
            framer, frame = self._frame(verb)
            context, act = VERBS[verb](words, framer.name)
            moved = self.context is not None and verb not in FIXED and not (verb == "do" and "at" in sentence.words)
            frame.lines.append(Line(cast(Context, self.context) if moved else context, act, sentence.place))
        else:
            raise Wrong(f"{verb} is no verb{nearest(verb, (*STATEMENTS, *VERBS))}")

    def _house(self, verb: str) -> HouseDecl:
        if self.house is None:
            raise Wrong(f"{verb}: no house yet; begin with a line such as: house box1")
        return self.house

    def _framer(self, verb: str) -> FramerDecl:
        self._house(verb)
        if self.framer is None:
            raise Wrong(f"{verb}: no framer yet; it belongs below a line such as: framer mission be active")
        return self.framer

    def _frame(self, verb: str) -> tuple[FramerDecl, FrameDecl]:
        framer = self._framer(verb)
        if self.frame is None:
            raise Wrong(f"{verb}: no frame yet; it belongs below a line such as: frame start")
        return framer, self.frame


# -- the statements that are no acts ----------------------------------------------------------------------------------


def _load(reader: _Reader, words: Cursor, place: Place) -> None:
    name = words.take("the name of a file").strip("\"'")
    words.end()
    if reader.load is None:
        raise Wrong("load: this script was not read from a file, so it can load none")
    try:
        file, text = reader.load(name, place.file)
    except (OSError, UnicodeError) as error:
        raise Wrong(f"load: {name} cannot be read: {error.strerror if isinstance(error, OSError) else error}") from None
    if file in reader.open:
        raise Wrong(f"load: {name} is being loaded already, by {reader.open[-1]}")
    reader.read(text, file)


def _house(reader: _Reader, words: Cursor, place: Place) -> None:
    name = words.name("a house")
    words.end()
    if name in reader.plan.houses:
        raise Wrong(f"house: there is a house {name} already, in line {reader.plan.houses[name].place.line}")
    reader.house = reader.plan.houses[name] = HouseDecl(name, place=place)
    reader.framer = reader.frame = reader.logger = reader.context = None


def _init(reader: _Reader, words: Cursor, place: Place) -> None:
    house = reader._house("init")
    dest = clauses.source(words)
    connective = words.expect(*WITH, *FROM)
    if connective in WITH:
        if dest.fields:
            raise Wrong("init: fields are named with their values, as in: init .a.b with x 1 y 2")
        init = Init(dest, clauses.data(words), place=place)
    else:
        init = Init(dest, source=clauses.source(words), place=place)
    words.end()
    house.inits.append(init)


def _new_tasker(house: HouseDecl, verb: str, name: str) -> None:
    other = house.taskers.get(name)
    if other is not None:
        raise Wrong(f"{verb}: there is a {name} already, in line {other.place.line}")


def _framer(reader: _Reader, words: Cursor, place: Place) -> None:
    house = reader._house("framer")
    name = words.name("a framer")
    said: dict[str, Any] = {}
    first = place
    reader.framer = FramerDecl(name, place=place)  # what follows belongs to it, even if this line has an error
    reader.frame = reader.context = None
    _new_tasker(house, "framer", name)
    house.taskers[name] = reader.framer
    while words.peek:
        connective = words.expect("be", "at", "first", "in", "via", "on")
        if connective == "be":
            said["schedule"] = words.choice("how a framer is scheduled", *SCHEDULES)
        elif connective == "at":
            said["period"] = max(0.0, float(words.number("the period in seconds")))
        elif connective == "first":
            said["first"] = words.name("the first frame")
        elif connective == "in":
            said["order"] = words.choice("the order", *ORDERS)
        elif connective == "on":
            words.expect("fault")
            said["on_fault"] = words.name("a frame, or stop or ignore")
        else:
            said["via"] = clauses.inode(words)
    for key, value in said.items():
        setattr(reader.framer, key, value)
    reader.framer.first_place = first


def _first(reader: _Reader, words: Cursor, place: Place) -> None:
    framer = reader._framer("first")
    name = words.name("the first frame")
    words.end()
    framer.first, framer.first_place = name, place


def _frame(reader: _Reader, words: Cursor, place: Place) -> None:
    framer = reader._framer("frame")
    name = words.name("a frame")
    before, reader.frame = reader.frame, FrameDecl(name, place=place)
    reader.context = None
    if name in ("next", "prev"):
        raise Wrong(f"frame: {name} has a meaning of its own as a target; choose another name")
    if name in framer.frames:
        raise Wrong(f"frame: framer {framer.name} has a frame {name} in line {framer.frames[name].place.line} already")
    framer.frames[name] = reader.frame
    if before is not None and not before.next:
        before.next = name
    framer.first = framer.first or name
    while words.peek:
        if words.expect("in", "via") == "in":
            reader.frame.over = words.name("the frame over it")
            reader.frame.links["over"] = place
        else:
            reader.frame.via = clauses.inode(words)


def _link(reader: _Reader, words: Cursor, place: Place) -> None:
    """`over NAME`, `under NAME`, `next [NAME]`."""
    _, frame = reader._frame(words.verb)
    name = "" if words.verb == "next" and not words.peek else words.name("a frame")
    words.end()
    setattr(frame, words.verb, name)
    frame.links[words.verb] = place


def _context(reader: _Reader, words: Cursor, place: Place) -> None:
    reader._frame(words.verb)
    words.end()
    reader.context = None if words.verb == "native" else cast(Context, words.verb)


def _server(reader: _Reader, words: Cursor, place: Place) -> None:
    raise Wrong("server: a plan serves nothing itself; mount it in an app, whose pages and API show its shares")


def _logger(reader: _Reader, words: Cursor, place: Place) -> None:
    house = reader._house("logger")
    reader.logger = logsyntax.logger(words, place)
    _new_tasker(house, "logger", reader.logger.name)
    house.taskers[reader.logger.name] = reader.logger


def _log(reader: _Reader, words: Cursor, place: Place) -> None:
    reader._house(words.verb)
    if reader.logger is None:
        raise Wrong(f"{words.verb}: no logger yet; it belongs below a line such as: logger basic at 0.5")
    {"log": logsyntax.log, "loggee": logsyntax.loggee}[words.verb](reader.logger, words, place)


STATEMENTS: dict[str, Callable[[_Reader, Cursor, Place], None]] = {
    "load": _load, "house": _house, "init": _init, "framer": _framer, "first": _first, "frame": _frame,
    "over": _link, "under": _link, "next": _link, "server": _server, "logger": _logger, "log": _log, "loggee": _log,
    **dict.fromkeys(CONTEXT_WORDS, _context),
}  # fmt: skip
