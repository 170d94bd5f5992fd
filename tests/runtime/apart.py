"""Functions for processes of their own."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from atilite.runtime.task import Mask

F = TypeVar("F", bound=Callable[..., Any])


def wrapped(function: F) -> F:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return ["wrapped", function(*args, **kwargs)]

    wrapper.__wrapped__ = function  # type: ignore[attr-defined]
    wrapper.__qualname__, wrapper.__module__ = function.__qualname__, function.__module__
    return wrapper  # type: ignore[return-value]


def talk(was: Any, name: str) -> int:
    print("hello", name)
    print("careful", file=sys.stderr)
    os.system("echo from a program")
    was.progress(1, 2, "half")
    was.record("fetched", count=31)
    return os.getpid()


@wrapped
def decorated() -> str:
    return "inner"


def generator(count: int) -> Any:
    total = 0
    for number in range(count):
        total += (yield Mask(number)).fetch()
    return total


async def coroutine() -> str:
    await asyncio.sleep(0)
    return "awaited"


def close_streams() -> str:
    """Leaves a thread behind as well."""
    sys.stdout.close()
    sys.stderr.close()
    threading.Thread(target=threading.Event().wait).start()
    print("after")
    return "done"


def segfault() -> None:
    print("before", flush=True)
    ctypes.string_at(0)


def out_of_memory() -> None:
    raise MemoryError


def leave() -> None:
    os._exit(7)


def fail(text: str) -> None:
    raise ValueError(text)


def spin(told: str) -> None:
    """Computes for ever and cannot be talked out of it."""
    child = subprocess.Popen(["sleep", "60"])
    Path(told).write_text(f"{os.getpid()} {child.pid}\n", encoding="utf-8")
    while True:
        try:
            while True:
                sum(range(1000))
        except SystemExit:
            continue


def tidy(told: str, left: str) -> None:
    try:
        Path(told).write_text(f"{os.getpid()}\n", encoding="utf-8")
        while True:
            sum(range(1000))
    finally:
        Path(left).write_text("tidied up", encoding="utf-8")


def several() -> list[int]:
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        return list(pool.map(abs, [-1, -2]))
