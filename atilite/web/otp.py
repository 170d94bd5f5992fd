"""One-time passwords (RFC 6238): six digits, a new one every 30 seconds. Pure but for the clock."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from base64 import b32encode
from typing import TYPE_CHECKING

from atilite.clock import Clock
from atilite.lazily import LazyModule
from atilite.web.signing import SecureKey, signing_keys

if TYPE_CHECKING:
    import pyotp
else:
    pyotp = LazyModule("pyotp")

DIGITS, PERIOD = 6, 30
WINDOW = 1  # periods before and after this one whose codes are accepted: clocks differ, and typing takes time
_SECRET_LENGTH = 20  # bytes, as long as the digest of HMAC-SHA1 (RFC 4226)
_BASE32 = re.compile(r"[A-Z2-7]{16,}=*")
_CODE = re.compile(r"[0-9]{6}")


def secret_of(securekey: SecureKey) -> str:
    """Return the base32 secret that belongs to pref.securekey: for authenticator apps and other programs.

    It is derived (HKDF, RFC 5869, SHA-256), so who knows it can make codes, but no sessions and no tokens.
    """
    return _derived(signing_keys(securekey)[0])


def generate_otp(secret: str | bytes, clock: Clock | None = None) -> str:
    """Return the code of this moment, six digits. `secret` is base32, or the server's securekey itself.

    Raises ValueError for a blank secret.
    """
    if not secret:
        raise ValueError("a one-time password needs a secret: base32, or the server's securekey")
    return _code(_base32_of(secret), int((clock or Clock()).time()) // PERIOD)


class OneTimeCodes:
    """Checks codes, and remembers those that were accepted: RFC 6238 accepts each only once. Any thread."""

    def __init__(self) -> None:
        self._used: set[tuple[bytes, int]] = set()
        self._lock = threading.Lock()

    def verify(self, secrets: list[str], code: object, at: float, *, once: bool = True) -> bool:
        """Whether `code` is that of the moment `at`, or of the 30 seconds before or after, for one of `secrets`.

        `secrets` are base32, `at` is in seconds since 1970. With `once` a code that was accepted before is refused.
        """
        text = str(code).strip() if isinstance(code, (str, int)) else ""
        if not _CODE.fullmatch(text):
            return False
        now = int(at) // PERIOD
        found = [
            (secret, step)
            for secret in secrets
            for step in range(now - WINDOW, now + WINDOW + 1)
            if hmac.compare_digest(_code(secret, step), text)
        ]
        return bool(found) and (not once or self._first_use(*found[0], now))

    def _first_use(self, secret: str, step: int, now: int) -> bool:
        use = hashlib.sha256(secret.encode()).digest(), step
        with self._lock:
            if use in self._used:
                return False
            self._used = {used for used in self._used if used[1] >= now - WINDOW} | {use}
            return True


def secrets_for(securekey: SecureKey, secret: str | bytes | None) -> list[str]:
    """The base32 secrets that a code may belong to: the one given, or those of every securekey."""
    if secret is not None:
        return [_base32_of(secret)]
    return [_derived(key) for key in signing_keys(securekey)]


def _base32_of(secret: str | bytes) -> str:
    """`secret` itself when it is base32 of at least 80 bits, in capitals as it is written; else what is derived."""
    text = secret if isinstance(secret, str) else secret.decode("utf-8", "replace")
    plain = text.replace(" ", "")
    return plain.rstrip("=") if _BASE32.fullmatch(plain) else _derived(text.encode())


def _derived(key: bytes) -> str:
    extracted = hmac.digest(b"atilite.otp", key, "sha256")
    expanded = hmac.digest(extracted, b"one-time password\x01", "sha256")
    return b32encode(expanded[:_SECRET_LENGTH]).decode()


def _code(secret: str, step: int) -> str:
    return pyotp.HOTP(secret, digits=DIGITS).at(step)
