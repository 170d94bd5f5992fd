"""Forms and uploaded files."""

from __future__ import annotations

import gc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import Error
from atilite.web.forms import gather, parse_multipart, parse_urlencoded
from atilite.web.request import Request

BIG = b"0123456789abcdef" * 100_000


def part(name: str, data: bytes, filename: str | None = None, kind: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename is not None else ""
    head += f"\r\nContent-Type: {kind}" if kind else ""
    return b"--bound\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n"


def form(
    *parts: bytes, end: bytes = b"--bound--\r\n", kind: str = "multipart/form-data; boundary=bound"
) -> dict[str, Any]:
    body = b"".join(parts) + end
    return {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a=x+y%26z", {"a": "x y&z"}),
        ("a", {"a": ""}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%C3%A4&%C3%B6=1", {"a": "ä", "ö": "1"}),
    ],
)
def test_urlencoded_fields(text: str, fields: dict[str, Any]) -> None:
    assert parse_urlencoded(text) == fields


def test_values_that_are_lists_themselves_are_not_mixed_with_repeated_names() -> None:
    assert gather([("a", [1]), ("a", [2]), ("a", 3), ("b", [4])]) == {"a": [[1], [2], 3], "b": [4]}


@pytest.mark.row("A111")
def test_a_multipart_form_has_texts_and_files() -> None:
    env = form(part("t", "ä".encode()), part("file", b"data", "C:\\x\\photo.JPG", "image/jpeg"), part("t", b"2"))

    fields = Request(env).args

    assert fields["t"] == ["ä", "2"]
    file = fields["file"]
    assert (file.name, file.size, file.mimetype, file.ext) == ("photo.JPG", 4, "image/jpeg", ".jpg")
    assert file.read() == b"data"


@pytest.mark.row("A111", "D14")
@pytest.mark.parametrize("data", [b"", b"small", BIG])
def test_an_uploads_path_is_always_usable_and_goes_away_with_it(data: bytes) -> None:
    file = parse_multipart(form(part("file", data, "a.bin")), 10_000_000)["file"]

    path = Path(file.path)

    assert path.read_bytes() == data == file.read()
    assert path.suffix == ".bin"
    del file
    gc.collect()
    assert not path.exists()


def test_a_file_field_left_blank_is_not_there() -> None:
    assert parse_multipart(form(part("file", b"", "")), 1000) == {}


@pytest.mark.parametrize(
    ("env", "status"),
    [
        (form(part("a", b"1"), kind="multipart/form-data"), 400),
        (form(part("a", b"1"), end=b""), 400),
        (form(b"nonsense"), 400),
        (form(part("a", b"\xff")), 400),
        (form(part("a", b"x" * 1000)), 413),
        (form(*[part("a", b"")] * 1001), 413),
    ],
)
def test_a_broken_form_is_400_and_a_large_one_413(env: dict[str, Any], status: int) -> None:
    limit = 500 if status == 413 and int(env["CONTENT_LENGTH"]) < 2000 else 10_000_000

    with pytest.raises(Error) as error:
        parse_multipart(env, limit)
    assert error.value.status_code == status


def test_a_form_of_unknown_length_is_limited_as_well() -> None:
    env = form(part("file", BIG, "a.bin"))
    del env["CONTENT_LENGTH"]
    env.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True})

    with pytest.raises(Error) as error:
        parse_multipart(env, 100_000)
    assert error.value.status_code == 413


def test_the_body_of_a_form_can_be_read_afterwards() -> None:
    env = form(part("a", b"1"))
    request = Request(env)

    assert request.FORM == {"a": "1"}
    assert request.get_body().startswith(b"--bound")
