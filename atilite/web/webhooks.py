"""Signatures of webhooks, ours and GitHub's. Pure.

Ours is `X-Signature: t=<unix time>,v1=<hex HMAC-SHA256 of "<t>.<body>">`: the time is signed as well, so that an old
request cannot be sent again later. GitHub signs the body alone, in `X-Hub-Signature-256: sha256=<hex>`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

from atilite.errors import AtiliteError

HEADER = "X-Signature"
GITHUB_HEADER = "X-Hub-Signature-256"
WINDOW = 300  # seconds that a signed time may differ from ours, either way

_TIME = re.compile(r"[0-9]{1,15}")
_HEX = re.compile(r"[0-9a-f]{64}")

# One text for all that is wrong, and for hooks that do not exist: a stranger must not learn which ones do.
WRONG = f"the signature is wrong: {HEADER} must be t=<unix time>,v1=<hex HMAC-SHA256>, {GITHUB_HEADER} sha256=<hex>"


class BadHook(AtiliteError):
    """The request is not signed with this secret, or is too old; only whoever knows the secret is told the latter."""


class Proof(NamedTuple):
    """A signature that is right. `mark` names it, for those who accept each only once."""

    mark: str


def secret_text(key: bytes) -> str:
    """The secret as a person copies it into the other program; this text is what signs."""
    return key.hex()


def sign(secret: str, body: bytes, now: float) -> str:
    """The value of X-Signature for a body that is sent at `now`, in seconds since 1970."""
    moment = str(int(now))
    return f"t={moment},v1={_digest(secret, moment.encode() + b'.' + body)}"


def check(header: str, secret: str, body: bytes, now: float) -> Proof:
    """Check the value of X-Signature. Raises BadHook.

    Several `v1` may be sent, by somebody who is changing the secret: one that is right is enough.
    """
    parts = [part.strip().partition("=") for part in header[:1000].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value.lower() for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not given:
        raise BadHook(WRONG)
    right = _digest(secret, times[0].encode() + b"." + body)
    # The signature first: who does not know the secret learns nothing about our clock.
    if not _any_equal(given, right):
        raise BadHook(WRONG)
    if abs(now - int(times[0])) > WINDOW:
        raise BadHook(f"the signed time is more than {WINDOW} s away from the time here (set both clocks)")
    return Proof(right)


def check_github(header: str, secret: str, body: bytes) -> Proof:
    """Check the value of X-Hub-Signature-256. Raises BadHook."""
    scheme, _, given = header[:200].strip().partition("=")
    if scheme != "sha256" or not given:
        raise BadHook(WRONG)
    right = _digest(secret, body)
    if not _any_equal([given.lower()], right):
        raise BadHook(WRONG)
    return Proof(right)


def _digest(secret: str, text: bytes) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _any_equal(given: list[str], right: str) -> bool:
    # All are compared, each in constant time; what is no digest is not, and tells nothing.
    found = [hmac.compare_digest(one, right) for one in given[:8] if _HEX.fullmatch(one)]
    return any(found)
