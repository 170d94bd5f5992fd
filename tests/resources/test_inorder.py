"""In a `with` block of a database without transactions the calls run one after the other."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from atilite.context import current_journal
from atilite.errors import TaskCancelled, TaskTimeout
from atilite.resources.aliases import Aliases, Member
from atilite.resources.databases import Databases

pytestmark = pytest.mark.row("A137", "A149")

PATIENCE = 20.0


class Notes:
    """A database that notes what it is asked; `wait` lasts until it is let go."""

    noted: list[object] = []
    begun, gate = threading.Event(), threading.Event()

    def __init__(self, member: Member) -> None:
        self.member, self.severed = member, False

    def note(self, word: object) -> object:
        self.noted.append(word)
        return word

    def wait(self) -> None:
        self.begun.set()
        assert self.gate.wait(PATIENCE)
        if self.severed:
            raise ConnectionError("severed")

    def sever(self) -> None:
        self.severed = True
        self.gate.set()

    def fail(self) -> None:
        raise ValueError("no")

    def journal(self) -> object:
        return current_journal.get()


@pytest.fixture
def notes(db: Databases, aliases: Aliases) -> Any:
    Notes.noted, Notes.begun, Notes.gate = [], threading.Event(), threading.Event()
    aliases.add_interface("*notes", Notes)
    aliases.add("@notes", "*notes", ["first", "second"])
    yield db("@notes")
    Notes.gate.set()


def test_calls_of_a_block_run_in_the_order_of_their_making(notes: Any) -> None:
    with notes as block:
        tasks = [block.note(number) for number in range(200)]
    assert [task.fetch(PATIENCE) for task in tasks] == Notes.noted == list(range(200))


def test_a_block_keeps_nobody_waiting_but_itself(notes: Any) -> None:
    with notes as block:
        first, second = block.wait(), block.note("in the block")
    assert Notes.begun.wait(PATIENCE)
    with notes as another:
        another.note("in another").commit()
        notes.note("outside").commit()
    assert Notes.noted == ["in another", "outside"]
    Notes.gate.set()
    first.commit()
    assert second.fetch(PATIENCE) == "in the block"


def test_a_call_that_fails_or_is_cancelled_lets_the_next_run_in_its_turn(notes: Any) -> None:
    with notes as block:
        block.wait()
        failing, cancelled, last = block.fail(), block.note("cancelled"), block.note("last")
    assert Notes.begun.wait(PATIENCE)
    assert cancelled.cancel()
    assert not last.done
    Notes.gate.set()
    assert last.fetch(PATIENCE) == "last"
    with pytest.raises(ValueError, match="no"):
        failing.fetch(PATIENCE)
    with pytest.raises(TaskCancelled):
        cancelled.fetch(PATIENCE)
    assert Notes.noted == ["last"]


def test_what_runs_is_cancelled_as_any_call(notes: Any) -> None:
    with notes as block:
        running = block.wait()
    assert Notes.begun.wait(PATIENCE)
    running.cancel()
    with pytest.raises(TaskCancelled):
        running.fetch(PATIENCE)


def test_thousands_whose_time_is_over_say_so(db: Databases, notes: Any) -> None:
    with db("@notes", timeout=2.0) as block:  # enough for the making of them all
        first, late = block.wait(), [block.note(number) for number in range(3000)]
    assert Notes.begun.wait(PATIENCE)
    with pytest.raises(TaskTimeout):
        late[-1].fetch()  # by its own time
    Notes.gate.set()
    outcome = late[-1].dispatch(PATIENCE)
    assert str(outcome.expt) == "@notes: the calls before it in its block took all of 2.0 s"
    assert Notes.noted == []
    first.dispatch(PATIENCE)


def test_a_call_belongs_to_the_run_that_made_it(notes: Any) -> None:
    found = []
    with notes as block:
        waiting = block.wait()
        for number in (7, 8):
            token = current_journal.set(number)
            found.append(block.journal())
            current_journal.reset(token)
    Notes.gate.set()
    waiting.commit()
    assert [task.fetch(PATIENCE) for task in found] == [7, 8]


def test_calls_to_all_members_are_a_row_for_each(db: Databases, notes: Any) -> None:
    with db.map("@notes") as block:
        tasks = [block.note(number) for number in range(50)]
    assert [task.fetch(PATIENCE) for task in tasks] == [[number, number] for number in range(50)]
