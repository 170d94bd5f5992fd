"""What /openapi.json promises is kept: schemathesis sends every route of an example what it may and may not have."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest

from atilite.app import Atilite
from atilite.automation.parameters import Range
from atilite.config import Settings
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from atilite.site import Site
from atilite.store.accounts import Accounts
from tests.e2e.library import library
from tests.require import require

EXAMPLES = 300
# A run takes a tenth of it, in seconds, on a machine that does nothing else.
PATIENCE = 400

Schemathesis = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def serving(app: Atilite, folder: Path) -> Iterator[tuple[str, str]]:
    """The address of a server for the app, and a token with role run."""
    site = Site(folder)
    site.mount("/", app)
    site.open(Settings(db=f"sqlite:///{folder}/data.db"))
    site.start()
    server = Server(site, loop=process_loop(), listeners=["127.0.0.1:0"], policy=site.policy)
    server.bind()
    server.start()
    try:
        yield f"http://{server.addresses[0]}", Accounts(site.database()).add_token("tests", "run")
    finally:
        server.stop(0).wait(20)
        site.stop(5)
        site.close()


@pytest.fixture
def schemathesis(tmp_path: Path) -> Schemathesis:
    """Runs schemathesis over the document of an app."""
    program = Path(sys.executable).with_name("schemathesis")
    found = importlib.util.find_spec("schemathesis") is not None and program.exists()
    require(found, "schemathesis is not installed (pip install -r requirements-dev.txt)")

    def run(app: Atilite, *more: str) -> subprocess.CompletedProcess[str]:
        with serving(app, tmp_path) as (address, token):
            return subprocess.run(
                [program, "run", f"{address}/openapi.json", "-n", str(EXAMPLES), "--seed", "1", "--no-color",
                 "-H", f"Authorization: Bearer {token}", "--generation-database", "none", *more],
                cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
            )  # fmt: skip

    return run


def test_nothing_that_the_document_promises_fails(schemathesis: Schemathesis) -> None:
    done = schemathesis(library())

    assert done.returncode == 0, done.stdout
    assert "5 selected / 5 total" in done.stdout
    assert "No issues found" in done.stdout


def test_a_planted_fault_is_found(schemathesis: Schemathesis) -> None:
    app = Atilite("faulty")

    @app.get("/names")
    def names(was: Any, name: str = "") -> dict[str, Any]:
        if len(name) > 3:
            raise RuntimeError("planted")
        return {"name": name}

    done = schemathesis(app, "--max-failures", "1")

    assert done.returncode == 1, done.stdout
    assert "Server error" in done.stdout


def test_a_broken_promise_is_found(schemathesis: Schemathesis) -> None:
    app = Atilite("broken")

    @app.get("/count")
    def count(was: Any, upto: Annotated[int, Range(1, 100)] = 1) -> list[int]:
        return ["a text"]  # type: ignore[list-item]

    done = schemathesis(app, "--max-failures", "1")

    assert done.returncode == 1, done.stdout
    assert "Response violates schema" in done.stdout
