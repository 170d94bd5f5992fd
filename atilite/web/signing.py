"""Values that travel through a client and come back unchanged: signed, dated JSON in a URL-safe text."""

from __future__ import annotations

import hashlib
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from itsdangerous import SignatureExpired as _Expired

from atilite.clock import Clock
from atilite.errors import AtiliteError


class BadSignature(AtiliteError):
    """The text was altered, or signed with another key or for another purpose."""


class SignatureExpired(BadSignature):
    """The signature is right but too old."""


class _ClockSigner(TimestampSigner):
    def __init__(self, *args: Any, clock: Clock, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock.time())


class Signing:
    """Signs and checks values with HMAC-SHA256. Any thread.

    `purpose` keeps tokens apart: one made for password resets is worthless as a session. The content is readable by
    everybody, so no secrets belong in it.
    """

    def __init__(self, key: str | bytes, purpose: str, clock: Clock | None = None) -> None:
        if not key:
            raise ValueError("a blank key signs nothing; set pref.securekey")
        self._serializer = URLSafeTimedSerializer(
            key,
            salt=f"atilite.{purpose}",
            signer=_ClockSigner,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256, "clock": clock or Clock()},
        )

    def sign(self, value: Any) -> str:
        """Return the text for a JSON value."""
        return self._serializer.dumps(value)

    def check(self, text: str, max_age: int | None = None) -> Any:
        """Return the value of a text made by `sign` at most `max_age` seconds ago.

        Raises SignatureExpired for an old one and BadSignature for one that was altered.
        """
        try:
            return self._serializer.loads(text, max_age=max_age)
        except _Expired as error:
            raise SignatureExpired(str(error)) from None
        except (BadData, ValueError) as error:
            raise BadSignature(str(error)) from None
