"""A small API with a route of each sort: `python tests/e2e/library.py FOLDER [flags]` serves it."""

from __future__ import annotations

import itertools
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from atilite import Atilite, Range
from atilite.config import Settings
from atilite.site import Site


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


if __name__ == "__main__":
    site = Site()
    site.mount("/", library())
    database = Path(sys.argv[1]) / "data.db"
    settings = Settings(devel="--devel" in sys.argv, port=0, name="library", db=f"sqlite:///{database}")
    sys.exit(site.serve(settings))
