"""What the tests of the store share: an open database in an empty folder, with a clock that moves only when told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV
from atilite.testing.clock import FakeClock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Outcome:
    """A `done` callback that can be waited for."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, BaseException | None]] = []

    def __call__(self, value: Any, error: BaseException | None) -> None:
        self.calls.append((value, error))

    @property
    def value(self) -> Any:
        ((value, error),) = self.calls
        if error is not None:
            raise error
        return value


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON.timestamp())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data.db"


@pytest.fixture
def database(url: str, clock: FakeClock) -> Iterator[Database]:
    with Database.open(url, clock=clock) as opened:
        yield opened


@pytest.fixture
def journals(database: Database) -> Journals:
    return database.part(Journals)


@pytest.fixture
def kv(database: Database) -> KV:
    return database.part(KV)


@pytest.fixture
def written(database: Database) -> Callable[..., Any]:
    """Call a write with `done`, wait until it is on the disk and return what it gave."""

    def wait(write: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outcome = Outcome()
        write(*args, done=outcome, **kwargs)
        database.writer.flush()
        return outcome.value

    return wait
