"""Words to runs: FTS5 where this SQLite has it, a look through the newest runs where not.

A run is indexed some time after its end, many at once, because three more changed pages a run would be too many for an
SD card, and when nothing else is written, because it takes longer than storing the run. Until then it is looked through
word by word. The other conditions of a filter are words of the index too, so a common word with a rare status costs no
more than the word.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from .counters import marked
from .database import Database
from .migrations import has_fts5
from .runs import COLUMNS, Filter, Headline, headline_of
from .streams import merge, streams
from .words import Choice, asked_words, fits, listed, query, run_text, run_words, says, value_words

# So many ended runs are indexed together, and at most so many in one transaction.
TOGETHER = 50
CHUNK = 500
# With so many the wait for leisure is over: fewer than what is looked through, so that the oldest are found.
BACKLOG = 2000
# A beginning stands for so many words at most, the first ones of the alphabet.
CHOICES = 200
# So many of the newest runs are looked through at most, and so many at a time.
SCANNED, PORTION = 5000, 200
# So many records of a run are searched.
MESSAGES = 1000

_FIND = "SELECT rowid FROM search WHERE search MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?"
_BEGINNING = "SELECT text FROM word WHERE text >= ? AND text < ? ORDER BY text LIMIT ?"
_LIST = "INSERT OR IGNORE INTO word(text) VALUES (?)"
_INDEXED = "SELECT 1 FROM search WHERE rowid = ?"
_PUT = "INSERT OR REPLACE INTO search(rowid, text) VALUES (?, ?)"
_NEXT = f"SELECT {COLUMNS} FROM journal WHERE id > ? ORDER BY id LIMIT ?"
_NEWEST = f"SELECT {COLUMNS} FROM journal WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?"
_ONE = f"SELECT {COLUMNS} FROM journal WHERE id = ?"
_SEVERAL = f"SELECT {COLUMNS} FROM journal WHERE id IN "
_MESSAGES = f"SELECT message FROM record WHERE journal = ? ORDER BY id LIMIT {MESSAGES}"
_MESSAGES_OF = "SELECT journal, message FROM record WHERE journal IN "
_MARK = "INSERT INTO mark(name, value) VALUES ('search', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"


class TextIndex:
    """The text index of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        connection = database.connection()
        self.available = is_available(connection)
        # Every ended run up to the cursor is in the index, except the late ones: they had not ended when it passed.
        self._state: tuple[int, frozenset[int]] = (marked(connection, "search"), frozenset())
        self._changed: set[int] = set()
        self._scheduled: set[bool] = set()  # True now, False at leisure

    def catch_up(self) -> None:
        """Index what an earlier process has left. Any thread, does not wait."""
        if self.available:
            self._schedule()

    def ended(self, id: int) -> None:
        """Note that a run has ended, or an ended one has changed, and is stored. Writer's thread."""
        if self.available:
            self._changed.add(id)
            if len(self._changed) >= BACKLOG:
                self._schedule(now=True)
            elif len(self._changed) >= TOGETHER:
                self._schedule()

    def find(self, connection: sqlite3.Connection, filter: Filter, low: int, high: int, most: int) -> list[int]:
        """Return the newest `most` runs of `filter` between two ids, newest first. Any thread."""
        asked = asked_words(filter.text or "")
        if not asked:
            return []
        if not self.available:
            return self._look_through(connection, filter, asked, low, high, most)
        if filter.parent is not None:
            # The index has no word for it, and a run starts few others.
            ids = merge(streams(connection, replace(filter, text=None)), low, high, SCANNED)
            several = [headline_of(connection.execute(_ONE, (id,)).fetchone()) for id in ids]
            return _matching(connection, several, filter, asked)[:most]
        # The state first: what is committed after this is found in the index as well.
        cursor, late = self._state
        unsure = [id for id in {*late, *self._changed.copy()} if low <= id <= min(high, cursor)]
        found = set(self._look_through(connection, filter, asked, max(low, cursor + 1), high, most))
        match = query([_choice(connection, word) for word in asked], filter)
        found |= {row[0] for row in connection.execute(_FIND, (match, low, high, most)).fetchall()}
        found -= set(unsure)
        for start in range(0, len(unsure), PORTION):
            part = unsure[start : start + PORTION]
            rows = connection.execute(f"{_SEVERAL}({', '.join('?' * len(part))})", part).fetchall()
            found |= set(_matching(connection, [headline_of(row) for row in rows], filter, asked))
        return sorted(found, reverse=True)[:most]

    def _look_through(
        self, connection: sqlite3.Connection, filter: Filter, asked: list[str], low: int, high: int, most: int
    ) -> list[int]:
        """Search runs word by word, the newest first; a portion of them takes two statements, not one for each."""
        found: list[int] = []
        seen = 0
        while seen < SCANNED and len(found) < most:
            rows = connection.execute(_NEWEST, (low, high, min(PORTION, SCANNED - seen))).fetchall()
            seen += len(rows)
            found += _matching(connection, [headline_of(row) for row in rows], filter, asked)
            if len(rows) < PORTION:
                break
            high = rows[-1][0] - 1
        return found[:most]

    def _schedule(self, now: bool = False) -> None:
        # What is left at the end is for the next process.
        writer = self._database.writer
        if now in self._scheduled or writer.closed:
            return
        self._scheduled.add(now)
        if now:
            writer.submit(self._index, self._indexed, urgent=False)
        else:
            writer.at_leisure(self._index, self._indexed)

    def _index(self, connection: sqlite3.Connection) -> tuple[int, frozenset[int], set[int]]:
        """Index the next runs and return the new state and what was done of `_changed`. Writer's thread.

        It only returns the state, because it is run again after a rollback.
        """
        cursor, late = self._state
        changed = self._changed.copy()
        waiting = set(late)
        for id in sorted(id for id in changed if id <= cursor):
            row = connection.execute(_ONE, (id,)).fetchone()
            if row is not None and not headline_of(row).pending:
                _put(connection, headline_of(row))
                waiting.discard(id)
        for row in connection.execute(_NEXT, (cursor, CHUNK)).fetchall():
            headline = headline_of(row)
            cursor = headline.id
            if headline.pending:
                waiting.add(cursor)
            elif cursor in changed or connection.execute(_INDEXED, (cursor,)).fetchone() is None:
                _put(connection, headline)
        connection.execute(_MARK, (min(waiting, default=cursor + 1) - 1,))
        return cursor, frozenset(waiting), {id for id in changed if id <= cursor}

    def _indexed(self, result: tuple[int, frozenset[int], set[int]] | None, error: BaseException | None) -> None:
        self._scheduled.clear()
        if result is None:
            return  # tried again with the next run that ends
        before, _ = self._state
        cursor, late, handled = result
        self._state = (cursor, late)
        self._changed -= handled
        if cursor - before >= CHUNK:
            self._schedule()


def is_available(connection: sqlite3.Connection) -> bool:
    """Tell whether there is a text index, and this SQLite can use it. Any thread."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'search'").fetchone()
    return found is not None and has_fts5(connection)


def _choice(connection: sqlite3.Connection, word: str) -> Choice:
    """Return the words that begin with `word`; FTS5 finds beginnings too, but slowly if many runs have one."""
    if not listed(word):
        return frozenset({word})
    rows = connection.execute(_BEGINNING, (word, word + "\U0010ffff", CHOICES)).fetchall()
    return frozenset({word, *(text for (text,) in rows)})


def _matching(
    connection: sqlite3.Connection, several: list[Headline], filter: Filter, asked: list[str]
) -> list[int]:
    """Return the ids of those runs that fit, in their order; the records of all are read at once."""
    wanted = [headline for headline in several if fits(headline, filter)]
    # What the headline has need not be looked for in the records, which are many.
    found = {headline.id for headline in wanted if says(run_text(headline, ()), asked)}
    rest = [headline for headline in wanted if headline.id not in found]
    messages: dict[int, list[str]] = {}
    for start in range(0, len(rest), PORTION):
        ids = [headline.id for headline in rest[start : start + PORTION]]
        statement = f"{_MESSAGES_OF}({', '.join('?' * len(ids))}) ORDER BY journal, id"
        for journal, message in connection.execute(statement, ids):
            kept = messages.setdefault(journal, [])
            if len(kept) < MESSAGES:
                kept.append(message)
    found |= {one.id for one in rest if one.id in messages and says(run_text(one, messages[one.id]), asked)}
    return [headline.id for headline in several if headline.id in found]


def _words(connection: sqlite3.Connection, headline: Headline) -> set[str]:
    rows = connection.execute(_MESSAGES, (headline.id,)).fetchall()
    return run_words(headline, (message for (message,) in rows))


def _put(connection: sqlite3.Connection, headline: Headline) -> None:
    words = _words(connection, headline)
    connection.executemany(_LIST, [(word,) for word in words if listed(word)])
    connection.execute(_PUT, (headline.id, " ".join([*sorted(words), *value_words(headline)])))
