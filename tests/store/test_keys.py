"""Keys that the installation makes for itself."""

from __future__ import annotations

import pytest

from atilite.store.database import Database
from atilite.store.keys import Keys


def test_a_key_is_made_once_and_stays(url: str) -> None:
    with Database.open(url) as database:
        keys = Keys(database)
        session = keys.secret("session")
        assert len(session) == 32
        assert keys.secret("csrf") != session
        assert keys.secret("session") == session
    with Database.open(url) as database:
        assert Keys(database).secret("session") == session


def test_two_processes_agree_on_a_key(url: str) -> None:
    with Database.open(url) as server, Database.open(url, shared=True) as command:
        one, other = Keys(server), Keys(command)
        assert other.secret("hook") == one.secret("hook")
        # As if both had looked before either had made it.
        assert one._make("race") == other._make("race")


@pytest.mark.row("M19")
def test_a_key_that_another_process_has_renewed_counts_at_once(url: str) -> None:
    with Database.open(url) as server, Database.open(url, shared=True) as command:
        keys = Keys(server)
        old = keys.current("hook:Deploy")
        new = Keys(command).renew("hook:Deploy")
        assert new != old
        assert keys.current("hook:Deploy") == new == keys.secret("hook:Deploy")
