"""Raw requests, each with the one answer it must get. None may smuggle a second request past the first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from atilite.runtime.loop import Loop
from atilite.server.limits import Limits
from atilite.server.server import Server
from atilite.web.exchange import RequestPolicy
from tests.server.raw import Client

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"


class Case(NamedTuple):
    """`request` is sent as it is, with \\n made CR LF unless it is bytes; 0 means closed without an answer."""

    name: str
    request: str | bytes
    status: int


GET = "GET / HTTP/1.1\nHost: test\n"
POST = "POST / HTTP/1.1\nHost: test\n"
CHUNKED = POST + "Transfer-Encoding: chunked\n\n"

REFUSED = [
    # -- whose request is it
    Case("no host", "GET / HTTP/1.1\n\n", 400),
    Case("two hosts", GET + "Host: other\n\n", 400),
    Case("the same host twice", GET + "Host: test\n\n", 400),
    Case("empty host", "GET / HTTP/1.1\nHost:\n\n", 400),
    Case("host with a path", "GET / HTTP/1.1\nHost: a/b\n\n", 400),
    Case("host with a user", "GET / HTTP/1.1\nHost: a@b\n\n", 400),
    Case("host with path and user", "GET / HTTP/1.1\nHost: a/b@c\n\n", 400),
    Case("two hosts in one header", "GET / HTTP/1.1\nHost: a, b\n\n", 400),
    Case("host with a space", "GET / HTTP/1.1\nHost: a b\n\n", 400),
    Case("host with a port that is none", "GET / HTTP/1.1\nHost: a:b\n\n", 400),
    Case("host with a long port", "GET / HTTP/1.1\nHost: a:123456\n\n", 400),
    Case("bad host in an old request", "GET / HTTP/1.0\nHost: a/b\n\n", 400),
    Case("absolute target without host header", "GET http://test/ HTTP/1.1\n\n", 400),
    Case("absolute target with a user", "GET http://a@b/ HTTP/1.1\nHost: b\n\n", 400),
    # -- where does the body end
    Case("length and chunked", POST + "Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n", 400),
    Case("chunked and length", POST + "Transfer-Encoding: chunked\nContent-Length: 5\n\n0\n\n", 400),
    Case("chunked in an old request", "POST / HTTP/1.0\nHost: t\nTransfer-Encoding: chunked\n\n0\n\n", 400),
    Case("two different lengths", POST + "Content-Length: 3\nContent-Length: 4\n\nabcd", 400),
    Case("the same length twice", POST + "Content-Length: 3\nContent-Length: 3\n\nabc", 400),
    Case("a list of lengths", POST + "Content-Length: 3, 3\n\nabc", 400),
    Case("length with a plus", POST + "Content-Length: +4\n\nabcd", 400),
    Case("negative length", POST + "Content-Length: -1\n\n", 400),
    Case("hexadecimal length", POST + "Content-Length: 0x4\n\nabcd", 400),
    Case("length with an underscore", POST + "Content-Length: 4_0\n\n", 400),
    Case("empty length", POST + "Content-Length:\n\n", 400),
    Case("length of foreign digits", (POST + "Content-Length: ").replace("\n", "\r\n").encode() + b"\xb2\r\n\r\n", 400),
    Case("length of thirty digits", POST + "Content-Length: " + "9" * 30 + "\n\n", 400),
    Case("unknown coding", POST + "Transfer-Encoding: gzip\n\n", 501),
    Case("coding that ends like chunked", POST + "Transfer-Encoding: xchunked\n\n0\n\n", 501),
    Case("chunked, then identity", POST + "Transfer-Encoding: chunked, identity\n\n0\n\n", 501),
    Case("chunked twice", POST + "Transfer-Encoding: chunked, chunked\n\n0\n\n", 501),
    Case("two codings", POST + "Transfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\n", 400),
    Case("coding with a vertical tab", POST + "Transfer-Encoding: \x0bchunked\n\n0\n\n", 400),
    Case("space before the colon", POST + "Transfer-Encoding : chunked\n\n0\n\n", 400),
    Case("chunk size with a plus", CHUNKED + "+3\nabc\n0\n\n", 400),
    Case("negative chunk size", CHUNKED + "-3\nabc\n0\n\n", 400),
    Case("chunk size with 0x", CHUNKED + "0x3\nabc\n0\n\n", 400),
    Case("chunk size with an underscore", CHUNKED + "1_0\nabc\n0\n\n", 400),
    Case("chunk longer than its size", CHUNKED + "3\nabcdef\n0\n\n", 400),
    Case("unfinished quote in a chunk extension", CHUNKED + '3;a="b\nabc\n0\n\n', 400),
    Case("chunk size line without end", CHUNKED + "3;" + "a" * 5000, 400),
    Case("endless trailer", CHUNKED + "0\n" + "X: y\n" * 4000, 400),
    # -- the form of the header
    Case("no version", "GET /\n\n", 400),
    Case("version 9.9", "GET / HTTP/9.9\nHost: test\n\n", 505),
    Case("version 2.0", "GET / HTTP/2.0\nHost: test\n\n", 505),
    Case("version of another protocol", "GET / SIP/2.0\nHost: test\n\n", 400),
    Case("lower-case method", "get / HTTP/1.1\nHost: test\n\n", 400),
    Case("method with a bracket", "G[T / HTTP/1.1\nHost: test\n\n", 400),
    Case("no method", " / HTTP/1.1\nHost: test\n\n", 400),
    Case("two spaces", "GET  / HTTP/1.1\nHost: test\n\n", 400),
    Case("tab between the words", "GET\t/\tHTTP/1.1\nHost: test\n\n", 400),
    Case("space in the target", "GET /a b HTTP/1.1\nHost: test\n\n", 400),
    Case("fragment in the target", "GET /a#b HTTP/1.1\nHost: test\n\n", 400),
    Case("target without a slash", "GET a HTTP/1.1\nHost: test\n\n", 400),
    Case("target of another scheme", "GET ftp://test/ HTTP/1.1\nHost: test\n\n", 400),
    Case("star for another method", "GET * HTTP/1.1\nHost: test\n\n", 400),
    Case("zero byte in the path", "GET /a%00b HTTP/1.1\nHost: test\n\n", 400),
    Case("tunnel", "CONNECT test:443 HTTP/1.1\nHost: test:443\n\n", 501),
    Case("header without a colon", GET + "Nonsense\n\n", 400),
    Case("header without a name", GET + ": x\n\n", 400),
    Case("header name with a space", GET + "A B: x\n\n", 400),
    Case("header name with a quote", GET + 'A": x\n\n', 400),
    Case("folded header", GET + "X: a\n b\n\n", 400),
    Case("folded first header", "GET / HTTP/1.1\n Host: test\n\n", 400),
    Case("lone carriage return", b"GET / HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n", 400),
    Case("lone line feed in a header", b"GET / HTTP/1.1\r\nHost: test\r\nX: a\nY: b\r\n\r\n", 400),
    Case("lone line feeds only", b"GET / HTTP/1.1\nHost: test\n\n", 400),
    Case("zero byte in a header", GET + "X: a\x00b\n\n", 400),
    Case("delete character in a header", GET + "X: a\x7fb\n\n", 400),
    Case("unknown expectation", GET + "Expect: the unexpected\n\n", 417),
    Case("encrypted from the start", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    # -- too much of it
    Case("header of 300 KB", GET + "X: " + "a" * 300_000 + "\n\n", 431),
    Case("target of 300 KB", "GET /" + "a" * 300_000 + " HTTP/1.1\nHost: test\n\n", 431),
    Case("many headers", GET + "".join(f"X-{n}: y\n" for n in range(5000)) + "\n", 431),
    Case("header that never ends", GET + "X: " + "a" * 40_000, 431),
    Case("body of 3 GB", POST + "Content-Length: 3221225472\n\n", 413),
    Case("body of 3 GB, expecting to be stopped", POST + "Expect: 100-continue\nContent-Length: 3221225472\n\n", 413),
    Case("chunks beyond the limit", CHUNKED + "fffff\n" + "a" * 0xFFFFF + "\n0\n\n", 413),
]

SERVED = [
    Case("plain", GET + "\n", 200),
    Case("old without host", "GET / HTTP/1.0\n\n", 200),
    Case("empty lines before", "\n\n" + GET + "\n", 200),
    Case("host with a port", "GET / HTTP/1.1\nHost: test:5000\n\n", 200),
    Case("host in brackets", "GET / HTTP/1.1\nHost: [::1]:5000\n\n", 200),
    Case("absolute target", "GET http://test/ HTTP/1.1\nHost: ignored\n\n", 200),
    Case("absolute target without a path", "GET http://test HTTP/1.1\nHost: test\n\n", 200),
    Case("options for the server", "OPTIONS * HTTP/1.1\nHost: test\n\n", 200),
    Case("method of its own", "PURGE / HTTP/1.1\nHost: test\n\n", 200),
    Case("two slashes", "GET //test HTTP/1.1\nHost: test\n\n", 200),
    Case("empty header", GET + "X:\n\n", 200),
    Case("tabs around a value", GET + "X:\ta\t\n\n", 200),
    Case("length of zero", POST + "Content-Length: 0\n\n", 200),
    Case("length of zero, expecting", POST + "Expect: 100-continue\nContent-Length: 0\n\n", 200),
    Case("length with leading zeros", POST + "Content-Length: 0003\n\nabc", 200),
    Case("chunks", CHUNKED + "3\nabc\n0\n\n", 200),
    Case("chunks with an extension and a trailer", CHUNKED + '3;a="b"\nabc\n0\nX: y\n\n', 200),
    Case("chunked in capitals", POST + "Transfer-Encoding: CHUNKED\n\n0\n\n", 200),
]


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    assert environ["PATH_INFO"] != "/smuggled" or environ.get("HTTP_X_MEANT"), "a second request was let in"
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1")]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    loop = Loop()
    server = Server(
        application,
        loop=loop,
        listeners=["127.0.0.1:0"],
        limits=Limits(linger_seconds=0.5),
        policy=lambda *_: RequestPolicy(max_body=500_000),
    )
    server.bind()
    server.start()
    yield server
    server.stop(0).wait(20)
    loop.stop()


def deliver(client: Client, request: str | bytes) -> None:
    try:
        client.send(request)
        client.send(SMUGGLED)
    except ConnectionError:
        return  # the server has seen enough


@pytest.mark.row("reliability-17")
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_request_that_is_not_clear_is_refused_and_nothing_behind_it_is_read(server: Server, case: Case) -> None:
    with Client(server.addresses[0]) as client:
        deliver(client, case.request)
        answer = client.answer()
        assert answer.status == case.status
        assert answer.headers["connection"] == "close"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
        assert client.ended(), "there was an answer to what came behind"


@pytest.mark.row("reliability-17")
@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
def test_a_request_that_is_merely_unusual_is_served(server: Server, case: Case) -> None:
    with Client(server.addresses[0]) as client:
        client.send(case.request)
        answer = client.answer()
        assert answer.status == case.status
        if answer.headers.get("connection") != "close":
            client.send("GET /next HTTP/1.1\nHost: test\n\n")
            assert client.answer().body == b"/next", "the next request starts where this one ends"


@pytest.mark.row("reliability-17")
def test_every_case_gets_the_same_answer_when_it_comes_byte_by_byte(server: Server) -> None:
    for case in REFUSED + SERVED:
        data = case.request.replace("\n", "\r\n").encode("latin-1") if isinstance(case.request, str) else case.request
        if len(data) > 400:
            continue
        with Client(server.addresses[0]) as client:
            try:
                for byte in data:
                    client.send(bytes([byte]))
            except ConnectionError:
                pass  # refused before its end
            assert client.answer().status == case.status, case.name


def test_the_corpus_is_large_enough() -> None:
    assert len(REFUSED) + len(SERVED) >= 60
    assert len({case.name for case in REFUSED + SERVED}) == len(REFUSED) + len(SERVED)
