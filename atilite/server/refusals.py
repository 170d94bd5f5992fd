"""Answers that the server gives by itself, before or instead of the application."""

from __future__ import annotations

from http import HTTPStatus

from waitress.utilities import Error

from atilite import errors
from atilite.web.errors import error_body

# Also an answer that no application made must not be framed, sniffed or kept.
SAFE_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


class Refusal(Error):  # type: ignore[misc]
    """An error answer; the connection is closed after it."""

    def __init__(self, code: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = HTTPStatus(code).phrase
        self._headers = headers

    def answer(self, accept: str | None, path: str) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status line, headers and body: as the app's errors look at `path` for a client with this Accept.

        None, for a client whose header could not be read, gives a line of plain text.
        """
        status = f"{self.code} {self.reason}"
        if accept is None:
            kind, body = "text/plain; charset=utf-8", f"{status}: {self.body}\r\n".encode()
        else:
            kind, body = error_body(errors.Error(status, self.body), accept, path=path)
        return status, [("Content-Type", kind), *SAFE_HEADERS, *self._headers], body
