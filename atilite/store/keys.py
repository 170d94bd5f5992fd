"""Random keys that this installation makes for itself: for signing sessions, forms and webhooks."""

from __future__ import annotations

import secrets
import sqlite3
import threading

from .columns import micros
from .database import Database

LENGTH = 32

_REMOVE = "DELETE FROM secret WHERE name = ?"


class Keys:
    """The keys of a database, each made when it is first asked for. They travel with a backup."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[str, bytes] = {}

    def secret(self, name: str) -> bytes:
        """Return the key of this name, the same after every start. The first call of a name blocks; any thread."""
        with self._lock:
            if name not in self._known:
                self._known[name] = self._stored(name) or self._make(name)
            return self._known[name]

    def current(self, name: str) -> bytes:
        """Return the key of this name as it is stored now, whoever has renewed it. Any thread; reads each time."""
        with self._lock:
            self._known[name] = self._stored(name) or self._make(name)
            return self._known[name]

    def renew(self, name: str) -> bytes:
        """Replace the key of this name by another one. `current` gives it in other processes too. Blocks."""
        with self._lock:
            self._database.writer.call(lambda connection: connection.execute(_REMOVE, (name,)).rowcount)
            self._known[name] = self._make(name)
            return self._known[name]

    def _stored(self, name: str) -> bytes | None:
        row = self._database.connection().execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def _make(self, name: str) -> bytes:
        made = (name, secrets.token_bytes(LENGTH), micros(self._database.clock.now()))

        def write(connection: sqlite3.Connection) -> bytes:
            # Another process may have made it meanwhile: the first one counts.
            connection.execute("INSERT OR IGNORE INTO secret(name, value, created) VALUES (?, ?, ?)", made)
            return bytes(connection.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()[0])

        return self._database.writer.call(write)
