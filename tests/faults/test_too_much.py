"""Requests that are too much: each is refused with its status, costs little memory and leaves no file behind."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.program import Program, until

MEGABYTE = 1 << 20
SCRIPT = """
    import atilite
    from atilite import Atilite, Upload

    app = Atilite(__name__)

    @app.action(name="keep")
    def keep(file: Upload, note: str = "") -> int:
        return file.size

    @app.action(name="say")
    def say(text: str = "") -> int:
        return len(text)

    @app.route("/form", methods=["POST"])
    def form(was, **given):
        return was.API(fields=len(was.request.FORM))

    @app.route("/json", methods=["POST"])
    def json(was):
        return was.API(kind=type(was.request.JSON).__name__)

    @app.route("/stream", methods=["POST"], input_stream=True, max_body=1 << 30)
    def stream(was):
        size = 0
        while True:
            piece = yield was.Input(65536)
            if not piece:
                return str(size)
            size += len(piece)

    atilite.mount("/", app)
    atilite.run(name="enough")
"""


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def program(serve: Callable[..., Program], temporary: Path) -> Program:
    made = serve(SCRIPT).start(TMPDIR=str(temporary))
    assert made.call("say", text="x")["result"] == 1
    made.ask("GET", "/console/actions", Accept="text/html")
    return made


@pytest.fixture(autouse=True)
def _unharmed(program: Program, temporary: Path) -> Iterator[None]:
    """Nothing of a refused request stays, neither in memory nor on the disk."""
    before = program.resident()
    yield
    assert program.call("say", text="still")["result"] == 5
    until(lambda: not list(temporary.iterdir()))
    assert program.resident() - before < 40 * MEGABYTE


def post(program: Program, path: str, kind: str, pieces: Iterator[bytes], length: int) -> int:
    """Send a body piece by piece until it is refused; returns the status."""
    connection = program.connect()
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(length))
    connection.endheaders()
    try:
        for piece in pieces:
            connection.send(piece)
    except OSError:
        pass  # the answer is there before the body is
    try:
        return connection.getresponse().status
    except (http.client.HTTPException, OSError):
        return 0
    finally:
        connection.close()


def multipart(parts: int, size: int = 1, *, files: bool = True) -> tuple[str, bytes]:
    name = '; filename="a.txt"' if files else ""
    made = b"".join(
        f'--edge\r\nContent-Disposition: form-data; name="f{number}"{name}\r\n\r\n{"x" * size}\r\n'.encode()
        for number in range(parts)
    )
    return "multipart/form-data; boundary=edge", made + b"--edge--\r\n"


@pytest.mark.row("reliability-19")
@pytest.mark.parametrize("path", ["/form", "/json", "/internal/action/keep", "/internal/kv/default/a"])
def test_a_gigabyte_is_refused_by_its_header(program: Program, path: str) -> None:
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    pieces = iter([head] + [b"x" * MEGABYTE] * 64)
    assert post(program, path, "multipart/form-data; boundary=edge", pieces, 1 << 30) == 413


@pytest.mark.row("reliability-19")
def test_an_endless_chunked_body_is_refused_at_the_limit(program: Program) -> None:
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as sock:
        sock.sendall(b"POST /form HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        sock.sendall((b"100000\r\n" + b"x" * MEGABYTE + b"\r\n") * 17)
        assert sock.recv(65536).startswith(b"HTTP/1.1 413")
        # What is still on its way is dropped, for a moment: then the connection is closed.
        with pytest.raises(OSError):  # noqa: PT012 - any of the pieces may be the one
            for _ in range(200):
                sock.sendall(b"100000\r\n" + b"x" * MEGABYTE + b"\r\n")
                time.sleep(0.05)


@pytest.mark.row("reliability-19", "A113")
def test_who_streams_the_body_in_can_take_more_than_fits_into_memory(program: Program) -> None:
    size = 128 * MEGABYTE
    connection = program.connect()
    connection.request("POST", "/stream", iter([b"x" * MEGABYTE] * 128), {"Content-Length": str(size)})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, str(size).encode())
    connection.close()


@pytest.mark.row("reliability-19")
@pytest.mark.parametrize("path", ["/form", "/internal/action/say", "/internal/action/keep"])
@pytest.mark.parametrize("files", [True, False])
def test_ten_thousand_parts_are_too_many(program: Program, path: str, files: bool) -> None:
    kind, body = multipart(10_000, files=files)
    assert post(program, path, kind, iter([body]), len(body)) in (400, 413)


@pytest.mark.row("reliability-19")
@pytest.mark.parametrize("path", ["/form", "/internal/action/say"])
def test_ten_thousand_fields_are_too_many(program: Program, path: str) -> None:
    body = "&".join(f"f{number}=x" for number in range(10_000)).encode()
    assert post(program, path, "application/x-www-form-urlencoded", iter([body]), len(body)) in (400, 413)


@pytest.mark.row("reliability-19")
@pytest.mark.parametrize("path", ["/json", "/internal/action/say", "/internal/kv/default/deep", "/internal/journals/"])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_json_ten_thousand_deep_is_a_bad_request(program: Program, path: str, opening: str, closing: str) -> None:
    body = (opening * 10_000 + "1" + closing * 10_000).encode()
    method = "PUT" if "/kv/" in path else "POST"
    connection = program.connect()
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status in (400, 405, 422), said[:200]
    assert b"Traceback" not in said


@pytest.mark.row("reliability-19")
@pytest.mark.parametrize("body", [b'{"text": ' + b"9" * 1_000_000 + b"}", b"[" * 1_000_000, b'{"text": "\\ud800"}'])
def test_json_that_is_odd_is_no_failure_of_the_server(program: Program, body: bytes) -> None:
    for path in ("/json", "/internal/action/say"):
        assert post(program, path, "application/json", iter([body]), len(body)) < 500


@pytest.mark.row("reliability-19")
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * MEGABYTE, 431),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + "a=b; " * 200_000, 431),
        ("GET /" + "a" * MEGABYTE + " HTTP/1.1\r\nHost: localhost", 431),
        ("GET /?" + "a=b&" * 250_000 + " HTTP/1.1\r\nHost: localhost", 431),
    ],
    ids=["header", "cookie", "path", "query"],
)
def test_a_header_of_a_megabyte_is_refused(program: Program, text: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as sock:
        try:
            sock.sendall(text.encode() + b"\r\n\r\n")
        except OSError:
            pass  # refused before its end
        answer = b""
        try:
            answer = sock.recv(65536)
        except ConnectionResetError:
            return  # the same, told by the system
    assert answer.startswith(f"HTTP/1.1 {status}".encode())


@pytest.mark.row("reliability-19")
def test_uploads_that_break_off_leave_nothing(program: Program) -> None:
    chance = random.Random(19)
    kind, body = multipart(3, 2 * MEGABYTE)
    before = program.descriptors()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", program.port), timeout=10) as sock:
            head = f"POST /internal/action/keep HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            sock.sendall(body[: chance.randrange(len(body))])
    until(lambda: program.descriptors() <= before)
    assert program.ask("GET", "/internal/actions/")[0] == 200
    assert program.json("/internal/journals/?operation=keep") == []


@pytest.mark.row("reliability-19", "A111")
def test_an_upload_that_is_allowed_is_taken(program: Program) -> None:
    data = os.urandom(3 * MEGABYTE)
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    body = head + data + b"\r\n--edge--\r\n"
    status, said = program.ask("POST", "/internal/action/keep", **{"Content-Type": "x"})
    assert status in (400, 415), said
    connection = program.connect()
    connection.request("POST", "/internal/action/keep", body, {"Content-Type": "multipart/form-data; boundary=edge"})
    answer = connection.getresponse()
    assert json.loads(answer.read())["result"] == len(data)
    connection.close()
