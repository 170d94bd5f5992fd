"""Digest authentication (RFC 7616): the arithmetic, the challenge, and nonces that are signed, expire and count.

Only `qop=auth` with MD5 or SHA-256. Nothing of a client is remembered before it has proved that it knows a password.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import unquote

from atilite.clock import Clock
from atilite.quickly import dataclass

#: Length of a hash as hexadecimal digits tells which it is.
ALGORITHMS: Mapping[str, int] = {"SHA-256": 64, "MD5": 32}
_PAIR = re.compile(r'\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")
_COUNT = re.compile(r"[0-9a-fA-F]{8}")
_WINDOW = 128  # requests of one nonce may overtake each other by so many


def hashed(algorithm: str, text: str) -> str:
    """The hash of `text` in hexadecimal digits."""
    # MD5 is what old clients have. A nonce of ours goes into every hash, so a collision is of no use to anybody.
    make = hashlib.sha256 if algorithm == "SHA-256" else _md5
    return make(text.encode("utf-8")).hexdigest()


def _md5(data: bytes) -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)


def secret_of(algorithm: str, name: str, realm: str, password: str) -> str:
    """What stands for a password: the hash of user, realm and password (`A1` in the RFC)."""
    return hashed(algorithm, f"{name}:{realm}:{password}")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a client sends to prove that it knows a password."""

    algorithm: str
    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    nc: str
    cnonce: str

    @classmethod
    def read(cls, header: str) -> Proof | None:
        """The proof in an Authorization header; None for one that is malformed or of another kind."""
        scheme, _, rest = header.strip().partition(" ")
        fields = _fields(rest) if scheme.lower() == "digest" else None
        if fields is None:
            return None
        extended = fields.pop("username*", None)
        if extended is not None:
            charset, _, encoded = extended.partition("''")
            if charset.upper() != "UTF-8" or "username" in fields:
                return None
            fields["username"] = unquote(encoded, errors="replace")
        algorithm = fields.get("algorithm", "MD5").upper()
        complete = all(name in fields for name in _NEEDED) and algorithm in ALGORITHMS
        if not complete or fields["qop"] != "auth" or not _COUNT.fullmatch(fields["nc"]):
            return None
        return cls(algorithm, **{name: fields[name] for name in _NEEDED if name != "qop"})

    @property
    def count(self) -> int:
        """How many requests the client has sent with this nonce, this one included."""
        return int(self.nc, 16)

    def holds(self, secret: str, method: str) -> bool:
        """Whether the client knows `secret` (see `secret_of`). Constant time."""
        action = hashed(self.algorithm, f"{method}:{self.uri}")
        parts = (secret, self.nonce, self.nc, self.cnonce, "auth", action)
        expected = hashed(self.algorithm, ":".join(parts))
        return hmac.compare_digest(expected.encode(), self.response.lower().encode("utf-8", "replace"))


def _fields(text: str) -> dict[str, str] | None:
    """The `name=value` pairs of a header; None for anything else and for a name that is there twice."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PAIR.match(text, place)
        if match is None or match[1].lower() in found:
            return None
        value = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        if not value.isascii():  # headers arrive as latin-1 texts; names of people are UTF-8
            value = value.encode("latin-1", "replace").decode(errors="replace")
        found[match[1].lower()] = value
        place = match.end()
    return found


def quoted(text: str) -> str:
    """`text` as a quoted string of a header."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def challenge(algorithm: str, realm: str, nonce: str, *, stale: bool) -> str:
    """One WWW-Authenticate value. `stale` tells the client to try the same password again with this nonce."""
    opaque = hashed("MD5", realm)
    parts = [f"realm={quoted(realm)}", 'qop="auth"', f"algorithm={algorithm}", f'nonce="{nonce}"', f'opaque="{opaque}"']
    return f"Digest {', '.join(parts)}, charset=UTF-8" + (", stale=true" if stale else "")


class Nonces:
    """Gives out nonces and takes each of their counts once. Any thread.

    A nonce carries its time and a signature, so only those in use are kept, at most `most` of them. `lifetime` is in
    seconds.
    """

    def __init__(self, clock: Clock, *, lifetime: float = 300.0, most: int = 10_000) -> None:
        self._clock, self._lifetime, self._most = clock, lifetime, most
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._forgotten = 0.0  # nonces from before this time may have been used without our remembering
        self._lock = threading.Lock()

    def make(self) -> str:
        """A fresh nonce."""
        body = int(self._clock.time() * 1000).to_bytes(8, "big") + secrets.token_bytes(8)
        return urlsafe_b64encode(body + self._signature(body)).decode()

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:17]

    def _born(self, nonce: str) -> float | None:
        """When we made `nonce`; None when we did not."""
        try:
            raw = urlsafe_b64decode(nonce.encode("ascii"))
        except ValueError:
            return None
        body, signature = raw[:16], raw[16:]
        if len(raw) != 33 or not hmac.compare_digest(signature, self._signature(body)):
            return None
        return int.from_bytes(body[:8], "big") / 1000 if urlsafe_b64encode(raw).decode() == nonce else None

    def fresh(self, nonce: str) -> bool:
        """Whether `nonce` is one of ours and not too old."""
        born = self._born(nonce)
        return born is not None and 0 <= self._clock.time() - born < self._lifetime

    def spend(self, nonce: str, count: int) -> bool:
        """Take this count of a fresh nonce; False when it was taken before: somebody repeats a request."""
        born = self._born(nonce) or 0.0
        with self._lock:
            if nonce not in self._used and born <= self._forgotten:
                return False
            highest, seen = self._used.pop(nonce, (0, 0))
            taken, entry = _taken(highest, seen, count)
            self._used[nonce] = entry
            while len(self._used) > self._most:
                oldest, _ = self._used.popitem(last=False)
                self._forgotten = max(self._forgotten, self._born(oldest) or 0.0)
        return taken


def _taken(highest: int, seen: int, count: int) -> tuple[bool, tuple[int, int]]:
    """Take `count`, where `seen` has a bit for each of the last counts up to `highest`; whether it was free."""
    if count > highest:
        shift = count - highest
        seen = (seen << shift | 1) & ((1 << _WINDOW) - 1) if shift < _WINDOW else 1
        return True, (count, seen)
    bit = 1 << (highest - count)
    free = count > 0 and highest - count < _WINDOW and not seen & bit
    return free, (highest, seen | bit if free else seen)
