"""The body of a request: its length, its bytes, its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from io import BytesIO
from typing import Any

from atilite.errors import Error

_PIECE = 64 * 1024
_LEFT = "atilite.body_left"


def announced(environ: Mapping[str, Any]) -> int | None:
    """Return the body's length in bytes, 0 for none, None if it comes chunked and nobody counted it yet."""
    text = environ.get("CONTENT_LENGTH")
    if text:
        if not (text.isascii() and text.isdigit()):
            raise Error(400, "Content-Length is no number")
        return int(text)
    return None if environ.get("HTTP_TRANSFER_ENCODING") and environ.get("wsgi.input_terminated") else 0


def check_length(environ: Mapping[str, Any], limit: int) -> int | None:
    """Return the announced length. Raises Error 413 if it is above `limit` bytes."""
    length = announced(environ)
    if length is not None and length > limit:
        raise too_large(limit)
    return length


def too_large(limit: int) -> Error:
    return Error(413, f"the body is larger than {limit} bytes")


def read_body(environ: MutableMapping[str, Any], limit: int) -> bytes:
    """Read the whole body and leave it readable for the next reader of the environ.

    Call it from a worker thread: it blocks until the body is there. Raises Error 413 above `limit` bytes and 400 if
    the client stopped early.
    """
    length = check_length(environ, limit)
    if length == 0:
        return b""
    pieces, read = environ["wsgi.input"], 0
    found: list[bytes] = []
    while length is None or read < length:
        piece = pieces.read(_PIECE if length is None else min(_PIECE, length - read))
        if not piece:
            break
        read += len(piece)
        if read > limit:
            raise too_large(limit)
        found.append(piece)
    if length is not None and read < length:
        raise Error(400, f"the body ended after {read} of {length} bytes")
    whole = b"".join(found)
    environ["wsgi.input"] = BytesIO(whole)
    return whole


def next_piece(environ: MutableMapping[str, Any], size: int) -> bytes:
    """Read up to `size` bytes of the body, b"" at its end. Blocks until something is there: call it from a thread."""
    if environ.get("wsgi.input_terminated"):
        return bytes(environ["wsgi.input"].read(size))
    # Behind the body's last byte this server would wait for the next request, wsgiref does.
    left = environ.get(_LEFT)
    if left is None:
        left = announced(environ) or 0
    piece = bytes(environ["wsgi.input"].read(min(size, left)))
    environ[_LEFT] = left - len(piece)
    return piece


def parse_json(data: bytes) -> Any:
    """Return the value of a JSON text in UTF-8. Raises Error 400 that says where it is broken."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError:
        raise Error(400, "the JSON body is not UTF-8") from None
    except RecursionError:
        raise Error(400, "the JSON body is nested too deeply") from None
    except ValueError as error:
        raise Error(400, f"the body is no JSON: {error}") from None


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON")
