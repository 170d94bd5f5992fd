"""A real nginx in front, with the configuration that --nginx-conf writes."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Ping, Request, TextMessage

from tests.require import require
from tests.running import Running

PROGRAM = """
    import threading
    import atilite

    app = atilite.Atilite(__name__)
    gate = threading.Event()

    @app.action
    def water(seconds: int = 1):
        app.journal.record("watered", seconds=seconds)

    @app.route("/who", methods=["GET"])
    def who(was):
        env = was.env
        return was.API(address=env["REMOTE_ADDR"], scheme=env["wsgi.url_scheme"], host=env["HTTP_HOST"])

    @app.route("/stream", methods=["GET"])
    def stream(was):
        yield "first\\n"
        gate.wait(15)
        yield "second\\n"

    @app.route("/open", methods=["GET"])
    def open_gate(was):
        gate.set()
        return "open"

    @app.route("/count", methods=["POST"], max_body=100_000_000)
    def count(was):
        return was.API(size=len(was.env["wsgi.input"].read()))

    with atilite.preference() as pref:
        pref.set_static("/static", "static")
        atilite.mount("/", app, pref)
    atilite.run(name="board")
"""
MAIN = """
    daemon off;
    user {user};
    worker_processes 1;
    pid {folder}/nginx.pid;
    error_log {folder}/error.log;
    events {{ worker_connections 128; }}
    http {{
        access_log off;
        types {{ text/css css; }}
        client_body_temp_path {folder}/body;
        proxy_temp_path {folder}/proxy;
        fastcgi_temp_path {folder}/fastcgi;
        uwsgi_temp_path {folder}/uwsgi;
        scgi_temp_path {folder}/scgi;
        include {conf};
    }}
"""


class Front:
    """nginx with the program behind it."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        (folder / "static").mkdir()
        (folder / "static/site.css").write_text("body { color: #111 }\n" * 200, encoding="utf-8")
        self.behind = free_port()
        self.port = free_port()
        self.unix = folder / "http.sock" if "--unix" in flags else None
        place = ("--unix", str(self.unix), "--behind-proxy", "unix") if self.unix else ("--behind-proxy", "127.0.0.1")
        self.program = Running(folder, PROGRAM, "--devel", "--disable-static", *place)
        self._nginx: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.program.start() if self.unix is None else self._start_on_socket()
        place = ("--unix", str(self.unix)) if self.unix else ("--port", str(self.program.port))
        self.configure(*place)
        self._nginx = subprocess.Popen(["nginx", "-p", str(self.folder), "-c", "main.conf"])
        until_listening(self.port)

    def _start_on_socket(self) -> None:
        assert self.unix is not None
        words = [sys.executable, "serve.py", *self.program.flags]
        with (self.folder / "log.txt").open("ab") as out:
            self.program.process = subprocess.Popen(words, cwd=self.folder, stdout=out, stderr=out)
        end = time.monotonic() + 30
        while "served at" not in (self.folder / "log.txt").read_text(encoding="utf-8"):
            assert time.monotonic() < end, (self.folder / "log.txt").read_text(encoding="utf-8")
            time.sleep(0.05)

    def configure(self, *flags: str) -> None:
        """Write the configuration as a person would; only the port is another one here."""
        words = [sys.executable, "serve.py", *flags, "--nginx-conf", "localhost"]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        path = self.folder / "nginx/board.conf"
        text = re.sub(r"listen (\[::\]:)?80;\n\s*", "", path.read_text(encoding="utf-8"))
        here = f"listen 127.0.0.1:{self.port};\n    server_name"
        path.write_text(text.replace("server_name", here), encoding="utf-8")
        user = "www-data" if os.geteuid() == 0 else "nobody"
        main = dedent(MAIN).format(folder=self.folder, conf=path, user=user)
        (self.folder / "main.conf").write_text(main, encoding="utf-8")
        tried = subprocess.run(
            ["nginx", "-p", str(self.folder), "-c", "main.conf", "-t"], capture_output=True, text=True, check=False
        )
        assert tried.returncode == 0, tried.stderr

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        if self._nginx is not None:
            self._nginx.terminate()
            self._nginx.wait(20)
        self.program.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def until_listening(port: int) -> None:
    end = time.monotonic() + 15
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < end, "nginx did not start"
            time.sleep(0.05)


@contextmanager
def fronted(*flags: str) -> Iterator[Front]:
    require(shutil.which("nginx"), "nginx is not installed (apt-get install nginx-light)")
    # nginx reads the files as a user of its own, and pytest's own folders are closed to others.
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        front = Front(folder, *flags)
        try:
            front.start()
            yield front
        finally:
            front.close()


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with fronted() as front:
        yield front


@pytest.mark.row("A197")
def test_nginx_serves_the_static_files_and_the_program_does_not(front: Front) -> None:
    answer, body = front.ask("/static/site.css", Accept_Encoding="gzip")

    assert answer.status == 200
    assert answer.getheader("Server", "").startswith("nginx")
    assert answer.getheader("Content-Encoding") == "gzip"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert "frame-ancestors 'none'" in answer.getheader("Content-Security-Policy", "")
    assert len(body) < 500
    assert front.program.ask("GET", "/static/site.css")[0] == 404  # it was told --disable-static
    assert front.ask("/static/nothing.css")[0].status == 404


@pytest.mark.row("A197")
def test_the_program_learns_who_asks_and_a_client_cannot_claim_otherwise(front: Front) -> None:
    claims = {"X_Forwarded_For": "203.0.113.9", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "localhost"}

    answer, body = front.ask("/who", **claims)

    assert answer.status == 200
    assert body == f'{{"address":"127.0.0.1","scheme":"http","host":"localhost:{front.port}"}}'.encode()


@pytest.mark.row("A197")
def test_a_growing_answer_comes_through_part_by_part(front: Front) -> None:
    connection = http.client.HTTPConnection("localhost", front.port, timeout=20)
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert answer.readline() == b"first\n"  # while the program still waits for the gate

    assert front.ask("/open")[1] == b"open"
    assert answer.readline() == b"second\n"
    connection.close()


@pytest.mark.row("A197")
def test_server_sent_events_come_through_at_once(front: Front) -> None:
    connection = http.client.HTTPConnection("localhost", front.port, timeout=20)
    connection.request("GET", "/internal/journals/updates", headers={"Accept": "text/event-stream"})
    answer = connection.getresponse()
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")

    asking = threading.Thread(target=front.ask, args=("/internal/action/water", "POST", b"{}"))
    asking.start()
    assert any(b'"operation":"water"' in line for line in answer)
    asking.join(20)
    connection.close()


@pytest.mark.row("A197")
def test_websockets_are_passed_on(front: Front) -> None:
    client = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection(("127.0.0.1", front.port), 20) as sock:
        sock.sendall(client.send(Request(host=f"localhost:{front.port}", target="/internal/journals/updates")))
        first = next_event(sock, client)
        assert isinstance(first, AcceptConnection), first
        front.ask("/internal/action/water", "POST", b"{}", Content_Type="application/json")
        message = next_event(sock, client)
        assert isinstance(message, TextMessage)
        assert '"operation":"water"' in message.data


def next_event(sock: socket.socket, client: WSConnection) -> object:
    while True:
        for event in client.events():
            if not isinstance(event, Ping):
                return event
        client.receive_data(sock.recv(65536) or None)


@pytest.mark.row("A197")
def test_a_large_body_meets_the_program_s_limit_not_one_of_nginx(front: Front) -> None:
    answer, body = front.ask("/count", "POST", b"x" * 5_000_000)
    assert (answer.status, body) == (200, b'{"size":5000000}')


def test_the_console_works_behind_it(front: Front) -> None:
    answer, body = front.ask("/console/")
    assert answer.status == 200
    assert b"All is well" in body


@pytest.mark.row("A197")
def test_a_socket_for_a_proxy_lets_another_user_connect() -> None:
    if os.geteuid():
        pytest.skip("only root can let nginx run as another user")
    with fronted("--unix") as front:
        answer, body = front.ask("/who", X_Forwarded_For="203.0.113.9")
        assert answer.status == 200
        assert body == f'{{"address":"127.0.0.1","scheme":"http","host":"localhost:{front.port}"}}'.encode()
