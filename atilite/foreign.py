"""Applications of other frameworks below a mount point: Django, Flask, Bottle, anything that speaks WSGI.

Each is called as a server of its own would call it: `SCRIPT_NAME` is the mount point, `PATH_INFO` what comes after it,
and what it answers goes out as it is. Only headers that it did not set are added, and milder ones than those of our
own pages: its pages may have scripts and styles inside, because its authors decided about them.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import bottle

from .answer import Reply
from .errors import Error, SetupError
from .mounting import clean_point
from .web.answers import close_body
from .web.errors import error_answer
from .web.exchange import CAN_PARK, Headers
from .web.headers import Header
from .web.response import Response

log = logging.getLogger("atilite")

Environ = dict[str, Any]
Application = Callable[..., Iterable[bytes]]

#: What an application that says nothing gets. A policy about scripts would break pages that were made without one.
MILD: tuple[Header, ...] = (
    ("Content-Security-Policy", "object-src 'none'; base-uri 'self'; frame-ancestors 'self'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
)


class Pieces:
    """The body of an application's answer: what it wrote and what it returned, in order, read one piece ahead.

    Reading ahead lets an application that is a generator set its status, and makes an early error a whole answer.
    `before` is called before each step.
    """

    def __init__(self, body: Iterable[bytes], written: list[bytes], before: Callable[[], None] | None = None) -> None:
        self._body, self._written, self._before = body, written, before
        self._pieces = self._read(iter(body))
        self._first = next(self._pieces, b"")

    def _read(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        more = True
        while more:
            if self._before is not None:
                self._before()
            piece = next(pieces, None)
            more = piece is not None
            yield from filter(None, self._written)
            self._written.clear()
            if piece:
                yield piece

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return next(self._pieces)

    def close(self) -> None:
        """Tell the application that nobody reads on."""
        close_body(self._body)


def asked(application: Application, environ: Environ) -> Reply:
    """Call a WSGI application; return its answer as it gave it. Raises whatever it raises before its first piece."""
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        if started and exc_info is None:
            raise RuntimeError("the application called start_response a second time without exc_info")
        started[:] = status, list(headers)
        return written.append

    body = application(environ, start_response)
    wrapper = environ.get("wsgi.file_wrapper")
    whole = isinstance(body, (list, tuple)) or (isinstance(wrapper, type) and isinstance(body, wrapper))
    if not (whole and started and not written):
        # The generators of a Bottle app look at its thread's request while they are read.
        rebind = isinstance(application, bottle.Bottle) and "bottle.app" in environ
        try:
            body = Pieces(body, written, (lambda: bottle.request.bind(environ)) if rebind else None)
        except BaseException:
            close_body(body)
            raise
    if not started:
        close_body(body)
        raise RuntimeError("the application did not call start_response")
    return Reply(started[0], started[1], body)


def mild(headers: Headers) -> Headers:
    """Add to `headers`, in place, each of MILD that the application did not set itself, and return them."""
    given = {name.lower() for name, _ in headers}
    headers.extend(header for header in MILD if header[0].lower() not in given)
    return headers


class Foreign:
    """An application mounted in a site. A WSGI callable; what the application raises is logged and a 500."""

    def __init__(self, application: Application, debug: Callable[[], bool] = bool) -> None:
        self.application, self._debug = application, debug

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Inside there may be an app of ours: its answers shall come the way of all others, through what wraps it.
        environ.pop(CAN_PARK, None)
        try:
            reply = asked(self.application, environ)
        except Exception:
            path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
            log.exception("%s %s failed", environ.get("REQUEST_METHOD"), path)
            lines = traceback.format_exc().splitlines(keepends=True) if self._debug() else []
            reply = Reply(*error_answer(Error(500), environ.get("HTTP_ACCEPT", ""), lines))
        start_response(reply.status, mild(reply.headers))
        return (reply.body,) if isinstance(reply.body, bytes) else reply.body


def mount_below(app: Any, point: str, application: Application, options: dict[str, Any]) -> None:
    """Make `application` answer every method at `point` of an app of ours and below it, behind that app's hooks.

    `options` are those of a route; `role` asks for a login and the right Origin, not for our token in its forms.
    Its answers are compressed with `compress=True` only: nobody here knows which of them hold secrets. Raises
    SetupError for the root.
    """
    # Relative to the module whose hook is running, in __setup__ as well, where a route would not be.
    mount = app.mounting.current
    prefix = (mount.prefix if mount else "") + clean_point(point)
    if not prefix:
        raise SetupError(f"an application cannot be mounted at the root of an app; say atilite.mount({point!r}, ...)")
    named = getattr(application, "__name__", None) or type(application).__name__.lower()
    script = prefix.encode().decode("latin-1")

    def foreign(was: Any) -> Response:
        outer = was.request.env
        inner = inner_environ(outer, script)
        try:
            reply = asked(application, inner)
        finally:
            bottle.request.bind(outer)
            bottle.response.bind()  # what an application of Bottle has set is in its reply
        answer = Response(outer, reply.status)
        answer.headers = mild(reply.headers)
        pieces = reply.body
        answer.body = b"".join(pieces) if isinstance(pieces, (list, tuple)) else pieces
        return answer

    foreign.__name__ = foreign.__qualname__ = named
    name = options.pop("name", None) or (mount.namespace if mount else "") + named
    options = {"compress": False, **options}
    place = prefix.removeprefix(app.mounting.prefix)
    places = [place, place + "/<rest:re:.*>"]
    app.route(places, methods=["PROXY"], callback=foreign, name=name, bind=False, foreign=True, **options)


def inner_environ(outer: Environ, script: str) -> Environ:
    """The environ of a request for an application below `script`, without what its surroundings have noted there.

    Raises Error 404 for a path that only looked like one below `script`.
    """
    raw: str = outer["bottle.raw_path"]
    if not raw.startswith(script):
        raise Error(404, "nothing is mounted there")
    environ = {key: value for key, value in outer.items() if not key.startswith(("bottle.", "route."))}
    environ.pop(CAN_PARK, None)
    environ["SCRIPT_NAME"] = outer.get("SCRIPT_NAME", "") + script
    environ["PATH_INFO"] = raw[len(script) :]
    return environ
