"""Values by namespace and key: JSON with a version that grows, a moment of expiry and whoever set it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from ..clock import Clock
from ..events import Emitter
from ..quickly import dataclass
from .columns import clean, decode, encode, micros, moment, moment_or_none
from .database import Database
from .remembered import Remembered
from .writer import Done, Operation


class _Missing:
    """The value of a key that isn't there; a stored null is None."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()

_ALIVE = "(expires IS NULL OR expires > ?)"
_ROW = "SELECT value, expires FROM kv WHERE namespace = ? AND key = ?"
_GET = f"SELECT value FROM kv WHERE namespace = ? AND key = ? AND {_ALIVE}"
_ITEM = f"SELECT key, value, version, updated, expires, who FROM kv WHERE namespace = ? AND key = ? AND {_ALIVE}"
# An expired row is as good as none, so its version starts again.
_SET = """INSERT INTO kv(namespace, key, value, version, updated, expires, who) VALUES (?, ?, ?, 1, ?, ?, ?)
ON CONFLICT(namespace, key) DO UPDATE SET value = excluded.value, updated = excluded.updated,
expires = excluded.expires, who = excluded.who,
version = CASE WHEN kv.expires <= excluded.updated THEN 1 ELSE kv.version + 1 END"""
_KEEP_EXPIRY = """UPDATE kv SET value = ?, version = version + 1, updated = ?, who = ?
WHERE namespace = ? AND key = ?"""
_REMOVE = "DELETE FROM kv WHERE namespace = ? AND key = ?"
_EXPIRE = f"UPDATE kv SET expires = ? WHERE namespace = ? AND key = ? AND {_ALIVE}"
_LIST = """SELECT key, value, version, updated, expires, who FROM kv
WHERE namespace = ? AND key {} ? AND key < ? AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?"""
# Two statements, because given both bounds SQLite might seek the lower one and walk to the other.
_FIRST_PAGE, _NEXT_PAGE = _LIST.format(">="), _LIST.format(">")
_KEYS = f"SELECT key FROM kv WHERE namespace = ? AND key >= ? AND key < ? AND {_ALIVE} ORDER BY key"
_OVER = "SELECT namespace, key FROM kv WHERE expires <= ? ORDER BY expires LIMIT ?"
_NEXT_OVER = "SELECT expires FROM kv WHERE expires IS NOT NULL ORDER BY expires LIMIT 1"
_COUNTS = f"SELECT namespace, count(*) FROM kv WHERE {_ALIVE} GROUP BY namespace ORDER BY namespace"
_LAST_TEXT = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Item:
    """A key as listed. `version` grows by one with each change of the value; `who` is "" if nobody said it."""

    key: str
    value: Any
    version: int
    updated: datetime
    expires: datetime | None
    who: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Keys of one namespace that were set or removed in one transaction; `texts` are their new values as JSON.

    Those that were removed because their time was over have `expired`.
    """

    namespace: str
    keys: tuple[str, ...]
    removed: bool = False
    texts: tuple[str, ...] = ()
    expired: bool = False

    @property
    def values(self) -> tuple[Any, ...]:
        """The new values in the order of the keys; () if none has a new one."""
        return tuple(map(decode, self.texts))


class Forgotten(NamedTuple):
    """How many keys were removed because their time was over, and when that of the next one is, None if none has one.

    The time is in integer microseconds since 1970.
    """

    keys: int
    next: int | None


class KV:
    """The key-value store of a database.

    Reads are quick and may be done on any thread. Writes are queued and never block: `done(value, error)` is called in
    the writer's thread once they are on the disk, after which `changed` is emitted. A value that JSON does not have
    raises TypeError at the caller. `expiring` tells of each time at which a key is to expire, in microseconds since
    1970: from then on it is not there for any reader, and `forget_expired` removes it.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or database.clock
        self.changed: Emitter[Changed] = Emitter()
        self.expiring: Emitter[int] = Emitter()
        self._remembered = database.part(Remembered)

    def get(self, namespace: str, key: str, default: Any = MISSING) -> Any:
        """Return the value, `default` if there is none (or no more)."""
        connection, place = self._database.connection(), (namespace, key)
        text, expires = self._remembered.get(place, lambda: connection.execute(_ROW, place).fetchone() or (None, None))
        if text is None or (expires is not None and expires <= self._now()):
            return default
        return decode(text)

    def item(self, namespace: str, key: str) -> Item | None:
        """Return the value with its version and times, None if there is none."""
        row = self._database.connection().execute(_ITEM, (namespace, key, self._now())).fetchone()
        return _item(row) if row else None

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""
        rows = self._database.connection().execute(_KEYS, (namespace, prefix, prefix + _LAST_TEXT, self._now()))
        return [key for (key,) in rows.fetchall()]

    def items(self, namespace: str, prefix: str = "", after: str = "", limit: int = 50) -> list[Item]:
        """Return up to `limit` items whose key begins with `prefix` and comes after the key `after`, sorted by key."""
        statement, start = (_NEXT_PAGE, after) if after >= prefix else (_FIRST_PAGE, prefix)
        values = (namespace, start, prefix + _LAST_TEXT, self._now(), limit)
        return [_item(row) for row in self._database.connection().execute(statement, values).fetchall()]

    def namespaces(self) -> list[str]:
        """Return the namespaces that hold a key, sorted."""
        return list(self.counts())

    def counts(self) -> dict[str, int]:
        """Return how many keys each namespace holds, sorted by namespace."""
        return dict(self._database.connection().execute(_COUNTS, (self._now(),)).fetchall())

    def set(
        self,
        namespace: str,
        values: Mapping[str, object],
        *,
        ttl: float | None = None,
        who: str = "",
        done: Done | None = None,
    ) -> None:
        """Set all of `values` in one transaction, to expire after `ttl` seconds. `done` gets None."""
        now = self._now()
        expires = _expiry(now, ttl)
        rows = [
            (_name(namespace), _name(key), encode(value, f"kv value {key!r}"), now, expires, clean(who))
            for key, value in values.items()
        ]

        def write(connection: sqlite3.Connection) -> None:
            for row in rows:
                connection.execute(_SET, row)

        self._submit(write, Changed(namespace, tuple(values), texts=tuple(row[2] for row in rows)), done, expires)

    def replace(
        self,
        namespace: str,
        key: str,
        value: object,
        version: int,
        *,
        ttl: float | None = None,
        who: str = "",
        done: Done | None = None,
    ) -> None:
        """Set the value if it still has this version (0: if it isn't there); `done` gets whether it had."""
        now = self._now()
        row = (_name(namespace), _name(key), encode(value, f"kv value {key!r}"), now, _expiry(now, ttl), clean(who))

        def write(connection: sqlite3.Connection) -> bool:
            found = connection.execute(_ITEM, (namespace, key, now)).fetchone()
            if (found[2] if found else 0) != version:
                return False
            connection.execute(_SET, row)
            return True

        self._submit(write, Changed(namespace, (key,), texts=(row[2],)), done, row[4])

    def swap(
        self, namespace: str, key: str, old: object, new: object, *, who: str = "", done: Done | None = None
    ) -> None:
        """Set the value to `new` if it equals `old` (MISSING: if there is none); `done` gets whether it did."""
        now = self._now()
        # Compared as JSON values, so that a tuple equals the list that it is stored as.
        expected = old if old is MISSING else decode(encode(old, f"old kv value {key!r}"))
        row = (_name(namespace), _name(key), encode(new, f"kv value {key!r}"), now, None, clean(who))

        def write(connection: sqlite3.Connection) -> bool:
            found = connection.execute(_GET, (namespace, key, now)).fetchone()
            if not _same(decode(found[0]) if found else MISSING, expected):
                return False
            _write_value(connection, row, exists=found is not None)
            return True

        self._submit(write, Changed(namespace, (key,), texts=(row[2],)), done)

    def incr(self, namespace: str, key: str, by: int | float = 1, *, who: str = "", done: Done | None = None) -> None:
        """Add `by` to a number (0 if there is none); `done` gets the sum, or TypeError if it's not a number."""
        if not _is_number(by):
            raise TypeError(f"incr needs a number, not {by!r}")
        now = self._now()
        _name(namespace), _name(key)

        def write(connection: sqlite3.Connection) -> int | float:
            found = connection.execute(_GET, (namespace, key, now)).fetchone()
            value = decode(found[0]) if found else 0
            if not _is_number(value):
                raise TypeError(f"kv value {key!r} is {_kind(value)}; incr needs a number")
            total: int | float = value + by
            row = (namespace, key, encode(total, f"the sum of {key!r}"), now, None, clean(who))
            _write_value(connection, row, exists=found is not None)
            return total

        self._submit(write, lambda total: Changed(namespace, (key,), texts=(encode(total),)), done)

    def expire(self, namespace: str, key: str, ttl: float | None, *, done: Done | None = None) -> None:
        """Let a key expire after `ttl` seconds from now, None for never; `done` gets whether there was one.

        The value stays, so nothing is told to `changed`.
        """
        now = self._now()
        values = (_expiry(now, ttl), namespace, key, now)
        self._submit(lambda connection: connection.execute(_EXPIRE, values).rowcount > 0, None, done, values[0])

    def remove(self, namespace: str, *keys: str, done: Done | None = None) -> None:
        """Remove keys in one transaction; missing ones are ignored. `done` gets how many there were."""

        def write(connection: sqlite3.Connection) -> tuple[str, ...]:
            return tuple(key for key in keys if connection.execute(_REMOVE, (namespace, key)).rowcount)

        def removed(there: tuple[str, ...] | None, error: BaseException | None) -> None:
            if done is not None:
                done(None if there is None else len(there), error)

        self._submit(write, lambda there: Changed(namespace, there, removed=True), removed)

    def withdraw(self, namespace: str, key: str, version: int, *, done: Done | None = None) -> None:
        """Remove a key if its value still has this version; `done` gets whether it had."""
        now = self._now()

        def write(connection: sqlite3.Connection) -> bool:
            found = connection.execute(_ITEM, (namespace, key, now)).fetchone()
            if found is None or found[2] != version:
                return False
            connection.execute(_REMOVE, (namespace, key))
            return True

        self._submit(write, Changed(namespace, (key,), removed=True), done)

    def next_expiry(self) -> int | None:
        """When the time of the next key is over, in microseconds since 1970; None if none has one."""
        row = self._database.connection().execute(_NEXT_OVER).fetchone()
        return row[0] if row else None

    def forget_expired(self, most: int, done: Done | None = None) -> None:
        """Remove up to `most` keys whose time is over, in one transaction; `done` gets what was Forgotten."""
        now = self._now()

        def write(connection: sqlite3.Connection) -> tuple[dict[str, list[str]], int | None]:
            rows = connection.execute(_OVER, (now, most)).fetchall()
            connection.executemany(_REMOVE, rows)
            found: dict[str, list[str]] = {}
            for namespace, key in rows:
                found.setdefault(namespace, []).append(key)
            following = connection.execute(_NEXT_OVER).fetchone()
            return found, following[0] if following else None

        def committed(value: Any, error: BaseException | None) -> None:
            found, following = value or ({}, None)
            for namespace, keys in found.items():
                self.changed.emit(Changed(namespace, tuple(keys), removed=True, expired=True))
            if done is not None:
                done(None if error else Forgotten(sum(map(len, found.values())), following), error)

        self._remembered.write(write, committed)

    def _submit(
        self,
        operation: Operation[Any],
        change: Changed | Callable[[Any], Changed] | None,
        done: Done | None,
        expires: int | None = None,
    ) -> None:
        def committed(value: Any, error: BaseException | None) -> None:
            if error is None and value is not False:
                made = change(value) if callable(change) else change
                if made is not None and made.keys:
                    self.changed.emit(made)
                if expires is not None:
                    self.expiring.emit(expires)
            if done is not None:
                done(value, error)

        self._remembered.write(operation, committed)

    def _now(self) -> int:
        return micros(self._clock.now())


def _write_value(connection: sqlite3.Connection, row: tuple[Any, ...], *, exists: bool) -> None:
    """Write a value computed from the one before, which keeps its time of expiry."""
    namespace, key, value, now, _, who = row
    if exists:
        connection.execute(_KEEP_EXPIRY, (value, now, who, namespace, key))
    else:
        connection.execute(_SET, row)


def _item(row: tuple[Any, ...]) -> Item:
    key, value, version, updated, expires, who = row
    return Item(key, decode(value), version, moment(updated), moment_or_none(expires), who)


def _expiry(now: int, ttl: float | None) -> int | None:
    if ttl is None:
        return None
    if not 0 < ttl < 1e10:
        raise ValueError(f"ttl must be a number of seconds above 0, not {ttl!r}; to end a key now remove it")
    return now + int(ttl * 1_000_000)


def _name(text: str) -> str:
    if not isinstance(text, str) or not text:
        raise TypeError(f"a namespace or key must be a text with at least one character, not {text!r}")
    if clean(text) != text:
        raise TypeError(f"{text!r} cannot be a namespace or key: it has no UTF-8 form")
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(one: object, other: object) -> bool:
    """Compare JSON values: unlike Python's ==, true is not 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _kind(value: object) -> str:
    names = {bool: "a boolean", str: "text", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)
