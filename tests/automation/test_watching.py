from __future__ import annotations

import os
from pathlib import Path

import pytest

from atilite.automation import watching
from atilite.automation.watching import Change, Stamp, Watched, seen
from atilite.errors import AtiliteError

OLD, NEW = Stamp(1, 5, 1), Stamp(2, 9, 1)


def test_a_file_counts_when_nothing_has_happened_to_it_for_a_while():
    watched = Watched(settle=2.0)
    assert watched.look(0.0, {"a": OLD}) == []
    assert watched.look(1.0, {"a": NEW}) == []  # somebody is writing it
    assert watched.look(2.5, {"a": NEW}) == []
    assert watched.look(3.0, {"a": NEW}) == [Change("a", "created")]
    assert watched.look(9.0, {"a": NEW}) == []


def test_changes_and_removals_are_told_apart():
    watched = Watched(0.0, {"a": OLD, "b": OLD})
    assert watched.look(0.0, {"a": NEW, "c": OLD}) == [
        Change("a", "changed"),
        Change("b", "removed"),
        Change("c", "created"),
    ]
    assert watched.look(1.0, {"a": NEW, "c": OLD}) == []


def test_what_becomes_again_what_it_was_is_no_change():
    watched = Watched(2.0, {"a": OLD})
    assert watched.look(0.0, {}) == []
    assert watched.look(1.0, {"a": OLD}) == []
    assert watched.look(9.0, {"a": OLD}) == []


def test_a_file_that_comes_and_goes_before_it_settles_was_never_there():
    watched = Watched(2.0)
    watched.look(0.0, {"a": OLD})
    assert watched.look(1.0, {}) == []
    assert watched.look(9.0, {}) == []


def test_a_pattern_names_files_and_a_folder_those_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("one.csv", "two.txt", "deep/three.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    os.symlink(tmp_path / "gone", tmp_path / "dangling.csv")
    names = lambda pattern: sorted(os.path.relpath(path, tmp_path) for path in seen(str(tmp_path / pattern)))
    assert names("*.csv") == ["one.csv"]
    assert names("**/*.csv") == ["deep/three.csv", "one.csv"]
    assert names("") == ["one.csv", "two.txt"]
    assert names("nothing/*") == []
    monkeypatch.setattr(watching, "MOST", 1)
    with pytest.raises(AtiliteError, match="more than 1 files"):
        seen(str(tmp_path))
