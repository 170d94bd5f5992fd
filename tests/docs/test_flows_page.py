"""docs/flows.md is true: its plans are checked and run, and print what the page shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atilite.cli.main import main
from atilite.flow.library import standard
from atilite.flow.sentences import VERBS
from atilite.flow.syntax import STATEMENTS
from tests.docs.test_state_pages import DOCS, blocks

PAGE = "flows.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page."""
    for _, name, text in blocks(PAGE):
        if name:
            (tmp_path / name).write_text(text + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.mark.row("I41", "I42", "I44", "I48")
def test_the_commands_of_the_page_print_what_it_shows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    consoles = [text for language, _, text in blocks(PAGE) if language == "console"]
    for text in consoles:
        shown = ""
        for command in [line[2:] for line in text.splitlines() if line.startswith("$ ")]:
            program, *words = command.split()
            assert program == "atilite"
            main(words)
            shown += f"$ {command}\n{capsys.readouterr().out}"
        assert shown == text + "\n"
    assert len(consoles) == 8


def test_the_plans_of_the_page_are_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plans = [name for language, name, _ in blocks(PAGE) if language == "flo" and name != "odd.flo"]

    assert main(["flow", "check", *plans, "--behaviors", "beds"]) == 0, capsys.readouterr().out
    assert main(["flow", "run", "dive.flo"]) == 0
    assert "deep enough" in capsys.readouterr().out
    assert main(["flow", "run", "vehicle.flo", "--watch", ".state.depth"]) == 0


def test_the_samples_in_python_run(folder: Path) -> None:
    samples = [text for language, name, text in blocks(PAGE) if language == "python" and not name]
    for text in samples:
        exec(compile(text, "docs", "exec"), {})
    assert len(samples) == 1


def test_every_verb_is_explained() -> None:
    text = (DOCS / PAGE).read_text(encoding="utf-8")

    assert [verb for verb in (*STATEMENTS, *VERBS) if f"`{verb}" not in text] == []


def test_the_kinds_of_the_library_are_those_that_are_named() -> None:
    assert {name.removesuffix("s") for name in ("simulators", "controllers", "filters", "detectors", "arbiters")} >= {
        kind.lower() for name in standard() for kind in ("Simulator", "Controller", "Filter", "Detector", "Arbiter")
        if name.startswith(kind)
    }  # fmt: skip
