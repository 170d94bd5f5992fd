"""Values that travel through a client and come back unchanged: signed, dated JSON in a URL-safe text."""

from __future__ import annotations

import binascii
import functools
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from atilite.clock import Clock
from atilite.errors import AtiliteError, SetupError
from atilite.lazily import LazyModule

if TYPE_CHECKING:
    import itsdangerous
else:
    # Loaded when the first text is signed.
    itsdangerous = LazyModule("itsdangerous")

SecureKey = str | bytes | Iterable[str | bytes] | None


class BadSignature(AtiliteError):
    """The text was altered, or signed with another key or for another purpose."""


class SignatureExpired(BadSignature):
    """The signature is right but too old."""


def signing_keys(securekey: SecureKey) -> tuple[bytes, ...]:
    """Return the keys in `pref.securekey`, one or a list of them, as bytes. The first signs, all of them check.

    Raises SetupError when there is none, or a blank one.
    """
    given = [securekey] if isinstance(securekey, (str, bytes)) else list(securekey or ())
    keys = tuple(key.encode() if isinstance(key, str) else bytes(key) for key in given)
    if not keys or not all(keys):
        raise SetupError("this needs a key: set pref.securekey to a long random text, or a list of them (newest first)")
    return keys


def canonical(part: str) -> bool:
    """Whether `part` is the one way to write its bytes as URL-safe base64 without padding.

    Decoders skip foreign letters and unused bits, so several texts would pass for one signature.
    """
    try:
        data = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return False
    return urlsafe_b64encode(data).rstrip(b"=").decode() == part


@functools.cache
def _clock_signer() -> type[itsdangerous.TimestampSigner]:
    class ClockSigner(itsdangerous.TimestampSigner):
        def __init__(self, *args: Any, clock: Clock, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._clock = clock

        def get_timestamp(self) -> int:
            return int(self._clock.time())

    return ClockSigner


class Signing:
    """Signs and checks values with HMAC-SHA256. Any thread.

    `purpose` keeps tokens apart: one made for password resets is worthless as a session. The content is readable by
    everybody, so no secrets belong in it. `key` may be several: the first one signs, all of them check, so that a
    new key can be put in front of one that is in use.
    """

    def __init__(self, key: SecureKey, purpose: str, clock: Clock | None = None) -> None:
        self._serializer = itsdangerous.URLSafeTimedSerializer(
            list(reversed(signing_keys(key))),  # itsdangerous signs with the last one
            salt=f"atilite.{purpose}",
            signer=_clock_signer(),
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
            value = self._serializer.loads(text, max_age=max_age)
        except itsdangerous.SignatureExpired as error:
            raise SignatureExpired(str(error)) from None
        except (itsdangerous.BadData, ValueError) as error:
            raise BadSignature(str(error)) from None
        if not canonical(text.rpartition(".")[2]):
            raise BadSignature("the signature is written in another way than it was made")
        return value
