"""`pod run` as somebody types it: a process of its own, with what it prints, logs and ends with."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import pytest

from atilite.cli.main import main
from atilite.cli.pod import Command, begun, well
from atilite.pod import Pod
from atilite.pod.configuring import Config
from atilite.runtime.executors import Threads
from tests.installed import installed

WAIT = 30.0  # seconds; only to tell what hangs from what is slow


class PodRun:
    """One `pod run` in a folder. Its lines are read as they come."""

    def __init__(self, folder: Path, *words: str, program: tuple[str, ...] = ("-m", "atilite"), **environ: str) -> None:
        command = program if program[0].startswith("/") else (sys.executable, *program)
        self.process = subprocess.Popen(
            [*command, "pod", "run", *words],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
        )  # fmt: skip
        self.lines: dict[str, list[str]] = {"out": [], "err": []}
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, pipe: Iterator[str]) -> None:
        for line in pipe:
            with self._news:
                self.lines[name].append(line.rstrip("\n"))
                self._news.notify_all()

    @property
    def out(self) -> str:
        return "\n".join(self.lines["out"])

    @property
    def err(self) -> str:
        return "\n".join(self.lines["err"])

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until it has written `text`, on whatever stream."""
        with self._news:
            came = self._news.wait_for(lambda: f"{self.out}\n{self.err}".count(text) >= times, WAIT)
        assert came, f"no {text!r} in\n{self.out}\n{self.err}"

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def code(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(WAIT)
        for reader in self._readers:
            reader.join(WAIT)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for reader in self._readers:
            reader.join(WAIT)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


Start = Callable[..., PodRun]

BEANS = """\
import asyncio
import os


def say(*words):
    os.write(1, f"{' '.join(map(str, words))}\\n".encode())  # at once, and in one piece


async def hello(**kwargs):
    say("hello", sorted(kwargs.items()))


async def fails():
    raise ValueError("no seed left")


async def debug():
    say("asyncio debug", asyncio.get_running_loop().get_debug())


class Polite:
    def __init__(self, context):
        self.context, self.over = context, asyncio.Event()
        for name in ("SIGINT", "SIGTERM"):
            context.add_signal_handler(name, self.on_stop)

    def on_stop(self, signal, **kwargs):
        say("asked by", signal)
        self.over.set()

    async def __call__(self, name="polite", **kwargs):
        say(name, "runs as", self.context.id)
        await self.over.wait()
        say(name, "ends")


async def endless(name="endless", **kwargs):
    say(name, "runs")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say(name, "was cancelled")
        raise


def slow(context):
    say("slow runs", os.getpid())
    context.wait()
    say("slow ends")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "garden.py").write_text(BEANS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    started: list[PodRun] = []

    def begin(*words: str, config: str = "", **options: object) -> PodRun:
        if config:
            (folder / "config.py").write_text(dedent(config), encoding="utf-8")
            words = ("-c", "config.py", *words)
        started.append(PodRun(folder, *words, **options))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for run in started:
        run.close()


@pytest.mark.row("P18", "P19", "P20", "P13")
def test_the_quick_start_runs_a_bean_of_the_current_folder_and_ends_with_it(start: Start) -> None:
    run = start("garden.hello:hi=Ozzy,n=1")

    assert run.code() == 0, run.err
    assert run.out == "hello [('hi', 'Ozzy'), ('n', '1')]"


@pytest.mark.row("P13")
def test_an_empty_pod_ends_at_once(start: Start) -> None:
    run = start()

    assert (run.code(), run.out, run.err) == (0, "", "")


@pytest.mark.row("P18")
def test_it_needs_neither_the_site_of_the_folder_nor_its_data(start: Start, folder: Path) -> None:
    (folder / "serve.py").write_text("raise SystemExit('this is the site')\n", encoding="utf-8")
    (folder / "atilite.toml").write_text("wrong = ", encoding="utf-8")

    for run in (start("garden.hello"), start("garden.hello", program=(str(installed(folder)),))):
        assert (run.code(), run.out) == (0, "hello []"), run.err
    assert not (folder / "data.db").exists()


@pytest.mark.row("P18")
def test_the_serve_py_of_a_site_runs_beans_too(start: Start, folder: Path) -> None:
    (folder / "serve.py").write_text(
        "import atilite\n\napp = atilite.Atilite(__name__)\napp.run(db='sqlite:////nowhere/data.db')\n", "utf-8"
    )

    run = start("garden.hello:a=1", program=("serve.py",))

    assert (run.code(), run.out) == (0, "hello [('a', '1')]"), run.err


@pytest.mark.row("P18", "P19", "P6")
def test_beans_of_the_command_line_come_behind_those_of_the_file_wherever_they_stand(start: Start) -> None:
    run = start(
        "garden.Polite:name=second", "-l", "error", "garden.Polite:name=third",
        config="BEANS = [{'core': 'garden.Polite', 'name': 'first'}]\n",
    )  # fmt: skip

    for name in ("first runs as 1", "second runs as 2", "third runs as 3"):
        run.wait_for(name)
    run.send(signal.SIGTERM)
    assert run.code() == 0, run.err


@pytest.mark.row("P20")
def test_the_current_folder_is_the_first_on_the_path(start: Start, folder: Path) -> None:
    # A module of the standard library has the same name, and comes second.
    (folder / "colorsys.py").write_text("async def paint():\n    print('mine', flush=True)\n", encoding="utf-8")

    run = start("colorsys.paint", program=(str(installed(folder)),))

    assert (run.code(), run.out) == (0, "mine"), run.err


@pytest.mark.row("P21")
def test_a_line_of_the_log_has_time_logger_level_and_message(start: Start, folder: Path) -> None:
    (folder / "talk.py").write_text(
        "import logging\n\nasync def talk():\n    logging.getLogger('talk').info('so be it')\n"
        "    logging.getLogger('talk').debug('hidden')\n", encoding="utf-8"
    )  # fmt: skip

    run = start("talk.talk")

    assert run.code() == 0
    assert re.search(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] \[talk\] \[INFO\] so be it$", run.err, re.MULTILINE)
    assert "hidden" not in run.err
    chatty = start("talk.talk", "-l", "debug")
    assert chatty.code() == 0
    assert "[talk] [DEBUG] hidden" in chatty.err


@pytest.mark.row("P21", "P15")
def test_debug_shows_the_configuration_and_turns_on_that_of_asyncio(start: Start) -> None:
    run = start("--debug", "-l", "critical", "garden.debug", config="PLACE = 'here'\n")

    assert (run.code(), run.out) == (0, "asyncio debug True")
    shown = json.loads(run.err)
    assert (shown["PLACE"], shown["DEBUG"], shown["LOG_LEVEL"]) == ("here", True, "critical")
    assert shown["BEANS"] == [{"core": "garden.debug"}]


@pytest.mark.row("P16")
def test_the_environment_is_read(start: Start) -> None:
    run = start("garden.hello", ATILITE_STOP_WAIT_TIME="soon")

    assert run.code() == 2
    assert run.err == "atilite: environment: STOP_WAIT_TIME cannot be 'soon' (it is a number, at least 0)"


@pytest.mark.row("P15", "P18")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stop-wait-time", "-1"), "command line: STOP_WAIT_TIME cannot be '-1' (it is a number, at least 0)"),
        (("-l", "loud"), "command line: LOG_LEVEL cannot be 'loud' (it is one of critical, "),
        (("--loop-type", "trio"), "command line: LOOP_TYPE cannot be 'trio' (it is one of auto, gevent, "),
        (("-c", "none.py"), "none.py: cannot be read: No such file or directory (give the path of a file of Python)"),
        (("garden.hello:x",), "command line: bean garden.hello: 'x' is not key=value"),
        (("garden.hello:processes=0",), "BEANS, number 1 (garden.hello): processes cannot be 0"),
        (("--speed",), "unrecognized arguments: --speed (see atilite pod run --help)"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line_with_exit_code_2(
    words: tuple[str, ...], said: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        code: object = main(["pod", "run", *words])
    except SystemExit as ended:
        code = ended.code

    shown = capsys.readouterr().err
    assert code == 2
    assert shown.startswith(f"atilite: {said}")
    assert shown.count("\n") == 1


@pytest.mark.row("P18")
def test_the_command_stands_in_the_help_and_has_one_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["--help"], ["pod", "--help"], ["pod", "run", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "pod run" in shown
    for flag in ("--config-file", "--log-level", "--debug", "--stop-wait-time", "--loop-type"):
        assert flag in shown
    assert main(["--port", "0", "pod", "run"]) == 2
    assert "let `pod run` be the first words" in capsys.readouterr().err


@pytest.mark.row("pod-defect-1")
def test_a_bean_that_raises_is_told_with_its_traceback_and_the_others_go_on_and_the_code_is_1(start: Start) -> None:
    run = start("garden.fails:label=seeds", "garden.Polite")

    run.wait_for("no seed left")
    run.wait_for("polite runs")
    run.send(signal.SIGTERM)

    assert run.code() == 1
    assert "polite ends" in run.out
    assert 'raise ValueError("no seed left")' in run.err
    assert run.lines["err"][-1] == "atilite: failed: bean 1 (seeds) (ValueError: no seed left)"


@pytest.mark.row("pod-promise-3")
def test_a_critical_bean_that_is_given_up_ends_the_pod_with_code_1(start: Start) -> None:
    keys = "label=seeds,critical=yes,restart=on_failure,max_restarts=1,restart_delay=0"
    run = start("garden.Polite", f"garden.fails:{keys}")

    assert run.code() == 1
    assert run.err.count("no seed left") >= 2
    assert "asked by SIGTERM" in run.out
    assert "polite ends" in run.out
    assert "(seeds) failed: ValueError: no seed left; starts again in 0 s" in run.err
    assert "[WARNING] bean 2 (seeds) failed: ValueError: no seed left (given up after 1 restarts)" in run.err
    assert run.lines["err"][-1].endswith("(seeds) (ValueError: no seed left (given up after 1 restarts))")


def test_what_a_bean_has_left_on_the_loop_puts_its_things_away_at_the_end(start: Start, folder: Path) -> None:
    (folder / "behind.py").write_text(
        dedent("""
        import asyncio

        kept = []

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                print("put away", flush=True)

        async def begins():
            kept.append(asyncio.create_task(work()))
            await asyncio.sleep(0)
        """),
        encoding="utf-8",
    )
    run = start("behind.begins")

    assert run.code() == 0
    assert run.lines == {"out": ["put away"], "err": []}


@pytest.mark.row("pod-promise-3")
def test_one_that_ends_again_and_again_is_given_up_with_the_reason(start: Start) -> None:
    run = start("garden.hello:label=short,restart=always,max_restarts=1,restart_delay=0")

    assert run.code() == 1
    assert "[atilite.pod] [WARNING] bean 1 (short) ended by itself (given up after 1 restarts)" in run.err
    assert run.lines["err"][-1] == "atilite: failed: bean 1 (short) (ended by itself (given up after 1 restarts))"


@pytest.mark.row("pod-promise-1")
def test_beans_that_wait_for_each_other_are_refused_by_name(start: Start) -> None:
    run = start("garden.Polite:label=a,needs=b", "garden.Polite:label=b,needs=a")

    assert run.code() == 2
    assert run.out == ""
    circle = "bean 1 (a) -> bean 2 (b) -> bean 1 (a)"
    assert run.lines["err"] == [
        f"atilite: these wait for each other and could never start: {circle} (take one `needs` away)"
    ]


def test_a_need_that_is_no_bean_is_a_wrong_value(start: Start) -> None:
    run = start("garden.Polite:label=a,needs=pump")

    assert run.code() == 2
    assert run.lines["err"] == ["atilite: 'bean 1 (a)' needs 'pump', which does not exist (correct its `needs`)"]


@pytest.mark.row("pod-defect-2", "P6")
def test_a_bean_that_cannot_be_loaded_keeps_the_pod_from_starting(start: Start) -> None:
    run = start("garden.Polite", "garden.helo", "nowhere.bean")

    assert run.code() == 1
    assert run.out == ""
    assert "garden has no helo; did you mean hello? (correct it, or make the bean optional)" in run.err
    assert "there is no module nowhere" in run.err


@pytest.mark.row("pod-defect-2")
def test_a_traceback_is_shown_of_a_module_that_fails_and_of_nothing_else(start: Start, folder: Path) -> None:
    (folder / "leaky.py").write_text("raise OSError('no pipe')\n", encoding="utf-8")

    run = start("garden.helo", "leaky.drip")

    assert run.code() == 1
    assert run.err.count("Traceback") == 1
    assert f'last):\n  File "{folder / "leaky.py"}", line 1, in <module>\n' in run.err


@pytest.mark.row("pod-defect-2")
def test_of_a_class_that_raises_the_kind_of_the_error_is_told(start: Start, folder: Path) -> None:
    text = "class Drip:\n    def __init__(self, context): raise KeyError(3)\n    async def __call__(self): ...\n"
    (folder / "choosy.py").write_text(text, encoding="utf-8")

    run = start("choosy.Drip")

    assert run.code() == 1
    told = "atilite: bean choosy.Drip cannot be loaded: KeyError: 3 (correct it, or make the bean optional)"
    assert told in run.err.splitlines()


@pytest.mark.row("pod-defect-2", "P6")
def test_an_optional_bean_may_be_missing_and_takes_no_id(start: Start) -> None:
    run = start("nowhere.bean:optional=true", "garden.Polite")

    run.wait_for("polite runs as 1")
    run.send(signal.SIGTERM)
    assert run.code() == 0
    assert "nowhere" in run.err


@pytest.mark.row("P11", "P12", "pod-promise-6")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_is_handed_to_the_beans_and_the_end_of_all_is_a_good_one(
    start: Start, number: signal.Signals
) -> None:
    run = start("garden.Polite", "garden.slow")
    run.wait_for("polite runs")
    run.wait_for("slow runs")

    run.send(number)

    assert run.code() == 0, run.err
    assert f"asked by {number.name}" in run.out
    assert "slow ends" in run.out


@pytest.mark.row("P12", "pod-defect-3", "pod-promise-6")
def test_what_has_not_ended_in_time_is_cancelled_and_named(start: Start) -> None:
    run = start("garden.endless:label=mill", "garden.Polite", "--stop-wait-time", "0.2")
    run.wait_for("polite runs")
    run.wait_for("endless runs")

    run.send(signal.SIGTERM)

    assert run.code() == 1
    assert "endless was cancelled" in run.out
    assert run.lines["err"][-1] == "atilite: at the deadline these had to be ended: bean 1 (mill)"


@pytest.mark.row("P12", "pod-defect-6", "pod-promise-6")
def test_a_second_signal_makes_the_deadline_now(start: Start) -> None:
    run = start("garden.endless", "garden.Polite", "--stop-wait-time", "600")
    run.wait_for("polite runs")
    run.wait_for("endless runs")

    run.send(signal.SIGTERM)
    run.wait_for("polite ends")
    run.send(signal.SIGTERM)

    assert run.code() == 1
    assert "endless was cancelled" in run.out
    assert run.out.count("asked by") == 1


@pytest.mark.row("pod-promise-10")
def test_a_signal_while_beans_are_loaded_ends_it_before_any_has_begun(start: Start, folder: Path) -> None:
    (folder / "heavy.py").write_text(
        "import threading\n\nprint('loading', flush=True)\nthreading.Event().wait()\n", encoding="utf-8"
    )
    run = start("garden.Polite", "heavy.bean")
    run.wait_for("loading")

    run.send(signal.SIGTERM)

    assert run.code() == 0
    assert "polite runs" not in run.out


@pytest.mark.row("pod-promise-10")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_configuration_is_read_ends_it_too(start: Start, number: signal.Signals) -> None:
    run = start(config="import threading\nprint('reading', flush=True)\nthreading.Event().wait()\n")
    run.wait_for("reading")

    run.send(signal.SIGHUP)
    run.send(number)

    assert run.code() == 0
    assert run.err == ""


@pytest.mark.row("pod-promise-10", "P11")
def test_a_signal_while_beans_start_ends_them(start: Start) -> None:
    waits = "garden.Polite:needs=never,name=second"
    run = start("garden.Polite:ready=explicit", waits, "garden.slow:label=never,ready=explicit")
    run.wait_for("slow runs")

    run.send(signal.SIGTERM)

    assert run.code() == 0, run.err
    assert "second runs" not in run.out


@pytest.mark.row("pod-promise-6", "P21")
def test_processes_of_a_bean_write_to_the_log_and_end_with_the_pod(start: Start) -> None:
    run = start("garden.Polite:label=web,processes=2", "garden.slow:processes=2", "--loop-type", "asyncio")
    run.wait_for("[atilite.pod.web] [INFO] process 1: polite runs as ")
    run.wait_for("[atilite.pod.web] [INFO] process 2: polite runs as ")
    run.wait_for("slow runs", times=2)

    run.send(signal.SIGTERM)

    assert run.code() == 0, run.err
    assert run.err.count("asked by SIGTERM") == 2
    assert run.err.count("slow ends") == 2


@pytest.mark.row("pod-defect-5", "pod-promise-6")
def test_a_process_that_does_not_end_is_killed_and_its_bean_named(start: Start, folder: Path) -> None:
    (folder / "deaf.py").write_text(
        "import os, threading\n\n"
        "def run():\n    print('deaf', os.getpid(), flush=True)\n    threading.Event().wait()\n", encoding="utf-8",
    )
    run = start("deaf.run:label=wall,processes=2,stop_timeout=0.5", "--stop-wait-time", "0.1")
    run.wait_for(": deaf ", times=2)

    run.send(signal.SIGTERM)

    assert run.code() == 1
    assert "is killed: it did not end in time" in run.err
    assert run.lines["err"][-1] == "atilite: at the deadline these had to be ended: bean 1 (wall)"
    for pid in re.findall(r": deaf (\d+)", run.err):
        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.row("P11")
def test_hanging_up_reads_the_configuration_again_and_touches_only_what_has_changed(start: Start, folder: Path) -> None:
    table = "{{'core': 'garden.Polite', 'label': '{0}', 'name': '{1}'}}, "
    config = "BEANS = [" + table.format("a", "first") + table.format("b", "second") + table.format("c", "third") + "]"
    run = start(config=config)
    for name in ("first runs as 1", "second runs as 2", "third runs as 3"):
        run.wait_for(name)

    fresh = "BEANS = [" + table.format("a", "first") + table.format("b", "changed") + table.format("d", "new") + "]"
    (folder / "config.py").write_text(fresh, encoding="utf-8")
    run.send(signal.SIGHUP)

    run.wait_for("the configuration was read again: 1 restarted, 1 added, 1 removed")
    for name in ("changed runs as 4", "new runs as 5"):
        run.wait_for(name)
    assert run.out.count("first runs") == 1
    (folder / "config.py").write_text("BEANS = 3", encoding="utf-8")
    run.send(signal.SIGHUP)
    run.wait_for("the configuration stays as it was: config.py: BEANS cannot be 3")
    (folder / "config.py").write_text("BEANS = [{'core': 'nowhere.bean'}]", encoding="utf-8")
    run.send(signal.SIGHUP)
    run.wait_for("the configuration stays as it was: nowhere.bean: there is no module nowhere")
    run.send(signal.SIGTERM)
    assert run.code() == 0, run.err
    for name in ("first ends", "changed ends", "new ends"):
        assert name in run.out


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(WAIT)
        yield sock


def heard(manager: socket.socket, wanted: str) -> list[str]:
    """Everything until this line came, which is the last one."""
    lines: list[str] = []
    while wanted not in lines:
        lines += manager.recv(4096).decode().split("\n")
    return lines


@pytest.mark.row("pod-promise-5", "pod-promise-8")
def test_systemd_hears_when_the_beans_run_are_read_again_and_end(start: Start, manager: socket.socket) -> None:
    run = start(
        config="BEANS = [{'core': 'garden.Polite'}, {'core': 'garden.slow', 'ready': 'explicit', 'optional': True}]",
        NOTIFY_SOCKET=manager.getsockname(),
    )

    assert heard(manager, "READY=1")[-1] == "STATUS=1 of 2 beans run"
    run.send(signal.SIGHUP)
    told = heard(manager, "READY=1")
    assert "RELOADING=1" in told
    assert any(re.fullmatch(r"MONOTONIC_USEC=\d+", line) for line in told)
    run.send(signal.SIGTERM)
    assert "STOPPING=1" in heard(manager, "STOPPING=1")
    assert run.code() == 0, run.err


@pytest.mark.row("pod-promise-10")
def test_the_watchdog_is_fed_while_the_hub_turns(start: Start, manager: socket.socket) -> None:
    run = start("garden.Polite:critical=true", NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="100000")

    heard(manager, "READY=1")
    for _ in range(3):
        heard(manager, "WATCHDOG=1")
    run.send(signal.SIGTERM)
    assert run.code() == 0, run.err


@pytest.mark.row("pod-promise-5")
@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], True),
        ([("running", False), ("stopped", False), ("degraded", False)], True),
        ([("starting", True), ("running", False)], True),
        ([("failed", True), ("running", False)], True),
        ([("starting", False)], False),
        ([("new", False), ("running", False)], False),
        ([("restarting", False)], False),
        ([("failed", False)], False),
    ],
)
def test_the_pod_is_ready_when_all_beans_but_the_optional_ones_run_or_have_ended_well(
    states: list[tuple[str, bool]], expected: bool
) -> None:
    assert begun(states) is expected


@pytest.mark.row("pod-promise-10")
@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([("running", True), ("stopped", False), ("failed", False)], True),
        ([("starting", True)], True),
        ([("degraded", False)], False),
        ([("running", True), ("restarting", True)], False),
        ([("failed", True)], False),
    ],
)
def test_the_beans_are_well_while_none_is_degraded_and_the_critical_ones_run(
    states: list[tuple[str, bool]], expected: bool
) -> None:
    statuses = [SimpleNamespace(state=state, critical=critical) for state, critical in states]

    assert well(SimpleNamespace(statuses=lambda: statuses)) is expected  # type: ignore[arg-type]


def test_hangups_while_the_configuration_is_read_keep_one_thread_and_lead_to_one_more_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, go_on, threads = threading.Event(), threading.Event(), Threads(2)
    readings: list[object] = []
    command, pod = Command(None, {}, [], {}), Pod()

    def read() -> Config:
        readings.append(None)
        reading.set()
        go_on.wait(WAIT)
        return Config({})

    monkeypatch.setattr(command, "read", read)
    monkeypatch.setattr("atilite.cli.pod.reload", lambda *_: "nothing has changed")
    first = threads.submit(command._reload, pod)
    assert reading.wait(WAIT)
    others = [threads.submit(command._reload, pod) for _ in range(5)]

    assert threads.submit(int, "5").wait(WAIT) == 5, "the tasks of the beans go on"
    go_on.set()
    for one in (first, *others):
        one.wait(WAIT)
    assert len(readings) == 2
    threads.stop(WAIT)
