"""Uploaded files."""

from __future__ import annotations

import gc
import threading
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atilite
from atilite import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from atilite.uploads import IN_MEMORY, Upload, safe_name
from tests.services.forms import send


def upload(data: bytes = b"data", name: str = "a.txt") -> Upload:
    return Upload(name, BytesIO(data), len(data), "text/plain")


def test_there_is_one_class_of_uploads() -> None:
    assert atilite.Upload is Upload


@pytest.mark.parametrize("data", [b"small", b"x" * (IN_MEMORY + 1)])
def test_a_copy_outlives_the_file_that_it_came_in(data: bytes, tmp_path: Path) -> None:
    sent = BytesIO(data)
    copy = Upload.copy_of(sent, "../cat.jpg", "image/jpeg")
    sent.close()

    assert (copy.name, copy.size, copy.mimetype) == ("cat.jpg", len(data), "image/jpeg")
    assert copy.read() == data
    assert Path(copy.save(tmp_path)).read_bytes() == data


def test_a_run_keeps_the_file_that_its_request_brought(tmp_path: Path) -> None:
    app, go_on = Atilite("uploads"), threading.Event()

    @app.action(name="keep")
    def keep(photo: Upload) -> str:
        assert go_on.wait(20)
        return photo.save(tmp_path / "kept", mkdir=True)

    site = Site(tmp_path)
    site.mount("/", app)
    site.open(Settings(devel=True, db=f"sqlite:///{tmp_path}/data.db"))
    try:
        file = ("../cat.jpg", b"jpeg" * 100_000, "image/jpeg")
        answer = send(Client(site), "/internal/action/keep?wait=0", photo=file)
        gc.collect()
        run = app.automation.runs.active[answer.json()["run"]]
        go_on.set()

        assert answer.status_code == 202
        assert Path(run.promise.wait(20)).read_bytes() == file[1]
        stored = app.journal.headline(run.id).fetch().parameters
        assert stored == {"photo": {"name": "cat.jpg", "size": 400_000, "mimetype": "image/jpeg"}}
        assert send(Client(site), "/internal/action/keep", photo="cat.jpg").json()["fields"] == {
            "photo": "must be a file, sent as multipart/form-data"
        }
    finally:
        site.stop(2.0)
        site.close()


@pytest.mark.row("A112")
def test_saving_makes_a_name_unique_or_overwrites(tmp_path: Path) -> None:
    first, second, third, fourth = (upload(text) for text in (b"1", b"2", b"3", b"4"))

    saved = [Path(file.save(tmp_path)) for file in (first, second, third)]
    over = Path(fourth.save(tmp_path, dup="o"))

    assert [path.name for path in saved] == ["a.txt", "a.1.txt", "a.2.txt"]
    assert over == saved[0]
    assert [path.read_bytes() for path in saved] == [b"4", b"2", b"3"]
    assert first.path == str(saved[0])


@pytest.mark.row("A112")
def test_saving_under_another_name_into_a_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "x" / "y"

    with pytest.raises(FileNotFoundError, match="mkdir"):
        upload().save(folder)
    path = Path(upload().save(folder, name="../../b.txt", mkdir=True))

    assert path == folder / "b.txt"
    assert path.read_bytes() == b"data"


@pytest.mark.row("A112")
def test_a_moved_file_stays(tmp_path: Path) -> None:
    file = upload()
    old = Path(file.path)

    path = Path(file.move(tmp_path / "b.txt"))
    del file
    gc.collect()

    assert path.read_bytes() == b"data"
    assert not old.exists()


@pytest.mark.row("A112")
def test_removing_deletes_at_once(tmp_path: Path) -> None:
    file, moved = upload(), upload()
    path = Path(file.path)
    there = Path(moved.move(tmp_path))

    file.remove()
    moved.remove()

    assert not path.exists()
    assert not there.exists()
    assert upload().as_flashfile().read(2) == b"da"


def test_an_unknown_policy_for_duplicates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="overwrite"):
        upload().save(tmp_path, dup="x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\a\\b.txt", "b.txt"),
        (".htaccess", "htaccess"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\r\nb\0.txt", "a_b_.txt"),
        ("größe.png", "größe.png"),
        ("a/", "a"),
    ],
)
def test_a_clients_name_becomes_harmless(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text())
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    safe = safe_name(name)

    assert safe
    assert not safe.startswith(".")
    assert not set(safe) & set("/\\\0\r\n")
    assert len(safe.encode("utf-8", "surrogatepass")) <= 200
