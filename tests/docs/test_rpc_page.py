"""docs/rpc.md is true: its app does what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atilite.testing.client import Client
from tests.docs.test_answer_pages import served
from tests.docs.test_state_pages import typed


@pytest.mark.row("A163")
def test_the_page_about_calls_is_true(tmp_path: Path) -> None:
    site, examples = served(tmp_path, "rpc.md")
    names: dict[str, Any] = {"client": Client(site)}

    for text in examples:
        for was, said in typed(text, names):
            assert was == said
