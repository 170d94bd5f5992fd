"""The trace of every run: written through the writer thread, read by any thread, told to subscribers once stored."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..clock import Clock
from ..events import Emitter
from .columns import clean, decode, encode, micros
from .database import Database
from .followers import Follower
from .history import FOREVER, History
from .live import LiveRuns, merged, stored_headline
from .removal import remove_runs
from .runs import FINISHED, STATUSES, Filter, Headline, Progress, storable
from .streams import merge, streams
from .walk import Combination, combinations
from .writer import Done

# Characters of a record's message and fields. The page of a run reads many records at a time.
MAX_RECORD = 1 << 20


class Journals(History):
    """All runs of one database: writes here, reads in History. Get the one of a database by `database.part(Journals)`.

    Writes never block and may be done on any thread. `done(value, error)` is called in the writer's thread once the
    write is on the disk; without it the write may wait a moment for company. `updated` and `recorded` emit the id of
    the run after each commit of a change or of a record, `progressed` at each `set_progress`.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        super().__init__(database)
        self._clock = clock or database.clock
        self._writer = database.writer
        self.updated: Emitter[int] = Emitter()
        self.recorded: Emitter[int] = Emitter()
        self.progressed: Emitter[int] = Emitter()
        # How many runs of this process have ended in each way.
        self.ends = dict.fromkeys(sorted(FINISHED), 0)
        self._counting = threading.Lock()
        self._live = LiveRuns(
            database.writer, database.changes, database.record_ids, self.sort_in, self._tell, self.recorded.emit
        )
        if not database.readonly:
            self._text.catch_up()
            self._writer.submit(lambda connection: combinations(connection), self._begin, urgent=False)

    def open(
        self,
        operation: str,
        *,
        description: str = "",
        kind: str = "function",
        trigger: str = "call",
        who: str | None = None,
        parameters: Mapping[str, object] | None = None,
        parent: int | None = None,
        attempt: int = 1,
        labels: Iterable[str] = (),
        status: str = "running",
        follows: Follower | None = None,
        done: Done | None = None,
    ) -> int:
        """Begin a run and return its id, which is known at once; the row follows. `done` gets None.

        `status` is "running" or "queued". It is the start that the note `follows` asked for. Raises TypeError for
        parameters that JSON does not have.
        """
        if status not in ("queued", "running"):
            raise ValueError(f"a run begins queued or running, not {status!r}")
        now = self._clock.now()
        # A copy: what the run does to its parameters later is not what it was called with.
        given = decode(encode(dict(parameters), "parameters")) if parameters else {}
        headline = Headline(
            self._database.journal_ids.next(),
            clean(operation),
            clean(description),
            clean(kind),
            clean(trigger),
            clean(who) if who else None,
            given,
            status,
            now,
            now,
            labels=merged((), map(clean, labels)),
            parent=parent,
            attempt=attempt,
        )
        self._live.begin(headline, done, follows)
        return headline.id

    def stored(self, done: Done) -> None:
        """Call `done` once all that was begun before is on the disk. Any thread, never blocks.

        Whoever is told the number of a run is told it then: the next start would give a lost number to another run.
        """
        self._writer.submit(lambda connection: None, done)

    def start(self, id: int, *, done: Done | None = None) -> bool:
        """Let a queued run begin now; False if it isn't queued any more (then `done` is not called)."""

        def started(headline: Headline) -> Headline | None:
            queued = headline.status == "queued"
            return replace(headline, status="running", started_at=self._clock.now()) if queued else None

        return self._live.change(id, started, done)

    def attempt(self, id: int, number: int, *, done: Done | None = None) -> bool:
        """Note that a run is at its attempt of this number; False if it has ended (then `done` is not called)."""

        def tried(headline: Headline) -> Headline | None:
            return replace(headline, attempt=number) if headline.pending else None

        return self._live.change(id, tried, done)

    def close(
        self,
        id: int,
        status: str,
        *,
        duration: float | None,
        error: str | None = None,
        traceback: str | None = None,
        result: object = None,
        leads: tuple[Follower, ...] = (),
        done: Done | None = None,
        here: bool = False,
    ) -> bool:
        """End a run; False if it has ended already (then the first end stands and `done` is not called).

        `duration` is in seconds. A result that JSON does not have is stored as the text that shows it. With `here`
        this thread, which must be free to block, may be the one that writes it: see `Writer.submit`. With the end it is
        noted that it `leads` to the start of these.
        """
        if status not in FINISHED:
            raise ValueError(f"a run cannot end as {status!r}; known: {', '.join(STATUSES[2:])}")
        kept = storable(result)

        def ended(headline: Headline) -> Headline | None:
            if not headline.pending:
                return None
            return headline.ended(
                status,
                self._clock.now(),
                duration,
                None if error is None else clean(error),
                None if traceback is None else clean(traceback),
                kept,
            )

        closed = self._live.change(id, ended, done, here=here, leads=leads)
        if closed:
            with self._counting:
                self.ends[status] += 1
        return closed

    def record(
        self,
        id: int,
        message: str,
        params: Mapping[str, object] | None = None,
        *,
        source: str = "record",
        level: str | None = None,
        done: Done | None = None,
    ) -> int:
        """Add a message with fields to a run and return the record's id, which `done` gets too.

        Raises TypeError at once for fields that JSON does not have, ValueError for more than MAX_RECORD characters.
        """
        fields = encode(dict(params), f"a field of the record {message[:200]!r}") if params else "{}"
        if len(message) + len(fields) > MAX_RECORD:
            raise ValueError(
                f"a record holds at most {MAX_RECORD} characters, {message[:50]!r} has {len(message) + len(fields)}; "
                "put them into a file or a database and record where"
            )
        return self._live.record(id, micros(self._clock.now()), source, level, clean(message), fields, done)

    def label(self, id: int, labels: Iterable[str], *, done: Done | None = None) -> None:
        """Add labels to a run, also to one that has ended; the ones that it has already are ignored.

        `done` gets None, or LookupError if there is no such run.
        """
        added = tuple(map(clean, labels))

        def labelled(headline: Headline) -> Headline:
            return replace(headline, labels=merged(headline.labels, added))

        def write(connection: sqlite3.Connection) -> tuple[Headline, int]:
            before = stored_headline(connection, id)
            if before is None:
                raise LookupError(f"there is no run {id}")
            headline = labelled(before)
            return headline, self._live.store(connection, headline, before)

        def committed(stored: Any, error: BaseException | None) -> None:
            if error is None:
                self._tell(*stored)
            if done is not None:
                done(None, error)

        if not self._live.change(id, labelled, done):
            self._writer.submit(write, committed)

    def progress(self, id: int) -> Progress | None:
        """Return how far a run of this process is, None if it hasn't said or has ended. Any thread, no I/O."""
        live = self._live.find(id)
        return live.progress if live is not None and live.headline.pending else None

    def set_progress(self, id: int, done: float, total: float | None = None, text: str = "") -> None:
        """Note how far a run is, in memory only, and emit `progressed`. Any thread, never blocks."""
        live = self._live.find(id)
        if live is not None:
            live.progress = Progress(done, total, text)
            self.progressed.emit(id)

    def headline(self, id: int) -> Headline | None:
        """Return a run without its records, None if there is none; also one whose row is not stored yet."""
        live = self._live.find(id)
        return replace(live.headline, change=live.change) if live is not None else super().headline(id)

    def remove(self, ids: Iterable[int], *, done: Done | None = None) -> None:
        """Delete ended runs with all that belongs to them; `done` gets how many there were.

        Runs that go on in this process stay.
        """
        wanted = [id for id in ids if id not in self._live]
        self._writer.submit(lambda connection: remove_runs(connection, wanted, indexed=self._text.available), done)

    def remove_dead(self, *, done: Done | None = None) -> None:
        """Delete the runs that a dead process left behind; `done` gets how many there were."""

        def remove(connection: sqlite3.Connection) -> int:
            interrupted = merge(streams(connection, Filter(status="interrupted")), 0, FOREVER, FOREVER)
            return remove_runs(connection, interrupted, indexed=self._text.available)

        self._writer.submit(remove, done)

    def _tell(self, headline: Headline, change: int) -> None:
        self.written(headline, change)
        self.updated.emit(headline.id)

    def _begin(self, known: list[Combination] | None, error: BaseException | None) -> None:
        # Here, in the writer's thread: every change after it adds its own.
        self._known = None if known is None else set(known)
