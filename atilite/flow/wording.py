"""Acts and needs as FloScript says them, one sentence each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from atilite.flow.cursor import PATH, literal
from atilite.flow.lines import RESERVED
from atilite.flow.model import (
    Act,
    Aux,
    Bid,
    Call,
    Compare,
    Context,
    Data,
    Do,
    Done,
    Fiat,
    Go,
    HasStatus,
    Inc,
    IsDone,
    Let,
    Marked,
    Need,
    Print,
    Put,
    Raze,
    Rear,
    Source,
    Test,
    Truth,
)
from atilite.flow.paths import camel_case, split_name
from atilite.flow.sentences import FIATS

# The clocks and goals of the framer itself have words of their own.
_CLOCKS = {f"framer.me.state.{name}": name for name in ("elapsed", "recurred")}
_GOALS = {f"framer.me.goal.{name}": name for name in ("elapsed", "recurred")}


def native_context(act: Act) -> Context:
    """The context of an act where none is said."""
    match act:
        case Go():
            return "precur"
        case Let():
            return "benter"
        case Aux():
            return "precur" if act.needs else "enter"
        case Do():
            return "recur"
        case Fiat():
            return FIATS[act.control]
        case Raze():
            return "exit"
    return "enter"


def is_fixed(act: Act) -> bool:
    """Whether its context cannot be said: it belongs to where transitions and guards are looked at."""
    return isinstance(act, Go | Let | Aux)


def sentence(act: Act) -> str:
    """What an act is in a script. Functions of Python, which no script has, are there with their names."""
    match act:
        case Put():
            return _put(act)
        case Inc():
            return f"inc {source(act.dest)} {_given(act.dest, act.data, act.source)}"
        case Print():
            return f"print {quoted(act.text)}" if act.text else "print"
        case Go():
            return _go(act)
        case Let():
            return f"let {_if(act.needs)}"
        case Aux():
            return _joined("aux", act.framer, _clause("as", act.clone), _clause("via", act.via), _if(act.needs))
        case Rear():
            return f"rear {act.framer} in frame {act.frame}"
        case Raze():
            return f"raze {act.which}" + (f" in frame {act.frame}" if act.frame != "me" else "")
        case Do():
            return _do(act)
        case Bid():
            period = source(act.period) if isinstance(act.period, Source) else number(act.period)
            return _joined("bid", act.control, *act.names, _clause("at", period))
        case Fiat():
            return f"{act.control} {act.name}"
        case Done():
            return " ".join(("done", *(() if act.names == ("me",) else act.names)))
        case Call():
            return f"call {name_of(act.function)}"


def name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def kind_of(act: Do) -> str:
    """The name of the behaviour that is called, also where it stands in the act itself."""
    if isinstance(act.kind, str):
        return act.kind
    declared = getattr(act.kind, "__behavior__", act.kind)
    return getattr(declared, "name", None) or camel_case(name_of(declared))


def _put(act: Put) -> str:
    if act.goal:
        goal = _GOALS.get(act.dest.path) if act.dest.fields == ("value",) else None
        return f"set {goal or source(act.dest)} {_given(act.dest, act.data, act.source)}"
    if act.source is not None:
        return f"copy {source(act.source)} into {source(act.dest)}"
    return f"put {_fitted(act.dest, act.data)} into {source(act.dest)}"


def _given(dest: Source, data: Data, given: Source | None) -> str:
    return f"from {source(given)}" if given is not None else f"with {_fitted(dest, data)}"


def _fitted(dest: Source, pairs: Data) -> str:
    """The data, without names where the destination has named one field."""
    if len(dest.fields) == 1 and len(pairs) == 1:
        return word(pairs[0][1])
    return data(pairs)


def _go(act: Go) -> str:
    if act.far == "next" and len(act.needs) == 1:
        (need,) = act.needs
        if isinstance(need, Compare) and need.comparison == ">=" and not need.negated and not need.tolerance:
            clock = _CLOCKS.get(need.state.path)
            if clock == "elapsed" and type(need.goal) in (int, float):
                return f"timeout {word(need.goal)}"
            if clock == "recurred" and type(need.goal) is int:
                return f"repeat {word(need.goal)}"
    return _joined("go", act.far, _if(act.needs))


def _do(act: Do) -> str:
    name = " ".join(split_name(act.name))
    return _joined(
        "do", *split_name(kind_of(act)), _clause("as", name), _clause("via", act.via),
        *_clauses("with", act.data), *(f"from {source(one)}" for one in act.sources),
        *_clauses("per", act.ios), *(f"for {source(one)}" for one in act.io_sources),
        *_clauses("cum", act.inits), *(f"qua {source(one)}" for one in act.init_sources),
    )  # fmt: skip


def _clauses(connective: str, pairs: Data) -> Iterable[str]:
    """One clause with all pairs, or one for each if a name is there twice or stands alone."""
    names = [name for name, _ in pairs]
    if len(pairs) > 1 and (len(set(names)) < len(names) or "value" in names):
        return [f"{connective} {data((pair,))}" for pair in pairs]
    return [f"{connective} {data(pairs)}"] if pairs else []


def _clause(connective: str, said: str | None) -> str:
    return f"{connective} {said}" if said else ""


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


# -- needs ------------------------------------------------------------------------------------------------------------


def _if(needs: tuple[Need, ...]) -> str:
    return "if " + " and ".join(need(one) for one in needs) if needs else ""


def need(need: Need) -> str:
    """What a need is in a script."""
    return f"{'not ' if need.negated else ''}{_plain(need)}"


def _plain(need: Need) -> str:
    match need:
        case Compare():
            return _compare(need)
        case Truth():
            return source(need.state)
        case Marked():
            return _joined(
                source(need.share), f"is {need.kind}", _clause("in frame", need.frame), _clause("by", need.marker)
            )
        case HasStatus():
            return f"{need.framer} is {need.status}"
        case IsDone():
            return _is_done(need)
        case Test():
            return name_of(need.function)


def _compare(need: Compare) -> str:
    value = ("value",)
    clock = _CLOCKS.get(need.state.path) if need.state.fields == value else None
    if not isinstance(need.goal, Source):
        goal = quoted(need.goal) if isinstance(need.goal, str) else word(need.goal)
    elif clock and need.goal == Source(f"framer.me.goal.{clock}", value):
        goal = "goal"
    else:
        goal = source(need.goal)
    tolerance = "" if repr(need.tolerance) == "0.0" else number(need.tolerance)
    return _joined(clock or source(need.state), need.comparison, goal, _clause("+-", tolerance))


def _is_done(need: IsDone) -> str:
    if not need.aux:
        return f"{need.framer} is done"
    one = need.framer if need.framer in ("any", "all") else f"aux {need.framer}"
    framer = need.in_framer if need.in_framer != "me" else ""
    return _joined(one, _clause("in frame", need.in_frame), _clause("in framer", framer), "is done")


# -- words ------------------------------------------------------------------------------------------------------------


def source(source: Source) -> str:
    """A share, with the fields that are meant."""
    return str(source)


def data(pairs: Data) -> str:
    """Fields and their values; a single value without the name of its field."""
    if len(pairs) == 1 and pairs[0][0] == "value":
        return word(pairs[0][1])
    return " ".join(f"{name} {word(value)}" for name, value in pairs)


def word(value: Any) -> str:
    """A value of data. A path is a word of its own, any other text has quotes."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = "." in value and value not in RESERVED and PATH.match(value) and not literal(value)[0]
        return value if plain else quoted(value)
    return repr(value)


def quoted(text: str) -> str:
    """A text in quotes of the kind that it does not have itself."""
    return f"'{text}'" if '"' in text else f'"{text}"'


def number(value: float | None) -> str:
    return "" if value is None else repr(value)
