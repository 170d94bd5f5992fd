"""Who may come in: people with a password, programs with a token, and the sessions of people who have signed in."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from ..clock import Clock
from ..errors import StoreError
from .columns import clean, micros, moment, moment_or_none
from .models import ApiToken, User
from .passwords import hash_password, is_current, is_password
from .writer import Writer

ROLES = ("view", "run", "admin")
# Secrets begin with it, so that one in a log or a repository is recognised.
TOKEN_PREFIX = "atilite_"
# The use of a token is noted at most so often.
NOTED_EVERY = timedelta(hours=1)

_PASSWORD = 'SELECT name, role, password, created, seen FROM "user" WHERE name = ?'
_TOKEN = "SELECT name, role, created, expires, seen FROM token WHERE digest = ?"
_SESSION = """SELECT login.user, "user".role, login.created, login.seen, login.keep FROM login
JOIN "user" ON "user".name = login.user WHERE login.digest = ?"""
_END_SESSIONS = """DELETE FROM login WHERE user IN (
SELECT name FROM "user" WHERE name = :name AND (:password IS NOT NULL OR role <> coalesce(:role, role)))"""


class Account(NamedTuple):
    """A person who may sign in. `seen_at` is the last login."""

    name: str
    role: str
    created_at: datetime
    seen_at: datetime | None


class Token(NamedTuple):
    """A program that may call the API; its secret is known to nobody but the program."""

    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


class Session(NamedTuple):
    """A person who has signed in, with the role that the account has now."""

    name: str
    role: str
    created_at: datetime
    seen_at: datetime
    keep: bool


class Opened(Protocol):
    """What accounts need of a database."""

    clock: Clock
    writer: Writer

    def connection(self) -> sqlite3.Connection: ...


class Accounts:
    """The accounts, tokens and sessions of a database. Any thread; what changes something says whether it blocks."""

    def __init__(self, database: Opened) -> None:
        self._database = database
        self._lock = threading.Lock()
        # Sessions that have ended but are still in the table: a logout counts at once.
        self._ended: set[str] = set()

    def any(self) -> bool:
        """Tell whether there is an account at all."""
        return self._database.connection().execute('SELECT 1 FROM "user" LIMIT 1').fetchone() is not None

    def users(self) -> list[Account]:
        """Return the accounts by name."""
        query = User.select(User.name, User.role, User.created, User.seen).order_by(User.name)
        return [_account(row) for row in self._database.connection().execute(*query.sql()).fetchall()]

    def add(self, name: str, password: str, role: str) -> Account:
        """Make an account and return it. Blocks and hashes. Raises StoreError if the name is taken or can't be one."""
        _check(name, role, "an account")
        now = self._now()
        self._insert(
            *User.insert({"name": name, "role": role, "password": hash_password(password), "created": now}).sql(),
            f"there is an account {name!r} already (remove it first, or choose another name)",
        )
        return Account(name, role, moment(now), None)

    def remove(self, name: str) -> bool:
        """Remove an account and end its sessions; False if there is none. Blocks."""

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM login WHERE user = ?", (name,))
            return connection.execute('DELETE FROM "user" WHERE name = ?', (name,)).rowcount > 0

        return self._database.writer.call(write)

    def change(self, name: str, *, password: str | None = None, role: str | None = None) -> bool:
        """Give an account another password or another role; False if there is none. Blocks.

        Either ends its sessions, so that whoever signs in with the new rights has a new session id. The role that
        it has already changes nothing. Raises StoreError for an unknown role.
        """
        _check(name, role or "view", "an account")
        hashed = None if password is None else hash_password(password)

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute(_END_SESSIONS, {"name": name, "password": hashed, "role": role})
            changed = connection.execute(
                'UPDATE "user" SET password = coalesce(?, password), role = coalesce(?, role) WHERE name = ?',
                (hashed, role, name),
            )
            return changed.rowcount > 0

        return self._database.writer.call(write)

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if the password is right; takes as long for an unknown name. Hashes: never on the loop."""
        row = self._database.connection().execute(_PASSWORD, (clean(name),)).fetchone()
        if row is None:
            hash_password(password)
            return None
        known, role, stored, created, seen = row
        if not is_password(password, stored):
            return None
        renewed = stored if is_current(stored) else hash_password(password)
        values = (renewed, self._now(), known)
        # Nobody waits for this.
        self._database.writer.submit(
            lambda connection: connection.execute('UPDATE "user" SET password = ?, seen = ? WHERE name = ?', values),
            urgent=False,
        )
        return _account((known, role, created, seen))

    def tokens(self) -> list[Token]:
        """Return the tokens by name, expired ones too."""
        columns = (ApiToken.name, ApiToken.role, ApiToken.created, ApiToken.expires, ApiToken.seen)
        query = ApiToken.select(*columns).order_by(ApiToken.name)
        return [_token(row) for row in self._database.connection().execute(*query.sql()).fetchall()]

    def add_token(self, name: str, role: str, days: float | None = None) -> str:
        """Make a token that ends after so many days and return its secret, which is not kept. Blocks.

        Raises StoreError if the name is taken or can't be one.
        """
        _check(name, role, "a token")
        secret, now = TOKEN_PREFIX + secrets.token_urlsafe(32), self._now()
        expires = None if days is None else now + int(days * 86_400_000_000)
        values = {"name": name, "role": role, "digest": _digest(secret), "created": now, "expires": expires}
        self._insert(
            *ApiToken.insert(values).sql(),
            f"there is a token {name!r} already (remove it first, or choose another name)",
        )
        return secret

    def remove_token(self, name: str) -> bool:
        """Remove a token; False if there is none. Blocks."""
        return self._database.writer.call(
            lambda connection: connection.execute("DELETE FROM token WHERE name = ?", (name,)).rowcount > 0
        )

    def token(self, secret: str) -> Token | None:
        """Return whom a secret belongs to, None if it is unknown or has expired. Any thread, never blocks."""
        digest, now = _digest(secret), self._now()
        row = self._database.connection().execute(_TOKEN, (digest,)).fetchone()
        found = None if row is None else _token(row)
        if found is None or (row[3] is not None and row[3] <= now):
            return None
        if found.used_at is None or self._database.clock.now() - found.used_at >= NOTED_EVERY:
            self._database.writer.submit(
                lambda connection: connection.execute("UPDATE token SET seen = ? WHERE digest = ?", (now, digest)),
                urgent=False,
            )
        return found

    def open_session(self, session: str, name: str, *, keep: bool) -> None:
        """Begin the session of this id for an account. Blocks."""
        values = (_digest(session), name, self._now(), self._now(), int(keep))
        self._database.writer.call(
            lambda connection: connection.execute(
                "INSERT INTO login(digest, user, created, seen, keep) VALUES (?, ?, ?, ?, ?)", values
            )
        )

    def session(self, session: str) -> Session | None:
        """Return the session of this id, None if it isn't known or its account is gone. Any thread, never blocks."""
        digest = _digest(session)
        if digest in self._ended:
            return None
        row = self._database.connection().execute(_SESSION, (digest,)).fetchone()
        if row is None:
            return None
        name, role, created, seen, keep = row
        return Session(name, role, moment(created), moment(seen), bool(keep))

    def touch_session(self, session: str) -> None:
        """Note a visit. Any thread, never blocks."""
        values = (self._now(), _digest(session))
        self._database.writer.submit(
            lambda connection: connection.execute("UPDATE login SET seen = ? WHERE digest = ?", values), urgent=False
        )

    def close_session(self, session: str) -> None:
        """End a session, at once for this process. Any thread, never blocks."""
        digest = _digest(session)
        with self._lock:
            self._ended.add(digest)

        def stored(value: object, error: BaseException | None) -> None:
            # After an error it stays ended until the process does.
            if error is None:
                with self._lock:
                    self._ended.discard(digest)

        self._database.writer.submit(
            lambda connection: connection.execute("DELETE FROM login WHERE digest = ?", (digest,)), stored
        )

    def _insert(self, sql: str, values: Any, taken: str) -> None:
        try:
            self._database.writer.call(lambda connection: connection.execute(sql, values))
        except sqlite3.IntegrityError:
            raise StoreError(taken) from None

    def _now(self) -> int:
        return micros(self._database.clock.now())


def _check(name: str, role: str, what: str) -> None:
    if role not in ROLES:
        raise StoreError(f"there is no role {role!r} (use {', '.join(ROLES)})")
    if not name or len(name) > 100 or name != name.strip() or not name.isprintable():
        raise StoreError(f"{name!r} cannot name {what} (use 1 to 100 printable characters)")


def _account(row: tuple[str, str, int, int | None]) -> Account:
    name, role, created, seen = row
    return Account(name, role, moment(created), moment_or_none(seen))


def _token(row: tuple[str, str, int, int | None, int | None]) -> Token:
    name, role, created, expires, seen = row
    return Token(name, role, moment(created), moment_or_none(expires), moment_or_none(seen))


def _digest(secret: str) -> str:
    # A random secret of 256 bits needs no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
