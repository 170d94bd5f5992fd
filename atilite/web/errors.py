"""Error bodies: JSON, HTML or XML, as the client accepts. Pure.

No template engine takes part, so that an error in a template can be told as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import bottle
from bottle import html_escape as escape

from atilite.errors import Error, ParameterError, ResourceError, StoreError
from atilite.web import negotiate
from atilite.web.encoding import encode_json, encode_xml
from atilite.web.headers import Header

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
XML = "text/xml; charset=utf-8"
# Below it every error is JSON with a `detail`, also one of those who have not got as far as the API.
API = "/internal/"


def as_error(error: BaseException) -> Error:
    """Return the HTTP error that stands for `error`: itself, 400 for bad parameters, else a 500 without details."""
    if isinstance(error, Error):
        return error
    if isinstance(error, ParameterError):
        return Error(400, str(error), fields=error.fields)
    return Error(500)


def http_error(error: BaseException, told: bool = True) -> Error:
    """The HTTP error for what a handler raised: a bug is a 500, an upstream failure a 502, a timeout a 504.

    Without `told` it does not say which upstream and how: addresses, names of tables and of aliases are for the log.
    """
    if isinstance(error, bottle.HTTPError):
        return Error(error.status_line, str(error.body or ""), headers=[h for h in error.headerlist if h[0] == "Allow"])
    if isinstance(error, TimeoutError):
        return Error("504 Gateway Timeout", str(error) if told else "")
    if isinstance(error, ResourceError):
        return Error("502 Bad Gateway", str(error) if told else "")
    if isinstance(error, StoreError):
        return Error("503 Service Unavailable", str(error), headers=[("Retry-After", "5")])
    return as_error(error)


def describe(error: Error, traceback: Sequence[str] = ()) -> dict[str, object]:
    """Return the facts of an error body. Give `traceback` (lines) in debug mode only."""
    facts: dict[str, object] = {
        "code": error.errno or error.status_code * 100,
        "message": error.message or error.reason.lower(),
        "more_info": error.explanation,
    }
    if error.fields:
        facts["field"] = next(iter(error.fields))
        facts["fields"] = error.fields
    if traceback:
        facts["traceback"] = list(traceback)
    return facts


def detailed(error: Error) -> dict[str, object]:
    """The facts of an error as the API tells them: BINP's clients read `detail`, which says the same in every case."""
    return {**describe(error), "detail": error.explanation or error.reason}


def error_body(error: Error, accept: str, traceback: Sequence[str] = (), path: str = "") -> tuple[str, bytes]:
    """Return (content type, body) for a client with this Accept header: JSON unless it names text/html or text/xml.

    `path` is what was asked for, where the API may not have been reached.
    """
    if path.startswith(API):
        return JSON, encode_json(detailed(error))
    facts = describe(error, traceback)
    if negotiate.wants_html(accept):
        return HTML, _page(error, facts).encode("utf-8", "replace")
    if negotiate.wants_xml(accept):
        return XML, encode_xml(facts)
    return JSON, encode_json(facts)


def error_answer(
    error: Error, accept: str, traceback: Sequence[str] = (), path: str = ""
) -> tuple[str, list[Header], bytes]:
    """Return (status, headers, body) of the whole answer, the error's own headers included."""
    if error.status_code in (204, 304):  # these have no body
        return error.status, list(error.headers), b""
    kind, body = error_body(error, accept, traceback, path)
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), *error.headers]
    return error.status, headers, body


def _page(error: Error, facts: dict[str, object]) -> str:
    title = escape(f"{error.status_code} {error.reason}")
    parts = [
        f"<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
        f'<meta name=viewport content="width=device-width">\n<title>{title}</title>\n<h1>{title}</h1>\n'
    ]
    if error.explanation:
        parts.append(f"<p>{escape(error.explanation)}</p>\n")
    if error.fields:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(reason)}</dd>" for name, reason in error.fields.items())
        parts.append(f"<dl>{rows}</dl>\n")
    lines = facts.get("traceback")
    if isinstance(lines, list):
        parts.append(f"<pre>{escape(''.join(line.rstrip(chr(10)) + chr(10) for line in lines))}</pre>\n")
    parts.append(f"<hr>\n<p>Error {facts['code']}, atilite</p>\n</html>\n")
    return "".join(parts)
