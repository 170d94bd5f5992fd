"""Cookies: what the client sent, and what it shall keep. Pure.

Values are percent-encoded on the wire, so any text can be kept; scripts of a page read them with decodeURIComponent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Literal
from urllib.parse import quote, unquote

from atilite.web.headers import Header

SameSite = Literal["Lax", "Strict", "None"]

SESSION_TIMEOUT = 1200.0  # seconds that a session lives after a change

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SAFE = "!#$&'()*+-./:<=>?@[]^_`{|}~"
_ATTRIBUTE = re.compile(r"[^\x00-\x1f\x7f;]*")
_HUNDRED_YEARS = 100 * 365 * 24 * 3600
_LIMIT = 4096  # of name and value and attributes; browsers drop a larger cookie without a word


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a Cookie header. Of two with one name the first counts: it has the longer path."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if equals and name and name not in found:
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            found[name] = unquote(value) if "%" in value else value
    return found


def read_cookie(header: str, name: str) -> str | None:
    """Return the value of one cookie of a Cookie header, or None."""
    return read_cookies(header).get(name) if name in header else None


def write_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    path: str = "/",
    domain: str | None = None,
    secure: bool = False,
    http_only: bool = True,
    same_site: SameSite = "Lax",
) -> Header:
    """Return the Set-Cookie header. `max_age` is in seconds: None until the browser closes, 0 deletes.

    Raises ValueError for a name, path or domain that cannot stand in the header, and for a cookie that browsers
    would drop for its size.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no cookie name")
    for text in (path, domain or ""):
        if not _ATTRIBUTE.fullmatch(text):
            raise ValueError(f"{text!r} cannot be a cookie's path or domain")
    if same_site not in ("Lax", "Strict", "None"):
        raise ValueError(f"same_site is Lax, Strict or None, not {same_site!r}")
    parts = [f"{name}={quote(value, safe=_SAFE)}", f"Path={quote(path, safe='/%' + _SAFE)}"]
    if max_age is not None:
        parts.append(f"Max-Age={max(0, max_age)}")
    if domain:
        parts.append(f"Domain={domain}")
    if secure or same_site == "None":  # browsers refuse SameSite=None without Secure
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    parts.append(f"SameSite={same_site}")
    text = "; ".join(parts)
    if len(text) > _LIMIT:
        raise ValueError(f"cookie {name!r} is {len(text)} bytes long, a browser keeps at most {_LIMIT}")
    return "Set-Cookie", text


class Cookies(MutableMapping[str, str]):
    """The cookies of one request as a mapping; what is changed here goes out with the answer.

    `path` is where new cookies are valid: the app's mount point. `secure` is True on an https connection.
    """

    def __init__(self, header: str = "", path: str = "/", secure: bool = False) -> None:
        self._header, self._values = header, read_cookies(header)
        self._path, self._secure = path or "/", secure
        self._changes: dict[tuple[str, str, str | None], Header] = {}

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __setitem__(self, key: str, value: str) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self._values:
            raise KeyError(key)
        self.remove(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def set(
        self,
        key: str,
        val: object,
        expires: float | Literal["now", "never"] | None = None,
        path: str | None = None,
        domain: str | None = None,
        secure: bool | None = None,
        http_only: bool = True,
        same_site: SameSite = "Lax",
    ) -> None:
        """Keep a cookie at the client.

        `expires` is in seconds: None until the browser closes, 0 or "now" deletes, "never" keeps it for a hundred
        years (browsers shorten that). `secure` follows the connection unless given.
        """
        age = _seconds(expires)
        where = self._path if path is None else path
        self._changes[key, where, domain] = write_cookie(
            key,
            "" if age == 0 else str(val),
            max_age=age,
            path=where,
            domain=domain,
            secure=self._secure if secure is None else secure,
            http_only=http_only,
            same_site=same_site,
        )
        if age == 0:
            self._values.pop(key, None)
        else:
            self._values[key] = str(val)

    def remove(self, key: str, path: str | None = None, domain: str | None = None) -> None:
        """Delete a cookie at the client; path and domain must be those that it was set with."""
        self.set(key, "", "now", path, domain)

    def clear(self) -> None:
        """Delete every cookie that the client sent or that was set meanwhile."""
        for key in list(self._values):
            self.remove(key)

    def headers(self) -> list[Header]:
        """Return the Set-Cookie headers for what was changed."""
        return list(self._changes.values())

    def rollback(self) -> None:
        """Take back every change."""
        self._values = read_cookies(self._header)
        self._changes.clear()


def _seconds(expires: float | str | None) -> int | None:
    if expires is None:
        return None
    if isinstance(expires, str):
        if expires not in ("now", "never"):
            raise ValueError(f"expires is None, seconds, 'now' or 'never', not {expires!r}")
        return 0 if expires == "now" else _HUNDRED_YEARS
    return max(0, int(expires))
