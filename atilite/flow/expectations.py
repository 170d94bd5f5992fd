"""What may be expected of a plan: each line becomes somebody who looks at it while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atilite.flow import clauses
from atilite.flow.cursor import Cursor, Wrong, nearest
from atilite.flow.house import House
from atilite.flow.model import Compare, HasStatus, IsDone, Need, Source, Truth
from atilite.flow.needs import comparison
from atilite.flow.shares import Share
from atilite.flow.trials import Trial

Check = Callable[[], bool]


def _house(trial: Trial, words: Cursor) -> None:
    """`house NAME`: what follows is about that one."""
    houses = trial.houses
    trial.house = houses[words.choice("a house", *houses)]
    words.end()


def _at(trial: Trial, words: Cursor) -> None:
    """`at SECONDS NEED`: it holds behind the turn of that time, or behind the last one if the plan ends before."""
    when, place = float(words.number("the time in seconds")), trial.place
    holds, found = _condition(trial, words)
    seen: list[bool] = []

    def judge() -> None:
        seen.append(True)
        if not holds():
            trial.fail(place, f"expected {place.text}, found {found()}")

    def look() -> None:
        if not seen and trial.next > when + 1e-9:
            judge()

    def last() -> None:
        if not seen:
            judge()

    trial.each_turn.append(look)
    trial.at_end.append(last)


def _always(trial: Trial, words: Cursor) -> None:
    """`always NEED`, `never NEED`: behind every turn."""
    wanted, place = words.verb == "always", trial.place
    holds, found = _condition(trial, words)
    failed: list[float] = []

    def look() -> None:
        if not failed and holds() is not wanted:
            failed.append(trial.now)
            trial.fail(place, f"expected {place.text}, but at {trial.now:g} found {found()}")

    trial.each_turn.append(look)


def _once(trial: Trial, words: Cursor) -> None:
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


def _transitions(trial: Trial, words: Cursor) -> None:
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


def _prints(trial: Trial, words: Cursor) -> None:
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


def _faults(trial: Trial, words: Cursor) -> None:
    """`faults FRAMER`: a behaviour of it fails, which nothing else may."""
    framer, place = trial.framer(words), trial.place
    words.end()
    trial.faults.add((trial.house.name, framer.name))
    trial.at_end.append(lambda: None if framer.fault else trial.fail(place, f"expected {place.text}, found no fault"))


def _ends(trial: Trial, words: Cursor) -> None:
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


VERBS: dict[str, Callable[[Trial, Cursor], None]] = {
    "house": _house, "at": _at, "always": _always, "never": _always, "once": _once, "transitions": _transitions,
    "prints": _prints, "faults": _faults, "ends": _ends,
}  # fmt: skip


# -- conditions -------------------------------------------------------------------------------------------------------


def _condition(trial: Trial, words: Cursor) -> tuple[Check, Callable[[], str]]:
    """Whether something holds, and what is found in its place: needs as in a script, or `FRAMER in FRAME`."""
    pairs = [_part(trial, words)]
    while words.skip("and"):
        pairs.append(_part(trial, words))
    words.end()
    return (lambda: all(holds() for holds, _ in pairs)), (lambda: ", ".join(found() for _, found in pairs))


def _part(trial: Trial, words: Cursor) -> tuple[Check, Callable[[], str]]:
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


def _in_frame(trial: Trial, words: Cursor) -> tuple[Check, Callable[[], str]]:
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
