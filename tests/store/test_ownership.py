"""Who owns a database, and where it serves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atilite.errors import StoreBusy
from atilite.store.database import Database, path_of
from atilite.store.ownership import Ownership, lock_path, owner_of


def test_nobody_owns_what_is_not_there_or_was_given_up(url: str) -> None:
    assert owner_of(path_of(url)) is None
    with Database.open(url):
        pass
    assert owner_of(path_of(url)) is None


def test_the_owner_says_where_it_serves(url: str) -> None:
    with Database.open(url) as database:
        assert owner_of(path_of(url)) == (str(os.getpid()), ())
        database.announce(["http://127.0.0.1:5000", "unix:/run/the board.sock"])
        assert owner_of(path_of(url)) == (str(os.getpid()), ("http://127.0.0.1:5000", "unix:/run/the board.sock"))
        with pytest.raises(StoreBusy, match="already open in this process"):
            Database.open(url)


def test_the_next_owner_says_nothing_of_the_one_before(tmp_path: Path) -> None:
    first = Ownership.take(tmp_path / "data.db")
    first.announce(["http://127.0.0.1:5000"])
    first.give_up()
    second = Ownership.take(tmp_path / "data.db")
    assert owner_of(tmp_path / "data.db") == (str(os.getpid()), ())
    second.give_up()


def test_a_command_beside_the_server_announces_nothing(url: str) -> None:
    with Database.open(url) as server, Database.open(url, shared=True) as command:
        server.announce(["http://127.0.0.1:5000"])
        command.announce(["http://127.0.0.1:1"])
        found = owner_of(path_of(url))
        assert found is not None
        assert found.urls == ("http://127.0.0.1:5000",)
    assert lock_path(path_of(url)).exists()
