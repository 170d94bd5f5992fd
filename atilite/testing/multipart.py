"""The body of a form with files, as browsers write it. Pure but for the random boundary."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast


def encode(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """The body of a form and its content type.

    A value is text, a `Path` or an open file (sent with its name), `(name, content)` or `(name, content, type)`, or a
    list of these. Raises OSError for a file that cannot be read.
    """
    boundary = secrets.token_hex(16)
    parts = [_part(name, value, boundary) for name, value in _single(fields)]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def has_files(fields: Mapping[str, Any]) -> bool:
    """Whether a form of these fields has to be sent as one with files."""
    return any(isinstance(value, (Path, tuple)) or hasattr(value, "read") for _, value in _single(fields))


def _single(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one


def _part(name: str, value: Any, boundary: str) -> bytes:
    if isinstance(value, tuple):
        filename, content, *kind = value
        return _file(name, filename, content, kind[0] if kind else None, boundary)
    if isinstance(value, Path):
        return _file(name, value.name, value.read_bytes(), None, boundary)
    if hasattr(value, "read"):
        shown = PurePath(str(getattr(value, "name", "") or name)).name
        return _file(name, shown, cast("BinaryIO", value).read(), None, boundary)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'
    return head.encode() + _bytes(value) + b"\r\n"


def _file(name: str, filename: str, content: Any, kind: str | None, boundary: str) -> bytes:
    kind = kind or mimetypes.guess_type(filename)[0] or "application/octet-stream"
    if hasattr(content, "read"):
        content = content.read()
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"; filename="{_quoted(filename)}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return head.encode() + _bytes(content) + b"\r\n"


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
