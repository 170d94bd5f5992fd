"""A request as bytes become headers: stricter than waitress where an ambiguity could hide a second request.

Pure: no socket, clock or thread. The body receivers (fixed length, chunked) are waitress's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver, FixedStreamReceiver

from atilite.server.body import InputPipe
from atilite.server.refusals import Refusal
from atilite.web.exchange import RequestPolicy

# Bounds of what a chunked body may carry besides data; without them a client could make the loop copy for ever.
MAX_CHUNK_LINE = 4096
MAX_TRAILER = 8192

# No control characters; line ends are taken out before. (translate is ten times as fast as a regular expression.)
_ALLOWED = bytes(byte for byte in range(256) if (byte >= 32 and byte != 127) or byte == 9)
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Z]+) ([^ \t#]+) HTTP/([0-9]\.[0-9])")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,253})(?::[0-9]{1,5})?")
_DIGITS = re.compile(r"[0-9]{1,18}")
_SINGLE = frozenset({"HOST", "CONTENT_LENGTH", "TRANSFER_ENCODING", "CONTENT_TYPE", "AUTHORIZATION", "EXPECT"})

Policy = Callable[[str, str], RequestPolicy | None]
DEFAULT_POLICY = RequestPolicy()


class Malformed(Exception):
    """The request cannot be served as it is; carries what is answered instead."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.body)
        self.refusal = refusal


def bad(reason: str) -> Malformed:
    return Malformed(Refusal(400, reason))


@lru_cache(maxsize=512)
def header_key(name: str) -> str:
    """Return `Content-Type` as `CONTENT_TYPE`; "" for a name with an underscore, which could pose as another one."""
    if not _TOKEN.fullmatch(name):
        raise bad("a header has an invalid name")
    return "" if "_" in name else name.upper().replace("-", "_")


def parse_lines(lines: list[str]) -> dict[str, str]:
    """Return the header lines as a mapping; repeated ones are joined by commas, except where one only may be."""
    headers: dict[str, str] = {}
    for line in lines:
        if line[:1] in (" ", "\t"):
            raise bad("a header line is folded")
        name, colon, value = line.partition(":")
        if not colon:
            raise bad("a header line has no colon")
        key = header_key(name)
        if not key:
            continue
        value = value.strip(" \t")
        if key in headers:
            if key in _SINGLE:
                raise bad(f"the header {name.title()} is given twice")
            separator = "; " if key == "COOKIE" else ", "
            value = headers[key] + separator + value
        headers[key] = value
    return headers


def parse_target(target: str) -> tuple[str, str, str | None]:
    """Return path (percent-decoded, as latin-1 text), query, and the host of an absolute target or None."""
    host = None
    if target[0] != "/" and target != "*":
        scheme, separator, rest = target.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):
            raise bad("the request target is neither a path nor an absolute URL")
        host, slash, rest = rest.partition("/")
        if "?" in host:
            host, _, query = host.partition("?")
            slash, rest = "/", "?" + query
        target = slash + rest if slash else "/"
    path, _, query = target.partition("?")
    if "%" in path:
        path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
        if "\x00" in path:
            raise bad("the path contains a zero byte")
    return path, query, host


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """One request while it arrives.

    After `headers_finished` the attributes of waitress's parser are set, and `policy` says how the request is to be
    served. With `policy.stream_input` the body goes into `pipe`, from where the handler reads it while it arrives.
    """

    # What waitress's parser holds, with its types.
    header_plus: bytes
    error: Any
    headers: dict[str, str]
    headers_finished: bool
    completed: bool
    expect_continue: bool
    version = "1.1"  # of the answer when the request's own cannot be read
    body_rcv: Any
    body_bytes_received: int

    policy: RequestPolicy = DEFAULT_POLICY
    choose: Policy | None = None
    pipe: InputPipe | None = None
    started = False  # handed to the application; with a streamed body that is before `completed`
    broken = False  # the body of a started request will not be complete
    continued = False  # nothing more to say about `Expect: 100-continue`
    keep_alive = True
    command = "GET"
    path = request_uri = "/"
    query = ""
    proxy_netloc: str | None = None

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.url_scheme = adj.url_scheme

    @property
    def accept(self) -> str | None:
        """What the client accepts, "" where it does not say it; None if the header could not be read."""
        return self.headers.get("ACCEPT", "") if self.headers else None

    def received(self, data: bytes) -> int:
        """Take bytes of the connection and return how many of them belong to this request. Loop only."""
        if self.completed:
            return 0
        if self.body_rcv is not None:
            return self._received_body(data)
        return self._received_header(data)

    def refuse(self, refusal: Refusal) -> None:
        """End this request; nothing more of its connection is read as a request.

        It gets `refusal` as answer. When the application already runs it is the one who answers: its next read of the
        body raises ConnectionError.
        """
        self.completed = True
        self.keep_alive = False
        if self.started:
            self.broken = True
        else:
            self.error = refusal
        if self.pipe is not None:
            self.pipe.fail(ConnectionError(refusal.body))

    def _received_header(self, data: bytes) -> int:
        start = (self.header_plus + data) if self.header_plus else data
        # An empty line or two before a request is what some clients leave after a body.
        text = start.lstrip(b"\r\n") if start[:1] in (b"\r", b"\n") else start
        end = text.find(b"\r\n\r\n")
        limit = self.adj.max_request_header_size
        if end < 0:
            self.header_plus = text
            if len(text) >= limit:
                self.refuse(Refusal(431, f"the header is longer than {limit} bytes"))
            elif _BARE_LINE_FEED.search(text):
                self.refuse(Refusal(400, "a line ends without a carriage return"))
            return len(data)
        consumed = len(data) - (len(text) - end - 4)
        self.header_bytes_received = end + 4
        self.headers_finished = True
        self.header_plus = b""
        if end + 4 > limit:
            self.refuse(Refusal(431, f"the header is longer than {limit} bytes"))
            return consumed
        try:
            self.parse_header(text[:end])
        except Malformed as error:
            self.refuse(error.refusal)
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the header lines (without the empty line that ends them)."""
        if header_plus.replace(b"\r\n", b"").translate(None, _ALLOWED):
            raise bad("the header contains a control character")
        first, *lines = header_plus.decode("latin-1").split("\r\n")
        self._request_line(first)
        self.headers = parse_lines(lines)
        self._host()
        self._framing()
        if self.choose is not None:
            self.policy = self.choose(self.command, self.path) or DEFAULT_POLICY
        self._body()

    def _request_line(self, line: str) -> None:
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise bad("the request line is invalid")
        self.command, target, version = match.groups()
        if version not in ("1.0", "1.1"):
            raise Malformed(Refusal(505, "only HTTP/1.0 and HTTP/1.1 are spoken here"))
        self.version = version
        if self.command == "CONNECT":
            raise Malformed(Refusal(501, "this is no proxy"))
        if target == "*" and self.command != "OPTIONS":
            raise bad("only OPTIONS may ask for *")
        self.request_uri = target
        self.path, self.query, self.proxy_netloc = parse_target(target)

    def _host(self) -> None:
        headers = self.headers
        host = headers.get("HOST")
        if host is None:
            if self.version == "1.1":
                raise bad("the header Host is missing")
        elif not _HOST.fullmatch(host):
            raise bad("the header Host is invalid")
        if self.proxy_netloc is not None:
            # The authority of an absolute target replaces Host (RFC 9112, 3.2.2), so it has the same rules.
            if not _HOST.fullmatch(self.proxy_netloc):
                raise bad("the host of the request target is invalid")
            headers["HOST"] = self.proxy_netloc

    def _framing(self) -> None:
        headers = self.headers
        coding = headers.pop("TRANSFER_ENCODING", None)
        if coding is not None:
            if "CONTENT_LENGTH" in headers:
                raise bad("Content-Length and Transfer-Encoding exclude each other")
            if self.version == "1.0":
                raise bad("Transfer-Encoding is not part of HTTP/1.0")
            if coding.lower() != "chunked":
                raise Malformed(Refusal(501, "the only transfer coding understood is chunked"))
            self.chunked = True
        length = headers.get("CONTENT_LENGTH")
        if length is not None:
            if not _DIGITS.fullmatch(length):
                raise bad("Content-Length is invalid")
            self.content_length = int(length)
        connection = headers.get("CONNECTION")
        if connection is None:
            self.keep_alive = self.version == "1.1"
        else:
            options = [option.strip(" \t") for option in connection.lower().split(",")]
            self.keep_alive = "close" not in options and (self.version == "1.1" or "keep-alive" in options)
        self.connection_close = not self.keep_alive
        expect = headers.get("EXPECT")
        if expect is not None:
            if expect.lower() != "100-continue":
                raise Malformed(Refusal(417, "the only expectation understood is 100-continue"))
            self.expect_continue = self.version == "1.1"

    def _body(self) -> None:
        if not (self.chunked or self.content_length):
            self.expect_continue = False
            self.completed = True
            return
        if self.content_length > self.policy.max_body:
            raise self._too_large()
        buffer: InputPipe | OverflowableBuffer
        if self.policy.stream_input:
            buffer = self.pipe = InputPipe()
        else:
            buffer = OverflowableBuffer(self.adj.inbuf_overflow)
        if self.chunked:
            self.body_rcv = ChunkedReceiver(buffer)
        else:
            self.body_rcv = FixedStreamReceiver(self.content_length, buffer)

    def _too_large(self) -> Malformed:
        return Malformed(Refusal(413, f"the body is larger than {self.policy.max_body} bytes"))

    def _received_body(self, data: bytes) -> int:
        receiver = self.body_rcv
        consumed: int = receiver.received(data)
        self.body_bytes_received += consumed
        if receiver.error:
            self.refuse(Refusal(400, receiver.error.body))
        elif self.chunked and self._oversized(receiver):
            self.refuse(Refusal(400, "a chunk line or the trailer is too long"))
        elif self.chunked and len(receiver) > self.policy.max_body:
            self.refuse(self._too_large().refusal)
        elif receiver.completed:
            self.completed = True
            if self.pipe is not None:
                self.pipe.finish()
            elif self.chunked:
                # To the application a chunked body looks like one whose length was known.
                self.headers["CONTENT_LENGTH"] = str(len(receiver))
        return consumed

    @staticmethod
    def _oversized(receiver: ChunkedReceiver) -> bool:
        return len(receiver.control_line) > MAX_CHUNK_LINE or len(receiver.trailer) > MAX_TRAILER
