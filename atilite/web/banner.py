"""The note that a developer's server puts on each page while the code on disk cannot be loaded. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bottle import html_escape as escape

from .headers import Header


def with_banner(headers: list[Header], body: bytes | Iterable[bytes], problem: str) -> bytes | Iterable[bytes]:
    """Return `body` with `problem` in front of its end, Content-Length in `headers` adjusted in place.

    Only whole HTML pages get it: a stream's length is not known and its end may be long in coming.
    """
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    if not isinstance(body, bytes) or not kind.startswith("text/html"):
        return body
    note = (
        '<aside role="alert" class="card problem">'
        "<h2>The code on disk cannot be loaded; the one before still serves</h2>"
        f"<pre>{escape(problem)}</pre></aside>"
    ).encode()
    before, end, after = body.rpartition(b"</body>")
    body = before + note + end + after if end else body + note
    for index, (name, _) in enumerate(headers):
        if name.lower() == "content-length":
            headers[index] = (name, str(len(body)))
    return body
