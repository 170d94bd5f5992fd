from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

import pytest

from atilite.errors import HubBlocked
from atilite.runtime.loop import Loop
from atilite.server.limits import Limits
from atilite.web.exchange import Park, RequestPolicy
from tests.server.apps import TEXT, Application, reply, until
from tests.server.conftest import Serve
from tests.server.raw import Client

BRISK = Limits(header_seconds=0.3, sweep_seconds=0.05, linger_seconds=0.1, idle_seconds=60)


def on_hub(*_: object) -> RequestPolicy:
    return RequestPolicy(start="hub")


def streaming(*_: object) -> RequestPolicy:
    return RequestPolicy(stream_input=True)


def push(client: Client, most: int) -> int:
    """Send until the other side takes no more for a while; return how much it took."""
    sent, piece = 0, bytes(100_000)
    try:
        while sent < most:
            sent += client.sock.send(piece)
    except TimeoutError:
        return sent
    return sent


def drip(client: Client, piece: str) -> None:
    """Send a little again and again until there is an answer."""
    client.sock.settimeout(0.02)
    for _ in range(1000):
        client.send(piece)
        try:
            client.fill()
        except TimeoutError:
            continue
        break
    client.sock.settimeout(20)


@pytest.mark.row("I45")
@pytest.mark.parametrize("policy", [None, on_hub], ids=["worker", "hub"])
def test_the_connection_stays_after_204_304_head_and_chunked_answers(serve: Serve, loop: Loop, policy: Any) -> None:
    def empty(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    def same(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("304 Not Modified", [("ETag", '"a"'), ("Content-Length", "5")])
        return []

    def pieces(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return (piece for piece in (b"one", b"", b"two"))

    server = serve(Application(loop, empty=empty, same=same, pieces=pieces), policy=policy)
    with Client(server.addresses[0]) as client:
        for _ in range(2):
            assert client.get("/empty").status == 204
            answer = client.get("/same")
            assert answer.status == 304
            assert "content-length" not in answer.headers
            answer = client.get("/pieces")
            assert answer.headers["transfer-encoding"] == "chunked"
            assert answer.body == b"onetwo"
            client.ask("/pieces", "HEAD")
            assert "transfer-encoding" not in client.answer("HEAD").headers
            assert client.get("/plain").body == b"GET /plain"


def test_a_body_given_for_head_is_not_sent(serve: Serve, loop: Loop) -> None:
    with Client(serve(Application(loop)).addresses[0]) as client:
        client.ask("/text", "HEAD")
        assert client.answer("HEAD").headers["content-length"] == str(len("HEAD /text"))
        assert client.get("/next").body == b"GET /next"


@pytest.mark.parametrize(
    ("request_line", "connection", "stays"),
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "close", False),
        ("HTTP/1.1", "Close, x", False),
        ("HTTP/1.0", "", False),
        ("HTTP/1.0", "keep-alive", True),
    ],
)
def test_whether_the_connection_stays_is_the_clients_wish(
    serve: Serve, loop: Loop, request_line: str, connection: str, stays: bool
) -> None:
    with Client(serve(Application(loop)).addresses[0]) as client:
        wish = f"Connection: {connection}\n" if connection else ""
        client.send(f"GET /x {request_line}\nHost: test\n{wish}\n")
        assert client.answer().headers.get("connection", "keep-alive").lower() == ("keep-alive" if stays else "close")
        if stays:
            assert client.get("/next").status == 200
        else:
            assert client.ended()


def test_an_answer_of_unknown_length_to_http_1_0_ends_with_the_connection(serve: Serve, loop: Loop) -> None:
    def pieces(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return iter([b"one", b"two"])

    with Client(serve(Application(loop, pieces=pieces)).addresses[0]) as client:
        client.send("GET /pieces HTTP/1.0\nConnection: keep-alive\n\n")
        answer = client.answer()
    assert answer.headers["connection"] == "close"
    assert answer.body == b"onetwo"


def test_header_and_body_of_a_short_answer_arrive_together(serve: Serve, loop: Loop) -> None:
    with Client(serve(Application(loop)).addresses[0]) as client:
        client.ask("/x")
        assert client.sock.recv(65536).endswith(b"\r\n\r\nGET /x")


@pytest.mark.parametrize("policy", [None, on_hub], ids=["worker", "hub"])
@pytest.mark.parametrize(
    "error", [KeyError("secret"), FileNotFoundError("secret"), SystemExit("secret"), KeyboardInterrupt(), MemoryError()]
)
def test_whatever_an_application_raises_is_a_500_and_the_server_lives(
    serve: Serve, loop: Loop, error: BaseException, policy: Any
) -> None:
    def broken(environ: dict[str, Any], start_response: Any) -> Any:
        raise error

    server = serve(Application(loop, broken=broken), threads=1, policy=policy)
    for _ in range(3):
        with Client(server.addresses[0]) as client:
            answer = client.get("/broken")
            assert answer.status == 500
            assert b"secret" not in answer.body
            assert client.ended()
    with Client(server.addresses[0]) as client:
        assert client.get("/fine").status == 200


def test_a_request_on_the_hub_needs_no_worker_and_may_be_parked(serve: Serve, loop: Loop) -> None:
    threads: set[int] = set()

    def here(environ: dict[str, Any], start_response: Any) -> Any:
        assert loop.inside()
        threads.add(threading.get_ident())
        raise Park(lambda exchange: loop.call_later(0.001, reply, exchange, b"hub"))

    server = serve(Application(loop, here=here), threads=1, policy=on_hub)
    with Client(server.addresses[0]) as client:
        client.send("GET /here HTTP/1.1\nHost: test\n\n" * 20)
        assert [client.answer().body for _ in range(20)] == [b"hub"] * 20
    assert len(threads) == 1


def test_what_a_request_sets_in_its_context_is_not_seen_by_the_next_one(serve: Serve, loop: Loop) -> None:
    user: ContextVar[str] = ContextVar("user", default="nobody")

    def who(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        before = user.get()
        user.set("somebody")
        return [before.encode()]

    with Client(serve(Application(loop, who=who), threads=1).addresses[0]) as client:
        assert [client.get("/who").body for _ in range(3)] == [b"nobody"] * 3


def test_a_worker_reads_a_body_that_comes_in_chunks_or_with_a_length(serve: Serve, loop: Loop) -> None:
    def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [environ["wsgi.input"].read() + b" " + environ["CONTENT_LENGTH"].encode()]

    with Client(serve(Application(loop, echo=echo)).addresses[0]) as client:
        client.send("POST /echo HTTP/1.1\nHost: test\nTransfer-Encoding: chunked\n\n3\nabc\n2\nde\n0\n\n")
        assert client.answer().body == b"abcde 5"
        client.ask("/echo", "POST", body=b"abc")
        assert client.answer().body == b"abc 3"
        big = bytes(2_000_000)
        client.ask("/echo", "POST", body=big)
        assert client.answer().body == big + b" 2000000"


@pytest.mark.row("A113")
@pytest.mark.parametrize("chunked", [True, False])
def test_wsgi_input_of_a_streamed_body_waits_on_the_worker(serve: Serve, loop: Loop, chunked: bool) -> None:
    lines: list[bytes] = []

    def upload(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        lines.extend(iter(environ["wsgi.input"].readline, b""))
        start_response("200 OK", TEXT)
        return [b"".join(lines)]

    with Client(serve(Application(loop, upload=upload), policy=streaming).addresses[0]) as client:
        client.send(
            f"POST /upload HTTP/1.1\nHost: test\n{'Transfer-Encoding: chunked' if chunked else 'Content-Length: 8'}\n\n"
        )
        for number, piece in enumerate((b"one\n", b"two\n")):
            client.send(b"4\r\n" + piece + b"\r\n" if chunked else piece)
            until(lambda number=number: len(lines) > number)
        if chunked:
            client.send("0\n\n")
        assert client.answer().body == b"one\ntwo\n"
        assert client.get("/next").status == 200


def test_reading_a_body_that_has_not_come_never_blocks_the_hub(serve: Serve, loop: Loop) -> None:
    faults: list[BaseException] = []

    def upload(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read(1)
        except HubBlocked as error:
            faults.append(error)
        start_response("200 OK", TEXT)
        return [b"done"]

    policy = RequestPolicy(start="hub", stream_input=True)
    with Client(serve(Application(loop, upload=upload), policy=lambda *_: policy).addresses[0]) as client:
        client.send("POST /upload HTTP/1.1\nHost: test\nContent-Length: 8\n\n")
        assert client.answer().body == b"done"
    assert faults


def test_an_upload_that_nobody_reads_stops_coming_instead_of_filling_the_memory(serve: Serve, loop: Loop) -> None:
    read_on = threading.Event()

    def upload(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert read_on.wait(20)
        start_response("200 OK", TEXT)
        return [str(len(environ["wsgi.input"].read())).encode()]

    server = serve(Application(loop, upload=upload), policy=streaming)
    with Client(server.addresses[0]) as client:
        client.send("POST /upload HTTP/1.1\nHost: test\nContent-Length: 16000000\n\n")
        client.sock.settimeout(0.3)
        sent = push(client, 16_000_000)
        assert sent < 15_000_000
        client.sock.settimeout(20)
        read_on.set()
        client.sock.sendall(bytes(16_000_000 - sent))
        assert client.answer().body == b"16000000"


def test_an_answer_before_the_end_of_the_body_closes_the_connection_after_it(serve: Serve, loop: Loop) -> None:
    with Client(serve(Application(loop), policy=streaming).addresses[0]) as client:
        client.send("POST /x HTTP/1.1\nHost: test\nContent-Length: 1000\n\nhalf")
        assert client.answer().body == b"POST /x"
        client.stop_sending()
        assert client.ended()


def test_a_faulty_chunk_inside_a_streamed_body_fails_the_reader(serve: Serve, loop: Loop) -> None:
    faults: list[BaseException] = []

    def upload(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except ConnectionError as error:
            faults.append(error)
        start_response("400 Bad Request", TEXT)
        return [b"seen"]

    with Client(serve(Application(loop, upload=upload), policy=streaming).addresses[0]) as client:
        client.send("POST /upload HTTP/1.1\nHost: test\nTransfer-Encoding: chunked\n\n3\nabc\nxyz\n")
        assert client.answer().body == b"seen"
        client.stop_sending()
        assert client.ended()
    assert faults


@pytest.mark.parametrize("policy", [None, streaming], ids=["whole", "streamed"])
def test_a_client_that_asks_first_is_told_to_continue(serve: Serve, loop: Loop, policy: Any) -> None:
    def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [environ["wsgi.input"].read()]

    with Client(serve(Application(loop, echo=echo), policy=policy).addresses[0]) as client:
        for _ in range(2):
            client.send("POST /echo HTTP/1.1\nHost: test\nContent-Length: 3\nExpect: 100-continue\n\n")
            assert client.answer().status == 100
            client.send("abc")
            assert client.answer().body == b"abc"


def test_a_body_that_nobody_asked_for_is_not_asked_for(serve: Serve, loop: Loop) -> None:
    with Client(serve(Application(loop), policy=streaming).addresses[0]) as client:
        client.send("POST /x HTTP/1.1\nHost: test\nContent-Length: 3\nExpect: 100-continue\n\n")
        assert client.answer().status == 200


@pytest.mark.row("A17")
def test_a_client_that_sends_too_much_still_reads_why(serve: Serve, loop: Loop) -> None:
    """Closing at once would make the client's system throw the answer away."""
    server = serve(Application(loop), policy=lambda *_: RequestPolicy(max_body=1000))
    with Client(server.addresses[0]) as client:
        client.send("POST /x HTTP/1.1\nHost: test\nContent-Length: 5000000\n\n")
        client.send(bytes(5_000_000))
        assert client.answer().status == 413


@pytest.mark.row("A17")
@pytest.mark.parametrize(
    ("lines", "kind", "said"),
    [
        ((), "application/json", b'"code":41300'),
        (("Accept: application/json",), "application/json", b'"more_info":"the body is larger than 10 bytes"'),
        (("Accept: text/html",), "text/html", b"<p>the body is larger than 10 bytes</p>"),
    ],
)
def test_a_refusal_of_the_server_looks_as_an_error_of_the_app(
    serve: Serve, loop: Loop, lines: tuple[str, ...], kind: str, said: bytes
) -> None:
    server = serve(Application(loop), policy=lambda *_: RequestPolicy(max_body=10))
    with Client(server.addresses[0]) as client:
        client.ask("/x", "POST", *lines, body=bytes(11))
        answer = client.answer()
        assert answer.status == 413
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert said in answer.body


def test_a_refusal_of_the_server_below_the_api_looks_as_an_error_of_the_api(serve: Serve, loop: Loop) -> None:
    server = serve(Application(loop), policy=lambda *_: RequestPolicy(max_body=10))
    with Client(server.addresses[0]) as client:
        client.ask("/internal/action/x", "POST", "Accept: text/html", body=bytes(11))
        answer = client.answer()
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert b'"detail":"the body is larger than 10 bytes"' in answer.body


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("GET /x HTTP/1.1\nHost: t\nAccept: application/json\nX: " + "a" * 300_000 + "\n\n", "431 Request Header"),
        ("GET /x HTTP/1.1\nAccept: application/json\nno colon\n\n", "400 Bad Request: a header line has no colon"),
    ],
)
def test_whose_header_cannot_be_read_gets_a_line_of_text(serve: Serve, loop: Loop, sent: str, said: str) -> None:
    with Client(serve(Application(loop)).addresses[0]) as client:
        client.send(sent)
        answer = client.answer()
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.body.startswith(said.encode())


def test_a_body_of_exactly_the_limit_is_taken(serve: Serve, loop: Loop) -> None:
    server = serve(Application(loop), policy=lambda *_: RequestPolicy(max_body=1000))
    with Client(server.addresses[0]) as client:
        client.ask("/x", "POST", body=bytes(1000))
        assert client.answer().status == 200
        client.send(
            b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + bytes(1000) + b"\r\n0\r\n\r\n"
        )
        assert client.answer().status == 200


@pytest.mark.row("reliability-18")
def test_a_header_that_drips_is_cut_off_at_its_total_deadline(serve: Serve, loop: Loop) -> None:
    server = serve(Application(loop), limits=BRISK)
    with Client(server.addresses[0]) as client:
        client.send("GET / HTTP/1.1\nHost: test\n")
        drip(client, "X-Y: z\n")
        assert client.answer().status == 408


@pytest.mark.row("reliability-18")
def test_empty_lines_do_not_put_the_deadline_off(serve: Serve, loop: Loop) -> None:
    server = serve(Application(loop), limits=BRISK)
    with Client(server.addresses[0]) as client:
        drip(client, "\n")
        assert client.answer().status == 408


def test_every_request_of_a_connection_has_a_deadline_of_its_own(serve: Serve, loop: Loop) -> None:
    now = [0.0]
    sweeps: list[float] = []

    def monotonic() -> float:
        sweeps.append(now[0])
        return now[0]

    server = serve(Application(loop), limits=Limits(sweep_seconds=0.01), monotonic=monotonic)
    with Client(server.addresses[0]) as client:
        client.send("GET /one HTTP/1.1\nHost: te")
        until(lambda: server.receiving)
        now[0] = 10.0
        client.send("st\n\nGET /two HTTP/1.1\nHost: te")
        assert client.answer().body == b"GET /one"
        until(lambda: server.receiving)
        now[0] = 20.0
        until(lambda: sweeps.count(20.0) > 3)
        client.send("st\n\n")
        assert client.answer().body == b"GET /two"


@pytest.mark.row("reliability-18")
@pytest.mark.parametrize("policy", [None, streaming], ids=["whole", "streamed"])
def test_a_body_below_the_minimum_rate_is_cut_off(serve: Serve, loop: Loop, policy: Any) -> None:
    ended = threading.Event()

    def upload(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        finally:
            ended.set()
        return []

    limits = Limits(header_seconds=0.2, sweep_seconds=0.05, body_rate=1_000_000, idle_seconds=60)
    server = serve(Application(loop, upload=upload), limits=limits, policy=policy)
    with Client(server.addresses[0]) as client:
        client.send("POST /upload HTTP/1.1\nHost: test\nContent-Length: 1000000\n\nabc")
        if policy is None:
            assert client.answer().status == 408
        else:
            assert client.ended()
            assert ended.wait(20)


@pytest.mark.row("reliability-18")
def test_many_half_open_connections_do_not_keep_others_out(serve: Serve, loop: Loop) -> None:
    server = serve(Application(loop))
    halves = [Client(server.addresses[0]) for _ in range(300)]
    for half in halves:
        half.send("GET / HTTP/1.1\nHost: te")
    with Client(server.addresses[0]) as client:
        for _ in range(20):
            assert client.get("/x").status == 200
    for half in halves:
        half.sock.close()


def test_a_client_that_takes_nothing_is_given_up_after_a_while(serve: Serve, loop: Loop) -> None:
    def big(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        return iter([bytes(1_000_000)] * 40)

    server = serve(Application(loop, big=big), threads=1, limits=Limits(stall_seconds=0.3, sweep_seconds=0.05))
    with Client(server.addresses[0]) as stalled, Client(server.addresses[0]) as other:
        stalled.ask("/big")
        until(lambda: server.stats.busy == 1)
        assert other.get("/x").status == 200, "the only worker is free again"


def test_files_of_any_size_are_sent_whole(serve: Serve, loop: Loop, tmp_path: Any) -> None:
    contents = {"small": b"s" * 1000, "large": bytes(range(256)) * 20_000}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)

    def send(environ: dict[str, Any], start_response: Any) -> Any:
        file = open(tmp_path / environ["PATH_INFO"].rpartition("/")[2], "rb")  # noqa: SIM115  closed by the server
        start_response("200 OK", TEXT)
        return environ["wsgi.file_wrapper"](file)

    with Client(serve(Application(loop, file=send)).addresses[0]) as client:
        for name, content in contents.items():
            answer = client.get(f"/file/{name}")
            assert answer.headers["content-length"] == str(len(content))
            assert answer.body == content
            client.ask(f"/file/{name}", "HEAD")
            assert client.answer("HEAD").headers["content-length"] == str(len(content))


def test_an_answer_shorter_than_it_said_ends_the_connection(serve: Serve, loop: Loop) -> None:
    def short(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "10")])
        return [b"short"]

    with Client(serve(Application(loop, short=short)).addresses[0]) as client:
        client.ask("/short")
        client.head()
        assert client.exactly(5) == b"short"
        assert client.ended()


def test_an_answer_longer_than_it_said_is_cut(serve: Serve, loop: Loop) -> None:
    def long(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "4")])
        return [b"long", b"er"]

    with Client(serve(Application(loop, long=long)).addresses[0]) as client:
        assert client.get("/long").body == b"long"
        assert client.get("/next").body == b"GET /next"


@pytest.mark.parametrize(
    "header", [("X", "a\r\nSet-Cookie: b"), ("X\r\nY", "a"), ("Connection", "close"), ("X y", "a"), ("", "a")]
)
def test_a_header_that_would_break_the_answer_is_an_error(serve: Serve, loop: Loop, header: tuple[str, str]) -> None:
    def split(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [header])
        return [b"never"]

    with Client(serve(Application(loop, split=split)).addresses[0]) as client:
        assert client.get("/split").status == 500
