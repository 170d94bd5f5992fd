from __future__ import annotations

import io
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from atilite.testing.multipart import encode, has_files


def parts(fields: dict[str, Any]) -> list[Message]:
    body, kind = encode(fields)
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    return list(message.get_payload())  # type: ignore[arg-type]


def test_texts_and_files_are_parts_of_a_form(tmp_path: Path):
    (tmp_path / "plan.txt").write_text("a plan")
    note, plan, raw = parts({"note": "hä", "plan": tmp_path / "plan.txt", "raw": ("x.bin", b"\0\r\n\xff")})

    assert note.get_payload(decode=True) == "hä".encode()
    assert note.get_filename() is None
    assert (plan.get_filename(), plan.get_content_type()) == ("plan.txt", "text/plain")
    assert plan.get_payload(decode=True) == b"a plan"
    assert (raw.get_filename(), raw.get_content_type()) == ("x.bin", "application/octet-stream")
    assert raw.get_payload(decode=True) == b"\0\r\n\xff"


def test_a_list_is_several_parts_of_one_name():
    found = parts({"tag": ["a", "b"], "file": [io.BytesIO(b"1"), ("two", io.BytesIO(b"2"), "text/x-two")]})

    assert [part.get_param("name", header="content-disposition") for part in found] == ["tag", "tag", "file", "file"]
    assert [part.get_payload(decode=True) for part in found] == [b"a", b"b", b"1", b"2"]
    assert found[3].get_content_type() == "text/x-two"


def test_an_open_file_goes_under_its_own_name(tmp_path: Path):
    path = tmp_path / 'odd " name.txt'
    path.write_bytes(b"x")
    with path.open("rb") as file:
        body, _ = encode({"file": file})

    assert b'filename="odd %22 name.txt"' in body


@pytest.mark.parametrize(
    ("fields", "files"),
    [({"a": "1"}, False), ({"a": ["1", "2"]}, False), ({"a": ("n", b"")}, True), ({"a": [io.BytesIO()]}, True)],
)
def test_a_form_is_sent_with_files_when_a_value_is_one(fields: dict[str, Any], files: bool):
    assert has_files(fields) is files
