"""What each verb of an act says: words in, an act and its native context out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from atilite.flow import clauses
from atilite.flow.clauses import FROM, WITH
from atilite.flow.controls import CONTROLS
from atilite.flow.cursor import Cursor, Wrong, literal
from atilite.flow.lines import RESERVED
from atilite.flow.model import (
    Act,
    Aux,
    Bid,
    Compare,
    Context,
    Control,
    Data,
    Do,
    Done,
    Fiat,
    Go,
    Inc,
    Let,
    Print,
    Put,
    Raze,
    Rear,
    Source,
)

Spoken = tuple[Context, Act]
# The context of an act that moves a slave, where none is said.
FIATS: dict[str, Context] = {"ready": "benter", "start": "enter", "abort": "enter", "run": "recur", "stop": "exit"}
DOES = ("as", "at", "via", "with", "to", "from", "by", "per", "for", "cum", "qua")


def put(words: Cursor, framer: str) -> Spoken:
    data = clauses.data(words)
    words.expect("into")
    dest = clauses.source(words)
    words.end()
    return "enter", Put(dest, _fitted(words, data, dest))


def inc(words: Cursor, framer: str) -> Spoken:
    dest = clauses.source(words)
    data, source = _given(words)
    words.end()
    return "enter", Inc(dest, _fitted(words, data, dest), source)


def copy(words: Cursor, framer: str) -> Spoken:
    source = clauses.source(words)
    words.expect("into")
    dest = clauses.source(words)
    words.end()
    return "enter", Put(dest, source=source)


def set_goal(words: Cursor, framer: str) -> Spoken:
    """`set elapsed|recurred|DEST with|to DATA`, or `from|by SOURCE`. A bare name with `to` or `by` is a goal's."""
    if words.peek in clauses.CLOCKS and words.rest[1:2] != ("in",):
        dest = Source(f"framer.me.goal.{words.take('a goal')}", ("value",))
    else:
        dest = clauses.source(words, "a goal")
        if words.peek in ("to", "by") and "." not in dest.path:
            dest = Source(f".goal.{dest.path}", dest.fields)
    data, source = _given(words)
    words.end()
    return "enter", Put(dest, _fitted(words, data, dest), source, goal=True)


def go(words: Cursor, framer: str) -> Spoken:
    far = words.name("a frame")
    return "precur", Go(far, _needs_of(words, framer))


def let(words: Cursor, framer: str) -> Spoken:
    words.skip("me")
    if words.peek != "if":
        raise Wrong(f"let: expected if, found {words.peek or 'nothing'}")
    return "benter", Let(_needs_of(words, framer))


def timeout(words: Cursor, framer: str) -> Spoken:
    return "precur", Go("next", (_clock("elapsed", words, abs(words.number("the time in seconds"))),))


def repeat(words: Cursor, framer: str) -> Spoken:
    return "precur", Go("next", (_clock("recurred", words, abs(int(words.number("how often")))),))


def aux(words: Cursor, framer: str) -> Spoken:
    name, clone, via = words.name("an auxiliary framer"), "", ""
    while words.peek in ("as", "via"):
        if words.take("as") == "as":
            clone = words.name("the clone")
        else:
            via = clauses.inode(words)
    needs = _needs_of(words, framer)
    if clone and needs:
        raise Wrong("aux: a clone cannot have a condition; let a frame over it have the condition")
    return ("precur" if needs else "enter"), Aux(name, clone, via, needs)


def rear(words: Cursor, framer: str) -> Spoken:
    name = words.name("a moot framer")
    frame = ""
    while words.peek:
        connective = words.expect("as", "be", "in")
        if connective == "as":
            words.expect("mine")
        elif connective == "be":
            words.expect("aux")
        else:
            words.expect("frame")
            frame = words.name("a frame")
    if not frame or frame == "me":
        raise Wrong("rear: say which other frame gets the clone: rear NAME in frame NAME")
    return "enter", Rear(name, frame)


def raze(words: Cursor, framer: str) -> Spoken:
    which = words.choice("what is razed", "all", "first", "last")
    frame = "me"
    if words.skip("in"):
        words.expect("frame")
        frame = words.name("a frame") if words.peek else "me"
    words.end()
    return "exit", Raze(cast(Any, which), frame)


def do(words: Cursor, framer: str) -> Spoken:
    """`do WORD ... [as WORD ...] [at CONTEXT] [via NODE] [with D] [from S] [per D] [for S] [cum D] [qua S]`."""
    kind = _camel(words, "a behaviour")
    said: dict[str, Any] = {"kind": kind}
    context: Context = "recur"
    moved = False
    while words.peek:
        connective = words.expect(*DOES)
        if connective == "as":
            said["name"] = _camel(words, "this behaviour")
        elif connective == "at":
            context = cast(Context, words.choice("a context", *CONTEXT_WORDS))
            moved = True
        elif connective == "via":
            said["via"] = clauses.inode(words)
        elif connective in ("with", "to", "per", "cum"):
            _add(said, {"per": "ios", "cum": "inits"}.get(connective, "data"), clauses.data(words))
        else:
            kept = {"for": "io_sources", "qua": "init_sources"}.get(connective, "sources")
            _add(said, kept, (clauses.source(words),))
    act = Do(**said)
    return (MOVED[context] if moved else "recur"), act


def _add(said: dict[str, Any], kept: str, more: tuple[Any, ...]) -> None:
    said[kept] = said.get(kept, ()) + more


def bid(words: Cursor, framer: str) -> Spoken:
    control = words.choice("what is asked for", *CONTROLS)
    names: list[str] = []
    while words.peek and words.peek != "at":
        names.append(words.name("a framer"))
    period: float | Source | None = None
    if words.skip("at"):
        found = literal(words.peek or '""')[1]
        if isinstance(found, int | float) and not isinstance(found, bool):
            period = max(0.0, words.number("the period"))
        else:
            period = clauses.source(words, "a period")
    words.end()
    if "all" in names and len(names) > 1:
        raise Wrong("bid: all stands alone")
    return "enter", Bid(cast(Control, control), tuple(names) or ("me",), period)


def fiat(words: Cursor, framer: str) -> Spoken:
    name = words.name("a slave framer")
    words.end()
    return FIATS[words.verb], Fiat(cast(Control, words.verb), name)


def done(words: Cursor, framer: str) -> Spoken:
    names = []
    while words.peek:
        names.append(words.name("a framer"))
    return "enter", Done(tuple(names) or ("me",))


def tell(words: Cursor, framer: str) -> Spoken:
    said: list[str] = []
    while words.peek:
        said.append(_unquoted(words.take("a text")))
    return "enter", Print(" ".join(said))


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0] else word


CONTEXT_WORDS = ("native", "benter", "enter", "recur", "precur", "exit", "renter", "rexit")
MOVED: dict[str, Context] = {**{word: cast(Context, word) for word in CONTEXT_WORDS}, "native": "recur"}

VERBS: dict[str, Callable[[Cursor, str], Spoken]] = {
    "put": put, "inc": inc, "copy": copy, "set": set_goal, "go": go, "let": let, "timeout": timeout, "repeat": repeat,
    "aux": aux, "rear": rear, "raze": raze, "do": do, "bid": bid, "done": done, "print": tell,
    **dict.fromkeys(FIATS, fiat),
}  # fmt: skip
# Acts whose context cannot be said: they belong to where transitions and guards are looked at.
FIXED = ("go", "let", "timeout", "repeat", "aux")


def _given(words: Cursor) -> tuple[Data, Source | None]:
    connective = words.expect(*WITH, *FROM)
    if connective in WITH:
        return clauses.data(words), None
    return (), clauses.source(words)


def _fitted(words: Cursor, data: Data, dest: Source) -> Data:
    """The data under the names of the fields that they are for."""
    if not dest.fields or not data:
        return data
    if len(dest.fields) != len(data):
        raise Wrong(f"{words.verb}: {len(data)} values for the fields {', '.join(dest.fields)}")
    return tuple((name, given) for name, (_, given) in zip(dest.fields, data, strict=True))


def _needs_of(words: Cursor, framer: str) -> tuple[Any, ...]:
    if not words.peek:
        return ()
    words.expect("if")
    return clauses.needs(words, framer)


def _clock(kind: str, words: Cursor, goal: float) -> Compare:
    words.end()
    return Compare(Source(f"framer.me.state.{kind}", ("value",)), ">=", goal)


def _camel(words: Cursor, what: str) -> str:
    parts: list[str] = []
    while words.peek and words.peek not in RESERVED:
        parts.append(words.name(what))
    if not parts:
        raise Wrong(f"{words.verb}: the name of {what} is missing")
    return "".join(part.capitalize() for part in parts)
