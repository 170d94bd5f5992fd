"""What needs a person: actions that fail, services that do not stay up, a disk that is full. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from atilite.console import states, vitals, words
from atilite.console.lines import HTML_ONLY, action_path, error_line
from atilite.console.states import State
from atilite.console.words import Clockface, Moment
from atilite.quickly import dataclass
from atilite.store.newest import Glance
from atilite.store.runs import Headline

UNWELL = frozenset({"failed", "restarting", "backoff"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that needs attention, with the way out: a page to read and, if allowed, a button."""

    name: str
    state: State
    what: str
    why: str
    href: str
    see: str = field(metadata=HTML_ONLY)
    since: Moment | None = None
    act: str = field(default="", metadata=HTML_ONLY)
    verb: str = field(default="", metadata=HTML_ONLY)


def failing(latest: Mapping[str, Headline]) -> list[Headline]:
    """The last runs of the actions whose last run did not end well, newest first."""
    bad = [headline for headline in latest.values() if headline.status in states.BAD]
    return sorted(bad, key=lambda headline: headline.id, reverse=True)


def unwell(services: Iterable[Any]) -> list[Any]:
    """The services that are down or keep falling, the failed ones first."""
    return sorted((info for info in services if info.status in UNWELL), key=lambda info: info.status != "failed")


def count(latest: Mapping[str, Headline], services: Iterable[Any]) -> int:
    """How many actions and services need attention: the figure beside Overview."""
    return len(failing(latest)) + len(unwell(services))


def in_a_row(history: Sequence[Headline | Glance]) -> int:
    """How many of the newest runs, newest first, did not end well; unfinished ones are passed over."""
    ended = [run.status in states.BAD for run in history if run.status not in states.UNFINISHED]
    return ended.index(False) if False in ended else len(ended)


def of_action(headline: Headline, history: Sequence[Glance], face: Clockface, again: bool) -> Trouble:
    """The trouble of an action whose last run ended badly; `history` are its last runs, newest first."""
    row = in_a_row(history)
    state = states.of_run(headline.status)
    if row > 1 and headline.status != "interrupted":
        more = "or more " if row == len(history) and row >= 10 else ""
        state, what = State("failed", "Failing"), f"{headline.operation} failed {row} {more}times in a row"
    else:
        what = f"{headline.operation} {state.word.lower() if headline.status != 'interrupted' else 'was interrupted'}"
    why = error_line(headline)
    if headline.status == "interrupted" and not why:
        why = "The program ended before the run did."
    return Trouble(
        headline.operation,
        state,
        what,
        why,
        f"/runs/{headline.id}",
        "See why",
        face.ago(headline.started_at),
        f"/runs/{headline.id}/again" if again else "",
        "Run again",
    )


def of_service(info: Any, face: Clockface, may_run: bool) -> Trouble:
    """The trouble of a service that is down or keeps falling."""
    name, anchor = str(info.name), words.slug(info.name)
    if info.status == "failed":
        what = f"{name} failed and stays down"
    elif info.restarts > 1:
        what = f"{name} restarted {words.plural(info.restarts, 'time')}"
    else:
        what = f"{name} failed and is started again"
    error = str(info.error or "").strip().splitlines()
    verb = "start" if info.status == "failed" else "stop"
    return Trouble(
        name,
        states.of_service(info.status),
        what,
        error[-1] if error else "",
        f"/services#{anchor}",
        "See the error",
        face.ago(info.since) if info.since else None,
        f"/services/{action_path(name).removeprefix('/actions/')}/{verb}" if may_run else "",
        verb.capitalize(),
    )


def of_vital(vital: vitals.Vital) -> Trouble:
    """The trouble of a board that is too hot or too full."""
    return Trouble(
        vital.label, State("high", "High"), f"{vital.label} is high", vital.title, "/settings#board", "See the board"
    )


def verdict(troubles: int) -> str:
    """The heading of the overview."""
    if not troubles:
        return "All is well"
    return f"{words.plural(troubles, 'thing needs', 'things need')} attention"
