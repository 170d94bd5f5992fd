"""What the tests of faults share: programs that run for a whole module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.program import Program


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Program]]:
    """Makes programs in folders of their own; all are ended with the module."""
    made: list[Program] = []

    def make(script: str, *flags: str, folder: Path | None = None) -> Program:
        program = Program(folder or tmp_path_factory.mktemp("program"), script, "--devel", *flags)
        made.append(program)
        return program

    yield make
    for program in made:
        program.close()
