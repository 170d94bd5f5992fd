"""Numbers that several processes share by a file."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from atilite.errors import SetupError
from atilite.sharedfile import _NUMBER, LONGEST, SLOT, SLOTS, SharedFile
from atilite.sharing import TICK, Numbers
from atilite.testing.clock import FakeClock

TURNS = 500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.times"


@pytest.mark.row("A148")
def test_what_one_writes_the_others_read(path: Path) -> None:
    one, other = SharedFile(path), SharedFile(path)
    one["tables.users"] = 1.5
    assert other["tables.users"] == 1.5
    other["tables.Größen"] = 2.5
    other["tables.users"] = 3.5

    assert dict(one) == {"tables.users": 3.5, "tables.Größen": 2.5}
    assert len(one) == 2
    assert "tables.photos" not in one
    del one["tables.users"]
    assert list(other) == ["tables.Größen"]
    with pytest.raises(KeyError):
        del other["tables.users"]


def test_the_numbers_outlive_the_processes_and_nobody_else_reads_them(path: Path) -> None:
    SharedFile(path)["users"] = 7.0

    assert SharedFile(path)["users"] == 7.0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == SLOT * (SLOTS + 1)


def test_the_file_has_its_room_on_the_disk_so_that_a_full_one_ends_no_process(path: Path) -> None:
    SharedFile(path)

    assert path.stat().st_blocks * 512 >= SLOT * (SLOTS + 1)


@pytest.mark.parametrize(
    "left", [b"\0" * SLOT * (SLOTS + 1), b"\0" * 100, b"atilite numbers 1"], ids=["no line", "no length", "one line"]
)
def test_a_file_that_was_not_finished_when_it_was_made_is_finished(path: Path, left: bytes) -> None:
    path.write_bytes(left)

    SharedFile(path)["users"] = 7.0

    assert SharedFile(path)["users"] == 7.0
    assert path.stat().st_size == SLOT * (SLOTS + 1)


def test_a_number_that_is_being_written_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, reader = SharedFile(path), SharedFile(path)
    one["users"] = 1.0
    unpack = reader_unpack = SharedFile._read.__globals__["_NUMBER"].unpack_from
    halves = [(2.0, 1.0), (2.0, 1.0)]
    fake = type("Number", (), {"size": 16, "unpack_from": lambda *_: halves.pop() if halves else unpack(*_[1:])})()
    monkeypatch.setitem(SharedFile._read.__globals__, "_NUMBER", fake)

    assert reader["users"] == 1.0
    assert not halves
    assert reader_unpack is unpack


@pytest.mark.parametrize("before", [1.0, math.nan], ids=["a number", "none"])
def test_a_number_whose_writer_died_in_the_midst_of_it_is_what_it_was_before(path: Path, before: float) -> None:
    one, reader = SharedFile(path), SharedFile(path)
    one["users"] = before
    kept = 0.0 if math.isnan(before) else before
    found: list[float] = []
    _NUMBER.pack_into(one._memory, SLOT, 2.0, before)  # the first half of 2.0, and no more
    look = threading.Thread(target=lambda: found.append(reader.get("users", 0.0)), daemon=True)
    look.start()
    look.join(60)
    assert found == [kept]

    _NUMBER.pack_into(one._memory, SLOT, 2.0, before)
    assert one.raise_to("users", 0.5, 1.0) == (0.5 if math.isnan(before) else before + 1.0)
    assert reader["users"] == one["users"]


def test_another_file_is_not_written_over(path: Path, tmp_path: Path) -> None:
    path.write_text("the list of customers")
    with pytest.raises(SetupError, match="no file of shared numbers"):
        SharedFile(path)
    assert path.read_text() == "the list of customers"
    with pytest.raises(SetupError, match="name a file that this program may write"):
        SharedFile(tmp_path / "nowhere" / "shop.times")


def test_there_is_room_for_some_names_of_some_length(path: Path) -> None:
    one = SharedFile(path)
    one["x" * (LONGEST - 1)] = 1.0
    with pytest.raises(SetupError, match="no room for"):
        one["x" * LONGEST] = 1.0
    for number in range(SLOTS - 1):
        one[str(number)] = float(number)
    with pytest.raises(SetupError, match="no room for 'one more'"):
        one["one more"] = 1.0
    assert SharedFile(path)[str(SLOTS - 2)] == SLOTS - 2


def raise_often(path: Path, turns: int) -> None:
    shared = SharedFile(path)
    for _ in range(turns):
        shared.raise_to("users", 0.0, 1.0)


def test_no_raise_of_several_processes_and_threads_is_lost(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    children = [spawn.Process(target=raise_often, args=(path, TURNS)) for _ in range(2)]
    shared = SharedFile(path)
    threads = [
        threading.Thread(target=lambda: [shared.raise_to("users", 0.0, 1.0) for _ in range(TURNS)]) for _ in range(2)
    ]
    for one in (*children, *threads):
        one.start()
    for one in (*children, *threads):
        one.join(60)

    assert shared["users"] == 4 * TURNS - 1


def test_forked_children_keep_each_other_out(path: Path) -> None:
    shared = SharedFile(path)
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            for _ in range(TURNS):
                shared.raise_to("users", 0.0, 1.0)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]

    assert shared["users"] == 2 * TURNS - 1


@pytest.mark.row("A39", "A148")
def test_times_of_updates_are_those_of_all_processes(path: Path) -> None:
    clock = FakeClock(1000.0)
    one, other = Numbers(clock), Numbers(clock)
    for numbers in (one, other):
        numbers.register("users", "photos")
    one["photos"] = 5.0
    one.share(path)
    other.share(path)
    clock.advance(5)

    assert (one.touch("users"), other.newest("users", "photos"), other["photos"]) == (1005.0, 1005.0, 5.0)
    assert math.isclose(other.touch("users"), 1005.0 + TICK, abs_tol=1e-9)
    assert one.newest("users") == other.newest("users")
    assert one.newest("photos") == 5.0
    with pytest.raises(LookupError):
        one.touch("user")
