"""docs/flows-library.md is true: it tells of every behaviour and its shares, and its plans print what it shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from atilite.cli.main import main
from atilite.flow.behaviors import Behavior
from atilite.flow.library import IDLE, standard
from atilite.flow.paths import split_name
from tests.docs.test_state_pages import DOCS, blocks

PAGE = "flows-library.md"
# Told in the text once for all behaviours of a kind.
KEPT = ("parm", "elapsed", "prsp", "error", "errorRate", "errorSum")
MISSION = DOCS.parent / "services" / "mission.flo"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the plans of the page, and the example."""
    for language, name, text in blocks(PAGE):
        if name and language != "text":
            (tmp_path / name).write_text(text + "\n")
    (tmp_path / MISSION.name).write_text(MISSION.read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.mark.row("I38", "I40")
def test_the_plans_of_the_page_print_and_write_what_it_shows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    consoles = [text for language, _, text in blocks(PAGE) if language == "console"]
    for text in consoles:
        command, _, shown = text.partition("\n")
        main(command.split()[2:])
        assert capsys.readouterr().out == shown + "\n", command
    assert len(consoles) == 5
    files = [(name, text) for language, name, text in blocks(PAGE) if language == "text"]
    for name, text in files:
        assert (folder / name).read_text() == text + "\n"
    assert len(files) == 1


def test_the_samples_in_python_run() -> None:
    samples = [text for language, name, text in blocks(PAGE) if language == "python" and not name]
    for text in samples:
        exec(compile(text, "docs", "exec"), {})
    assert len(samples) == 1


@pytest.mark.row("I38")
@pytest.mark.parametrize("behavior", standard().values(), ids=list(standard()))
def test_each_behaviour_is_told_with_its_shares_and_parameters(behavior: Behavior) -> None:
    page = (DOCS / PAGE).read_text()
    if behavior.name in IDLE:
        assert f"`do {' '.join(split_name(behavior.name))}`" in page
        return
    (line,) = re.findall(rf"^\| `{' '.join(split_name(behavior.name))}` \|.*$", page, re.MULTILINE)
    for name, io in behavior.ios.items():
        if name == "parm":
            assert all(f"`{field}`" in page for field in io.value), io.value
        elif name in KEPT or not io.path.startswith("."):
            assert f"`{name}`" in page
        else:
            assert f"`{name}` {io.path}" in line
