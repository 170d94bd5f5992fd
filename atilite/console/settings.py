"""The page of settings: backup, people, tokens, the look, and what this program runs on."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from atilite.console import words
from atilite.console.desk import LOOK, LOOKS, Visit
from atilite.console.flash import Flash
from atilite.console.lines import HTML_ONLY, Fact
from atilite.console.login import ADD_USER
from atilite.console.words import Clockface, Moment
from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.store.accounts import Accounts

LOOK_NAMES = {"": "As this device", "light": "Light", "dark": "Dark"}
BACKUP = "python serve.py backup FILE"
RESTORE = "python serve.py restore FILE"
ADD_TOKEN = "python serve.py token add phone --role run --days 90"
YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Token:
    """A program that may call the API."""

    name: str
    role: str
    expires: Moment | None


@dataclass(frozen=True, slots=True)
class Look:
    """A choice of colours."""

    value: str
    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """Everything the page of settings shows."""

    users: tuple[User, ...]
    tokens: tuple[Token, ...]
    looks: tuple[Look, ...] = field(metadata=HTML_ONLY)
    board: tuple[Fact, ...]
    may_audit: bool = field(default=False, metadata=HTML_ONLY)
    title: str = field(default="Settings", metadata=HTML_ONLY)
    backup: str = field(default=BACKUP, metadata=HTML_ONLY)
    restore: str = field(default=RESTORE, metadata=HTML_ONLY)
    add_user: str = field(default=ADD_USER, metadata=HTML_ONLY)
    add_token: str = field(default=ADD_TOKEN, metadata=HTML_ONLY)


def users(accounts: Iterable[Any]) -> tuple[User, ...]:
    """The accounts by name."""
    return tuple(sorted((User(one.name, one.role) for one in accounts), key=lambda user: user.name))


def tokens(found: Iterable[Any], face: Clockface) -> tuple[Token, ...]:
    """The tokens by name; their secrets are not known to anybody."""
    made = (Token(one.name, one.role, face.until(one.expires_at) if one.expires_at else None) for one in found)
    return tuple(sorted(made, key=lambda token: token.name))


def looks(chosen: str) -> tuple[Look, ...]:
    """The choices of colours."""
    return tuple(Look(value, name, value == chosen) for value, name in LOOK_NAMES.items())


def board(visit: Visit) -> tuple[Fact, ...]:
    """What this program is and what it runs on."""
    database = visit.desk.site.database()
    health = database.health()
    size = health.size + health.log_size
    versions = f"{platform.python_version()}, atilite {visit.desk.version}, SQLite {sqlite3.sqlite_version}"
    facts = [
        Fact("Python", versions),
        Fact("Data", f"{database.path if visit.may('admin') else database.path.name}, {words.size(size)}"),
        Fact("Disk", f"{words.size(health.free)} free"),
        Fact("System", f"{platform.system()} {platform.machine()}"),
    ]
    return tuple([*facts, Fact("Store", health.explanation)] if health.explanation else facts)


def page(visit: Visit) -> SettingsPage:
    """Read what the settings show; who may not administer sees no people and no tokens."""
    accounts = Accounts(visit.desk.site.database())
    admin = visit.may("admin")
    people = accounts.users() if admin else ()
    programs = accounts.tokens() if admin else ()
    return SettingsPage(users(people), tokens(programs, visit.face), looks(visit.look), board(visit), admin)


def look(visit: Visit) -> Any:
    """Keep the chosen colours in a cookie. Raises Error 400."""
    chosen = visit.field("look")
    if chosen not in LOOKS:
        raise Error(400, "the look must be light, dark or empty")
    if chosen:
        visit.was.request.cookie.set(LOOK, chosen, expires=YEAR)
    else:
        visit.was.request.cookie.remove(LOOK)
    return visit.go("/settings", Flash(f"Colours: {LOOK_NAMES[chosen].lower()}."))
