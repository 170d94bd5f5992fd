"""Answers that the server gives by itself, before or instead of the application."""

from __future__ import annotations

from http import HTTPStatus

from waitress.utilities import Error

# Also an answer that no application made must not be framed, sniffed or kept.
SAFE_HEADERS = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


class Refusal(Error):  # type: ignore[misc]
    """An error answer in plain text; the connection is closed after it."""

    def __init__(self, code: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = HTTPStatus(code).phrase
        self._headers = headers

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status line, headers and body; `ident` is not shown to strangers."""
        body = f"{self.code} {self.reason}: {self.body}\r\n".encode()
        return f"{self.code} {self.reason}", [*SAFE_HEADERS, *self._headers], body
