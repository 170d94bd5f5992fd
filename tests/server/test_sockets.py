from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import SetupError
from atilite.server.sockets import address_of, close_listener, inherited, open_listeners, tune
from tests.server.raw import Client


def test_an_address_is_opened_and_told() -> None:
    (sock,) = open_listeners("127.0.0.1:0")
    with sock:
        host, _, port = address_of(sock).rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0
        tune(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.getblocking()


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="this machine has no IPv6")
def test_an_ipv6_address_is_opened_and_told() -> None:
    try:
        (sock,) = open_listeners("[::1]:0")
    except SetupError:
        pytest.skip("this machine has no IPv6 loopback")
    with sock:
        assert address_of(sock).startswith("[::1]:")


def test_a_plain_address_needs_no_tables_of_international_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    resolve = socket.getaddrinfo

    def note(name: object, *rest: Any, **more: Any) -> Any:
        asked.append(name)
        return resolve(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", note)
    for sock in open_listeners("127.0.0.1:0"):
        sock.close()
    assert asked == [b"127.0.0.1"]


@pytest.mark.parametrize("address", ["5000", "nowhere", "127.0.0.1:", "127.0.0.1:http", "::1:5000", ""])
def test_something_that_is_no_address_is_refused_with_the_form(address: str) -> None:
    with pytest.raises(SetupError, match="HOST:PORT"):
        open_listeners(address)


def test_an_address_in_use_is_one_line_with_the_remedy() -> None:
    (sock,) = open_listeners("127.0.0.1:0")
    with sock, pytest.raises(SetupError, match=r"another process uses it.*--port"):
        open_listeners(address_of(sock))


def test_an_address_of_another_machine_is_one_line_with_the_remedy() -> None:
    with pytest.raises(SetupError, match="--host"):
        open_listeners("192.0.2.1:0")


def test_a_unix_socket_is_closed_to_others_and_goes_with_its_server(tmp_path: Path) -> None:
    path = tmp_path / "s"
    (sock,) = open_listeners(f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert address_of(sock) == f"unix:{path}"
    close_listener(sock, ours=True)
    assert not path.exists()


def test_the_mode_of_a_unix_socket_can_be_chosen(tmp_path: Path) -> None:
    (sock,) = open_listeners(f"unix:{tmp_path}/s", unix_mode=0o660)
    with sock:
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660


def test_the_socket_file_of_a_dead_server_is_replaced_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    (first,) = open_listeners(f"unix:{tmp_path}/s")
    with pytest.raises(SetupError, match="another process"):
        open_listeners(f"unix:{tmp_path}/s")
    first.close()
    (second,) = open_listeners(f"unix:{tmp_path}/s")
    second.close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(SetupError, match="a file has this name"):
        open_listeners(f"unix:{tmp_path}/s")
    assert (tmp_path / "s").read_text() == "precious"


def test_a_folder_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"on: No such file or directory \(choose another path, .*\)$"):
        open_listeners(f"unix:{tmp_path}/no/s")


def test_a_path_that_is_too_long_for_a_socket_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"on: AF_UNIX path too long \(choose another path, .*\)$"):
        open_listeners(f"unix:{tmp_path}/{'s' * 120}")


def test_sockets_for_another_process_are_not_taken_and_the_variables_go() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "web", "OTHER": "stays"}
    assert inherited(environ, pid=2) == []
    assert environ == {"OTHER": "stays"}


CHILD = """
import os, sys
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from atilite.server.sockets import inherited

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"activated"]

os.environ["LISTEN_PID"] = str(os.getpid())  # systemd sets it after the fork
server = Server(application, loop=process_loop(), listeners=inherited(os.environ, os.getpid()))
server.bind()
server.start()
print(*server.addresses, "LISTEN_FDS" in os.environ, flush=True)
sys.stdin.read()
server.stop(1).wait(20)
"""


def test_a_process_that_was_started_with_sockets_serves_them_and_loses_no_request() -> None:
    """Socket activation: the sockets outlive the process, so a restart refuses nobody."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = address_of(sock)
        with Client(address) as early:
            early.ask("/before-anybody-serves")
            for _ in range(2):
                with subprocess.Popen(
                    [sys.executable, "-c", CHILD],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    pass_fds=[3],
                    preexec_fn=lambda: os.dup2(sock.fileno(), 3),  # as systemd does
                    env={"LISTEN_FDS": "1", "PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd()},
                ) as process:
                    assert process.stdout is not None
                    assert process.stdin is not None
                    assert process.stdout.readline().split() == [address, "False"]
                    with Client(address) as client:
                        assert client.get("/x").body == b"activated"
                    process.stdin.close()
                    assert process.wait(20) == 0
            assert early.answer().body == b"activated"
