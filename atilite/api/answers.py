"""What the API answers: JSON bodies with a status, and errors that carry BINP's `detail` besides our own facts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from atilite.errors import Error
from atilite.web.encoding import encode_json
from atilite.web.errors import detailed, http_error
from atilite.web.response import Response

JSON = "application/json; charset=utf-8"

Headers = Iterable[tuple[str, str]]

log = logging.getLogger("atilite.api")


def encode(value: object) -> bytes:
    """The value as JSON; moments in ISO 8601 with their offset."""
    return encode_json(value, dates=datetime.isoformat)


def reply(value: object, status: int | str = 200, headers: Headers = ()) -> Response:
    """An answer whose body is the JSON value itself."""
    return raw(encode(value), JSON, status, headers)


def raw(body: bytes, kind: str, status: int | str = 200, headers: Headers = ()) -> Response:
    """An answer of another media type."""
    return Response(status=status, body=body, headers=[("Content-Type", kind), *headers])


def empty(status: int = 204, headers: Headers = ()) -> Response:
    """Done (204), or known already (304): there is nothing to say."""
    return Response(status=status, body=b"", headers=headers)


def refusal(error: Error, extra: Mapping[str, object] | None = None) -> Response:
    """The answer for an error: `{code, message, more_info, detail}`, the faults of fields, and what `extra` adds.

    `detail` is what BINP's clients read; it says the same as `more_info`, or the status when there is no more.
    """
    return reply({**detailed(error), **(extra or {})}, error.status, error.headers)


def tell_failure(was: Any, info: Any) -> Response:
    """The answer for whatever a handler or the door raised: the hook of the API's app for failed requests."""
    error = http_error(info[1])
    if error.status_code == 500:
        log.error("%s %s failed", was.request.method, was.request.path, exc_info=info)
    return refusal(error)
