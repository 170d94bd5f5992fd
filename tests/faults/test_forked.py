"""Functions that fork, in whatever kind: the child ends where its function does and takes nothing along."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running
from tests.runtime.fakes import gone, wait_for

PROGRAM = """
    import os, sys, time
    import atilite

    app = atilite.Atilite(__name__)

    def forked(how):
        pid = os.fork()
        if pid == 0:
            if how == "exits":
                sys.exit(3)
            if how == "raises":
                raise ValueError("in the child")
            return "the child's"
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @app.action
    def plain(how: str):
        return forked(how)

    @app.action
    def generator(was, how: str):
        yield was.Sleep(0)
        return forked(how)

    @app.action
    async def coroutine(how: str):
        return forked(how)

    @app.action(process=True)
    def apart(how: str):
        return forked(how)

    @app.route("/handler")
    def handler(was, how: str):
        return str(forked(how))

    @app.action
    def stores():
        pid = os.fork()
        if pid == 0:
            print("in the child", flush=True)
            for use in (lambda: app.kv.set(a=1), lambda: app.kv.get("a").fetch(), lambda: app.journal.record("x")):
                try:
                    use()
                except atilite.errors.StoreUnavailable:
                    continue
                os._exit(0)
            os._exit(5)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @app.action
    def stays():
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
            os._exit(0)
        return pid

    @app.action(process=True)
    def naps():
        with open("naps", "w") as pipe:
            pipe.write(str(os.getpid()))
        time.sleep(600)

    if __name__ == "__main__":
        atilite.mount("/", app)
        atilite.run(name="forking")
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path, PROGRAM, "--devel")
    yield made
    made.close()


def result(program: Running, action: str, **parameters: str) -> object:
    status, body = program.ask("POST", f"/internal/action/{action}", parameters)
    assert status == 200, body
    return json.loads(body)["result"]


def test_a_child_that_comes_back_ends_there_as_a_program_would(program: Running) -> None:
    program.start()

    for kind in ("plain", "generator", "coroutine", "apart"):
        ends = [result(program, kind, how=how) for how in ("returns", "exits", "raises")]
        assert ends == [0, 3, 1], kind
    assert program.ask("GET", "/handler?how=returns") == (200, b"0")

    statuses = [run["status"] for run in program.json("/internal/journals/")]
    assert statuses == ["succeeded"] * 12, "a child has written to the journal, too"
    assert "ValueError: in the child" in program.log.read_text(encoding="utf-8")


def test_a_child_is_told_at_once_that_the_database_is_not_its_own(program: Running) -> None:
    program.start()

    assert result(program, "stores") == 5
    assert program.ask("GET", "/internal/kv/default/a")[0] == 404


def test_a_server_starts_again_while_a_child_of_the_killed_one_lives(program: Running) -> None:
    program.start()
    # On a connection that ends with its answer: the child holds it open no more than the rest.
    child = result(program, "stays")
    assert isinstance(child, int)
    try:
        program.kill()
        port, program.flags = program.port, (*program.flags, "--port", str(program.port))
        program.start()
        assert program.port == port
        assert program.ask("GET", "/healthz")[0] == 200
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_function_in_a_process_of_its_own_ends_with_the_killed_server_though_a_child_of_that_lives(
    program: Running,
) -> None:
    os.mkfifo(program.folder / "naps")
    program.start()
    assert program.ask("POST", "/internal/action/naps?wait=false", {})[0] == 202
    napping = wait_for(program.folder / "naps")
    child = result(program, "stays")
    assert isinstance(child, int)
    try:
        program.kill()

        assert gone(napping)
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)
