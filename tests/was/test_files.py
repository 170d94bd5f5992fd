"""Files that go away by themselves."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.testing.client import Client
from atilite.was.files import FlashFile, tempfile


@pytest.mark.row("A52")
def test_a_temporary_file_is_private_and_gone_when_it_is_closed() -> None:
    with tempfile(".csv") as file:
        file.write(b"a,b")
        path = Path(file.name)
        assert path.suffix == ".csv"
        assert path.stat().st_mode & 0o777 == 0o600

    assert not path.exists()


@pytest.mark.row("A52")
def test_a_temporary_file_may_be_a_text() -> None:
    with tempfile(mode="w+") as file:
        file.write("ä")
        file.seek(0)
        assert file.read() == "ä"


@pytest.mark.row("A52")
def test_a_flash_file_is_deleted_with_its_object(tmp_path: Path) -> None:
    path = tmp_path / "once.txt"
    path.write_text("once")

    flash = FlashFile(path)
    assert Path(flash).read_text() == "once"
    del flash
    gc.collect()

    assert not path.exists()


@pytest.mark.row("A52")
def test_a_flash_file_can_be_deleted_before_and_by_others(tmp_path: Path) -> None:
    path = tmp_path / "once.txt"
    path.write_text("once")
    flash = FlashFile(path)

    flash.remove()
    flash.remove()
    assert not path.exists()

    gone = FlashFile(tmp_path / "never there")
    gone.remove()


@pytest.mark.row("A52")
def test_a_flash_file_is_sent_and_then_gone(tmp_path: Path) -> None:
    app, path = Atilite("files"), tmp_path / "report.txt"

    @app.route("/")
    def index(was: Any) -> Any:
        path.write_text("report")
        return was.File(was.flashfile(path), "text/plain")

    assert Client(app).get("/").text == "report"
    gc.collect()
    assert not path.exists()
