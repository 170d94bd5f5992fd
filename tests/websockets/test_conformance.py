"""The cases of an independent conformance suite (kosoku, after Autobahn's) against an echo route.

The short groups run always; those that send a thousand messages a case only with ATILITE_REQUIRE=all.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.require import require
from tests.running import Running

SERVE = """
    import atilite

    app = atilite.Atilite(__name__)

    @app.route("/echo")
    @app.websocket(atilite.WS_CHANNEL | atilite.WS_NOTHREAD)
    def echo(was, message):
        return message

    @app.route("/threads")
    @app.websocket(atilite.WS_CHANNEL | atilite.WS_THREAD)
    def threads(was, message):
        return message

    @app.route("/coroutine")
    @app.websocket(atilite.WS_COROUTINE)
    def coroutine(was):
        while (message := (yield was.Input())) is not None:
            yield message

    atilite.mount("/", app)
    atilite.run()
"""

# In a process of its own: the suite may end it in its own way.
ASK = """
import asyncio, os, sys
import kosoku

async def ask(url, *cases):
    try:
        results = await kosoku.run_fuzzingclient(url, cases, concurrency=4)
    except kosoku.FailureError as failure:
        results = failure.results
    for one in results:
        print(one.case_id, one.passed, one.behavior.value, one.behavior_close.value, one.result, one.result_close)

asyncio.run(ask(*sys.argv[1:]))
sys.stdout.flush()
os._exit(0)
"""

SHORT = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
COMPRESSED = ("12.1.1", "12.1.4", "12.1.11", "13.1.2", "13.1.12")
LONG = ("12.1.*", "13.1.*")


def results(port: int, path: str, *cases: str, seconds: float = 100) -> list[list[str]]:
    """Run these cases: for each its id, whether it was passed, and why."""
    asked = subprocess.run(
        [sys.executable, "-c", ASK, f"ws://127.0.0.1:{port}{path}", *cases],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    return [line.split(maxsplit=2) for line in asked.stdout.splitlines()]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    require(importlib.util.find_spec("kosoku"), "kosoku is not installed (pip install -r requirements-dev.txt)")
    running = Running(tmp_path_factory.mktemp("echo"), SERVE)
    try:
        yield running.start().port
    finally:
        running.close()


@pytest.mark.row("A183", "A186", "reliability-20")
def test_the_cases_of_the_protocol_pass(port: int) -> None:
    found = results(port, "/echo", *SHORT)

    assert [one for one in found if one[1] != "True"] == []
    assert len(found) == 247


@pytest.mark.row("A184", "A185")
@pytest.mark.parametrize("path", ["/threads", "/coroutine"])
def test_they_pass_however_the_handler_is_called(port: int, path: str) -> None:
    found = results(port, path, "1.*", "2.*", "5.*", "7.*", *COMPRESSED)

    assert [one for one in found if one[1] != "True"] == []
    assert len(found) > 80


def test_the_cases_of_compression_pass(port: int) -> None:
    found = results(port, "/echo", *COMPRESSED)

    assert [one for one in found if one[1] != "True"] == []
    assert len(found) == len(COMPRESSED)


@pytest.mark.skipif(os.environ.get("ATILITE_REQUIRE") != "all", reason="takes half a minute: ATILITE_REQUIRE=all")
@pytest.mark.timeout(300)
def test_all_cases_of_compression_pass(port: int) -> None:
    found = results(port, "/echo", *LONG, seconds=240)

    assert [one for one in found if one[1] != "True"] == []
    assert len(found) == 36
