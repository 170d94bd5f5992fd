"""`was.ProxyPass` between a real client, atilite's server, and another server."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.resources.upstream import end_to_end, request_headers, target_of
from atilite.server.server import Server
from tests.resources.authority import Authority
from tests.resources.webpeer import WebPeer

pytestmark = pytest.mark.row("A164", "D25")


@pytest.fixture
def peer() -> Iterator[WebPeer]:
    peer = WebPeer()
    yield peer
    peer.close()


class Front:
    """The app that passes everything on, on a port of its own."""

    def __init__(self, app: Atilite) -> None:
        self.app = app
        self.server = Server(app.wsgi, loop=app.runtime.loop, listeners=["127.0.0.1:0"], policy=app.pipeline.policy)
        self.server.bind()
        self.server.start()
        self.port = int(self.server.addresses[0].rpartition(":")[2])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        """Send a request; the answer with its body as `content`."""
        connection = self.connect()
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.content = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer


@pytest.fixture
def front(peer: WebPeer) -> Iterator[Front]:
    app = Atilite("front")
    app.aliases.add("@myupstream", "http", peer.host)
    app.aliases.add("@closed", "http", "127.0.0.1:1")

    @app.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    def proxy(was: Any, path: str | None = None) -> Any:
        return was.ProxyPass("@myupstream", path, timeout=1)

    @app.route("/own/<path:path>")
    def own(was: Any, path: str) -> Any:
        return was.ProxyPass("@myupstream")

    @app.route("/closed")
    def closed(was: Any) -> Any:
        return was.ProxyPass("@closed", "/")

    front = Front(app)
    yield front
    front.server.stop(0).wait(20)


def echoed(answer: Any) -> Any:
    import json

    return json.loads(answer.content)


def test_method_query_and_headers_arrive_as_they_were_sent(front: Front) -> None:
    answer = front.ask("PATCH", "/echo/a%20b/%C3%A9?x=1&x=2&y", b"body", X_Own="mine", Accept_Encoding="br")

    told = echoed(answer)
    assert (told["method"], told["target"]) == ("PATCH", "/echo/a%20b/%C3%A9?x=1&x=2&y")
    assert told["body"] == "body"
    assert told["headers"]["x-own"] == "mine"
    assert told["headers"]["accept-encoding"] == "br"
    assert told["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert told["headers"]["x-forwarded-host"] == f"127.0.0.1:{front.port}"
    assert told["headers"]["x-forwarded-proto"] == "http"
    assert "user-agent" not in told["headers"]


def test_headers_come_back_as_they_are_and_nothing_is_added(front: Front) -> None:
    answer = front.ask("GET", "/echo")

    assert answer.headers.get_all("X-Two") == ["a", "b"]
    assert answer.getheader("Content-Length") == str(len(answer.content))  # type: ignore[attr-defined]
    assert answer.getheader("Content-Security-Policy") is None
    assert answer.getheader("Content-Type") == "application/json"


@pytest.mark.parametrize("status", [201, 204, 304, 400, 404, 418, 500, 503])
def test_every_status_stays_what_it_is(front: Front, status: int) -> None:
    answer = front.ask("GET", f"/status/{status}")

    assert (answer.status, answer.reason) == (status, "Said So")
    if status not in (204, 304):
        assert b"asked for" in answer.content  # type: ignore[attr-defined]


def test_every_header_that_is_one_is_passed_on_and_nothing_else(front: Front) -> None:
    answer = front.ask("GET", "/odd")

    assert (answer.status, answer.reason) == (200, "Fine by me")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.getheader("X.Odd!") is not None
    assert answer.getheader("Keep-Alive") is None
    assert front.ask("GET", "/smuggling").status == 502


def test_redirects_are_for_the_client(front: Front) -> None:
    answer = front.ask("GET", "/away?to=/echo")

    assert (answer.status, answer.getheader("Location")) == (302, "/echo")


def test_head_has_the_length_and_no_body(front: Front) -> None:
    answer = front.ask("HEAD", "/status/200")

    assert (answer.status, answer.getheader("Content-Length")) == (200, "20")


def test_json_that_is_none_is_no_business_of_ours(front: Front) -> None:
    answer = front.ask("POST", "/echo", b"{broken", Content_Type="application/json")

    assert echoed(answer)["body"] == "{broken"


def test_a_body_goes_up_while_it_arrives(front: Front, peer: WebPeer) -> None:
    connection = front.connect()
    connection.putrequest("POST", "/echo")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"3\r\nabc\r\n")
    connection.send(b"3\r\ndef\r\n0\r\n\r\n")
    answer = connection.getresponse()
    answer.content = answer.read()  # type: ignore[attr-defined]

    assert echoed(answer)["body"] == "abcdef"
    assert echoed(answer)["headers"]["transfer-encoding"] == "chunked"
    connection.close()


def test_a_client_that_reads_slowly_slows_the_other_server(front: Front, peer: WebPeer) -> None:
    size = 64 * 1024 * 1024
    connection = front.connect()
    connection.request("GET", f"/big?n={size}")
    answer = connection.getresponse()
    assert answer.read(1000) == b"b" * 1000

    settled(lambda: peer.sent)
    assert peer.sent < size // 2
    while answer.read(1 << 20):
        continue
    assert peer.sent >= size
    connection.close()


def test_a_client_that_leaves_ends_the_request(front: Front, peer: WebPeer) -> None:
    connection = front.connect()
    connection.request("GET", "/drip")
    answer = connection.getresponse()
    answer.read(2)
    assert peer.open == 1

    answer.close()
    connection.close()
    until(lambda: peer.open == 0)


def test_a_server_that_is_not_there_is_a_502(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    answer = front.ask("GET", "/closed")

    assert answer.status == 502
    assert b"127.0.0.1" not in answer.content  # type: ignore[attr-defined]
    assert "GET /closed: 502 Bad Gateway: http://127.0.0.1:1/: no connection" in caplog.text


def test_a_server_that_never_answers_is_a_504(front: Front) -> None:
    assert front.ask("GET", "/never").status == 504


@pytest.mark.parametrize("path", ["/garbage", "/dropping?n=9"])
def test_what_is_no_http_is_a_502(front: Front, path: str) -> None:
    assert front.ask("GET", path).status == 502


def test_an_answer_that_breaks_off_breaks_off(front: Front) -> None:
    connection = front.connect()
    connection.request("GET", "/middle")
    answer = connection.getresponse()

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    connection.close()


def test_a_websocket_is_passed_on_byte_for_byte(front: Front, peer: WebPeer) -> None:
    client = socket.create_connection(("127.0.0.1", front.port), timeout=20)
    client.sendall(b"GET /socket HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    head = b""
    while not head.endswith(b"HELLO "):
        head += client.recv(4096)
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")

    client.sendall(b"a\x00b")
    assert client.recv(100) == b"A\x00B"
    client.close()
    until(lambda: peer.open == 0)


def test_an_encrypted_server_is_passed_on_to_with_its_websockets(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    peer = WebPeer(tls=authority.certificate("IP:127.0.0.1"))
    app = Atilite("safe")
    app.aliases.add("@safe", "https", f"me:secret@{peer.host}", ssl=authority.file)

    @app.route("/<path:path>")
    def proxy(was: Any, path: str) -> Any:
        return was.ProxyPass("@safe", path)

    front = Front(app)
    assert echoed(front.ask("GET", "/echo"))["headers"]["authorization"].startswith("Basic ")
    client = socket.create_connection(("127.0.0.1", front.port), timeout=20)
    client.sendall(b"GET /socket HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    told = client.recv(12)
    client.sendall(b"x" * 300_000)
    while not told.endswith(b"X" * 300_000):
        more = client.recv(65536)
        assert more, f"it ended after {len(told)} bytes: {told[:200]!r}"
        told += more
    client.close()
    front.server.stop(0).wait(20)
    peer.close()


def test_who_does_not_wait_for_the_answer_is_refused(front: Front) -> None:
    client = socket.create_connection(("127.0.0.1", front.port), timeout=20)
    client.sendall(b"GET /socket HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly")

    assert client.recv(12) == b"HTTP/1.1 400"
    client.close()


def test_a_client_that_stops_in_the_middle_of_its_body_is_no_fault_of_the_server(front: Front, peer: WebPeer) -> None:
    for _ in range(3):
        client = socket.create_connection(("127.0.0.1", front.port), timeout=20)
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nnot all")
        until(lambda: peer.open == 1)
        client.close()
        until(lambda: peer.open == 0)

    assert front.app.aliases.opened("@myupstream", lambda alias: None).balance.resting == []
    assert echoed(front.ask("POST", "/echo", b"whole"))["body"] == "whole"


def test_without_a_path_it_is_the_requests_own(front: Front) -> None:
    assert echoed(front.ask("GET", "/own/p%C3%A4th?q=1"))["target"] == "/own/p%C3%A4th?q=1"


def test_a_refused_upgrade_is_an_answer(front: Front) -> None:
    answer = front.ask("GET", "/socket", Connection="Upgrade", Upgrade="h3000")

    assert (answer.status, answer.content) == (426, b"upgrade")  # type: ignore[attr-defined]


def test_a_path_cannot_lead_out_of_the_service(front: Front) -> None:
    assert front.ask("GET", "/a/%2e%2e/secret").status == 400


def test_another_server_serves_it_as_well(peer: WebPeer) -> None:
    """A WSGI server that cannot park: its thread waits instead."""
    app = Atilite("plain")

    @app.route("/<path:path>")
    def proxy(was: Any, path: str) -> Any:
        return was.ProxyPass(peer.url, path)

    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/echo", "QUERY_STRING": "q=1", "CONTENT_LENGTH": "3",
        "wsgi.input": __import__("io").BytesIO(b"abc"), "wsgi.url_scheme": "http", "REMOTE_ADDR": "10.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }  # fmt: skip
    body = b"".join(app.wsgi(environ, lambda status, headers, *_: told.append(status)))

    assert told == ["200 OK"]
    assert b'"body": "abc"' in body


def test_what_is_between_neighbours_stays_there() -> None:
    given = (("Connection", "close, X-Mine"), ("X-Mine", "1"), ("TE", "trailers"), ("Accept", "*/*"))

    assert end_to_end(given) == (("Accept", "*/*"),)


def test_who_asked_is_added_to_who_asked_before() -> None:
    environ = {"HTTP_X_FORWARDED_FOR": "10.0.0.9", "HTTP_X_FORWARDED_PROTO": "gopher", "HTTP_HOST": "x"}

    headers = dict(request_headers(environ, secure=True, remote="10.0.0.1", host="x"))
    assert headers == {"X-Forwarded-For": "10.0.0.9, 10.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "x"}


def test_paths_are_quoted_again() -> None:
    assert target_of("a b/ü?x", "q=%20") == "/a%20b/%C3%BC%3Fx?q=%20"


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does; bounded."""
    step = threading.Event()
    for _ in range(2000):
        if true():
            return
        step.wait(0.01)
    raise AssertionError("it never came true")


def settled(value: Callable[[], Any]) -> None:
    """Wait until it does not change any more."""
    last: list[Any] = [object()]

    def same() -> bool:
        last.append(value())
        return len(last) > 50 and len(set(map(str, last[-50:]))) == 1

    until(same)
