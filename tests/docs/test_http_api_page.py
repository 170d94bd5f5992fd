"""docs/http-api.md names every operation of the API, but for those of flows, which have a page of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from tests.docs.test_state_pages import DOCS


@pytest.fixture
def operations(tmp_path: Path) -> list[tuple[str, str]]:
    """Method and path of each operation, as the API itself describes them."""
    site = Site(tmp_path)
    site.mount("/", Atilite("garden"))
    site.open(Settings(devel=True, db=f"sqlite:///{tmp_path}/data.db"))
    site.start()
    try:
        paths = Client(site).get("/internal/openapi.json").json()["paths"]
    finally:
        site.stop(2.0)
        site.close()
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def test_the_page_names_every_operation(operations: list[tuple[str, str]]) -> None:
    # A method stands before all paths of its piece of the page.
    told: set[tuple[str, str]] = set()
    for name, with_method in (("http-api.md", r"^\| (`.*?) \||^(`.*)$"), ("flows-app.md", r"^\| (`.*?) \|")):
        for row in re.findall(with_method, (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE):
            method = ""
            for piece in re.findall(r"`([^`]+)`", "".join(row)):
                found = re.match(r"(?:([A-Z]+) )?/internal(/[^ ?`]*)", piece)
                if found:
                    method = found[1] or method
                    told.add((method, found[2]))

    missing = [one for one in operations if one not in told and not one[1].startswith("/flow/{name}/{verb}")]
    assert missing == []
