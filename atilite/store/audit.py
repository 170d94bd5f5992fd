"""The audit trail: who changed what, with which parameters, from where, and what came of it.

Entries are only added, and removed when they are old or too many: with every hundredth one, in its transaction. What
strangers have tried is counted apart, so that they push nothing out of the trail.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..quickly import dataclass
from .columns import clean, decode, encode, micros, moment
from .database import Database
from .writer import Done

if TYPE_CHECKING:
    from .retention import Limits

# The word for what strangers do, and how many such entries are kept at most.
FAILED_LOGIN = "failed log in"
MOST_FAILED = 1000
# Characters of one text: nobody shall fill the disk with names.
LONGEST = 2000
SWEPT_EVERY = 100

_ADD = """INSERT INTO audit(at, who, via, address, what, target, parameters, result, run)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_FORGET = "DELETE FROM audit WHERE at < ?"
_FORGET_MORE = """DELETE FROM audit WHERE (what = ?) = ? AND id <=
(SELECT id FROM audit WHERE (what = ?) = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"""
_SEARCH = "SELECT id, at, who, via, address, what, target, parameters, result, run FROM audit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `via` is console, api or cli; `result` is "done" or why it was not; `run` is the run it began."""

    id: int
    at: datetime
    who: str
    via: str
    address: str
    what: str
    target: str
    parameters: dict[str, Any]
    result: str
    run: int | None

    @property
    def done(self) -> bool:
        """Whether it took place."""
        return self.result == "done"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search is for; "" and None take everything. `text` is looked for in target, parameters and result."""

    who: str = ""
    via: str = ""
    what: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Audit:
    """The audit trail of a database. `database.part(Audit)` is the one of a process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # How much is kept. Whoever owns the database says it; a command beside a server removes nothing.
        self.keep: Limits | None = None
        # Touched by the writer's thread only; the first entry sweeps what another process has added.
        self._unswept = SWEPT_EVERY

    def add(
        self,
        what: str,
        *,
        who: str,
        via: str,
        target: str = "",
        address: str = "",
        parameters: Mapping[str, Any] | None = None,
        result: str = "done",
        run: int | None = None,
        done: Done | None = None,
        urgent: bool = True,
    ) -> None:
        """Queue an entry; any thread, never blocks. `done` gets its number. Secrets are the caller's to mask.

        One that is not `urgent` waits a moment for company, as what only tells of something that is stored already can.
        """
        now = self._database.clock.now()
        told = encode(dict(parameters), "parameters") if parameters else "{}"
        if len(told) > LONGEST:
            told = encode({"...": f"{len(told)} characters"})
        texts = [clean(text)[:LONGEST] for text in (who, via, address, what, target)]
        row = (micros(now), *texts, told, clean(result)[:LONGEST], run)

        def write(connection: sqlite3.Connection) -> int:
            id = int(connection.execute(_ADD, row).lastrowid or 0)
            self._unswept += 1
            if self.keep is not None and self._unswept >= SWEPT_EVERY:
                self._unswept = 0
                _sweep(connection, self.keep, now)
            return id

        self._database.writer.submit(write, done, urgent=urgent)

    def search(self, wanted: Wanted | None = None, *, before: int | None = None, limit: int = 50) -> list[Entry]:
        """The entries that fit, newest first, those before the entry `before`. Any thread."""
        conditions, values = _conditions(wanted or Wanted())
        if before is not None:
            conditions.append("id < ?")
            values.append(before)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"{_SEARCH}{where} ORDER BY id DESC LIMIT ?"
        rows = self._database.connection().execute(statement, (*values, limit)).fetchall()
        return [_entry(*row) for row in rows]


def _sweep(connection: sqlite3.Connection, keep: Limits, now: datetime) -> None:
    if keep.days is not None:
        connection.execute(_FORGET, (micros(now - timedelta(days=keep.days)),))
    if keep.runs is not None:
        for failed, most in ((0, keep.runs), (1, min(MOST_FAILED, keep.runs))):
            connection.execute(_FORGET_MORE, (FAILED_LOGIN, failed, FAILED_LOGIN, failed, most))


def _entry(id: int, at: int, *rest: Any) -> Entry:
    who, via, address, what, target, told, result, run = rest
    return Entry(id, moment(at), who, via, address, what, target, decode(told), result, run)


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for column in ("who", "via", "what"):
        if asked := getattr(wanted, column):
            conditions.append(f"{column} = ?")
            values.append(asked)
    for bound, comparison in ((wanted.since, ">="), (wanted.until, "<")):
        if bound is not None:
            conditions.append(f"at {comparison} ?")
            values.append(micros(bound))
    if wanted.text:
        conditions.append("instr(lower(target || ' ' || parameters || ' ' || result), lower(?))")
        values.append(wanted.text)
    return conditions, values
