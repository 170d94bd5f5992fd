"""The result of the last POST, shown once on the next page: a short message in a signed cookie."""

from __future__ import annotations

from dataclasses import asdict

from itsdangerous import BadData, URLSafeTimedSerializer

from ..quickly import dataclass

COOKIE = "atilite_flash"
LIVES = 600


@dataclass(frozen=True, slots=True)
class Flash:
    """What happened, and where to read more of it; `href` is below the site's root."""

    text: str
    href: str = ""
    label: str = ""


class Flashes:
    """Writes and reads the cookie. Any thread."""

    def __init__(self, key: bytes) -> None:
        self._signer = URLSafeTimedSerializer(key, salt="console.flash")

    def write(self, flash: Flash) -> str:
        """The value of the cookie."""
        value: str = self._signer.dumps(asdict(flash))
        return value

    def read(self, value: str | None) -> Flash | None:
        """The message of a cookie; None without one, for one that we did not make, and for one older than 10 min."""
        if not value:
            return None
        try:
            return Flash(**self._signer.loads(value, max_age=LIVES))
        except (BadData, TypeError):
            return None
