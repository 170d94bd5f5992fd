"""docs/beans-components.md is true: its components live in pods, and do what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_state_pages import DOCS, blocks, typed
from tests.packages import package


@pytest.mark.row("P22", "P23", "P25", "P26", "P28")
def test_the_page_about_components_is_true(tmp_path: Path) -> None:
    _, name, garden = next(block for block in blocks("beans-components.md") if block[1])
    examples = [text for language, name, text in blocks("beans-components.md") if language == "python" and not name]
    names: dict[str, Any] = {}

    with package(tmp_path, "garden", {name: garden}):
        told = [pair for text in examples for pair in typed(text, names)]

    assert [was for was, _ in told] == [said for _, said in told]
    assert len(told) == 10


def test_the_page_about_components_names_each_of_them() -> None:
    import atilite.pod

    text = (DOCS / "beans-components.md").read_text(encoding="utf-8")

    others = {"Bean", "BeanSpec", "Context", "Pod", "pass_context"}
    assert [name for name in atilite.pod.__all__ if f"`{name}`" not in text and name not in others] == []


def test_the_keys_are_those_of_the_page() -> None:
    from atilite.checks import members_of
    from atilite.pod.pcflow import Flow
    from atilite.pod.repl import ConsoleKeys
    from atilite.pod.tcp import TCPKeys
    from atilite.pod.wsgi import WSGIKeys

    text = (DOCS / "beans-components.md").read_text(encoding="utf-8")

    for kind in (Flow, TCPKeys, WSGIKeys, ConsoleKeys):
        assert [name for name in members_of(kind) if f"`{name}`" not in text] == []
