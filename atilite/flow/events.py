"""What happens in a plan, as JSON objects in the order in which it happens."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from atilite.errors import FlowError
from atilite.flow.cursor import nearest
from atilite.flow.house import House
from atilite.flow.shares import Share

Tell = Callable[[dict[str, Any]], None]


def rounded(seconds: float) -> float:
    """A time as it is told: in microseconds, so that sums of periods read as they should."""
    return round(seconds, 6)


class Telling:
    """Turns what houses tell into objects with t, event, framer and facts, and gives them to `tell`.

    The shares of `watch` are told after each turn in which their values changed, the first turn included. FlowError
    for one that no house has.
    """

    def __init__(
        self, houses: Sequence[House], tell: Tell, *, watch: Iterable[str] = (), detailed: bool = True
    ) -> None:
        self._tell = tell
        self._many = len(houses) > 1
        found = (one for path in watch for one in _found(houses, path))
        # Whoever names a share twice is told of it once.
        self._watched = list({(one.house.name, one.share.path): one for one in found}.values())
        for house in houses:
            house.listen(self._listener(house), detailed=detailed)

    def turned(self) -> None:
        """Tell the watched shares that have changed. After each turn."""
        for one in self._watched:
            shown = plain(one.share.shown) if one.share.fields else None
            if not one.told or shown != one.last:
                one.told, one.last = True, copy.deepcopy(shown)  # a list may be changed in its place
                self._say(one.house, "share", {"path": one.share.path, "value": shown})

    def _listener(self, house: House) -> Callable[[str, str, dict[str, Any]], None]:
        def listen(event: str, framer: str, facts: dict[str, Any]) -> None:
            if "after" in facts:
                facts = {**facts, "after": rounded(facts["after"])}
            if "fields" in facts:
                facts = {**facts, "fields": plain(facts["fields"])}
            self._say(house, event, {"framer": framer, **facts})

        return listen

    def _say(self, house: House, event: str, facts: dict[str, Any]) -> None:
        told = {"t": rounded(house.store.stamp or 0.0), "event": event, **facts}
        if self._many:
            told["house"] = house.name
        self._tell(told)


def _found(houses: Sequence[House], path: str) -> Iterator[_Watched]:
    """The share of each house that has one at a path. FlowError if none has."""
    having = [house for house in houses if house.store.find(path) is not None]
    if not having:
        known = [share.path for house in houses for share in house.store]
        raise FlowError(f"there is no share {path} to watch{nearest(path, known)}")
    return (_Watched(house, house.store.share(path)) for house in having)


class _Watched:
    """One share, and what was told of it last."""

    def __init__(self, house: House, share: Share) -> None:
        self.house, self.share = house, share
        self.told, self.last = False, None


def plain(value: Any) -> Any:
    """A value that JSON has; a text of anything else."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        if isinstance(value, dict):
            return {str(name): plain(one) for name, one in value.items()}
        return repr(value)
    return value


def line_of(told: dict[str, Any]) -> str:
    """One object as one line of text for people: when, who, and what."""
    facts = {name: value for name, value in told.items() if name not in ("t", "event", "framer", "house")}
    who = ".".join(str(told[name]) for name in ("house", "framer") if name in told)
    event = told["event"]
    if event == "transition":
        said = f"{_outline(facts['from'])} -> {_outline(facts['to'])}  ({facts['cause']}, after {facts['after']:g} s)"
    elif event in ("suspend", "resume"):
        said = f"{facts['aux']} in {facts['by']}  ({facts['cause']}, after {facts['after']:g} s)"
    elif event == "print":
        said = " ".join([str(facts["text"]), *(f"{name}={value!r}" for name, value in facts.get("fields", {}).items())])
    elif event == "share":
        said = f"{facts['path']} = {facts['value']!r}"
    elif event == "end":
        said = f"{facts['turns']} turns{': ' + facts['failure'] if facts['failure'] else ''}"
    elif event == "fault":
        said = f"{'in ' if facts['frame'] else ''}{facts['frame']}, line {facts['line']}: {facts['error']}".lstrip(", ")
    else:
        said = " ".join(str(value) for value in facts.values())
    return f"{told['t']:10.3f}  {event:<10}  {who}  {' '.join(said.splitlines())}".rstrip()


def _outline(names: Sequence[str]) -> str:
    return " > ".join(names)
