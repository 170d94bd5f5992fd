"""Beans in processes of their own: kept up, asked to end, killed when they must be, and never left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from atilite.clock import Clock
from atilite.pod import processes
from atilite.pod.configuring import Config
from atilite.pod.pod import Pod
from atilite.pod.processes import Crew, _Member
from atilite.pod.spec import BeanSpec
from atilite.runtime.engine import Runtime
from atilite.runtime.promise import Promise
from atilite.runtime.unit import Life

WAIT = 60.0  # seconds; only to tell what hangs from what is slow

WORKERS = '''\
import asyncio
import os
import signal
import sys


def say(*words):
    os.write(1, f"{' '.join(map(str, words))}\\n".encode())


def plain(context, place="here"):
    say("plain", place, os.getpid())
    context.wait()
    say("plain ends")


async def polite(**kwargs):
    say("polite", os.getpid())
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("cancelled")
        raise


class Server:
    def __init__(self, context):
        self.context, self.over = context, asyncio.Event()
        context.add_signal_handler("SIGTERM", self.on_stop)

    def on_stop(self, signal, **kwargs):
        self.over.set()

    async def __call__(self, **kwargs):
        say("server", self.context.config.PLACE, os.getpid())
        await self.over.wait()
        say("server ends")


class Bell:
    def __init__(self, context):
        self.context, self.rung = context, asyncio.Event()
        context.add_signal_handler("ring", self.ring)

    def ring(self, times, senders, signal):
        say("rung", times, "by", *senders)

    async def __call__(self, **kwargs):
        context = self.context
        say("bell", context.id, context.process, context.label, context.bean)
        for call in (context.get_beans, context.wait_beans_done, lambda label: context.send_signal("x", labels=label)):
            try:
                call("other")
            except KeyError as error:
                say("refused:", error)
        say("alone", len(context.get_beans(context.id)), await context.send_signal("none", labels=context.id))
        await context.ending


def deaf(context):
    say("deaf", os.getpid())
    while True:
        context.wait(0.05) and signal.pause()


def parent(context):
    import subprocess

    say("deaf", subprocess.Popen(["sleep", "600"]).pid)
    deaf(context)


def short():
    import logging

    logging.getLogger("workers").warning("short of time")
    sys.stderr.write("and of words")


def fails():
    raise ValueError("no water")


def exits(code):
    os._exit(int(code))


def dies():
    os.kill(os.getpid(), signal.SIGKILL)
'''


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "workers.py").write_text(WORKERS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


class Heard(logging.Handler):
    """What the log of the crew's bean says; `wait_for` some of it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._wanted: list[tuple[Callable[[list[str]], bool], Promise[None]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.levelname} {record.getMessage()}")
        for wanted, promise in self._wanted:
            if wanted(self.lines):
                promise.set(None)

    def wait_for(self, text: str, times: int = 1) -> list[str]:
        """Wait for so many lines with `text` in them, and return those."""

        def wanted(lines: list[str]) -> bool:
            return sum(text in line for line in lines) >= times

        promise: Promise[None] = Promise()
        self._wanted.append((wanted, promise))
        if not wanted(self.lines):
            try:
                promise.wait(WAIT)
            except TimeoutError:
                raise AssertionError(f"no {text!r} in {self.lines}") from None
        return [line for line in self.lines if text in line]

    def pids(self, text: str, times: int) -> list[int]:
        return [int(line.rsplit(" ", 1)[1]) for line in self.wait_for(text, times)]


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    runtime = Runtime()
    yield runtime
    runtime.stop(5.0)


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


Make = Callable[..., Crew]


@pytest.fixture
def crew(workers: Path, runtime: Runtime) -> Iterator[Make]:
    made: list[Crew] = []

    def make(core: str, processes: int = 2, ready: Callable[[], None] = lambda: None, **keys: Any) -> Crew:
        spec = BeanSpec.of({"core": core, "processes": processes, **keys})
        log = logging.getLogger("atilite.pod.crew")
        config = Config({"PLACE": "garden", "LOCK": threading.Lock()})
        made.append(Crew(spec, log, config=config, runtime=runtime, clock=Clock(), ready=ready))
        return made[-1]

    yield make
    for one in made:
        one.kill()
        one.ask()


def gone(pid: int) -> bool:
    """Whether the process has ended, a zombie's time included."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.row("pod-promise-6")
def test_a_bean_runs_in_so_many_processes_of_its_own_and_all_are_asked_to_end(crew: Make, heard: Heard) -> None:
    ready: Promise[None] = Promise()
    one = crew("workers.plain", 3, place="there", ready=lambda: ready.set(None))
    work = one.begin()
    pids = heard.pids("plain there", 3)

    assert len({*pids, os.getpid()}) == 4
    ready.wait(WAIT)
    one.ask()
    work.wait(WAIT)
    assert sum("plain ends" in line for line in heard.lines) == 3
    assert all(gone(pid) for pid in pids)


@pytest.mark.row("P21")
def test_what_they_write_and_log_reaches_the_log(crew: Make, heard: Heard) -> None:
    crew("workers.short", 1).begin().wait(WAIT)

    assert "workers WARNING process 1: short of time" in heard.lines
    assert "atilite.pod.crew WARNING process 1: and of words" in heard.lines


def test_every_kind_of_bean_stops_there_as_it_does_here(crew: Make, heard: Heard) -> None:
    server, polite = crew("workers.Server"), crew("workers.polite", 2, stop_timeout=WAIT)
    works = [server.begin(), polite.begin()]
    heard.wait_for("server garden", 2)
    heard.wait_for("process 1: polite")
    heard.wait_for("process 2: polite")

    server.ask()
    polite.cancel()

    works[0].wait(WAIT)
    assert sum("server ends" in line for line in heard.lines) == 2
    works[1].wait(WAIT)
    assert sum("cancelled" in line for line in heard.lines) == 2


@pytest.mark.row("pod-promise-6", "pod-defect-5")
def test_one_that_does_not_listen_is_killed_before_its_time_is_over(crew: Make, heard: Heard) -> None:
    one = crew("workers.deaf", 2, stop_timeout=0.5)
    work = one.begin()
    pids = heard.pids(": deaf", 2)

    one.cancel()

    work.wait(WAIT)
    assert all(gone(pid) for pid in pids)


@pytest.mark.row("pod-promise-2")
@pytest.mark.parametrize(
    ("core", "keys", "error"),
    [
        ("workers.short", {}, None),
        ("workers.exits", {"code": 0}, None),
        ("workers.exits", {"code": 3}, "exit code 3"),
        ("workers.fails", {}, "no water"),
        ("workers.dies", {}, "SIGKILL"),
    ],
)
def test_how_it_ended_is_judged_by_the_process(
    core: str, keys: dict[str, Any], error: str | None, crew: Make
) -> None:
    work = crew(core, 2, **keys).begin()

    if error is None:
        work.wait(WAIT)
    else:
        with pytest.raises(Exception, match=error):
            work.wait(WAIT)


@pytest.mark.row("pod-promise-2", "pod-promise-3")
def test_each_is_started_again_by_itself_and_one_that_is_given_up_takes_the_others_along(
    crew: Make, heard: Heard
) -> None:
    one = crew("workers.plain", 2, restart="on_failure", restart_delay=0, max_restarts=2)
    work = one.begin()
    pids = heard.pids("process 1: plain", 1)
    other = heard.pids("process 2: plain", 1)

    for times in (2, 3):
        os.kill(pids[-1], signal.SIGKILL)
        pids = heard.pids("process 1: plain", times)
    assert not gone(other[0])
    os.kill(pids[-1], signal.SIGKILL)

    with pytest.raises(Exception, match="SIGKILL"):
        work.wait(WAIT)
    assert gone(other[0])


@pytest.fixture
def pod(workers: Path) -> Iterator[Pod]:
    pod = Pod(loop_type="asyncio", stop_wait_time=WAIT)
    yield pod
    for _ in range(2):
        pod.stop()
    pod.done.wait(WAIT)


@pytest.mark.row("P8")
def test_a_process_knows_the_id_of_its_bean_and_its_own_number_and_that_it_is_alone(pod: Pod, heard: Heard) -> None:
    idle = pod.add_bean(asyncio.sleep, label="other", delay=1000)
    pod.add_bean("workers.Bell", processes=2, label="bell")
    pod.start()

    lines = heard.wait_for(": bell", 2)
    assert sorted(line.split(": ", 1)[1] for line in lines) == [f"bell 2 {n} bell bean 2 (bell)" for n in (1, 2)]
    refused = heard.wait_for("refused:", 6)
    assert all("'other' is not in this process: a bean with processes=... sees nobody" in line for line in refused)
    heard.wait_for("alone 1 0", 2)
    assert idle is not None
    assert idle.context.process is None


@pytest.mark.row("P10")
def test_a_signal_of_the_pod_reaches_the_processes_of_a_bean_and_is_counted(pod: Pod, heard: Heard) -> None:
    pod.add_bean("workers.Bell", processes=2, label="bell")
    other = pod.add_bean(asyncio.sleep, label="other", delay=1000)
    pod.start()
    heard.wait_for("alone", 2)
    assert other is not None

    assert other.context.send_signal("ring", labels="bell", times=3).fetch(WAIT) == 2
    assert pod.send_signal("ring", labels="other", times=4).fetch(WAIT) == 0
    assert [pod.send_signal("ring", times=times) for times in range(100)][-1].fetch(WAIT) == 2
    assert len(heard.wait_for("rung 3 by bean 2 (other)", 2)) == 2
    heard.wait_for("rung 99 by the pod", 2)
    assert not any("rung 4 by bean" in line for line in heard.lines)
    one = [line for line in heard.lines if "process 1: rung" in line and "the pod" in line]
    assert [int(line.split("rung ")[1].split()[0]) for line in one] == list(range(100))
    with pytest.raises(TypeError, match="'ring' cannot be sent to another process"):
        pod.send_signal("ring", times=threading.Lock())


@pytest.mark.row("P10")
def test_a_signal_to_a_process_that_has_ended_or_cannot_read_it_is_called_nowhere(
    pod: Pod, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.add_bean("workers.Bell", processes=2)
    pod.start()
    heard.wait_for("alone", 2)
    monkeypatch.setitem(sys.modules, "only_here", ModuleType("only_here"))
    only = type("Only", (), {"__module__": "only_here"})
    monkeypatch.setattr(sys.modules["only_here"], "Only", only, raising=False)

    assert pod.send_signal("ring", times=only()).fetch(WAIT) == 0
    heard.wait_for("a signal from the pod cannot be read", 2)
    pod.stop().wait(WAIT)
    assert pod.send_signal("ring", times=1).fetch(WAIT) == 0


@pytest.mark.row("pod-promise-10")
def test_none_is_left_behind_when_the_parent_is_killed(workers: Path, tmp_path: Path) -> None:
    pod = subprocess.Popen(
        [sys.executable, "-m", "atilite", "pod", "run", "workers.parent:processes=2"],
        cwd=workers, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert pod.stderr is not None
    try:
        pids: list[int] = []
        for line in pod.stderr:
            if ": deaf " in line:
                pids.append(int(line.rsplit(" ", 1)[1]))
            if len(pids) == 4:  # theirs, and those of what they have started
                break
        watches = [os.pidfd_open(pid) for pid in pids]

        pod.kill()

        for watch in watches:
            assert select.select([watch], [], [], WAIT)[0], "it goes on without its parent"
            os.close(watch)
    finally:
        pod.kill()
        pod.wait(WAIT)
        pod.stderr.close()


@pytest.mark.usefixtures("workers")
def test_signals_for_a_process_that_does_not_listen_keep_one_thread_and_come_in_their_order(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens, sent = threading.Event(), []

    def send(self: _Member, kind: str, number: int, data: bytes) -> bool:
        listens.wait(WAIT)
        sent.append(data)
        return False

    monkeypatch.setattr(_Member, "send", send)
    life = Life("plain, process 1", 1, None)  # type: ignore[arg-type]
    spec = BeanSpec.of({"core": "workers.plain", "processes": 2})
    member = _Member(spec, {}, life, logging.getLogger("workers"), runtime.threads)
    texts = [str(number).encode() for number in range(3 * runtime.threads.size)]

    called = [member.hand_over(text) for text in texts]

    assert runtime.threads.submit(int, "5").wait(WAIT) == 5, "the other tasks go on"
    listens.set()
    assert [one.wait(WAIT) for one in called] == [0] * len(texts)
    assert sent == texts


@pytest.mark.usefixtures("workers")
def test_signals_for_a_process_that_is_stuck_are_refused_once_too_many_wait(
    runtime: Runtime, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens = threading.Event()
    monkeypatch.setattr(processes, "MOST_SIGNALS", 5)
    monkeypatch.setattr(_Member, "send", lambda *_: not listens.wait(WAIT))
    life = Life("plain, process 1", 1, None)  # type: ignore[arg-type]
    spec = BeanSpec.of({"core": "workers.plain", "processes": 2})
    member = _Member(spec, {}, life, logging.getLogger("workers"), runtime.threads)

    called = [member.hand_over(b"") for _ in range(8)]

    assert [one.done for one in called] == [False] * 5 + [True] * 3
    assert [one.result() for one in called[5:]] == [0] * 3
    assert sum("process 1: 5 signals wait for it; it gets no more" in line for line in heard.lines) == 1
    listens.set()
    assert [one.wait(WAIT) for one in called[:5]] == [0] * 5
    assert member.hand_over(b"").wait(WAIT) == 0
