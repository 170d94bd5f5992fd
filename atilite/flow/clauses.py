"""The parts that sentences share: data, sources with their relations, and needs. Pure."""

from __future__ import annotations

from typing import Any, Literal, cast

from atilite.flow.controls import Status
from atilite.flow.cursor import INODE, NAME, PATH, Cursor, Wrong, literal
from atilite.flow.lines import COMPARISONS, RESERVED
from atilite.flow.model import Compare, Data, HasStatus, IsDone, Marked, Need, Source, Truth

STATUSES = tuple(map(str, Status))
CLOCKS = ("elapsed", "recurred")
WITH, FROM = ("with", "to"), ("from", "by")  # each with its old form


def value(word: str, verb: str) -> Any:
    """What a word of data stands for: a literal, or the text of a path or a plain word."""
    plain, found = literal(word)
    if plain:
        return found
    if PATH.match(word):
        return word
    raise Wrong(f"{verb}: {word} is no value; put quotes around a text")


def data(words: Cursor) -> Data:
    """`[value] literal`, or fields and their literals in turn, up to a connective."""
    pieces: list[str] = []
    while words.peek and words.peek not in RESERVED:
        pieces.append(words.take("a value"))
    if not pieces:
        raise Wrong(f"{words.verb}: a value is missing before {words.peek or 'the end'}")
    if len(pieces) == 1:
        return (("value", value(pieces[0], words.verb)),)
    if len(pieces) % 2:
        raise Wrong(f"{words.verb}: fields and values take turns, but {pieces[-1]} has no value")
    found: dict[str, Any] = {}
    for name, word in zip(pieces[::2], pieces[1::2], strict=True):
        found[_field(name, words.verb)] = value(word, words.verb)
    if "value" in found and len(found) > 1:
        raise Wrong(f"{words.verb}: the field value stands alone, not beside {', '.join(set(found) - {'value'})}")
    return tuple(found.items())


def source(words: Cursor, what: str = "a share") -> Source:
    """`[field [field ...] in] path [of relation]`."""
    fields: list[str] = []
    ahead = words.rest
    until = next((at for at, word in enumerate(ahead) if word in RESERVED), len(ahead))
    if until < len(ahead) and ahead[until] == "in" and until > 0 and ahead[until + 1 : until + 2] not in (
        ("frame",), ("framer",),
    ):  # fmt: skip
        fields = [_field(words.take("a field"), words.verb) for _ in range(until)]
        words.expect("in")
    if "value" in fields and len(fields) > 1:
        raise Wrong(f"{words.verb}: the field value stands alone, not beside others")
    return Source(address(words, what), tuple(fields))


def address(words: Cursor, what: str = "a share") -> str:
    """`path [of root|me|framer [NAME]|frame [NAME [of framer [NAME]]]|actor ...]`, as one path."""
    path = words.take(f"the path of {what}")
    if path in RESERVED or not PATH.match(path):
        raise Wrong(f"{words.verb}: {path} is no path of {what}; a path is like .a.b or a.b")
    relation = _relation(words, "")
    if path.startswith("."):
        return path
    head = path.split(".")[0]
    if relation and head in ("framer", "frame", "actor") and (head == "framer" or f".{head}." in relation):
        raise Wrong(f"{words.verb}: {path} says already what it belongs to, and then `of {head}` says it again")
    if not relation and head in ("frame", "actor"):
        if path.count(".") < 2:
            raise Wrong(f"{words.verb}: {path} lacks the name of the {head} or of the share")
        main = head == "frame" and path.split(".")[1] == "main"
        relation = f"framer.{'main' if main else 'me'}." + ("frame.me." if head == "actor" else "")
    return relation + path


def inode(words: Cursor) -> str:
    """The path of a branch, behind `via`."""
    path = words.take("the path of a branch")
    if path in RESERVED or not INODE.match(path):
        raise Wrong(f"{words.verb}: {path} is no path of a branch; such a path is like .a.b. or a.b")
    relation = _relation(words, "")
    return path if path.startswith(".") else relation + path


def _relation(words: Cursor, framer: str) -> str:
    """What `of ...` puts in front of a path, with its last dot."""
    if not words.skip("of"):
        return ""
    kind = words.choice("a relation", "root", "me", "framer", "frame", "actor")
    if kind == "root":
        return ""
    if kind == "me":
        return "me."
    name = words.take("a name") if words.peek and words.peek not in RESERVED else ""
    if name and not NAME.match(name):
        raise Wrong(f"{words.verb}: {name} cannot be the name of a {kind}")
    if kind == "framer":
        return f"framer.{name or framer or 'me'}."
    outer = _relation(words, "main" if kind == "frame" and name == "main" else "")
    if f".{kind}." in outer or (kind == "frame" and ".actor." in outer):
        raise Wrong(f"{words.verb}: a {kind} is not of another {kind}")
    if kind == "frame":
        return (outer or f"framer.{'main' if name == 'main' else 'me'}.") + f"frame.{name or 'me'}."
    return (outer or "framer.me.frame.me.") + f"actor.{name or 'me'}."


def _field(word: str, verb: str) -> str:
    name = word.strip("\"'")
    if not NAME.match(name) or name in RESERVED:
        raise Wrong(f"{verb}: {word} cannot be the name of a field")
    return name


# -- needs ------------------------------------------------------------------------------------------------------------


def needs(words: Cursor, framer: str) -> tuple[Need, ...]:
    """`[not] need {and [not] need}`, to the end of the sentence; `framer` is the name of the one that they are in."""
    found = [need(words, framer)]
    while words.skip("and"):
        found.append(need(words, framer))
    words.end()
    return tuple(found)


def need(words: Cursor, framer: str) -> Need:
    """One need, as `words` have it next."""
    negated = bool(words.skip("not"))
    clause = words.rest
    clause = clause[: clause.index("and")] if "and" in clause else clause
    if not clause:
        raise Wrong(f"{words.verb}: a need is missing after {'not' if negated else 'if'}")
    if clause[0] == "done" and "is" not in clause and len(clause) == 2 and clause[1] not in RESERVED:
        words.take("done")
        return IsDone(words.name("a framer"), negated=negated)
    if clause[0] == "status" and "is" in clause and clause.index("is") == 2:
        words.take("status")
        return _special(words, clause[1:], framer, negated)
    if "is" in clause:
        return _special(words, clause, framer, negated)
    if clause[0] in CLOCKS and clause[1:2] != ("in",):
        return _clock(words, framer, negated)
    return _plain(words, negated)


def _special(words: Cursor, clause: tuple[str, ...], framer: str, negated: bool) -> Need:
    """`... is updated|changed|done|STATUS`."""
    at = clause.index("is")
    participle = clause[at + 1] if at + 1 < len(clause) else ""
    if participle in ("updated", "changed"):
        return _marked(words, cast(Any, participle), negated)
    if participle == "done":
        return _is_done(words, framer, negated)
    if participle in STATUSES:
        name = words.name("a framer")
        words.expect("is")
        return HasStatus(name, words.take("a status"), negated)
    known = ", ".join(("updated", "changed", "done", *STATUSES))
    raise Wrong(f"{words.verb}: after is comes one of {known}, not {participle or 'the end'}")


def _marked(words: Cursor, kind: Literal["updated", "changed"], negated: bool) -> Marked:
    share = Source(address(words))
    words.expect("is")
    words.take(kind)
    frame = marker = ""
    while words.peek in ("in", "by"):
        if words.take("in") == "in":
            words.expect("frame")
            frame = words.name("a frame") if words.peek and words.peek not in RESERVED else "me"
        else:
            marker = words.take("a marker").strip("\"'")
    return Marked(share, kind, frame, marker, negated)


def _is_done(words: Cursor, here: str, negated: bool) -> IsDone:
    first = words.take("a framer")
    aux = first in ("aux", "any", "all")
    name = words.name("an auxiliary") if first == "aux" else first
    frame, framer = ("me" if first in ("any", "all") else ""), ("me" if aux else "")
    while words.skip("in"):
        aux, framer = True, framer or "me"
        place = words.expect("frame", "framer")
        given = words.name(f"a {place}") if words.peek not in RESERVED else "me"
        if place == "frame":
            frame = given
        else:
            framer = given
    words.expect("is")
    words.expect("done")
    if not NAME.match(name):
        raise Wrong(f"{words.verb}: {name} cannot be the name of a framer")
    if frame == "me" and framer not in ("me", here):
        raise Wrong(f"{words.verb}: of which frame of framer {framer}? This one is of framer {here}")
    return IsDone(name, aux, frame, framer, negated)


def _clock(words: Cursor, framer: str, negated: bool) -> Compare:
    """`elapsed|recurred [re [me|NAME]] cmp goal`."""
    kind = words.take("elapsed or recurred")
    if words.skip("re") and words.peek and words.peek not in RESERVED:
        other = words.name("a framer")
        if other not in ("me", framer):
            raise Wrong(f"{words.verb}: {kind} is asked of {framer or 'this framer'}, not of {other}")
    comparison = words.expect(*COMPARISONS)
    goal = Source(f"framer.me.goal.{kind}", ("value",)) if words.skip("goal") else _goal(words)
    return Compare(Source(f"framer.me.state.{kind}", ("value",)), comparison, goal, _tolerance(words), negated)


def _plain(words: Cursor, negated: bool) -> Need:
    """`[field in] path [cmp goal [+- tolerance]]`."""
    state = source(words)
    if len(state.fields) > 1:
        raise Wrong(f"{words.verb}: a need is about one field, not {', '.join(state.fields)}")
    comparison = words.skip(*COMPARISONS)
    if not comparison:
        return Truth(state, negated)
    return Compare(state, comparison, _goal(words), _tolerance(words), negated)


def _goal(words: Cursor) -> Any:
    if words.peek == "value" and words.rest[1:2] not in ((), ("in",)) and words.rest[1] not in RESERVED:
        words.take("value")
        return value(words.take("a value"), words.verb)
    if not words.peek or words.peek in RESERVED:
        raise Wrong(f"{words.verb}: a value or a share is missing behind the comparison")
    plain, found = literal(words.peek)
    if plain:
        words.take("a value")
        return found
    found = source(words, "a goal")
    if len(found.fields) > 1:
        raise Wrong(f"{words.verb}: a need is about one field, not {', '.join(found.fields)}")
    return found


def _tolerance(words: Cursor) -> float:
    return abs(words.number("the tolerance")) if words.skip("+-") else 0.0
