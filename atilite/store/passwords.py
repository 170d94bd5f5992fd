"""Passwords as scrypt hashes that carry their own parameters. Pure, but slow on purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata

# 16 MiB and some 50 ms (a second or two on the smallest boards) a try. Raising them changes new hashes only.
N, R, P = 2**14, 8, 1
_MOST_MEMORY = 256 * 1024 * 1024


def hash_password(password: str) -> str:
    """Return the text to store for a password. Takes long: never on the event loop."""
    salt = secrets.token_bytes(16)
    return f"scrypt${N}${R}${P}${_text(salt)}${_text(_derive(password, salt, N, R, P))}"


def is_password(password: str, stored: str) -> bool:
    """Tell whether `stored` was made of this password, in a time that tells nothing about it. Takes long."""
    try:
        method, n, r, p, salt, expected = stored.split("$")
        given = _derive(password, base64.b64decode(salt), int(n), int(r), int(p))
        return method == "scrypt" and hmac.compare_digest(given, base64.b64decode(expected))
    except (ValueError, binascii.Error):
        return False  # whatever this is, no password opens it


def is_current(stored: str) -> bool:
    """Tell whether `stored` was made with today's parameters."""
    return stored.startswith(f"scrypt${N}${R}${P}$")


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # The same letters typed on different systems may differ in bytes.
    normal = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(normal, salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
