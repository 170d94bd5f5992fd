"""Passwords of an app's own users."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from atilite.was.passwords import encrypt_password, verify_password

pytestmark = pytest.mark.usefixtures("dear_passwords")


@pytest.mark.row("A52")
def test_a_password_is_known_again_and_nothing_else_is() -> None:
    stored = encrypt_password("grün und geheim")

    assert stored.startswith("scrypt$")
    assert "geheim" not in stored
    assert verify_password("grün und geheim", stored)
    assert not verify_password("grün", stored)
    assert encrypt_password("grün und geheim") != stored


@pytest.mark.row("A52")
@pytest.mark.parametrize("stored", ["", "x", "md5$1$2$3$4$5", "scrypt$a$b$c$d$e", "scrypt$16384$8$1$$"])
def test_no_password_opens_what_is_no_hash(stored: str) -> None:
    assert not verify_password("", stored)


@pytest.mark.row("A52")
def test_many_at_once_are_hashed_by_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[int] = set()
    monkeypatch.setattr("atilite.was.passwords.hash_password", lambda _: used.add(threading.get_ident()))

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(encrypt_password, ["same"] * 100))

    assert 1 <= len(used) <= 2
