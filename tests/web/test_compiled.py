"""Compiled templates on disk."""

from __future__ import annotations

from pathlib import Path
from types import CodeType

import jinja2
import pytest

from atilite.web.compiled import bytecode_cache
from atilite.web.templates import Templates


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.j2").write_text("hello {{ x }}", encoding="utf-8")
    return tmp_path


def page(folder: Path) -> str:
    return Templates([folder / "templates"], cache=folder / "kept").render("a.j2", {"x": 1})


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the templates that were compiled."""
    found: list[str] = []
    compile_source = jinja2.Environment.compile

    def counted(self: jinja2.Environment, source: str, name: str, filename: str) -> CodeType:
        found.append(name)
        return compile_source(self, source, name, filename)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    return found


def test_a_template_is_compiled_once_for_all_starts(folder: Path, compilations: list[str]) -> None:
    assert [page(folder), page(folder)] == ["hello 1", "hello 1"]
    assert compilations == ["a.j2"]


def test_a_changed_template_is_compiled_again(folder: Path, compilations: list[str]) -> None:
    page(folder)
    (folder / "templates" / "a.j2").write_text("bye {{ x }}", encoding="utf-8")

    assert page(folder) == "bye 1"
    assert compilations == ["a.j2", "a.j2"]


def test_a_file_that_a_power_cut_left_behind_is_not_executed(folder: Path, compilations: list[str]) -> None:
    page(folder)
    (kept,) = (folder / "kept").iterdir()
    kept.write_bytes(kept.read_bytes()[:-40] + bytes(40))

    assert page(folder) == "hello 1"
    assert compilations == ["a.j2", "a.j2"]


def test_a_page_does_without_when_nothing_can_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    assert page(folder) == "hello 1"
    assert list((folder / "kept").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_cache(folder: Path) -> None:
    assert bytecode_cache(folder / "templates" / "a.j2" / "kept") is None
