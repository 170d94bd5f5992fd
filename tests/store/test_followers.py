"""What is to follow runs is noted and struck out in the transactions of the runs."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import pytest

from atilite.errors import StoreFull
from atilite.store.database import Database
from atilite.store.followers import Follower, Followers
from atilite.store.journals import Journals

PATIENCE = 20.0


def end(database: Database, run: int, *leads: Follower) -> Any:
    """End a run and return the error with which that was told."""
    told, errors = threading.Event(), []
    database.part(Journals).close(
        run, "succeeded", duration=0.0, leads=leads, done=lambda _, error: (errors.append(error), told.set())
    )
    assert told.wait(PATIENCE)
    return errors[0]


@pytest.mark.parametrize("apart", [False, True])
def test_an_end_notes_what_follows_in_its_own_transaction(url: str, apart: bool) -> None:
    with Database.open(url) as database:
        journals, notes = database.part(Journals), database.part(Followers)
        run = journals.open("back up")
        if apart:
            database.writer.flush()
        before = database.writer.commits
        follower = Follower(run, "app", "tell")
        end(database, run, follower)

        assert (database.writer.commits, [one for one, _ in notes.waiting("app")]) == (before + 1, [follower])
        headline = journals.headline(run)
        assert headline is not None
        assert notes.waiting("app")[0][1] == headline.finished_at
        assert notes.waits(follower)
        assert not notes.waits(Follower(run, "app", "else"))


def test_a_note_survives_the_process_and_is_struck_out_by_an_opening_in_its_own_transaction(url: str) -> None:
    with Database.open(url) as database:
        run = database.part(Journals).open("back up")
        end(database, run, Follower(run, "app", "tell"), Follower(run, "app", "mend"))
    with Database.open(url) as database:
        notes, opened = database.part(Followers), threading.Event()
        seen: list[Any] = []

        def stored(*_: Any) -> None:
            seen.extend(notes.waiting("app"))
            opened.set()

        database.part(Journals).open("tell", parent=run, follows=Follower(run, "app", "tell"), done=stored)
        assert opened.wait(PATIENCE)
        assert [one.action for one, _ in seen] == ["mend"]


def test_a_later_label_does_not_note_it_again(url: str) -> None:
    with Database.open(url) as database:
        journals, notes = database.part(Journals), database.part(Followers)
        run = journals.open("back up")
        follower = Follower(run, "app", "tell")
        # Before the flush of the end is told, so that the run is still one of those that go on.
        journals.close(run, "succeeded", duration=0.0, leads=(follower,))
        journals.label(run, ["night"])
        database.writer.flush()
        notes.strike([follower])
        journals.label(run, ["late"])
        database.writer.flush()

        assert notes.waiting("app") == []


def test_an_end_that_could_not_be_stored_notes_nothing_later(url: str) -> None:
    with Database.open(url) as database:
        journals, notes = database.part(Journals), database.part(Followers)
        run = journals.open("back up")
        database.writer.flush()

        def full(connection: sqlite3.Connection) -> None:
            connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")

        database.writer.call(full)
        follower = Follower(run, "app", "x" * 100_000)
        assert isinstance(end(database, run, follower), StoreFull)
        database.writer.call(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
        other = journals.open("other")
        end(database, other)
        database.writer.flush()

        headline = journals.headline(run)
        assert headline is not None
        assert headline.status == "succeeded"
        assert notes.waiting("app") == []


def test_one_at_a_time_sees_to_a_start(url: str) -> None:
    with Database.open(url) as database:
        notes, follower = database.part(Followers), Follower(1, "app", "tell")
        assert notes.claim(follower)
        assert not notes.claim(follower)
        notes.strike([follower])
        database.writer.flush()
        assert notes.claim(follower)
        notes.release(follower)
        assert notes.claim(follower)
