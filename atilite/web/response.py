"""The answer to a request: what a handler sets, and how what it returns goes on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from bottle import HTTPResponse
from bottle import html_escape as escape

from atilite.clock import Clock
from atilite.errors import AtiliteError, Error, SetupError, status_line
from atilite.web import compression, conditional, encoding, negotiate
from atilite.web.answers import API, Chunks, File, FileBody, attachment, close_body, encoded
from atilite.web.headers import Header, clean
from atilite.web.input import NOTHING
from atilite.web.request import Request

Body = bytes | Iterable[bytes]
OK = "200 OK"
HTML: Header = ("Content-Type", "text/html; charset=utf-8")
JSON: Header = ("Content-Type", "application/json; charset=utf-8")
XML: Header = ("Content-Type", "text/xml; charset=utf-8")


class Unanswerable(AtiliteError, TypeError):
    """A handler returned something that is no answer."""


class Style(NamedTuple):
    """How values become JSON: `dates` is one of encoding.DATES."""

    dates: str = "utcoffset"
    pretty: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Style:
        """The style that an app's JSON_ENCODER and PRETTY_JSON ask for. Raises SetupError for an unknown encoder."""
        dates = config.get("JSON_ENCODER") or cls().dates
        if dates not in encoding.DATES:
            raise SetupError(f"config.JSON_ENCODER is {dates!r}; it can be {', '.join(encoding.DATES)}")
        return cls(dates, bool(config.get("PRETTY_JSON")))


PLAIN = Style()


class Response:
    """Status, headers and perhaps the body of one answer.

    `was.response` is the one under construction: what is set on it holds for whatever the handler returns. Called,
    it makes a complete one to return: `return was.response("201 Created", body, headers)`.
    """

    def __init__(
        self,
        environ: Mapping[str, Any] = NOTHING,
        status: str | int = OK,
        body: Any = None,
        headers: Iterable[tuple[str, object]] = (),
        clock: Clock | None = None,
    ) -> None:
        self.status = status if status is OK else status_line(status)
        self.body = body
        self.headers: list[Header] = [clean(name, value) for name, value in headers]
        self.etag: str | None = None
        self.mtime: float | None = None
        self._environ, self._clock = environ, clock

    def __call__(
        self, status: str | int = OK, body: Any = "", headers: Iterable[tuple[str, object]] | None = None
    ) -> Response:
        """Return a complete answer; headers set on this response hold for it, too, unless it has its own."""
        return Response(self._environ, status, body, headers or (), self._clock)

    def set_status(self, status: str | int) -> None:
        """Set "201 Created" or 201."""
        self.status = status_line(status)

    def adopt(self, status: str | int, headers: Iterable[tuple[str, object]]) -> None:
        """Take over the status and the headers of another response."""
        self.status = status_line(status)
        for name, value in headers:
            put = self.add_header if name.lower() == "set-cookie" else self.set_header
            put(name, value)

    @property
    def status_code(self) -> int:
        return int(self.status[:3])

    @property
    def reason(self) -> str:
        return self.status[4:]

    def add_header(self, name: str, value: object) -> None:
        """Add a header even if the name is there already. Raises ValueError for what is no header."""
        self.headers.append(clean(name, value))

    def set_header(self, name: str, value: object) -> None:
        """Set a header in place of all others of this name. Raises ValueError for what is no header."""
        header = clean(name, value)
        self.del_header(name)
        self.headers.append(header)

    def get_header(self, name: str, default: Any = None) -> Any:
        wanted = name.lower()
        return next((value for known, value in self.headers if known.lower() == wanted), default)

    def del_header(self, name: str) -> None:
        """Remove all headers of this name; none is no error."""
        wanted = name.lower()
        self.headers = [header for header in self.headers if header[0].lower() != wanted]

    def __getitem__(self, name: str) -> str:
        value: str | None = self.get_header(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: object) -> None:
        self.set_header(name, value)

    def __delitem__(self, name: str) -> None:
        self.del_header(name)

    def __contains__(self, name: str) -> bool:
        return self.get_header(name) is not None

    def set_etag(self, identifier: object, max_age: int = 0) -> None:
        """Name this version of the resource by a text; call it before changing anything.

        A client that has it gets 304 without body. Raises Error 412 at once if the request was made for another
        version (If-Match). `max_age` is in seconds: how long it may be used without asking.
        """
        self.etag = conditional.etag_of(identifier)
        self.set_header("ETag", self.etag)
        if max_age:
            self.set_max_age(max_age)
        elif "Cache-Control" not in self:
            self.set_header("Cache-Control", "no-cache")
        self._check_preconditions()

    def set_mtime(self, timestamp: float | datetime, max_age: int = 0) -> None:
        """Tell when the resource changed last (seconds since 1970 or a datetime); 304 and 412 as with set_etag."""
        self.mtime = timestamp.timestamp() if isinstance(timestamp, datetime) else float(timestamp)
        self.set_header("Last-Modified", conditional.http_date(self.mtime))
        if max_age:
            self.set_header("Expires", conditional.http_date(self.mtime + max_age))
        elif "Cache-Control" not in self:
            self.set_header("Cache-Control", "no-cache")
        self._check_preconditions()

    def set_max_age(self, seconds: int) -> None:
        """Allow caches to use the answer for so long without asking."""
        if str(self._environ.get("SERVER_PROTOCOL", "")).endswith("1.0"):
            now = (self._clock or Clock()).time()
            self.set_header("Expires", conditional.http_date(now + seconds))
        else:
            self.set_header("Cache-Control", f"max-age={int(seconds)}")

    def unchanged(self, environ: Mapping[str, Any]) -> bool:
        """Tell whether the client has this version already, so that 304 without a body is enough."""
        if not (self.etag or self.mtime) or environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return False
        return conditional.unchanged(environ, self.etag, self.mtime)

    def _check_preconditions(self) -> None:
        if conditional.refused(self._environ, self.etag, self.mtime):
            raise Error(412, "the resource is not in the version that the request was made for")


def redirect(
    url: str,
    status: str | int = "302 Object Moved",
    body: str | None = None,
    headers: Sequence[tuple[str, object]] = (),
) -> Response:
    """Return the answer that sends the client to `url`."""
    target = quote(url, safe="!#$%&'()*+,/:;=?@[]~-._")
    if body is None:
        scheme = url.partition(":")[0].lower() if ":" in url.partition("/")[0] else ""
        link = f'<a href="{escape(target)}">{escape(url)}</a>' if scheme in ("", "http", "https") else escape(url)
        body = f"<!doctype html>\n<title>Moved</title>\n<p>It is here: {link}</p>\n"
    own = [("Location", target), ("Cache-Control", "no-cache, no-store"), ("Pragma", "no-cache"), *headers]
    return Response(NOTHING, status, body, own)


def serialize(
    value: Any, response: Response | None, request: Request, style: Style = PLAIN
) -> tuple[str, list[Header], Body]:
    """Return (status, headers, body) for what a handler returned.

    `response` is the one that the handler could set headers on, None if it never asked for it. A body of bytes has a
    Content-Length; any other is iterated and closed by the caller. Raises Unanswerable for None and for objects of
    other types, and Error for a returned one. Does not add the security headers.
    """
    if response is None:
        # The fast way: nothing was set, plain text or bytes.
        if type(value) is str:
            body = value.encode("utf-8", "replace")
            return OK, [HTML, ("Content-Length", str(len(body)))], body
        response = value if isinstance(value, Response) else Response(request.env)
    if isinstance(value, Response):
        if value is not response:
            _inherit(value, response)
        response, value = value, value.body
    status, headers = response.status, list(response.headers)
    kind, body_of_value, own_status = _encode(value, headers, request, style)
    status = own_status or status
    if kind is not None and not _has(headers, "content-type"):
        headers.append(kind)
    if status[:3] == "200" and response.unchanged(request.env):
        status = "304 Not Modified"
    if status[:3] == "304" and conditional.HELD in request.env:
        headers = _held(request.env, headers)
    return _complete(status, headers, body_of_value)


def _held(environ: Mapping[str, Any], headers: list[Header]) -> list[Header]:
    """Name the version in the form that the client holds."""
    named = [(name, conditional.held_etag(environ, text) if name.lower() == "etag" else text) for name, text in headers]
    if named != headers:
        compression.vary(named)
    return named


def _inherit(value: Response, base: Response) -> None:
    """Give a returned response what was set before, unless it says something else."""
    own = {name.lower() for name, _ in value.headers}
    value.headers.extend(header for header in base.headers if header[0].lower() not in own)
    value.etag, value.mtime = value.etag or base.etag, value.mtime or base.mtime


def _encode(
    value: Any, headers: list[Header], request: Request, style: Style
) -> tuple[Header | None, Body, str | None]:
    """Return (content type, body, status that the value itself brings); may add headers."""
    if isinstance(value, str):
        _add_charset(headers)
        return HTML, encoded(value), None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return HTML, bytes(value), None
    if isinstance(value, API):
        headers.append(("Vary", "Accept"))
        if negotiate.wants_xml(request.accept):
            return XML, encoding.encode_xml(value.data, encoding.DATES[style.dates]), value.status
        return JSON, _json(value.data, style), value.status
    if isinstance(value, (dict, list)):
        return JSON, _json(value, style), None
    if isinstance(value, File):
        if value.filename is not None:
            headers.append(("Content-Disposition", attachment(value.filename)))
        return clean("Content-Type", value.mimetype), value.open(), None
    if isinstance(value, FileBody):
        return None, value, None
    if isinstance(value, Error):
        raise value
    if isinstance(value, HTTPResponse):
        return _from_bottle(value, headers)
    if hasattr(value, "__next__") or (value is not None and hasattr(value, "__iter__") and not _plain(value)):
        return HTML, Chunks(value), None
    raise Unanswerable(_complaint(value, request))


def _plain(value: Any) -> bool:
    """Tuples, sets and mappings are iterable, but hardly meant as a stream of text."""
    return isinstance(value, (tuple, set, frozenset, Mapping))


def _json(value: Any, style: Style) -> bytes:
    return encoding.encode_json(value, encoding.DATES[style.dates], style.pretty)


def _from_bottle(value: HTTPResponse, headers: list[Header]) -> tuple[Header | None, Body, str | None]:
    """Bottle's own responses (bottle.redirect, bottle.static_file) are welcome, too."""
    headers.extend((name, text) for name, text in value.headerlist)
    body = value.body
    if isinstance(body, (str, bytes)):
        return HTML, encoded(body), value.status_line
    if hasattr(body, "read"):
        return HTML, FileBody(body), value.status_line
    return HTML, Chunks(body or ()), value.status_line


def _complaint(value: Any, request: Request) -> str:
    # Not its qualified name: most handlers stand inside of a `__mount__`, which tells nobody which one it is.
    name, module = getattr(request.routed, "__name__", "the handler"), getattr(request.routed, "__module__", None)
    handler = f"{module}.{name}" if module else name
    returned = "None" if value is None else f"{type(value).__name__} {value!r:.60}"
    return f"{handler} returned {returned}; return a str, bytes, dict, list, was.API(...), a response or a generator"


def _has(headers: list[Header], name: str) -> bool:
    return name in [known.lower() for known, _ in headers]  # any() with a generator takes twice as long


def _add_charset(headers: list[Header]) -> None:
    for number, (name, value) in enumerate(headers):
        if name.lower() == "content-type" and value.startswith("text/") and "charset" not in value:
            headers[number] = (name, f"{value}; charset=utf-8")


def _complete(status: str, headers: list[Header], body: Body) -> tuple[str, list[Header], Body]:
    """Set the length, and leave out what an answer without body does not have."""
    if status[:3] in ("204", "304") or status[0] == "1":
        close_body(body)
        # Nor the type: a cache would take that of an empty text for the type of what it holds.
        unwanted = ("content-length", "content-type")
        return status, [header for header in headers if header[0].lower() not in unwanted], b""
    if not _has(headers, "content-length"):
        size = len(body) if isinstance(body, bytes) else body.size if isinstance(body, FileBody) else None
        if size is not None:
            headers.append(("Content-Length", str(size)))
    return status, headers, body
