"""The part of `was` that keeps passwords of an app's own users: as scrypt hashes."""

from __future__ import annotations

import functools

from ..store.passwords import hash_password, is_password
from ..web.throttle import Hashers


@functools.cache
def process_hashers() -> Hashers:
    """The threads that hash: each hash takes 16 MiB, so there are two of them for the whole process."""
    return Hashers()


def encrypt_password(password: str) -> str:
    """Return the text to store for a password: salted, with its parameters. Waits some 50 ms: not on the loop."""
    return process_hashers().call(hash_password, password)


def verify_password(password: str, stored: str) -> bool:
    """Tell whether `stored` was made of this password. Waits some 50 ms: not on the loop."""
    return process_hashers().call(is_password, password, stored)
