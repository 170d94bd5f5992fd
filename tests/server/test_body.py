from __future__ import annotations

import threading

import pytest

from atilite.server.body import HIGH_WATER, InputPipe


def test_a_taker_gets_what_is_there_then_what_comes_then_the_end() -> None:
    pipe = InputPipe()
    got: list[object] = []
    pipe.append(b"abc")
    pipe.take(2, lambda data, error: got.append(data))
    pipe.take(2, lambda data, error: got.append(data))
    pipe.take(9, lambda data, error: got.append(data))
    assert got == [b"ab", b"c"]
    pipe.append(b"def")
    pipe.deliver()
    pipe.finish()
    pipe.take(9, lambda data, error: got.append(data))
    assert got == [b"ab", b"c", b"def", b""]
    assert len(pipe) == 6


def test_an_error_comes_after_the_bytes_that_came_before_it() -> None:
    pipe = InputPipe()
    got: list[object] = []
    pipe.append(b"abc")
    pipe.fail(ConnectionError("gone"))
    pipe.take(9, lambda data, error: got.append(data))
    pipe.take(9, lambda data, error: got.append(error))
    assert got[0] == b"abc"
    assert isinstance(got[1], ConnectionError)


def test_it_is_full_until_somebody_takes() -> None:
    pipe = InputPipe()
    taken: list[bool] = []
    pipe.on_taken = lambda: taken.append(pipe.full)
    pipe.append(bytes(HIGH_WATER))
    assert pipe.full
    pipe.take(1, lambda data, error: None)
    assert taken == [False]


def test_what_nobody_reads_any_more_is_not_kept() -> None:
    pipe = InputPipe()
    pipe.append(bytes(HIGH_WATER))
    pipe.close()
    pipe.append(bytes(HIGH_WATER))
    assert not pipe.full


def test_two_readers_at_once_are_an_error() -> None:
    pipe = InputPipe()
    pipe.take(1, lambda data, error: None)
    with pytest.raises(RuntimeError, match="already"):
        pipe.take(1, lambda data, error: None)


def test_a_thread_waits_as_a_file_would_and_is_announced() -> None:
    pipe = InputPipe()
    wanted = threading.Event()
    pipe.on_wanted = wanted.set
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.extend([pipe.getfile().read()]))
    reader.start()
    assert wanted.wait(20)
    pipe.append(b"abc")
    pipe.append(b"def")
    pipe.finish()
    reader.join(20)
    assert got == [b"abcdef"]
