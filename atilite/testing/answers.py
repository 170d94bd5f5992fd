"""What a test got back."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable
from email.message import Message
from typing import Any, overload

from ..quickly import dataclass

# With --devel a server tells in its JSON answers what the route is; it is no part of what the handler said.
SPEC = "__spec__"

Header = tuple[str, str]


class Headers(tuple[Header, ...]):
    """Headers in the order in which they were sent, also found by name, whatever the case: `headers["etag"]`."""

    __slots__ = ()

    def __new__(cls, pairs: Iterable[Header] = ()) -> Headers:
        """Made of (name, value) pairs."""
        return super().__new__(cls, pairs)

    @overload  # type: ignore[override]
    def __getitem__(self, key: str) -> str: ...
    @overload
    def __getitem__(self, key: int) -> Header: ...
    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None if isinstance(key, str) else super().__contains__(key)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first header of this name."""
        return next(iter(self.get_all(name)), default)

    def get_all(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value for known, value in self if known.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered. `status` is the whole line: "200 OK". Any thread."""

    status: str
    headers: Headers
    data: bytes

    @property
    def status_code(self) -> int:
        return int(self.status[:3])

    @property
    def content_type(self) -> str:
        """The type of the body without parameters, "" where nothing was said."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, in the charset that it says it has; UTF-8 without one."""
        message = Message()
        message["Content-Type"] = self.header("Content-Type") or "text/plain"
        try:
            return self.data.decode(message.get_content_charset("utf-8"), "replace")
        except LookupError:
            return self.data.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, without what a --devel server adds about its route. ValueError if it is no JSON."""
        found = jsonlib.loads(self.data)
        if isinstance(found, dict):
            found.pop(SPEC, None)
        return found

    @property
    def spec(self) -> dict[str, Any] | None:
        """What a --devel server told about the route, None without it."""
        if SPEC.encode() not in self.data:
            return None
        try:
            found = jsonlib.loads(self.data)
        except ValueError:
            return None
        told = found.get(SPEC) if isinstance(found, dict) else None
        return told if isinstance(told, dict) else None

    def header(self, name: str) -> str | None:
        """The first header of this name, None without one."""
        return self.headers.get(name)

    def all_headers(self, name: str) -> list[str]:
        """Every header of this name."""
        return self.headers.get_all(name)
