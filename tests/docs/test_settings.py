"""The manual's page on settings is the table, not a copy of it."""

from __future__ import annotations

from pathlib import Path

from tests.docs.settings_page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_the_table_says() -> None:
    written = (DOCS / "settings.md").read_text(encoding="utf-8")

    assert written == page(), "write it again: python -m tests.docs.settings_page > docs/settings.md"
