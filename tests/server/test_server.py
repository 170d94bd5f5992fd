from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from atilite.runtime.loop import Loop
from atilite.server import stock
from atilite.server.limits import Limits
from atilite.server.server import Server
from atilite.web.exchange import Park
from tests.server.apps import TEXT, Application, reply, until
from tests.server.conftest import Serve
from tests.server.raw import Client


def refused(address: str) -> bool:
    """Whether nobody listens at `address` any more."""
    try:
        Client(address).sock.close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # it was in the queue when the socket was closed
    return False


class Held:
    """Parks every request and keeps the exchanges."""

    def __init__(self) -> None:
        self.exchanges: list[Any] = []
        self.left = threading.Event()

    def __call__(self, environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(self.begin)

    def begin(self, exchange: Any) -> None:
        exchange.on_close(self.left.set)
        self.exchanges.append(exchange)


def test_clients_may_connect_between_bind_and_start(loop: Loop) -> None:
    server = Server(Application(loop), loop=loop, listeners=["127.0.0.1:0"])
    server.bind()
    try:
        with Client(server.addresses[0]) as client:
            client.ask("/early")
            server.start()
            assert client.answer().body == b"GET /early"
    finally:
        server.stop(0).wait(20)


def test_the_loop_may_be_adopted_by_the_thread_that_runs_it() -> None:
    loop = Loop()
    answers: list[bytes] = []
    ready = threading.Event()
    servers: list[Server] = []

    def serve() -> None:
        loop.adopt()
        server = Server(Application(loop), loop=loop, listeners=["127.0.0.1:0"])
        server.bind()
        server.start()
        servers.append(server)
        loop.call_soon(ready.set)
        loop.run()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(20)
    with Client(servers[0].addresses[0]) as client:
        answers.append(client.get("/a").body)
    servers[0].stop(0).wait(20)
    loop.stop()
    thread.join(20)
    assert answers == [b"GET /a"]
    assert not thread.is_alive()


def test_it_listens_on_several_addresses_and_tells_them_apart(serve: Serve, loop: Loop, tmp_path: Any) -> None:
    seen: list[tuple[str, str, str]] = []

    def look(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append((environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]))
        start_response("200 OK", TEXT)
        return [b""]

    listeners = ["127.0.0.1:0", "127.0.0.1:0", f"unix:{tmp_path}/s"]
    server = serve(Application(loop, look=look), listeners=listeners)
    for address in server.addresses:
        with Client(address) as client:
            assert client.get("/look").status == 200
    ports = [address.rpartition(":")[2] for address in server.addresses[:2]]
    assert seen == [
        ("127.0.0.1", ports[0], "127.0.0.1"),
        ("127.0.0.1", ports[1], "127.0.0.1"),
        ("localhost", "0", "localhost"),
    ]


def test_a_socket_that_already_listens_is_served(serve: Serve, loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = serve(Application(loop), listeners=[sock])
        with Client(server.addresses[0]) as client:
            assert client.get("/x").status == 200


def test_counters_tell_what_it_does(serve: Serve, loop: Loop) -> None:
    held, release = Held(), threading.Event()

    def block(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert release.wait(20)
        start_response("200 OK", TEXT)
        return []

    server = serve(Application(loop, hold=held, block=block), threads=2)
    clients = [Client(server.addresses[0]) for _ in range(5)]
    clients[0].ask("/hold")
    until(lambda: server.stats.parked == 1)
    for client in clients[1:]:
        client.ask("/block")
    until(lambda: (server.stats.busy, server.stats.queued) == (2, 2))
    stats = server.stats
    assert (stats.connections, stats.parked, stats.requests, stats.busy, stats.queued) == (5, 1, 5, 2, 2)
    release.set()
    loop.call_soon(reply, held.exchanges[0], b"")
    for client in clients:
        assert client.answer().status == 200
        client.sock.close()
    until(lambda: server.stats.connections == 0)


def test_beyond_the_connection_limit_new_ones_wait_until_there_is_room(serve: Serve, loop: Loop) -> None:
    held = Held()
    server = serve(Application(loop, hold=held), limits=Limits(connections=3, sweep_seconds=0.05))
    busy = [Client(server.addresses[0]) for _ in range(3)]
    for client in busy:
        client.ask("/hold")
    until(lambda: server.stats.parked == 3)
    with Client(server.addresses[0]) as late:
        late.ask("/late")
        late.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.fill()
        late.sock.settimeout(20)
        busy[0].sock.close()
        assert late.answer().body == b"GET /late"


def test_an_idle_connection_makes_room_for_a_new_one(serve: Serve, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atilite.server.server.EVICT_AFTER", 0.0)
    server = serve(Application(loop), limits=Limits(connections=2, idle_seconds=60, sweep_seconds=60))
    with Client(server.addresses[0]) as oldest, Client(server.addresses[0]) as older:
        for client in (oldest, older):
            assert client.get("/x").status == 200
            until(lambda: server.stats.busy == 0)  # it is idle when its worker has let go of it
        with Client(server.addresses[0]) as newest:
            assert newest.get("/x").status == 200
        assert oldest.ended()
        assert older.get("/x").status == 200


def test_when_files_run_out_accepting_pauses_and_goes_on(
    serve: Serve, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    server = serve(Application(loop), limits=Limits(sweep_seconds=0.05))
    listener = server._listeners[0]
    tries = []

    class Poor:
        family = socket.AF_INET

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def accept(self) -> Any:
            tries.append(1)
            if len(tries) < 3:
                raise OSError(errno.EMFILE, "too many open files")
            return self.sock.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

    monkeypatch.setattr(listener, "sock", Poor(listener.sock))
    with Client(server.addresses[0]) as client:
        assert client.get("/x").status == 200
    assert 3 <= len(tries) < 20, "without a pause the loop would have turned all the time"


@pytest.mark.row("reliability-9")
def test_a_stopping_server_finishes_what_runs_and_refuses_what_comes(serve: Serve, loop: Loop) -> None:
    held, release = Held(), threading.Event()

    def block(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert release.wait(20)
        start_response("200 OK", TEXT)
        return [b"finished"]

    server = serve(Application(loop, hold=held, block=block))
    address = server.addresses[0]
    running, parked, kept = Client(address), Client(address), Client(address)
    running.ask("/block")
    parked.ask("/hold")
    assert kept.get("/x").status == 200
    until(lambda: server.stats.busy == 1 and server.stats.parked == 1)
    stopped = server.stop(20)
    until(lambda: refused(address))
    answer = kept.get("/too-late")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert kept.ended()
    release.set()
    answer = running.answer()
    assert answer.body == b"finished"
    assert answer.headers["connection"] == "close"
    loop.call_soon(reply, held.exchanges[0], b"finished too")
    assert parked.answer().body == b"finished too"
    assert stopped.wait(20) == 0
    assert server.stop() is stopped


def test_a_download_that_is_under_way_is_finished_before_the_server_stops(serve: Serve, loop: Loop) -> None:
    body = bytes(12_000_000)

    def big(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [body]

    server = serve(Application(loop, big=big))
    with Client(server.addresses[0]) as client:
        client.ask("/big")
        until(lambda: server.stats.requests == 1 and server.stats.busy == 0)
        stopped = server.stop(20)
        until(lambda: refused(server.addresses[0]))
        assert client.answer().body == body
    assert stopped.wait(20) == 0


@pytest.mark.row("reliability-9")
def test_at_the_deadline_waiting_requests_are_told_and_streams_are_broken(serve: Serve, loop: Loop) -> None:
    held, stream = Held(), Held()
    server = serve(Application(loop, hold=held, stream=stream))
    waiting, page = Client(server.addresses[0]), Client(server.addresses[0])
    waiting.ask("/hold")
    page.ask("/stream")
    until(lambda: held.exchanges and stream.exchanges)
    loop.call_soon(stream.exchanges[0].start, "200 OK", TEXT)
    loop.call_soon(stream.exchanges[0].write, b"first")
    page.head()
    assert page.chunk() == b"first"
    assert server.stop(0.1).wait(20) == 2
    assert held.left.is_set()
    assert stream.left.is_set()
    answer = waiting.answer()
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert page.ended(), "no end mark: the stream is not complete"


def test_a_connection_that_was_taken_over_ends_with_the_server(serve: Serve, loop: Loop) -> None:
    ended = threading.Event()

    def talk(sock: Any) -> None:
        sock.sendall(b"taken")
        while sock.recv(10):
            continue
        ended.set()

    def take(environ: dict[str, Any], _: Any) -> list[bytes]:
        raise Park(lambda exchange: exchange.hijack().on_done(lambda taken: loop.spawn(talk, taken.value)))

    server = serve(Application(loop, take=take))
    with Client(server.addresses[0]) as client:
        client.ask("/take")
        assert client.exactly(5) == b"taken"
        server.stop(0.1).wait(20)
        assert ended.wait(20)


@pytest.mark.row("B43")
def test_forwarded_headers_are_believed_only_from_the_configured_proxy(serve: Serve, loop: Loop) -> None:
    def look(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        assert "HTTP_FORWARDED" not in environ
        return [f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']}".encode()]

    forwarded = ("X-Forwarded-For: 10.1.1.1", "X-Forwarded-Proto: https", "Forwarded: for=10.2.2.2")
    for proxy, seen in (
        (None, b"127.0.0.1 http"),
        ("10.9.9.9", b"127.0.0.1 http"),
        ("127.0.0.1", b"10.1.1.1 https"),
        (("10.9.9.9", "127.0.0.1"), b"10.1.1.1 https"),
    ):
        server = serve(Application(loop, look=look), behind_proxy=proxy)
        with Client(server.addresses[0]) as client:
            client.ask("/look", "GET", *forwarded)
            assert client.answer().body == seen


def test_a_proxy_may_come_through_a_unix_socket(serve: Serve, loop: Loop, tmp_path: Any) -> None:
    def look(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [environ["REMOTE_ADDR"].encode()]

    server = serve(Application(loop, look=look), listeners=[f"unix:{tmp_path}/s"], behind_proxy="unix")
    with Client(server.addresses[0]) as client:
        client.ask("/look", "GET", "X-Forwarded-For: 10.1.1.1")
        assert client.answer().body == b"10.1.1.1"


def test_a_changed_waitress_is_refused_with_what_to_do(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    from waitress.channel import HTTPChannel

    from atilite.errors import SetupError

    assert stock.missing() == []
    assert stock.changed() == []
    monkeypatch.delattr(HTTPChannel, "send_continue")
    with pytest.raises(SetupError, match=r"HTTPChannel\.send_continue changed; install 'waitress"):
        Server(Application(loop), loop=loop)


def test_other_arguments_of_waitress_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from waitress.parser import HTTPRequestParser

    monkeypatch.setattr(HTTPRequestParser, "__init__", lambda self, adj, more: None)
    assert stock.changed() == ["HTTPRequestParser"]


@pytest.mark.parametrize("name", ["connections", "header_seconds", "idle_seconds"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})  # type: ignore[arg-type]
