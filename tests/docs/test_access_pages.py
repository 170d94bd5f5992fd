"""docs/access.md, docs/cors.md and docs/hooks.md are true: each section is executed, with an app of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.testing.client import Client
from tests.docs.test_state_pages import typed

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("access.md", "cors.md", "hooks.md")


def sections(page: str) -> list[tuple[str, list[str]]]:
    """The sections of a page that have Python: title, blocks."""
    parts = re.split(r"^## (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = [
        (title, re.findall(r"^```python\n(.+?)\n```$", text, re.MULTILINE | re.DOTALL))
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    return [(title, texts) for title, texts in found if texts]


CASES = [(page, title, texts) for page in PAGES for title, texts in sections(page)]


@pytest.mark.row("A53", "A57", "A64", "A75", "A127", "A130", "A177")
@pytest.mark.parametrize(("page", "title", "texts"), CASES, ids=[f"{page}-{title}" for page, title, _ in CASES])
def test_a_section_does_what_it_says(page: str, title: str, texts: list[str]) -> None:
    app = Atilite("documented")
    names: dict[str, Any] = {"app": app, "client": Client(app)}
    told: list[tuple[str, str]] = []
    for text in texts:
        asks = "client." in text
        if not asks and told:  # an example for another app: the first request has ended the set-up of this one
            app = Atilite("documented")
            names = {"app": app, "client": Client(app)}
        told += typed(text, names)
    if "client" not in "".join(texts):
        app.freeze()

    assert [was for was, _ in told] == [said for _, said in told]


def test_each_page_has_its_examples() -> None:
    asked = {page: sum(text.count("\n# ") for _, texts in sections(page) for text in texts) for page in PAGES}

    assert asked == {"access.md": 13, "cors.md": 8, "hooks.md": 16}
