"""Uploaded files."""

from __future__ import annotations

import gc
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atilite
from atilite.uploads import IN_MEMORY, Upload, safe_name


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
