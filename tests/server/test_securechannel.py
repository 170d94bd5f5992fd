"""What is particular to connections over TLS; what holds for all connections is asked in test_over_tls.py."""

from __future__ import annotations

import os
import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from atilite.runtime.loop import Loop
from atilite.server.certificates import Certificates
from atilite.server.limits import Limits
from atilite.web.exchange import Park, RequestPolicy
from tests.require import require
from tests.resources.authority import Authority
from tests.server.apps import TEXT, Application, sized, until
from tests.server.conftest import Serve
from tests.server.raw import PATIENCE, TRUSTED, Client

BRISK = Limits(header_seconds=0.3, sweep_seconds=0.05, linger_seconds=0.1, idle_seconds=60)


def streaming(*_: object) -> RequestPolicy:
    return RequestPolicy(stream_input=True)


class Slow:
    """A client of TLS that decides itself which bytes leave it, and when."""

    def __init__(self, address: str) -> None:
        self.client = Client(address, plain=True)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = TRUSTED[address].wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")

    def __enter__(self) -> Slow:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.sock.close()

    def step(self) -> bytes:
        """What has to be sent next for the handshake."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self.outgoing.read()
        return self.outgoing.read()

    def listen(self) -> None:
        """Take what has come."""
        data = self.client.sock.recv(65536)
        assert data
        self.incoming.write(data)

    def shake(self) -> bytes:
        """Do all of the handshake but for the last bytes, which are returned."""
        self.client.send(self.step())
        while True:
            self.listen()
            last = self.step()
            if self.tls.version() and self.tls.cipher() and last:
                return last

    def sealed(self, text: str) -> bytes:
        """A text as it goes over the wire."""
        self.tls.write(text.replace("\n", "\r\n").encode())
        return self.outgoing.read()

    def read(self) -> bytes:
        """Wait for something from the server."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.listen()


@pytest.mark.row("I45")
def test_requests_follow_each_other_on_one_connection_over_tls(serve_secure: Serve, loop: Loop) -> None:
    def look(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [environ["wsgi.url_scheme"].encode()]

    server = serve_secure(Application(loop, look=look))
    assert server.urls == [f"https://{server.addresses[0]}"]
    with Client(server.addresses[0]) as client:
        for path in ("/a", "/b"):
            assert client.get(path).body == f"GET {path}".encode()
        assert client.get("/later/0.01/c").body == b"c"
        assert client.get("/look").body == b"https"
    assert server.stats.requests == 4
    until(lambda: server.stats.connections == 0)


@pytest.mark.row("I45")
def test_a_generator_answers_piece_by_piece_over_tls(serve_secure: Serve, loop: Loop) -> None:
    seen = threading.Event()

    def pieces(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"one"
        assert seen.wait(PATIENCE)
        yield b"two"

    with Client(serve_secure(Application(loop, pieces=pieces)).addresses[0]) as client:
        client.ask("/pieces")
        assert client.head()[2]["transfer-encoding"] == "chunked"
        assert client.chunk() == b"one"
        seen.set()
        assert client.chunk() == b"two"
        assert client.chunk() == b""
        assert client.get("/next").status == 200


@pytest.mark.row("I45")
def test_connections_over_tls_that_are_idle_are_closed_with_a_farewell(serve_secure: Serve, loop: Loop) -> None:
    server = serve_secure(Application(loop), limits=Limits(idle_seconds=0.2, sweep_seconds=0.05))
    plain = Client(server.addresses[0], plain=True)
    context = TRUSTED[server.addresses[0]]
    with context.wrap_socket(plain.sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as sock:
        sock.sendall(b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n")
        assert sock.recv(65536).endswith(b"GET /x")
        assert sock.recv(1) == b"", "without a farewell this would be an SSLEOFError"
    until(lambda: server.stats.connections == 0)


@pytest.mark.row("I45", "reliability-18")
def test_a_client_that_says_nothing_costs_its_connection_and_is_closed(serve_secure: Serve, loop: Loop) -> None:
    server = serve_secure(Application(loop), limits=Limits(idle_seconds=0.3, sweep_seconds=0.05), threads=1)
    silent = [Client(server.addresses[0], plain=True) for _ in range(50)]
    with Client(server.addresses[0]) as client:
        assert client.get("/x").status == 200, "no thread is kept"
    for one in silent:
        assert one.ended()
        one.sock.close()
    until(lambda: server.stats.connections == 0)


@pytest.mark.row("I45", "reliability-18")
def test_a_handshake_that_never_ends_is_cut_off(serve_secure: Serve, loop: Loop) -> None:
    server = serve_secure(Application(loop), limits=BRISK)
    with Slow(server.addresses[0]) as half, Client(server.addresses[0]) as whole:
        half.client.send(half.step()[:50])
        until(lambda: server.receiving)
        assert half.client.ended()
        assert whole.get("/x").status == 200, "it is not the time since it connected that counts for this one"
    until(lambda: server.stats.connections == 0)
    assert not server.receiving


def test_a_header_that_never_ends_is_cut_off_after_the_handshake_too(serve_secure: Serve, loop: Loop) -> None:
    server = serve_secure(Application(loop), limits=BRISK)
    with Client(server.addresses[0]) as client:
        client.send("GET /x HTTP/1.1\nHost: te")
        assert client.answer().status == 408
        assert client.ended()


@pytest.mark.row("I45")
def test_whoever_speaks_plain_http_is_told_about_https(serve_secure: Serve, loop: Loop) -> None:
    server = serve_secure(Application(loop), limits=BRISK)
    with Client(server.addresses[0], plain=True) as client:
        client.send("POST /x HTTP/1.1\nHost: test\nContent-Length: 100000\n\n")
        answer = client.answer()
        assert answer.status == 400
        assert b"https://" in answer.body
        assert answer.headers["content-type"].startswith("text/plain")
        client.send(bytes(1000))
        assert client.ended()
    until(lambda: server.stats.connections == 0)
    assert not server.receiving


@pytest.mark.parametrize("rubbish", [b"\x16\x03\x01\xff\xff" + bytes(2000), b"\x16nothing of the kind\r\n\r\n"])
def test_a_handshake_of_rubbish_closes_the_connection(serve_secure: Serve, loop: Loop, rubbish: bytes) -> None:
    server = serve_secure(Application(loop), limits=BRISK)
    with Client(server.addresses[0], plain=True) as client:
        client.send(rubbish)
        try:
            while client.fill():
                continue
        except ConnectionResetError:
            client.waiting = b""
        assert b"HTTP" not in client.waiting
    until(lambda: server.stats.connections == 0)


def test_a_client_that_leaves_within_its_handshake_is_forgotten(serve_secure: Serve, loop: Loop) -> None:
    server = serve_secure(Application(loop))
    for size in (0, 5, 200):
        with Slow(server.addresses[0]) as client:
            client.client.send(client.step()[:size])
            until(lambda: server.stats.connections == 1)
        until(lambda: server.stats.connections == 0)
    assert not server.receiving


def test_a_request_in_the_same_packet_as_the_end_of_the_handshake_is_answered(serve_secure: Serve, loop: Loop) -> None:
    with Slow(serve_secure(Application(loop)).addresses[0]) as client:
        last = client.shake()
        client.client.send(last + client.sealed("GET /early HTTP/1.1\nHost: test\n\n"))
        assert client.read().endswith(b"GET /early")


def test_a_request_whose_record_comes_byte_by_byte_is_answered(serve_secure: Serve, loop: Loop) -> None:
    with Slow(serve_secure(Application(loop)).addresses[0]) as client:
        for byte in client.shake() + client.sealed("GET /slowly HTTP/1.1\nHost: test\n\n"):
            client.client.send(bytes([byte]))
        assert client.read().endswith(b"GET /slowly")


def test_requests_of_many_records_that_come_at_once_are_all_answered(serve_secure: Serve, loop: Loop) -> None:
    """Nothing that was decrypted may be left behind: the hub tells of what comes over the wire only."""
    with Slow(serve_secure(Application(loop)).addresses[0]) as client:
        wire = client.shake()
        for number in range(20):
            wire += client.sealed(f"GET /{number} HTTP/1.1\nHost: te") + client.sealed("st\n\n")
        client.client.send(wire)
        found = b""
        while b"GET /19" not in found:
            found += client.read()
        assert found.count(b"HTTP/1.1 200 OK") == 20


def test_a_client_that_says_farewell_has_left(serve_secure: Serve, loop: Loop) -> None:
    left = threading.Event()

    def hold(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.on_close(left.set))

    server = serve_secure(Application(loop, hold=hold))
    with Slow(server.addresses[0]) as client:
        client.client.send(client.shake() + client.sealed("GET /hold HTTP/1.1\nHost: test\n\n"))
        until(lambda: server.stats.parked == 1)
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.client.send(client.outgoing.read())  # its socket stays open
        assert left.wait(PATIENCE)
        until(lambda: server.stats.connections == 0)


def test_a_certificate_that_the_system_does_not_take_at_once_is_sent_to_its_end(
    serve_secure: Serve, loop: Loop, pair: tuple[str, str], authority: Authority, tmp_path: Path
) -> None:
    chain = tmp_path / "long.pem"
    chain.write_text(Path(pair[0]).read_text() + Path(authority.file).read_text() * 220)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)  # what it accepts inherits that
        server = serve_secure(Application(loop), listeners=[sock], certificates=Certificates(str(chain), pair[1]))
        with Slow(server.addresses[0]) as client:
            client.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.client.send(client.step())
            until(lambda: server.channels)
            (channel,) = server.channels.values()
            until(lambda: channel._writer is not None)
            client.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
            last = b""
            while not (last := client.step()):
                client.listen()
            client.client.send(last + client.sealed("GET /long HTTP/1.1\nHost: test\n\n"))
            assert client.read().endswith(b"GET /long")
            assert channel._writer is None


def test_a_worker_that_sends_while_the_loop_receives_mixes_nothing_up(serve_secure: Serve, loop: Loop) -> None:
    """One SSL object, two threads: without a lock of ours OpenSSL would go astray."""
    piece = bytes(range(256)) * 200

    def echo(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", environ["CONTENT_LENGTH"])])
        while data := environ["wsgi.input"].read(len(piece)):
            yield data

    server = serve_secure(Application(loop, echo=echo), policy=streaming)
    answers: list[bool] = []

    def talk() -> None:
        size = 200 * len(piece)
        with Slow(server.addresses[0]) as client:
            sock = client.client.sock
            sock.sendall(client.shake() + client.sealed(f"POST /echo HTTP/1.1\nHost: test\nContent-Length: {size}\n\n"))
            sender = threading.Thread(target=lambda: [sock.sendall(wire) for wire in wires])
            wires = []
            for _ in range(200):
                rest = piece
                while rest:
                    rest = rest[client.tls.write(rest) :]
                wires.append(client.outgoing.read())
            sender.start()
            found = b""
            while b"\r\n\r\n" not in found:
                found += client.read()
            body = bytearray(found.partition(b"\r\n\r\n")[2])
            while len(body) < size:
                body += client.read()
            sender.join(PATIENCE)
            answers.append(bytes(body) == piece * 200)

    clients = [threading.Thread(target=talk) for _ in range(4)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(60)
    assert answers == [True] * 4


def test_threads_that_answer_parked_requests_while_others_arrive_mix_nothing_up(
    serve_secure: Serve, loop: Loop
) -> None:
    body = bytes(range(256)) * 800

    def now(environ: dict[str, Any], _: Any) -> list[bytes]:
        def send(exchange: Any) -> None:
            threading.Thread(target=exchange.send, args=("200 OK", sized(body), body), daemon=True).start()

        raise Park(send)

    with Client(serve_secure(Application(loop, now=now)).addresses[0]) as client:
        client.send("GET /now HTTP/1.1\nHost: test\n\n" * 40)
        assert [client.answer().body == body for _ in range(40)] == [True] * 40


def test_a_hundred_handshakes_at_once_all_succeed(serve_secure: Serve, loop: Loop) -> None:
    server = serve_secure(Application(loop))
    clients = [Slow(server.addresses[0]) for _ in range(100)]
    for client in clients:
        client.client.send(client.step())
    for client in clients:
        while not (last := client.step()):
            client.listen()
        client.client.send(last + client.sealed("GET /x HTTP/1.1\nHost: test\n\n"))
    for client in clients:
        with client:
            assert client.read().endswith(b"GET /x")


def test_tls_before_1_2_is_refused(serve_secure: Serve, loop: Loop) -> None:
    address = serve_secure(Application(loop)).addresses[0]
    for newest, works in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1") if not works else nullcontext():
            context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
        with Client(address, plain=True) as client:
            if works:
                with context.wrap_socket(client.sock) as sock:
                    assert sock.version() == "TLSv1.2"
            else:
                with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
                    context.wrap_socket(client.sock)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_comes_back_is_known_and_spares_the_server_a_signature(
    serve_secure: Serve, loop: Loop, authority: Authority, version: ssl.TLSVersion
) -> None:
    address = serve_secure(Application(loop)).addresses[0]
    context = ssl.create_default_context(cafile=authority.file)
    context.maximum_version = version
    session = None
    for known in (False, True):
        with Client(address, plain=True) as client:
            sock = context.wrap_socket(client.sock, server_hostname="127.0.0.1", session=session)
            client.sock = sock
            for _ in range(2):
                client.ask("/x", "POST", body=bytes(100_000))
                assert client.answer().status == 200
            assert (sock.version(), sock.session_reused) == (version.name.replace("_", "."), known)
            session = sock.session


def test_a_client_may_change_its_keys_at_any_time(serve_secure: Serve, loop: Loop) -> None:
    require(shutil.which("openssl"), "the openssl command")
    address = serve_secure(Application(loop)).addresses[0]
    told, terminal = os.openpty()  # into a pipe it would write only when it ends
    words = ["openssl", "s_client", "-connect", address, "-tls1_3", "-msg"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=terminal, stderr=terminal, bufsize=0) as process:
        assert process.stdin is not None
        found = b""

        def until_told(what: bytes) -> None:
            nonlocal found
            while what not in found:
                assert select.select([told], [], [], PATIENCE)[0], f"no {what!r} in {found!r}"
                found += os.read(told, 4096)
            found = found.partition(what)[2]

        until_told(b"Verify return code")
        for number in range(3):
            process.stdin.write(b"K\n")  # new keys, and the server shall take new ones too
            until_told(b"KEYUPDATE")
            process.stdin.write(f"GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            until_told(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate")
            until_told(f"GET /{number}".encode())
        process.kill()
    os.close(terminal)
    os.close(told)


def test_http_1_1_is_agreed_on_where_others_are_offered(serve_secure: Serve, loop: Loop, authority: Authority) -> None:
    address = serve_secure(Application(loop)).addresses[0]
    context = ssl.create_default_context(cafile=authority.file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(Client(address, plain=True).sock, server_hostname="127.0.0.1") as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"


def test_a_unix_socket_beside_it_stays_plain(serve_secure: Serve, loop: Loop, tmp_path: Path) -> None:
    server = serve_secure(Application(loop), listeners=["127.0.0.1:0", f"unix:{tmp_path}/s"])
    assert server.urls == [f"https://{server.addresses[0]}", f"unix:{tmp_path}/s"]
    for address in server.addresses:
        with Client(address) as client:
            assert client.get("/x").status == 200


@pytest.mark.row("I45")
def test_curl_talks_to_it(serve_secure: Serve, loop: Loop, authority: Authority, tmp_path: Path) -> None:
    require(shutil.which("curl"), "the curl command")
    body = bytes(range(256)) * 20_000
    (tmp_path / "up").write_bytes(body)

    def big(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        data = environ["wsgi.input"].read()
        start_response("200 OK", TEXT)
        return [data]

    url = serve_secure(Application(loop, big=big)).urls[0]
    words = ["curl", "-sS", "--http1.1", "--cacert", authority.file, "--max-time", "60"]
    asked = [f"{url}/a", f"{url}/b", "-w", "%{num_connects} "]
    done = subprocess.run([*words, *asked], capture_output=True, timeout=90, check=True)
    assert done.stdout == b"GET /a1 GET /b0 ", "the second request uses the connection of the first"
    upload = ["--data-binary", f"@{tmp_path}/up", "-H", "Expect: 100-continue", f"{url}/big"]
    assert subprocess.run([*words, *upload], capture_output=True, timeout=90, check=True).stdout == body
    strange = subprocess.run([*words[:3], f"{url}/a"], capture_output=True, timeout=90, check=False)
    assert strange.returncode == 60, "whoever does not know the authority does not go on"
