"""A runtime of its own for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atilite.runtime.engine import Runtime
from atilite.runtime.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def runtime(loop: Loop) -> Iterator[Runtime]:
    runtime = Runtime(loop=loop, threads=4, processes=1)
    yield runtime
    runtime.stop(2)
