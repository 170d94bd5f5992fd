"""Stand-ins for the tests of this room: time that moves only when told, and functions for other processes."""

from __future__ import annotations

import ctypes
import os
import select
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atilite.clock import Clock


class SteppedTime(Clock):
    """A clock and a timer in one; `advance` makes the calls that become due."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._calls: list[SteppedCall] = []

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now, UTC)

    def later(self, seconds: float, function: Callable[[], None]) -> SteppedCall:
        call = SteppedCall(self._now + seconds, function)
        self._calls.append(call)
        return call

    def advance(self, seconds: float) -> None:
        end = self._now + seconds
        while True:
            due = [call for call in self._calls if call.wanted and call.when <= end]
            if not due:
                break
            call = min(due, key=lambda call: call.when)
            self._now = max(self._now, call.when)
            call.wanted = False
            call.function()
        self._now = end

    @property
    def open(self) -> int:
        return sum(call.wanted for call in self._calls)


class SteppedCall:
    def __init__(self, when: float, function: Callable[[], None]) -> None:
        self.when = when
        self.function = function
        self.wanted = True

    def cancel(self) -> None:
        self.wanted = False


# -- watching other processes


def wait_for(pipe: Path, seconds: int = 60) -> int:
    """Read the process number that a program writes into a named pipe."""
    end = os.open(pipe, os.O_RDWR)  # for writing as well, so that it is open whoever comes first
    try:
        ready, _, _ = select.select([end], [], [], seconds)
        assert ready, f"nobody wrote to {pipe}"
        return int(os.read(end, 100))
    finally:
        os.close(end)


def gone(process: int, seconds: int = 20) -> bool:
    """Wait for the end of a process that is not a child of this one."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


# -- run in other processes, where they are imported by name


def process_id() -> int:
    return os.getpid()


def exit_hard(code: int) -> None:
    os._exit(code)


def crash() -> None:
    ctypes.string_at(0)


def double(number: int, *, plus: int = 0) -> int:
    return number * 2 + plus


def refuse(text: str) -> None:
    raise ValueError(text)


class Stubborn(Exception):
    """Cannot be built from its own args."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def refuse_stubbornly() -> None:
    raise Stubborn("no", "way")


def leave() -> None:
    raise SystemExit(4)


def touch_and_stay(path: str, seconds: float) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    threading.Event().wait(seconds)


def give_back_lambda() -> Any:
    return lambda: None
