"""docs/beans.md is true: its pods run and say what the page says, and its tables are those of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atilite.pod.bean import Bean
from atilite.pod.context import Context
from atilite.pod.hooks import NAMES
from atilite.pod.spec import RULES
from atilite.runtime.unit import State
from tests.docs.test_state_pages import DOCS, blocks, typed
from tests.packages import package

PAGE = "beans.md"


@pytest.mark.row("P8", "P9", "P10", "P12", "pod-promise-9")
def test_the_page_about_beans_is_true(tmp_path: Path) -> None:
    files = {name: text for _, name, text in blocks(PAGE) if name}
    names: dict[str, Any] = {"__name__": "docs"}

    with package(tmp_path, "harbour", {"harbour/__init__.py": files["harbour.py"]}):
        told = [pair for _, name, text in blocks(PAGE) if not name for pair in typed(text, names)]

    assert [was for was, _ in told] == [said for _, said in told]
    assert len(told) == 11


@pytest.mark.row("P15")
def test_the_page_names_every_key_state_hook_and_member() -> None:
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    states = {*State, "new"}
    members = {name for name in vars(Context) if not name.startswith("_")} | {"bean", "pod"}
    told = {*RULES, *states, *NAMES}

    assert [name for name in told if f"`{name}`" not in text] == []
    assert [name for name in members if f"`{name}" not in text] == []
    assert {name for name in ("start", "stop", "restart", "status") if not hasattr(Bean, name)} == set()
