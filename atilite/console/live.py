"""The live page of a run: a response that stays open and gets what is new, without script and without a thread."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from markupsafe import Markup

from atilite.console import lines, run, states, words
from atilite.console.desk import Visit
from atilite.console.feeds import Feed
from atilite.console.lines import Fact, Line
from atilite.console.run import Head, Item
from atilite.console.states import State
from atilite.console.words import Clockface
from atilite.quickly import dataclass
from atilite.store.runs import Headline, Progress

FIRST = 500
AT_ONCE = 500
MOST = 5000
# Seconds between two pieces: some, and so many times as long as the last one took. So a run that writes without a
# break goes on nearly as fast as with nobody watching.
PAUSE, REST, LONGEST = 0.1, 20, 2.0
BEAT = 20.0
REFRESH = 3
MARK = "\x00"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the run stands: the line that is always on top. The last one links the finished page."""

    state: State
    text: str = ""
    percent: int | None = None
    small: str = ""
    href: str = ""

    @property
    def key(self) -> tuple[str, str, int | None]:
        """What must differ for the line to be sent again."""
        return self.state.kind, self.text, self.percent


@dataclass(frozen=True, slots=True)
class News:
    """A piece of the stream: records, and how the run stands now if that changed."""

    records: tuple[Item, ...]
    note: str
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class LivePage(Head):
    """A run that still goes on."""

    facts: tuple[Fact, ...]
    before: tuple[Line, ...]


def standing(headline: Headline, progress: Progress | None, face: Clockface, href: str = "") -> Standing:
    """How a run stands, from its headline and what it last said of its progress."""
    state = states.of_run(headline.status)
    if headline.status not in states.UNFINISHED:
        span = words.took(headline.duration)
        error = lines.error_line(headline)
        return Standing(state, f"after {span.words}" if span else "", None, error, href)
    if progress is None:
        since = face.time(headline.started_at).clock
        return Standing(state, small=f"since {since}")
    if not progress.total:
        return Standing(state, progress.text, None, words.plainly(progress.done) if progress.done else "")
    share = max(0.0, min(1.0, progress.done / progress.total))
    percent = int(100 * share)
    elapsed = (face.now - headline.started_at).total_seconds()
    seconds = round(elapsed * (1 - share) / share) if share else 0
    left = f" \u00b7 about {words.duration(seconds)} left" if seconds else ""
    return Standing(state, progress.text, percent, f"{percent} %{left}")


class Stream:
    """What one page has sent so far, and the next piece of it. Steps run in task threads, one at a time."""

    def __init__(self, visit: Visit, number: int) -> None:
        self._visit, self._number = visit, number
        self._last, self._sent = 0, 0
        self._shown: tuple[str, str, int | None] | None = None
        self.over = False  # the run has ended; what it said last may be still to come
        self.behind = False  # there was more than one piece takes
        self.ended = False  # all has been sent

    def first(self) -> str:
        """The newest of the records that are there already."""
        found = self._visit.reads.journals.records(self._number, limit=FIRST, newest_first=True)
        return self._piece(list(reversed(found)), self._headline())

    def more(self) -> str:
        """What came since the last piece, "" for nothing."""
        # The headline first: when it says that the run has ended, all of its records are there.
        headline = self._headline()
        self.over = headline is not None and headline.status not in states.UNFINISHED
        room = min(AT_ONCE, MOST - self._sent)
        found = self._visit.reads.journals.records(self._number, after=self._last, limit=room) if room else []
        self.behind = bool(found) and len(found) == room < MOST - self._sent
        return self._piece(found, None if self.behind else headline)

    def _headline(self) -> Headline | None:
        return self._visit.reads.stored(self._number)

    def _piece(self, records: list[Any], headline: Headline | None) -> str:
        if records:
            self._last = records[-1].id
        self._sent += len(records)
        face = Clockface(self._visit.desk.clock.now(), self._visit.face.zone)
        now = self._standing(headline, face) if headline is not None else None
        if not records and now is None:
            return ""
        full = f"{words.number(MOST)} records are shown; the others are on the page of the finished run"
        news = News(run.items(records, face), full if records and self._sent == MOST else "", now)
        text: str = self._visit.desk.app.templates.render("stream.html", {"news": news})
        return text

    def _standing(self, headline: Headline, face: Clockface) -> Standing | None:
        self.ended = headline.status not in states.UNFINISHED
        progress = None if self.ended else self._visit.reads.journals.progress(self._number)
        now = standing(headline, progress, face, f"{self._visit.at}/runs/{self._number}")
        if now.key == self._shown:
            return None
        self._shown = now.key
        return now


def page(visit: Visit, headline: Headline, *, streaming: bool) -> LivePage:
    """What stands around the records of a run that still goes on."""
    history = visit.reads.recent(headline.operation, run.RECENT, headline.id)
    top = run.head(visit, headline, streaming=streaming)
    return LivePage(
        **{name: getattr(top, name) for name in Head.__dataclass_fields__},
        facts=run.facts(visit, headline, history),
        before=tuple(lines.line(one, visit.face) for one in history[: run.BEFORE]),
    )


def snapshot(visit: Visit, headline: Headline, *, refresh: bool) -> str:
    """The page as it stands, complete; `refresh` when too many live pages are open for this one to be another."""
    told = ""
    if refresh:
        visit.was.response.set_header("Refresh", str(REFRESH))
        told = f"{visit.desk.feeds.count} live pages are open, so this one loads again every {REFRESH} s"
    stream = Stream(visit, headline.id).first()
    return visit.render("run_live.html", page(visit, headline, streaming=False), effort=told, stream=Markup(stream))


def stream(visit: Visit, headline: Headline, feed: Feed) -> Generator[Any, Any, None]:
    """The page that stays open. Yields HTML and promises; closed when the client leaves."""
    was, runtime, clock = visit.was, visit.desk.app.runtime, visit.desk.clock
    told = f"streaming, {words.plural(visit.desk.feeds.count, 'live page')} open"
    try:
        whole = visit.render("run_live.html", page(visit, headline, streaming=True), effort=told, stream=MARK)
        top, bottom = whole.split(MARK)
        told_so_far = Stream(visit, headline.id)
        yield top + told_so_far.first()
        while not told_so_far.ended:
            if not told_so_far.behind:
                news = feed.news()
                timer = runtime.loop.call_later(BEAT, news.set, None)
                yield news
                timer.cancel()
            began = clock.monotonic()
            yield told_so_far.more() or "\n"
            if not told_so_far.over:
                yield was.Sleep(min(LONGEST, max(PAUSE, REST * (clock.monotonic() - began))))
        yield bottom
    finally:
        feed.close()
