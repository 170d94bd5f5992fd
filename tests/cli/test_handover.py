"""What root makes beside a service's database belongs to the service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atilite.cli.handover import hand_over

SERVICE = 61184  # as systemd numbers the users it invents


def test_nobody_but_root_changes_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.db").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "fchown", lambda *_, **__: pytest.fail("an owner was changed"))

    hand_over(f"sqlite:///{tmp_path}/data.db")


@pytest.mark.row("reliability-11")
def test_files_of_root_go_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give files away")
    for name in ("data.db", "data.db-wal", "other.txt"):
        (tmp_path / name).touch()
    (tmp_path / "data.db-link").symlink_to(tmp_path / "other.txt")
    (tmp_path / "data.db-hard").hardlink_to(tmp_path / "other.txt")
    (tmp_path / "data.db-templates").mkdir()
    (tmp_path / "data.db-templates/page").touch()
    os.mkfifo(tmp_path / "data.db-pipe")
    os.chown(tmp_path, SERVICE, SERVICE)

    hand_over(f"sqlite:///{tmp_path}/data.db")

    given = {path.name for path in tmp_path.rglob("*") if path.lstat().st_uid == SERVICE}
    assert given == {"data.db", "data.db-wal", "data.db-templates", "page"}, "no link leads to a file of root's"


def test_a_folder_of_root_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data.db").touch()
    before = (tmp_path / "data.db").stat().st_uid

    hand_over(f"sqlite:///{tmp_path}/data.db")
    hand_over(f"sqlite:///{tmp_path}/nowhere/data.db")
    hand_over("postgresql://x/y")

    assert (tmp_path / "data.db").stat().st_uid == before
