"""Actions that do what no action should: the server stays up, and the journal tells the truth."""

from __future__ import annotations

import http.client
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.faults.program import Program, until
from tests.packages import write

MEGABYTE = 1 << 20

SCRIPT = """
    import ctypes, io, os, subprocess, sys, threading, time
    import atilite
    from atilite import Atilite
    import crashes

    app = Atilite(__name__)

    @app.action(name="good")
    def good() -> str:
        print("well")
        return "well"

    @app.action(name="leaks")
    def leaks() -> int:
        for _ in range(100):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        return threading.active_count()

    @app.action(name="raises")
    def raises(what: str) -> None:
        raise {"exit": SystemExit(3), "interrupt": KeyboardInterrupt(), "memory": MemoryError(),
               "generator": GeneratorExit(), "base": BaseException("of its own")}[what]

    @app.action(name="raises later")
    def raises_later(was, what: str):
        yield was.Sleep(0.01)
        raises(what)

    @app.action(name="raises async")
    async def raises_async(what: str) -> None:
        raises(what)

    @app.action(name="raises in a task")
    def raises_in_a_task(was, what: str):
        task = yield was.Thread(raises, what)
        return task.fetch()

    @app.action(name="recurses")
    def recurses() -> None:
        recurses()

    @app.action(name="dies elsewhere")
    def dies_elsewhere(was, how: str):
        return was.Process(getattr(crashes, how)).fetch()

    @app.action(name="floods")
    def floods(megabytes: int) -> None:
        line = "x" * 1023
        for _ in range(megabytes * 1024):
            print(line)

    @app.action(name="floods without end of line")
    def floods_one_line(megabytes: int) -> None:
        for _ in range(megabytes * 16):
            print("y" * 65536, end="")

    @app.action(name="floods in one go")
    def floods_at_once(megabytes: int) -> None:
        print("z" * (megabytes << 20))

    @app.action(name="never ends", timeout=0.3)
    def never_ends() -> None:
        while True:
            time.sleep(0.01)

    @app.action(name="never ends, yielding", timeout=0.3)
    def never_ends_yielding(was):
        while True:
            try:
                yield was.Sleep(0.01)
            except GeneratorExit:
                print("no")

    @app.action(name="never ends, awaiting", timeout=0.3)
    async def never_ends_awaiting() -> None:
        import asyncio
        for _ in range(1000):
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                print("no")

    @app.action(name="patient")
    def patient(was) -> None:
        time.sleep(60)

    @app.action(name="reader has gone")
    def reader_has_gone() -> None:
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        print("here", flush=True)

    @app.action(name="closes stdout")
    def closes_stdout() -> str:
        sys.stdout.close()
        print("still here")
        print("and here", file=sys.stderr)
        return "well"

    @app.action(name="writes to what is closed")
    def writes_to_what_is_closed() -> None:
        stream = io.StringIO()
        stream.close()
        stream.write("x")

    @app.action(name="groups")
    def groups(was, mark: str) -> str:
        return was.Subprocess(f"sleep {mark} & sh -c 'trap \\"\\" TERM; sleep {mark}' & wait", timeout=None).fetch(None)

    @app.action(name="huge result")
    def huge_result() -> str:
        return "r" * (50 << 20)

    @app.action(name="huge object")
    def huge_object() -> list:
        return list(range(5_000_000))

    @app.action(name="huge record")
    def huge_record() -> None:
        print("before")
        app.journal.record("much", data="d" * (50 << 20))

    @app.action(name="huge message")
    def huge_message() -> None:
        app.journal.record("m" * (50 << 20))

    @app.action(name="huge error")
    def huge_error() -> None:
        raise ValueError("e" * (50 << 20))

    @app.route("/raises/worker/<what>", methods=["GET"])
    def route(was, what: str):
        raises(what)

    @app.route("/raises/hub/<what>", methods=["GET"], start="hub")
    def hub_route(was, what: str):
        raises(what)

    @app.route("/raises/waiting/<what>", methods=["GET"])
    def waiting_route(was, what: str):
        yield was.Sleep(0.01)
        raises(what)

    @app.route("/raises/async/<what>", methods=["GET"])
    async def async_route(was, what: str):
        raises(what)

    @app.route("/raises/task/<what>", methods=["GET"])
    def task_route(was, what: str):
        task = yield was.Thread(raises, what)
        return task.fetch()

    @app.route("/raises/stream/<what>", methods=["GET"])
    def stream_route(was, what: str):
        yield "one line and no more\\n"
        yield was.Sleep(0.01)
        raises(what)

    @app.route("/blocks", methods=["GET"], start="hub")
    def blocks(was):
        time.sleep(0.3)
        return "at last"

    @app.route("/blocks-later", methods=["GET"])
    def dawdles(was):
        yield was.Sleep(0.01)
        time.sleep(0.3)
        return "at last"

    atilite.mount("/", app)
    atilite.run(name="faulty")
"""

CRASHES = {
    "crashes.py": """
        import ctypes, os, sys

        def abort():
            os.abort()

        def segfault():
            ctypes.string_at(0)

        def leave():
            os._exit(7)

        def exit():
            sys.exit("gone")
    """
}


@pytest.fixture(scope="module")
def program(serve: Callable[..., Program]) -> Program:
    made = serve(SCRIPT)
    write(made.folder, CRASHES)
    made.start()
    made.call("good")
    return made


@pytest.fixture(autouse=True)
def _still_well(program: Program) -> Iterator[None]:
    """After each of these the program is the same process, and serves actions and pages."""
    process = program.process
    yield
    assert process is not None
    assert process.poll() is None
    assert program.call("good")["result"] == "well"
    assert program.ask("GET", "/console/", Accept="text/html")[0] == 200


@pytest.mark.row("reliability-13")
def test_threads_that_an_action_leaves_behind_harm_nobody(program: Program) -> None:
    before = program.threads()
    assert program.call("leaks")["status"] == "succeeded"
    assert program.threads() >= before + 90


@pytest.mark.row("reliability-13")
@pytest.mark.parametrize("action", ["raises", "raises later", "raises async", "raises in a task"])
@pytest.mark.parametrize(
    ("what", "told"),
    [("exit", "SystemExit: 3"), ("interrupt", "KeyboardInterrupt"), ("memory", "MemoryError"), ("base", "of its own")],
)
def test_what_means_the_end_of_a_program_is_the_end_of_its_run_only(
    program: Program, action: str, what: str, told: str
) -> None:
    answer = program.call(action, what=what)
    journal = program.journal(answer["run"])
    assert journal["status"] == answer["status"] == "failed"
    assert told in journal["error"]
    assert "raises" in journal["traceback"]


@pytest.mark.row("reliability-13")
@pytest.mark.parametrize("place", ["worker", "hub", "waiting", "async", "task"])
@pytest.mark.parametrize("what", ["exit", "interrupt", "memory", "generator", "base"])
def test_what_means_the_end_of_a_program_is_an_error_of_its_request_only(
    program: Program, place: str, what: str
) -> None:
    assert program.ask("GET", f"/raises/{place}/{what}")[0] == 500


@pytest.mark.row("reliability-13")
@pytest.mark.parametrize("what", ["exit", "memory", "generator", "base"])
def test_a_stream_that_breaks_off_is_seen_to_be_broken(program: Program, what: str) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        program.ask("GET", f"/raises/stream/{what}")


@pytest.mark.row("reliability-13")
def test_endless_recursion_is_a_failure_with_a_bounded_traceback(program: Program) -> None:
    journal = program.journal(program.call("recurses")["run"])
    assert journal["error"].startswith("RecursionError")
    assert 100 < len(journal["traceback"]) < 30_000


@pytest.mark.row("reliability-13")
@pytest.mark.parametrize(
    ("how", "told"), [("abort", "SIGABRT"), ("segfault", "SIGSEGV"), ("leave", "exit code 7"), ("exit", "gone")]
)
def test_a_crash_in_another_process_fails_the_run_that_wanted_it(program: Program, how: str, told: str) -> None:
    journal = program.journal(program.call("dies elsewhere", how=how)["run"])
    assert journal["status"] == "failed"
    assert told in journal["error"]


@pytest.mark.row("reliability-13")
@pytest.mark.parametrize(
    ("action", "megabytes", "bound"),
    # The last one has its text in memory itself, and the terminal's encoding makes a second one.
    [("floods", 100, 60), ("floods without end of line", 100, 60), ("floods in one go", 30, 110)],
)
def test_a_hundred_megabytes_of_output_are_cut_off_and_cost_no_memory(
    program: Program, action: str, megabytes: int, bound: int
) -> None:
    before = program.resident()
    run = program.begin(action, megabytes=megabytes)
    highest = before

    def over() -> bool:
        nonlocal highest
        highest = max(highest, program.resident())
        return bool(program.journal(run)["status"] != "running")

    until(over)
    program.log.write_bytes(b"")  # what an action prints is shown as well
    journal = program.journal(run)
    assert journal["status"] == "succeeded"
    assert sum(len(record["message"]) for record in journal["records"]) <= 1.1 * MEGABYTE
    assert any("more output" in record["message"] for record in journal["records"])
    assert highest - before < bound * MEGABYTE
    status, page = program.ask("GET", f"/console/runs/{run}", Accept="text/html")
    assert status == 200
    assert len(page) < 5 * MEGABYTE


@pytest.mark.row("reliability-13")
@pytest.mark.parametrize("action", ["never ends", "never ends, yielding", "never ends, awaiting"])
def test_an_action_that_never_ends_is_closed_at_its_limit(program: Program, action: str) -> None:
    journal = program.ended(program.begin(action))
    assert journal["status"] == "timed_out"
    assert "0.3 s" in journal["error"]


@pytest.mark.row("reliability-13")
def test_an_action_that_does_not_listen_is_cancelled_all_the_same(program: Program) -> None:
    run = program.begin("patient")
    assert program.ask("POST", f"/internal/journal/{run}/cancel")[0] in (200, 202)
    assert program.ended(run)["status"] == "cancelled"


@pytest.mark.row("reliability-13")
def test_an_action_that_closes_stdout_silences_nobody(program: Program) -> None:
    for action in ("closes stdout", "closes stdout", "reader has gone", "good"):
        answer = program.call(action)
        journal = program.journal(answer["run"])
        assert journal["status"] == "succeeded", journal
    assert journal["records"][0]["message"] == "well"
    assert program.journal(program.call("writes to what is closed")["run"])["error"].startswith("ValueError")


@pytest.mark.row("reliability-13")
def test_a_cancelled_run_takes_the_whole_group_of_its_program_along(program: Program) -> None:
    mark = "61.70613"
    run = program.begin("groups", mark=mark)
    until(lambda: len(processes(f"sleep {mark}")) >= 2)
    assert program.ask("POST", f"/internal/journal/{run}/cancel")[0] in (200, 202)
    assert program.ended(run)["status"] == "cancelled"
    until(lambda: not processes(f"sleep {mark}"))


def processes(command: str) -> list[str]:
    """The ids of the processes that were started by exactly this command."""
    found = subprocess.run(["pgrep", "-f", "-x", re.escape(command)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.row("reliability-13", "reliability-5")
@pytest.mark.parametrize("action", ["huge result", "huge object"])
def test_a_result_of_fifty_megabytes_is_cut_and_says_so(program: Program, action: str) -> None:
    run = program.begin(action)
    journal = program.ended(run)
    assert journal["status"] == "succeeded"
    assert len(str(journal["result"])) < 200_000
    assert "characters)" in journal["result"]
    assert len(program.ask("GET", f"/console/runs/{run}", Accept="text/html")[1]) < MEGABYTE


@pytest.mark.row("reliability-13", "reliability-5")
@pytest.mark.parametrize("action", ["huge record", "huge message"])
def test_a_record_of_fifty_megabytes_is_refused_with_the_limit(program: Program, action: str) -> None:
    run = program.begin(action)
    journal = program.ended(run)
    assert journal["status"] == "failed"
    assert "at most" in journal["error"], journal["error"][:200]
    assert sum(len(str(record)) for record in journal["records"]) < MEGABYTE


@pytest.mark.row("reliability-13", "reliability-5")
def test_an_error_of_fifty_megabytes_is_cut(program: Program) -> None:
    journal = program.ended(program.begin("huge error"))
    assert journal["status"] == "failed"
    assert len(journal["error"]) + len(journal["traceback"]) < 100_000


@pytest.mark.row("reliability-13")
def test_what_blocks_the_loop_is_named_in_the_log_and_counted(program: Program) -> None:
    for path, name in (("/blocks", "blocks"), ("/blocks-later", "dawdles")):
        status, body = program.ask("GET", path)
        assert (status, body) == (200, b"at last")
        until(lambda name=name: f"{name} kept the hub for" in program.log.read_text())
    figures = dict(line.rsplit(" ", 1) for line in program.ask("GET", "/metrics")[1].decode().splitlines())
    assert int(figures["atilite_loop_slow_steps_total"]) >= 1
    assert float(figures["atilite_loop_worst_step_seconds"]) >= 0.29
