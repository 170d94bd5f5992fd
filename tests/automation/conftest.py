from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.automation.engine import Automation
from atilite.store.database import Database

PATIENCE = 20.0


class Was:
    """The helper that these tests hand to functions that want one."""

    def __init__(self, run: Any) -> None:
        self.run = run

    @property
    def cancelled(self) -> bool:
        return self.run.cancelled


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Automation]]:
    """Makes automations; those that name no database of their own share one file."""
    opened: dict[str, Database] = {}
    made: list[Automation] = []
    numbers = itertools.count(1)

    def make_one(name: str | None = None, file: str = "data.db", **options: Any) -> Automation:
        def open_store() -> Database:
            if file not in opened:
                opened[file] = Database.open(f"sqlite:///{tmp_path / file}", clock=options.get("clock"))
            return opened[file]

        automation = Automation(name or f"app{next(numbers)}", open_store, make_was=Was, **options)
        made.append(automation)
        return automation

    yield make_one
    for automation in made:
        automation.stop(5.0)
    for database in opened.values():
        database.close()


@pytest.fixture
def automation(make: Callable[..., Automation]) -> Automation:
    return make("app")
