"""Lines of standard input, whatever it is: a pipe, a terminal, a file, nothing."""

from __future__ import annotations

import io
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.pod.stdin import LinesFromStdin
from tests.pod.living import Happened, Living

Alive = Callable[..., Living]


class Lines(LinesFromStdin):
    """Tells each line by the keyword `happened`."""

    def startup(self, **kwargs: Any) -> None:
        self.consumed: list[str] = []

    async def consume(self, obj: str, *, happened: Happened | None = None, **kwargs: Any) -> None:
        self.consumed.append(obj)
        if happened is not None:
            happened(obj)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pipe that is standard input; gives its other end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stream, os.fdopen(writing, "wb", buffering=0) as end:
        monkeypatch.setattr(sys, "stdin", stream)
        yield end


@pytest.mark.row("P24")
def test_each_line_of_a_pipe_is_consumed_and_its_end_is_the_beans(alive: Alive, pipe: Any) -> None:
    living = alive(Lines, consumer_num=1)
    pipe.write("erste Zeile: Grüße\r\n\nhalf".encode())
    pipe.write(b" a line")
    pipe.close()

    assert living.ended() == 0
    assert living.instance.consumed == ["erste Zeile: Grüße", "", "half a line"]


@pytest.mark.row("P24")
def test_letters_that_arrive_in_halves_are_put_together(alive: Alive, pipe: Any) -> None:
    happened = Happened()
    living = alive(Lines, happened=happened)
    pipe.write(b"first\n\xc3")
    happened.wait_for("first")
    pipe.write(b"\xbc\n\xff\n")
    pipe.close()

    assert living.ended() == 0
    assert happened.things == ["first", "ü", "\ufffd"]


@pytest.mark.row("P24")
def test_it_ends_with_the_pod_while_no_line_comes(alive: Alive, pipe: Any) -> None:
    happened = Happened()
    living = alive(Lines, happened=happened)
    pipe.write(b"one\nhalf")
    happened.wait_for("one")

    assert living.stop() == 0
    assert happened.things == ["one"]  # the rest of the line may have been on its way


@pytest.mark.row("P24")
def test_a_terminal_is_left_as_it_is(alive: Alive, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = pty.openpty()
    happened = Happened()
    with os.fdopen(ours, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        living = alive(Lines, happened=happened)
        os.write(theirs, b"typed\n")
        happened.wait_for("typed")
        assert os.get_blocking(ours)
        os.write(theirs, b"\x04")  # Ctrl-D

        assert living.ended() == 0
    os.close(theirs)


@pytest.mark.row("P24")
def test_a_file_is_read_to_its_end(alive: Alive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"line {number}\n" for number in range(20_000)))
    with path.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        living = alive(Lines, consumer_num=1)

        assert living.ended() == 0
    assert living.instance.consumed == [f"line {number}" for number in range(20_000)]


@pytest.mark.row("P24")
@pytest.mark.parametrize("nothing", ["/dev/null", "closed", "none"])
def test_without_an_input_it_ends_at_once(alive: Alive, nothing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as stream:
        if nothing == "closed":
            stream.close()
        monkeypatch.setattr(sys, "stdin", None if nothing == "none" else stream)
        living = alive(Lines)

        assert living.ended() == 0
    assert living.instance.consumed == []


@pytest.mark.row("P24")
def test_a_text_in_its_place_is_read(alive: Alive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))
    living = alive(Lines, consumer_num=1)

    assert living.ended() == 0
    assert living.instance.consumed == ["one", "two"]
