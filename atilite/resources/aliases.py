"""Aliases: names such as `@rates` for outside resources, declared at set-up."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import unquote

from ..errors import AliasError, DuplicateName, SetupError
from ..quickly import dataclass

T = TypeVar("T")

PROTO_HTTP, PROTO_HTTPS = "http", "https"
PROTO_WS, PROTO_WSS = "ws", "wss"
PROTO_GRPC, PROTO_GRPCS = "grpc", "grpcs"
PROTO_SMTP = "smtp"
PROTO_MQTT, PROTO_MQTTS = "mqtt", "mqtts"
DB_PGSQL, DB_SQLITE3, DB_MONGODB, DB_REDIS = "*postgresql", "*sqlite3", "*mongodb", "*redis"
DB_POSTGRESQL = DB_PGSQL
# The manual's names for clients that block. Every driver runs in threads here, so they are the same.
PROTO_SYN_HTTP, PROTO_SYN_HTTPS = PROTO_HTTP, PROTO_HTTPS
DB_SYN_PGSQL, DB_SYN_MONGODB, DB_SYN_REDIS = DB_PGSQL, DB_MONGODB, DB_REDIS

PROTOCOLS = (PROTO_HTTP, PROTO_HTTPS, PROTO_WS, PROTO_WSS, PROTO_GRPC, PROTO_GRPCS, PROTO_SMTP, PROTO_MQTT, PROTO_MQTTS)
DATABASES = (DB_PGSQL, DB_SQLITE3, DB_MONGODB, DB_REDIS)
# How many connections an alias opens to each of its members.
MAX_CONNS = 32

# "user:pass@host:port/path": the host may be "[::1]" or, as "[/run/postgresql]", the folder or file of a Unix socket.
_MEMBER = re.compile(
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<host>\[[^\]]+\]|[^:/@\[\]]+)(?::(?P<port>[0-9]+))?(?:/(?P<path>\S*))?"
)


@dataclass(frozen=True, slots=True)
class Member:
    """One of the hosts behind an alias. `path` is what follows the host: a database, a number, the base of a URL.

    For SQLite it is the file. `str()` and `repr()` show neither user nor password.
    """

    host: str
    port: int | None = None
    path: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    weight: int = 1

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host or self.host.startswith("/") else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{host}{port}/{self.path}" if host and self.path else f"{host}{port}{self.path}"


@dataclass(frozen=True, slots=True)
class Alias:
    """One declared resource. `ssl` is True for the system's authorities, or the path of a file with one's own.

    `options` go to the driver as they are.
    """

    name: str
    kind: str
    members: tuple[Member, ...]
    ssl: bool | str = False
    max_conns: int = MAX_CONNS
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_member(name: str, kind: str, text: str) -> Member:
    """Read "user:pass@host:port/path weight". Pure. Raises AliasError, which does not repeat the text.

    Special characters of user and password are percent-encoded, as in a URL.
    """
    words = text.split()
    if not words:
        raise AliasError(name, "a member is empty; write it as 'host' or 'user:pass@host/database 20'")
    weight = 1
    if len(words) > 1 and words[-1].isdigit():
        weight = int(words.pop())
        if weight < 1:
            raise AliasError(name, "the weight of a member is 1 or more; leave out a member that gets nothing")
    if kind == DB_SQLITE3:
        return Member("", path=" ".join(words), weight=weight)
    # The text may hold a password, so the error describes the fault and does not quote.
    if len(words) > 1:
        raise AliasError(name, "a member has a space; after the address only a weight may follow: 'host/database 20'")
    if "://" in words[0]:
        raise AliasError(name, "a member is written without 'scheme://': the type says it already")
    # What follows the address of a mail server: "host:587?to=ana@example.org".
    address, mark, query = words[0].partition("?") if kind == PROTO_SMTP else (words[0], "", "")
    found = _MEMBER.fullmatch(address)
    if found is None:
        remedy = "write user:pass@host:port/path; '@', '/' and ':' in user or password as %40, %2F and %3A"
        raise AliasError(name, f"a member cannot be read; {remedy}")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise AliasError(name, f"a member has port {port}; ports go from 1 to 65535")
    user, password = unquote(found["user"] or ""), unquote(found["password"] or "")
    return Member(found["host"].strip("[]"), port, (found["path"] or "") + mark + query, user, password, weight)


class Aliases:
    """The declared resources of one process. Filled at set-up, read from any thread."""

    def __init__(self, root: Path | None = None) -> None:
        """Files of SQLite are below `root` unless they are absolute."""
        self._root = root
        self._aliases: dict[str, Alias] = {}
        self.interfaces: dict[str, type] = {}  # databases that the program has brought along
        self._opened: dict[str, Any] = {}
        self._lock = threading.Lock()

    def add(
        self,
        name: str,
        kind: str,
        members: str | Iterable[str],
        *,
        ssl: bool | str = False,
        max_conns: int = MAX_CONNS,
        **options: Any,
    ) -> None:
        """Declare `name`, which begins with "@". Raises AliasError for what cannot be, DuplicateName for a second one.

        `max_conns` is how many connections are opened to each member.
        """
        if not name.startswith("@") or len(name) < 2 or "/" in name:
            raise AliasError(name, "the name of an alias begins with '@' and has no '/'")
        if kind not in PROTOCOLS and kind not in DATABASES and kind not in self.interfaces:
            remedy = "use a constant such as atilite.DB_PGSQL, or add_database_interface before"
            raise AliasError(name, f"{kind!r} is no type of resource; {remedy}")
        if not isinstance(max_conns, int) or max_conns < 1:
            raise AliasError(name, f"max_conns is how many connections may be open at once, not {max_conns!r}")
        listed = (members,) if isinstance(members, str) else tuple(members)
        if not listed:
            raise AliasError(name, "declare at least one member, such as 'host/base'")
        if name in self._aliases:
            raise DuplicateName("alias", name, str(self._aliases[name].kind), kind)
        parsed = tuple(self._placed(kind, parse_member(name, kind, text)) for text in listed)
        self._aliases[name] = Alias(name, kind, parsed, ssl, max_conns, dict(options))

    def add_interface(self, kind: str, interface: type) -> None:
        """Make `kind`, which begins with "*", a type of database whose connections are objects of `interface`.

        Raises SetupError for a bad name, DuplicateName for one that is taken.
        """
        if not isinstance(kind, str) or not kind.startswith("*") or len(kind) < 2:
            raise SetupError(f"the type of a database begins with '*', such as '*mydbi', not {kind!r}")
        if kind in DATABASES or kind in self.interfaces:
            first = self.interfaces.get(kind, "atilite")
            raise DuplicateName("database interface", kind, str(first), str(interface))
        self.interfaces[kind] = interface

    def _placed(self, kind: str, member: Member) -> Member:
        if kind != DB_SQLITE3 or self._root is None or member.path.startswith((":", "file:")):
            return member
        return replace(member, path=str(self._root / member.path))

    def __len__(self) -> int:
        """How many are declared."""
        return len(self._aliases)

    def get(self, name: str) -> Alias:
        """The alias called `name`. Raises AliasError with the known names."""
        try:
            return self._aliases[name]
        except KeyError:
            known = ", ".join(sorted(self._aliases)) or "none"
            raise AliasError(
                name, f"no such alias; declare it with atilite.alias in serve.py (known: {known})"
            ) from None

    def opened(self, name: str, make: Callable[[Alias], T]) -> T:
        """What serves the alias `name`: made once by `make(alias)`, then kept until `stop`. Any thread. AliasError."""
        alias = self.get(name)
        with self._lock:
            if name not in self._opened:
                self._opened[name] = make(alias)
            return cast(T, self._opened[name])

    def stop(self, timeout: float = 5.0) -> None:
        """Close what is open; a later use opens it again. Blocks up to so many seconds each; not on the loop."""
        with self._lock:
            opened, self._opened = self._opened, {}
        for one in opened.values():
            one.stop(timeout)

    def url(self, target: str, member: Member | None = None) -> str:
        """The URL behind "@name/path", at the first member or the given one. Raises AliasError: unknown, not HTTP.

        User and password are not part of it: they go into a header.
        """
        name, slash, path = target.partition("/")
        alias = self.get(name)
        if alias.kind not in (PROTO_HTTP, PROTO_HTTPS):
            raise AliasError(name, f"is declared as {alias.kind.lstrip('*')}, not as an HTTP service")
        return f"{alias.kind}://{member or alias.members[0]}{slash}{path}"
