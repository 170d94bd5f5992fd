"""The page of what comes and goes by itself: channels of notifications, triggers, subscribers of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any
from urllib.parse import quote

from atilite.console import words
from atilite.console.flash import Flash
from atilite.console.lines import HTML_ONLY, action_path
from atilite.console.states import State
from atilite.console.words import Clockface, Moment
from atilite.errors import Error
from atilite.quickly import dataclass

NEWEST = 20
STATES = {
    "waiting": State("queued", "Waiting"),
    "sent": State("succeeded", "Sent"),
    "given up": State("failed", "Given up"),
}
WELL, UNWELL, UNUSED = State("succeeded", "Well"), State("failed", "Failing"), State("never", "Not used yet")
KINDS = {"event": "event", "file": "files", "message": "messages"}


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel; `test` is where its button leads."""

    name: str
    state: State
    counts: str
    error: str
    last: Moment | None
    test: str = field(metadata=HTML_ONLY)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts an action."""

    action: str
    path: str = field(metadata=HTML_ONLY)
    kind: str
    source: str
    fired: str
    last: Moment | None
    error: str


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A function that events are told to."""

    name: str
    events: str
    state: State
    counts: str
    error: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was told, or will be."""

    id: int
    channel: str
    text: str
    when: Moment
    state: State
    error: str
    run: int | None


@dataclass(frozen=True, slots=True)
class NoticesPage:
    """Everything the page shows."""

    summary: str
    channels: tuple[Channel, ...]
    triggers: tuple[Trigger, ...]
    subscribers: tuple[Subscriber, ...]
    newest: tuple[Notice, ...]
    title: str = field(default="Notices", metadata=HTML_ONLY)


def channel(info: Any, face: Clockface, may_test: bool) -> Channel:
    """A channel for the page."""
    used = info.waiting or info.sent or info.given_up or info.last
    state = UNWELL if info.error else WELL if used else UNUSED
    counts = [f"{words.number(count)} {word}" for count, word in
              ((info.waiting, "waiting"), (info.sent, "sent"), (info.given_up, "given up")) if count]  # fmt: skip
    test = f"/notices/{quote(info.name, safe='')}/test" if may_test else ""
    return Channel(info.name, state, ", ".join(counts), info.error or "", _ago(info.last, face), test)


def trigger(info: Any, face: Clockface) -> Trigger:
    """A trigger for the page."""
    return Trigger(
        info.action, action_path(info.action), KINDS.get(info.kind, info.kind), info.source,
        words.plural(info.fired, "run"), _ago(info.last, face), info.error or "",
    )  # fmt: skip


def subscriber(info: Any) -> Subscriber:
    """A subscriber for the page."""
    counts = [words.plural(info.calls, "event")]
    if info.failures:
        counts.append(f"{words.number(info.failures)} failed")
    if info.waiting:
        counts.append(f"{words.number(info.waiting)} waiting")
    state = WELL if info.well else UNWELL
    return Subscriber(info.name, ", ".join(info.events), state, ", ".join(counts), info.error or "")


def notice(letter: Any, face: Clockface) -> Notice:
    """A notification for the page."""
    told = letter.content
    text = f"{told.get('action', '')}: {told.get('kind', '')}, {told.get('error') or told.get('status', '')}"
    return Notice(
        letter.id, letter.channel, words.short(text, 200), face.ago(letter.created),
        STATES.get(letter.state, UNUSED), letter.error or "", told.get("run"),
    )  # fmt: skip


def _ago(at: Any, face: Clockface) -> Moment | None:
    return face.ago(at) if at is not None else None


def summary(channels: Sequence[Channel]) -> str:
    """The verdict: `1 of 2 channels fails`."""
    failing = sum(one.state is UNWELL for one in channels)
    if not channels:
        return "Nobody is told of failures yet."
    told = words.plural(len(channels), "channel")
    return f"{failing} of {told} failing" if failing else f"{told}, none failing"


def page(visit: Any) -> NoticesPage:
    """Read everything and present it."""
    catalogue, face = visit.reads.catalogue, visit.face
    channels = tuple(channel(info, face, visit.may("run")) for info in catalogue.notices.channels)
    return NoticesPage(
        summary(channels),
        channels,
        tuple(trigger(info, face) for info in catalogue.triggers),
        tuple(subscriber(info) for info in catalogue.subscribers),
        tuple(notice(letter, face) for letter in catalogue.notices.recent(NEWEST)),
    )


def send_test(visit: Any) -> Any:
    """Send a test to a channel and say what it answered."""
    name = visit.path("name")
    try:
        visit.reads.catalogue.notices.test(name)
    except LookupError as unknown:
        raise Error(404, str(unknown.args[0])) from None
    except Exception as error:
        # Whatever it is: a refused connection, a wrong password, a bug in a function of the user's.
        text = f"{name} did not take the test: {type(error).__name__}: {error}"
        return visit.go("/notices", Flash(words.short(text, 400)))
    return visit.go("/notices", Flash(f"{name} took the test."))
