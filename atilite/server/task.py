"""One request's way through the WSGI application, and the answer's header."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.task import ErrorTask, Task, WSGITask, hop_by_hop
from waitress.utilities import build_http_date

from atilite.forks import end_child
from atilite.server.parser import Parser
from atilite.server.protocols import Connection
from atilite.server.refusals import Refusal
from atilite.web.exchange import CAN_PARK, Headers, Park

log = logging.getLogger("atilite.server")

# A file up to this size is sent together with its header instead of piece by piece.
SMALL_FILE = 64 * 1024

# Only a trusted proxy may speak of these; from anybody else they are dropped.
PROXY_HEADERS = frozenset(
    {"X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PORT", "X_FORWARDED_PROTO", "X_FORWARDED_BY", "FORWARDED"}
)


class Parked(BaseException):
    """Carries a parked task from the application's frame up to `Channel.service`."""

    def __init__(self, task: RequestTask, park: Park) -> None:
        super().__init__()
        self.task, self.park = task, park


@lru_cache(maxsize=512)
def environ_key(header: str) -> str:
    """Return the name in the environ of a header such as `USER_AGENT`."""
    return header if header in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{header}"


# What a 426 has to say (RFC 9110, 15.5.22), although both belong to the connection otherwise.
OFFER = frozenset({("Upgrade", "websocket"), ("Connection", "Upgrade")})


@lru_cache(maxsize=512)
def checked_name(name: str) -> str:
    """Return a response header's name in lower case. Raises ValueError for one that an application must not set."""
    if not isinstance(name, str):
        raise ValueError(f"the header name {name!r} is no text")
    lower = name.lower()
    if lower in hop_by_hop:
        raise ValueError(f"{name} belongs to the connection; the application cannot set it")
    if not name or not name.isascii() or any(c <= " " or c in ":\x7f" for c in name):
        raise ValueError(f"the header name {name!r} is invalid")
    return lower


def date_of(seconds: int) -> str:
    """Return the HTTP date of a second."""
    return str(build_http_date(seconds))


_date = lru_cache(maxsize=2)(date_of)


class AnswerHeader(Task):  # type: ignore[misc]
    """The header of an answer and the framing of its body.

    Unlike waitress it keeps a connection after 304, 204 and chunked answers, leaves out the body of an answer to HEAD,
    and sends the header together with the first piece of the body: one packet and one system call less.
    """

    # What waitress's task holds, with its types.
    channel: Connection
    request: Parser
    version: str
    status: str
    close_on_finish: bool
    wrote_header: bool
    complete: bool
    chunked_response: bool
    logged_write_excess: bool
    content_length: int | None
    content_bytes_written: int

    bodiless = False
    sized = False  # the application has set a Content-Length
    dated = False  # the application has set a Date
    logger = log
    _lines: tuple[str, ...] | list[str] = ()  # of the header, ready to be sent

    def begin(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """Check and keep status and headers; they are sent with the first piece of the body.

        Raises ValueError for what would break the answer.
        """
        if not isinstance(status, str) or "\n" in status or "\r" in status or not status[:3].isdigit():
            raise ValueError(f"the status {status!r} is invalid")
        lines: list[str] = []
        offered = OFFER if status.startswith("426") else ()
        for name, value in headers:
            if not value.isprintable() and ("\n" in value or "\r" in value or "\x00" in value):
                raise ValueError(f"the value of the header {name!r} contains a line break")
            lower = name.lower() if (name, value) in offered else checked_name(name)
            if lower == "content-length":
                if status[:3] in ("204", "304"):
                    continue
                self.content_length = int(value)
                self.sized = True
            elif lower == "date":
                self.dated = True
            lines.append(f"{name}: {value}")
        self._lines = lines
        self.status = status
        self.complete = True

    def set_close_on_finish(self) -> None:
        """Close the connection after this answer."""
        self.close_on_finish = True

    def build_response_header(self) -> bytes:
        """Return status line and headers, and settle how the body is framed and whether the connection stays."""
        request = self.request
        version = self.version
        status = self.status
        self.bodiless = request.command == "HEAD" or status[:3] in ("204", "304") or status[:1] == "1"
        lines = [f"HTTP/{version} {status}", *self._lines]
        sized = self.sized
        if not sized and self.content_length is not None and status[:3] not in ("204", "304"):
            lines.append(f"Content-Length: {self.content_length}")
            sized = True
        if not (sized or self.bodiless):
            if version == "1.1":
                lines.append("Transfer-Encoding: chunked")
                self.chunked_response = True
            else:
                self.close_on_finish = True
        if not request.keep_alive or self.channel.server.stopping:
            self.close_on_finish = True
        if self.close_on_finish:
            lines.append("Connection: close")
        elif version == "1.0":
            lines.append("Connection: Keep-Alive")
        if not self.dated:
            lines.append(f"Date: {_date(int(time.time()))}")
        lines.append("\r\n")
        return "\r\n".join(lines).encode("latin-1")

    def write(self, data: bytes) -> None:
        """Send a piece of the body, the header before the first one."""
        if not self.complete:
            raise RuntimeError("start_response was not called before the body was written")
        header = b""
        if not self.wrote_header:
            header = self.build_response_header()
            self.wrote_header = True
            self.request.continued = True
        if self.bodiless:
            data = b""
        elif data:
            data = self._framed(data)
        if header or data:
            self.channel.write_soon(header + data if header else data)

    def _framed(self, data: bytes) -> bytes:
        if self.chunked_response:
            return b"%X\r\n%b\r\n" % (len(data), data)
        length = self.content_length
        if length is not None:
            room = length - self.content_bytes_written
            if len(data) > room:
                if not self.logged_write_excess:
                    self.logger.warning("%s wrote more than its Content-Length of %s", self.request.path, length)
                    self.logged_write_excess = True
                data = data[:room]
            self.content_bytes_written += len(data)
        return data

    def finish(self) -> None:
        """End the body; an answer that is shorter than it said closes the connection."""
        if not self.wrote_header:
            self.write(b"")
        if self.bodiless:
            return
        if self.chunked_response:
            self.channel.write_soon(b"0\r\n\r\n")
        elif self.content_length is not None and self.content_bytes_written < self.content_length:
            self.logger.warning(
                "%s wrote %s bytes instead of its Content-Length of %s",
                self.request.path,
                self.content_bytes_written,
                self.content_length,
            )
            self.close_on_finish = True


class RefusalTask(AnswerHeader, ErrorTask):  # type: ignore[misc]
    """Writes an error answer: a `Refusal`, or waitress's own for an exception of the application."""

    def execute(self) -> None:
        """Send the answer and close the connection after it."""
        error = self.request.error
        if not isinstance(error, Refusal):
            error = Refusal(error.code, error.body)
        status, headers, body = error.answer(self.request.accept, self.request.path)
        self.begin(status, headers)
        self.close_on_finish = True
        self.content_length = len(body)
        self.write(body)


class RequestTask(AnswerHeader, WSGITask):  # type: ignore[misc]
    """Calls the application on a worker thread, or on the loop for `start="hub"`."""

    def __init__(self, channel: Connection, request: Parser) -> None:
        # Not waitress's own: the parser lets only 1.0 and 1.1 through.
        self.channel = channel
        self.request = request
        self.version = request.version

    def service(self) -> None:
        """Answer, or raise `Parked`. Whatever else comes out of the application becomes an Exception."""
        # Unlike waitress's this lets an OSError through: it is the application's, those of the socket end as
        # ClientDisconnected.
        try:
            self.execute()
        except Park as park:
            raise Parked(self, park) from None
        except Exception:
            raise
        except BaseException as error:
            # SystemExit and its like must not end the worker, or worse the loop.
            raise RuntimeError(f"the application raised {type(error).__name__}") from error
        self.end()

    def end(self) -> None:
        """Finish the answer; close the connection if the client is still sending a body that nobody read."""
        if self.request.broken or not self.request.completed:
            self.close_on_finish = True
        self.finish()

    def execute(self) -> None:
        """Call the application and send what it returns."""
        process = os.getpid()
        try:
            body = self.channel.server.application(self.get_environment(), self.start_response)
        finally:
            end_child(process)
        try:
            kind = type(body)
            if kind is list or kind is tuple:
                self._send_whole(body)
            elif isinstance(body, ReadOnlyFileBasedBuffer):
                if self._send_file(body):
                    body = ()  # the channel closes the file when it is sent
            else:
                for piece in body:
                    if piece:
                        self.write(piece)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _send_whole(self, pieces: list[bytes] | tuple[bytes, ...]) -> None:
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.content_length is None and (data or self.request.command != "HEAD"):
            self.content_length = len(data)
        self.write(data)

    def _send_file(self, body: Any) -> bool:
        """Send a file; true when the channel has taken it over."""
        size = body.prepare(self.content_length)
        if not size:  # no size: not seekable
            for piece in body:
                self.write(piece)
            return False
        if self.content_length is None:
            self.content_length = size
        if size <= SMALL_FILE:
            self.write(body.get(size))
            return False
        self.write(b"")
        if self.bodiless:
            return False
        self.content_bytes_written += size
        self.channel.write_soon(body)
        return True

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        """Take status and headers as PEP 3333 says. Raises ValueError for a header that would break the answer."""
        if exc_info:
            try:
                if self.wrote_header:
                    raise exc_info[1]
                self.content_length = None
                self.sized = self.dated = False
            finally:
                exc_info = None
        elif self.complete:
            raise AssertionError("start_response was called a second time without exc_info")
        self.begin(status, headers)
        return self.write

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environ of the request."""
        request = self.request
        channel = self.channel
        path = request.path
        if path.startswith("//"):
            path = "/" + path.lstrip("/")
        address, port = channel.addr[:2]
        environ: dict[str, Any] = channel.server.environ.copy()
        environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = address
        environ["REMOTE_PORT"] = str(port)
        environ["REQUEST_METHOD"] = request.command
        environ["SERVER_PROTOCOL"] = "HTTP/1.1" if request.version == "1.1" else "HTTP/1.0"
        environ["PATH_INFO"] = path
        environ["QUERY_STRING"] = request.query
        environ["REQUEST_URI"] = request.request_uri
        environ["wsgi.input"] = BytesIO() if request.body_rcv is None else request.get_body_stream()
        environ["waitress.client_disconnected"] = channel.check_client_disconnected
        trusted = address in channel.server.trusted
        for name, value in request.headers.items():
            if name in PROXY_HEADERS and not trusted:
                continue
            environ[environ_key(name)] = value
        return environ


def fixed_environ(name: str, port: str, scheme: str = "http") -> dict[str, Any]:
    """Return what the environ of every request of one listener has in common."""
    return {
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_SOFTWARE": "atilite",
        "SCRIPT_NAME": "",
        "wsgi.url_scheme": scheme,
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": ReadOnlyFileBasedBuffer,
        "wsgi.input_terminated": True,
        CAN_PARK: True,
    }
