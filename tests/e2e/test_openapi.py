"""What /openapi.json promises is kept: schemathesis sends every route of an example what it may and may not have."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from atilite.app import Atilite
from atilite.automation.parameters import Range
from atilite.config import Settings
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from atilite.site import Site
from atilite.store.accounts import Accounts
from tests.require import require

EXAMPLES = 300
# A run takes a third of it, in seconds, on a machine that does nothing else.
PATIENCE = 100

Schemathesis = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Book:
    title: str
    year: Annotated[int, Range(1450, 2100)]
    shelf: Literal["north", "south"] = "north"
    note: str | None = None


def library() -> Atilite:
    """A small API with queries, a path, JSON bodies, forms, roles and errors of its own."""
    app = Atilite("library")
    books: dict[int, Book] = {}
    numbers = itertools.count(1)

    def known(was: Any, id: int) -> Book:
        if id not in books:
            raise was.Error(404, f"there is no book {id}")
        return books[id]

    @app.get("/books")
    def search(
        was: Any,
        q: str = "",
        since: Annotated[int, Range(0, 3000)] = 0,
        shelf: Literal["north", "south"] | None = None,
        limit: Annotated[int, Range(1, 100)] = 20,
        tags: list[int] | None = None,
        stars: Annotated[float, Range(0, 5)] = 0.0,
        sold: bool = False,
    ) -> list[Book]:
        """Books by title and year."""
        found = [book for book in books.values() if q in book.title and book.year >= since]
        return found[:limit]

    @app.post("/books", role="run", answers={201: dict[str, int]}, content_types=["application/json"])
    def add(was: Any, book: Book) -> Any:
        """Add a book."""
        number = next(numbers)
        books[number] = book
        return was.API("201 Created", id=number)

    @app.get("/books/<id:int>", role="view")
    def one(was: Any, id: int) -> dict[str, Any]:
        return asdict(known(was, id))

    @app.delete("/books/<id:int>", role="run")
    def remove(was: Any, id: int) -> dict[str, Any]:
        return asdict(books.pop(id)) if id in books else asdict(known(was, id))

    @app.post("/loans")
    def lend(was: Any, reader: str, days: Annotated[int, Range(1, 60)] = 14) -> dict[str, Any]:
        """Lend a book; a form does as well."""
        return {"reader": reader, "days": days}

    return app


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
