"""A client that sends exactly the bytes it is told to, and reads answers strictly."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

# Separates "hung" from "done"; nothing here takes so long.
PATIENCE = 20.0
# Servers that speak TLS, and what is needed to talk to them.
TRUSTED: dict[str, ssl.SSLContext] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came over the wire; header names in lower case."""

    status: int
    version: str
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection to `address`: `127.0.0.1:5000` or `unix:/path`; over TLS where `TRUSTED` knows the server."""

    def __init__(self, address: str, *, plain: bool = False) -> None:
        if address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.connect(address[5:])
        else:
            host, _, port = address.rpartition(":")
            self.sock = socket.create_connection((host.strip("[]"), int(port)))
        self.sock.settimeout(PATIENCE)
        if address in TRUSTED and not plain:
            self.sock = TRUSTED[address].wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.waiting = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, text: str | bytes) -> None:
        """Send bytes; a text is sent with its line ends made CR LF."""
        self.sock.sendall(text.replace("\n", "\r\n").encode("latin-1") if isinstance(text, str) else text)

    def ask(self, path: str, method: str = "GET", *lines: str, body: bytes = b"") -> None:
        """Send one HTTP/1.1 request."""
        more = "".join(f"{line}\n" for line in lines)
        if body:
            more += f"Content-Length: {len(body)}\n"
        self.send(f"{method} {path} HTTP/1.1\nHost: test\n{more}\n")
        if body:
            self.send(body)

    def get(self, path: str) -> Answer:
        """Ask and read the answer."""
        self.ask(path)
        return self.answer()

    def fill(self) -> bool:
        """Wait for more bytes; False at the end of the connection."""
        data = self.sock.recv(65536)
        self.waiting += data
        return bool(data)

    def line(self) -> bytes:
        """Read up to the next CR LF."""
        while b"\r\n" not in self.waiting:
            if not self.fill():
                raise EOFError(f"the connection ended within a line: {self.waiting!r}")
        line, _, self.waiting = self.waiting.partition(b"\r\n")
        return line

    def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        data = bytearray(self.waiting[:size])
        self.waiting = self.waiting[size:]
        while len(data) < size:
            piece = self.sock.recv(min(size - len(data), 1024 * 1024))
            if not piece:
                raise EOFError(f"{len(data)} of {size} bytes came")
            data += piece
        return bytes(data)

    def head(self) -> tuple[int, str, dict[str, str]]:
        """Read status line and headers."""
        version, status, *_ = self.line().decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while line := self.line().decode("latin-1"):
            name, _, value = line.partition(": ")
            assert name.lower() not in headers or name.lower() == "set-cookie", f"{name} came twice"
            headers[name.lower()] = value
        return int(status), version, headers

    def chunk(self) -> bytes:
        """Read one chunk; b"" is the last one."""
        size = int(self.line(), 16)
        data = self.exactly(size)
        assert self.line() == b""
        return data

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer to `method`."""
        status, version, headers = self.head()
        body = b""
        if method == "HEAD" or status in (204, 304) or status < 200:
            pass  # has none by definition
        elif headers.get("transfer-encoding") == "chunked":
            while piece := self.chunk():
                body += piece
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        else:
            while self.fill():
                pass
            body, self.waiting = self.waiting, b""
        return Answer(status, version, headers, body)

    def stop_sending(self) -> None:
        """Close the client's half of the connection; answers can still be read."""
        socket.socket.shutdown(self.sock, socket.SHUT_WR)  # SSLSocket's own would forget the keys

    def ended(self) -> bool:
        """Wait for the end of the connection; True if nothing came before it."""
        try:
            while self.fill():
                pass
        except (ConnectionResetError, ssl.SSLEOFError):
            return not self.waiting
        return not self.waiting
