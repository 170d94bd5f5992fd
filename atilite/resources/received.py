"""What came back: the answer of another server as a value, and the errors that say why there is none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import ResourceError, TaskTimeout


class NotConnected(ResourceError):
    """No connection could be made: nothing was sent."""


class ConnectTimeout(NotConnected, TaskTimeout):
    """No connection could be made in time."""


class Lost(ResourceError):
    """The connection broke, or what came over it is no HTTP."""


class TooLarge(ResourceError):
    """The answer is larger than it may be."""


class Refused(ResourceError):
    """The other server understood, and answered that it cannot or will not."""


class HttpError(Refused):
    """The other server answered 400 or more; `response` is its whole answer."""

    def __init__(self, url: str, response: Answer) -> None:
        super().__init__(url, f"answered {response.status}")
        self.response = response


class Headers(Mapping[str, str]):
    """The headers of an answer; names in any case. Several ones of a name are joined by a comma, or listed by `all`."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)

    def all(self, name: str) -> list[str]:
        """The values of each header of this name."""
        wanted = name.lower()
        return [value for known, value in self.pairs if known.lower() == wanted]

    def number(self, name: str) -> int | None:
        """The value of a header that is a whole number; None without one, and for anything else that it says."""
        value = self.get(name, "")
        # A stranger may send digits that int() refuses: those of other scripts, or thousands of them.
        return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower(): None for name, _ in self.pairs})

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self.pairs})

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"


class Answer:
    """A whole answer. `data` is what a task's `fetch()` returns: JSON as values, text as str, anything else bytes."""

    def __init__(self, url: str, status_code: int, reason: str, headers: Headers, content: bytes = b"") -> None:
        self.url, self.status_code, self.reason = url, status_code, reason
        self.headers, self.content = headers, content
        self._data: tuple[Any, ResourceError | None] | None = None

    @property
    def status(self) -> str:
        """Such as "404 Not Found"."""
        return f"{self.status_code} {self.reason}".strip()

    @property
    def ok(self) -> bool:
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text, in the charset that it names; what is no text in it is replaced."""
        try:
            return self.content.decode(self._charset, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, whatever type it says it has. Raises ResourceError if it is none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise ResourceError(self.url, f"the answer is not JSON: {error}") from None

    @property
    def data(self) -> Any:
        """The body by its type. Raises ResourceError for one that is broken."""
        if self._data is None:
            self.decode()
        assert self._data is not None
        value, error = self._data
        if error is not None:
            raise error
        return value

    def decode(self) -> None:
        """Find `data`, once. For a large body on a thread: the hub is for short steps."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        value: Any = self.content
        error = None
        if kind.startswith("text/"):
            value = self.text
        elif (kind == "application/json" or kind.endswith("+json")) and self.content:
            try:
                value = self.json()
            except ResourceError as broken:
                error = broken
        elif kind == "application/json":
            value = None  # 204 and answers to HEAD
        self._data = (value, error)

    @property
    def _charset(self) -> str:
        for word in self.headers.get("Content-Type", "").split(";")[1:]:
            name, _, value = word.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip('"') or "utf-8"
        return "utf-8"

    def __repr__(self) -> str:
        return f"<Answer {self.status} from {self.url}>"
