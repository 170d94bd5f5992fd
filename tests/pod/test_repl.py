"""The console of a pod: who has the token may look in, nobody else, and no session holds anything up."""

from __future__ import annotations

import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.pod.repl import Console
from tests.pod.living import PATIENCE, Living

Alive = Callable[..., Living]
Open = Callable[..., "Telling"]

TOKEN = "a token of the test"
PROMPT = ">>> "


def served(alive: Alive, **keys: Any) -> Living:
    """A console that listens already."""
    config = SimpleNamespace(NAME="garden")
    return alive(Console, config=config, ready="explicit", **{"port": 0, "token": TOKEN, "label": "repl", **keys})


class Telling:
    """A client as nc is: sends lines, reads up to what it waits for."""

    def __init__(self, living: Living) -> None:
        address = living.instance.address
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(address[5:])
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.socket.settimeout(PATIENCE)

    def until(self, end: str) -> str:
        """What comes before `end`, which is taken as well."""
        found = b""
        while not found.endswith(end.encode()):
            letter = self.socket.recv(1)
            assert letter, f"closed after {found!r}"
            found += letter
        return found.decode().removesuffix(end)

    def rest(self) -> str:
        """What comes until the other side closes."""
        with self.socket.makefile("rb") as file:
            return file.read().decode()

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text if isinstance(text, bytes) else text.encode() + b"\n")

    def admitted(self) -> Telling:
        self.until("token: ")
        self.send(TOKEN)
        self.until(PROMPT)
        return self

    def __call__(self, line: str, end: str = PROMPT) -> str:
        """What one line is answered."""
        self.send(line)
        return self.until(end)


@pytest.fixture
def client() -> Iterator[Open]:
    opened: list[Telling] = []

    def connect(living: Living) -> Telling:
        opened.append(Telling(living))
        return opened[-1]

    yield connect
    for one in opened:
        one.socket.close()


@pytest.mark.row("P28", "P29")
def test_the_pod_can_be_looked_into(alive: Alive, client: Open) -> None:
    living = served(alive)
    typed = client(living).admitted()

    assert typed("context.label") == "'repl'\n"
    assert typed("context.config.NAME") == "'garden'\n"
    assert typed("[bean.id for bean in beans], pod is context.pod") == "([1], True)\n"
    assert typed("import asyncio") == ""
    assert typed("await asyncio.sleep(0, context.instance.address)") == f"'{living.instance.address}'\n"
    assert typed("def double(n):", "... ") == ""
    assert typed("    return 2 * n", "... ") == ""
    assert typed("") == ""
    assert typed("double(21)") == "42\n"


@pytest.mark.row("P29")
def test_what_is_awaited_runs_on_the_loop_of_the_beans(alive: Alive, client: Open) -> None:
    typed = client(served(alive)).admitted()
    typed("import asyncio, threading")
    typed("async def here(): return asyncio.get_running_loop() is context.loop", "... ")
    typed("")

    assert typed("await here()") == "True\n"
    assert "atilite-console" in typed("threading.current_thread().name")


@pytest.mark.row("P29")
def test_a_wrong_token_is_answered_late_and_logged(
    alive: Alive, client: Open, caplog: pytest.LogCaptureFixture
) -> None:
    living = served(alive)
    living.instance.wrong_delay = 0.2
    stranger = client(living)
    stranger.until("token: ")
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING):
        stranger.send("a token of somebody else")
        answer = stranger.rest()

    assert answer == "that is not the token\n"
    assert time.monotonic() - begun >= 0.2
    assert "a wrong token came from ('127.0.0.1'" in caplog.text
    assert "somebody else" not in caplog.text
    assert client(living).admitted()("1") == "1\n"


@pytest.mark.row("P29")
@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\n", b"\xff\xfe\n", b"x" * 100_000 + b"\n"])
def test_what_is_no_token_is_none(alive: Alive, client: Open, sent: bytes) -> None:
    living = served(alive)
    living.instance.wrong_delay = 0.0
    stranger = client(living)
    stranger.until("token: ")
    stranger.send(sent)

    assert ">>>" not in stranger.until("that is not the token\n")


@pytest.mark.row("P29")
def test_several_sessions_have_names_of_their_own_and_do_not_wait_for_each_other(alive: Alive, client: Open) -> None:
    living = served(alive)
    one, other = client(living).admitted(), client(living).admitted()
    one("import threading")
    one("go = threading.Event(); context.config.go = go")
    one.send("go.wait(20)")  # blocks its thread

    assert "NameError" in other("threading")
    assert other("context.config.go.set()") == ""
    assert one.until(PROMPT) == "True\n"


@pytest.mark.row("P29")
def test_there_is_a_most_of_sessions(alive: Alive, client: Open) -> None:
    living = served(alive, sessions=1)
    one = client(living).admitted()

    assert client(living).rest().startswith("there are as many sessions as may be")
    assert one("1") == "1\n"


@pytest.mark.row("P29")
@pytest.mark.parametrize("end", ["exit()", "\x04", None])
def test_a_session_ends_alone(alive: Alive, client: Open, end: str | None) -> None:
    living = served(alive)
    typed, other = client(living).admitted(), client(living).admitted()
    if end is None:
        typed.socket.shutdown(socket.SHUT_WR)
    else:
        typed.send(end)

    assert typed.rest() == ""
    assert other("1") == "1\n"


@pytest.mark.row("P29")
def test_errors_are_shown_and_the_session_goes_on(alive: Alive, client: Open) -> None:
    typed = client(served(alive)).admitted()

    assert "ZeroDivisionError" in typed("1 / 0")
    assert "SyntaxError" in typed("1 +")
    assert "RuntimeError" in typed("raise RuntimeError('mine')")
    assert typed("1") == "1\n"


@pytest.mark.row("P29")
def test_what_telnet_says_between_the_lines_is_left_out(alive: Alive, client: Open) -> None:
    typed = client(served(alive))
    typed.until("token: ")
    typed.send(b"\xff\xfd\x03\xff\xfb\x18" + TOKEN.encode() + b"\r\n")
    typed.until(PROMPT)
    typed.send(b"1 + 1\xff\xf1\r\n")

    assert typed.until(PROMPT) == "2\n"


@pytest.mark.row("P29")
def test_sessions_end_with_the_pod(alive: Alive, client: Open) -> None:
    living = served(alive)
    idle, waiting, young = client(living).admitted(), client(living).admitted(), client(living)
    waiting("import asyncio")
    waiting.send("await asyncio.sleep(1000)")
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)

    assert living.ended() == 0
    assert idle.rest() == "\nthe pod ends\n"
    assert waiting.rest() == "\nthe pod ends\n"
    assert young.rest() in ("", "token: ")


@pytest.mark.row("P29")
def test_a_client_that_has_left_ends_what_prints_for_it(alive: Alive, client: Open) -> None:
    living = served(alive)
    ended = threading.Event()
    living.pod.config.ended = ended
    typed = client(living).admitted()
    typed("def flood():", "... ")
    typed("    try:", "... ")
    typed("        while True: print('x' * 10_000)", "... ")
    typed("    finally: context.config.ended.set()", "... ")
    typed("")
    typed.send("flood()")
    typed.until("x" * 10_000)
    typed.socket.close()

    assert ended.wait(PATIENCE)


@pytest.mark.row("P29")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_only_this_machine_is_listened_to(alive: Alive, host: str) -> None:
    living = alive(Console, host=host, port=0, token=TOKEN)

    assert living.ended() == 1
    assert "only at an address of this machine itself" in (living.bean.error or "")


@pytest.mark.row("P29")
def test_a_unix_socket_is_for_this_user_alone_and_goes_with_the_bean(
    alive: Alive, client: Open, tmp_path: Path
) -> None:
    path = tmp_path / "pod.sock"
    living = served(alive, unix=str(path))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert client(living).admitted()("1") == "1\n"
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    assert living.ended() == 0
    assert not path.exists()


@pytest.mark.row("P29")
def test_without_a_token_one_is_made_in_a_file_for_this_user_alone(
    alive: Alive, client: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO):
        living = served(alive, token="")
    path = tmp_path / "console.token"
    token = path.read_text().strip()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) >= 32
    assert token not in caplog.text
    assert "its token is in console.token" in caplog.text
    typed = client(living)
    typed.until("token: ")
    typed.send(token)
    typed.until(PROMPT)
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    assert living.ended() == 0
    assert not path.exists()


@pytest.mark.row("P29")
def test_a_token_file_that_is_there_is_used_and_kept(alive: Alive, client: Open, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    living = served(alive, token="", token_file=str(path))

    assert client(living).admitted()("1") == "1\n"
    living.pod.send_signal("SIGTERM").fetch(PATIENCE)
    living.ended()
    assert path.exists()


@pytest.mark.row("P29")
@pytest.mark.parametrize(
    ("mode", "text", "words"), [(0o644, TOKEN, "chmod 600"), (0o600, "short", "at least 8 letters"), (0o600, "", "8")]
)
def test_a_token_that_is_none_is_refused(alive: Alive, tmp_path: Path, mode: int, text: str, words: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(mode)
    living = alive(Console, port=0, token_file=str(path))

    assert living.ended() == 1
    assert words in (living.bean.error or "")


def test_a_token_file_of_somebody_else_who_knows_it_is_refused(
    alive: Alive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    if os.geteuid():
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    else:
        os.chown(path, 4711, -1)
    living = alive(Console, port=0, token_file=str(path))

    assert living.ended() == 1
    assert "belongs to somebody else" in (living.bean.error or "")


def test_a_folder_where_no_token_can_be_made_is_told(alive: Alive, tmp_path: Path) -> None:
    living = alive(Console, port=0, token_file=str(tmp_path / "missing" / "token"))

    assert living.ended() == 1
    assert "name another token_file" in (living.bean.error or "")
