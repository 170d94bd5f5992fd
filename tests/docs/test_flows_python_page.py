"""docs/flows-python.md is true: its blocks are executed and give what it says."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

import pytest

from atilite import flow
from atilite.flow.classes import ATTRIBUTES
from tests.docs.test_state_pages import DOCS, blocks, typed

PAGE = "flows-python.md"


@pytest.mark.row("I36", "I37", "I39", "I49")
def test_the_page_about_flows_in_python_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "garden.flo").write_text("house garden\nframer f\nframe a\n")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "docs"}
    texts = [(language, text) for language, _, text in blocks(PAGE)]

    told = []
    for text in (text for language, text in texts if language == "python"):
        # As if the block were a file, so that its code can be read, as a network does.
        monkeypatch.setitem(linecache.cache, "docs", (len(text), None, text.splitlines(keepends=True), "docs"))
        told += typed(text, names)

    assert [was for was, _ in told] == [said for _, said in told]
    assert len(told) == 14
    assert [capsys.readouterr().out.strip()] == [text for language, text in texts if language == "text"]


def test_the_page_names_every_attribute_of_a_frame_and_every_public_name() -> None:
    text = (DOCS / PAGE).read_text(encoding="utf-8") + (DOCS / "flows.md").read_text(encoding="utf-8")

    assert [name for name in ATTRIBUTES if f"`{name}`" not in text] == []
    # What a plan in Python has itself, as methods or within.
    told = {"Behavior", "Behaviors", "Problem", "Running", "check", "read_plan", "to_floscript"}
    assert [name for name in flow.__all__ if name not in told and name not in text] == []
