"""How a command finds the server that runs."""

from __future__ import annotations

import pytest

from atilite.cli.board import client, server_or_none, the_server, token
from atilite.errors import AtiliteError
from atilite.store.accounts import Accounts
from atilite.store.database import Database
from tests.cli.conftest import Make


@pytest.mark.parametrize(
    ("listens", "asked"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://0.0.0.0:5000", "http://127.0.0.1:5000"),
        ("http://[::]:5000", "http://[::1]:5000"),
        ("https://0.0.0.0:5443", "https://127.0.0.1:5443"),
        ("unix:board.sock", "http://localhost"),
    ],
)
def test_a_server_is_asked_where_it_listens(listens: str, asked: str) -> None:
    with client(listens, "atilite_secret", "/srv/board") as made:
        assert made.url == asked


def test_without_a_server_there_is_none(call: Make) -> None:
    with server_or_none(call()) as board:
        assert board is None
    with pytest.raises(AtiliteError, match="no server runs on this data, and so on"), the_server(call(), "so on"):
        raise AssertionError


def test_a_process_that_does_not_serve_is_named(call: Make) -> None:
    made = call()
    with Database.open(made.settings.db) as database:
        with pytest.raises(AtiliteError, match="has the data and serves nowhere"), server_or_none(made):
            raise AssertionError
        with server_or_none(made, anyway=True) as board:
            assert board is None
        assert Accounts(database).tokens() == []


def test_what_a_killed_command_has_left_is_removed_when_it_has_ended_and_no_token_of_anybody_else(call: Make) -> None:
    made = call()
    with Database.open(made.settings.db) as database:
        accounts = Accounts(database)
        with pytest.raises(KeyboardInterrupt), token(made):
            raise KeyboardInterrupt
        for name, days in (("a by serve.py 1-a", -1), ("b by serve.py 2-b", 1), ("ended", -1)):
            accounts.add_token(name, "admin", days)
        with token(made):
            assert len(accounts.tokens()) == 3

        assert [one.name for one in accounts.tokens()] == ["b by serve.py 2-b", "ended"]
