"""Uploaded files."""

from __future__ import annotations

import gc
import tempfile
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atilite
from atilite import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from atilite.uploads import IN_MEMORY, Upload, safe_name
from tests.services.forms import multipart, send


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


LARGE = b"x" * (IN_MEMORY + 1)


@pytest.mark.row("A111", "A112")
@pytest.mark.parametrize("data", [b"small", LARGE])
@pytest.mark.parametrize("what", ["nothing", "path", "raise", "refused", "flash", "removed"])
def test_nothing_is_left_in_the_temporary_folder(
    data: bytes, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app, paths = Atilite("clean"), []

    @app.route("/", methods=["POST"])
    def index(was: Any, file: Upload) -> str:
        if what != "nothing":
            assert Path(file.path).read_bytes() == data
            paths.append(file.path)
        if what == "raise":
            raise was.Error(418)
        if what == "flash":
            assert file.as_flashfile() is file
        if what == "removed":
            file.remove()
        return file.name

    @app.route("/none", methods=["POST"])
    def none(was: Any) -> str:
        return ""

    answer = send(Client(app), "/none" if what == "refused" else "/", file=("../a.txt", data, "text/plain"))

    expected = {"raise": 418, "refused": 400}.get(what, 200)
    assert answer.status_code == expected
    assert len(paths) == (what in ("path", "raise", "flash", "removed"))
    del answer
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.row("A111")
@pytest.mark.parametrize("by_app", [True, False])
def test_a_form_that_is_too_large_is_413_and_leaves_nothing(
    by_app: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = Atilite("limited")
    if by_app:
        app.config.MAX_UPLOAD_SIZE = 400_000
    called = []

    @app.route("/", methods=["POST"], **({} if by_app else {"max_body": 400_000}))
    def index(was: Any, file: Upload) -> str:
        called.append(file.size)
        return "taken"

    client = Client(app)

    assert send(client, "/", file=("a", b"x" * 390_000, "text/plain")).text == "taken"
    assert send(client, "/", file=("a", b"x" * 400_001, "text/plain")).status_code == 413
    chunked = multipart(file=("a", b"x" * 400_001, "text/plain"))
    environ = {"Transfer-Encoding": "chunked", **chunked["headers"]}
    assert client.post("/", body=chunked["body"], headers=environ).status_code == 413
    assert called == [390_000]
    gc.collect()
    assert list(tmp_path.iterdir()) == []


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
