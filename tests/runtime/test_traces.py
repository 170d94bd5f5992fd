"""Tracebacks from where the user's own code begins."""

from __future__ import annotations

import traceback
from types import TracebackType

import pytest

from atilite.runtime.traces import from_user


def trace_of(code: str, **names: object) -> TracebackType | None:
    """The traceback of code that stands in a file of atilite's, from its own frame on."""
    with pytest.raises(OSError, match="gone") as caught:
        exec(compile(code, from_user.__code__.co_filename, "exec"), names)
    return caught.value.__traceback__.tb_next if caught.value.__traceback__ else None


def test_frames_of_atilite_before_those_of_the_user_are_left_out() -> None:
    def users() -> None:
        raise OSError("gone")

    trace = trace_of("run()", run=users)

    assert [frame.name for frame in traceback.extract_tb(from_user(trace))] == ["users"]


def test_an_error_of_atilite_itself_keeps_its_frames() -> None:
    trace = trace_of("raise OSError('gone')")

    assert from_user(trace) is trace
    assert from_user(None) is None
