"""A function in a process of its own, made for it and ended with it: whatever it does there costs nobody else anything.

What it prints, and what programs and libraries below it write, is handed on while it runs. It talks with this process
through a `Line`, which stands for `was` and for the current run over there.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from atilite.context import current_run
from atilite.errors import SetupError, TaskCancelled, TaskError
from atilite.forks import answered_here
from atilite.lazily import LazyModule
from atilite.logs import keep_open
from atilite.runtime.aio import Aio
from atilite.runtime.executors import Threads
from atilite.runtime.functions import kind_of
from atilite.runtime.kinds import run_function
from atilite.runtime.leaving import end_with_parent
from atilite.runtime.loop import process_loop
from atilite.runtime.outflow import Tap, Told, pour
from atilite.runtime.pickled import answer_of, opened
from atilite.runtime.subprocesses import exit_text

if TYPE_CHECKING:
    import importlib
    import multiprocessing
    from multiprocessing.connection import Connection
else:
    # Few programs use other processes.
    importlib = LazyModule("importlib")
    multiprocessing = LazyModule("multiprocessing")

log = logging.getLogger("atilite.runtime")

# Seconds that a function has for its `finally` blocks before its process is killed.
GRACE = 2.0

# What came through the line: its kind and its parts.
Heard = Callable[[str, tuple[Any, ...]], object]


def check_importable(function: Callable[..., Any]) -> None:
    """Raise SetupError for a function that another process could not find by its name."""
    name = getattr(function, "__qualname__", "")
    if not name or "<" in name or not getattr(function, "__module__", ""):
        raise SetupError(f"{name or function!r} has a process of its own, so define it at the top level of a module")


def address_of(function: Callable[..., Any]) -> tuple[str, str, int]:
    """Return module, qualified name and how many wrappers stand around `function` there; TaskError if it is elsewhere.

    Other decorators may have been put around it after it was registered; those are not meant.
    """
    module, name = function.__module__, function.__qualname__
    found = _named(module, name)
    for depth in range(100):
        if found is function:
            return module, name, depth
        found = getattr(found, "__wrapped__", None)
        if found is None:
            break
    raise TaskError(f"{module}.{name} is not the function of that name any more, so no other process can find it")


def _named(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class Isolated:
    """One call in a process of its own. Make it, then `run` it in a thread."""

    def __init__(
        self, function: Callable[..., Any], arguments: Mapping[str, Any], told: Told, heard: Heard, *, wants_was: bool
    ) -> None:
        """`told` gets what it writes, `heard` what comes through the line, both in the thread of `run`."""
        self.name = f"{function.__module__}.{function.__qualname__}"
        self._call = pickle.dumps((address_of(function), dict(arguments), wants_was))
        self._told, self._heard = told, heard
        self._lock = threading.Lock()
        self._unwanted = False
        self._process: Any = None
        # Held while something is sent, so that nobody closes the line meanwhile.
        self._sending = threading.Lock()
        self._line: Connection | None = None

    def send(self, kind: str, *parts: Any) -> bool:
        """Tell what the function hears by `Line.hear`; False if nobody is there yet or any more.

        Any thread; blocks while the other process is too busy to listen.
        """
        data = pickle.dumps((kind, *parts))
        with self._sending:
            try:
                if self._line is not None:
                    self._line.send_bytes(data)
                    return True
            except OSError as error:
                log.debug("%s could not be told of %s: %s", self.name, kind, error)
        return False

    def cancel(self) -> None:
        """Let the function run its `finally` blocks, then end all of its process group. Any thread."""
        with self._lock:
            self._unwanted = True
            process = self._process
        if process is not None:
            self._signal(signal.SIGTERM)
            killer = threading.Timer(GRACE, self.kill)
            killer.daemon = True
            killer.start()

    def kill(self) -> None:
        """End what is left of the group, without asking. Any thread."""
        self._signal(signal.SIGKILL)

    def run(self) -> Any:
        """Return what the function returned over there, or raise what it raised; TaskError if the process died."""
        spawn = multiprocessing.get_context("spawn")
        line, theirs = spawn.Pipe()
        outs = [spawn.Pipe(duplex=False) for _ in range(2)]
        process = spawn.Process(
            target=_serve, args=(theirs, outs[0][1], outs[1][1]), name=f"atilite-{self.name}", daemon=True
        )
        with self._lock:
            if self._unwanted:
                raise TaskCancelled("the task was cancelled before its process was started")
            process.start()
            self._process = process
        for end in (theirs, outs[0][1], outs[1][1]):
            end.close()  # only the child has those ends now, so its death is the end of the pipes
        try:
            answer = self._attend(process, line, [reading for reading, _ in outs])
        finally:
            self.kill()
            process.join()
            with self._lock:
                self._process = None
            with self._sending:
                self._line = None
            for end in (line, outs[0][0], outs[1][0]):
                end.close()
        return self._outcome(answer, process.exitcode)

    def _attend(self, process: Any, line: Connection, outs: list[Connection]) -> bytes | None:
        answers: list[bytes] = []

        def listen() -> bool:
            try:
                kind, *parts = pickle.loads(line.recv_bytes())
            except (EOFError, OSError):
                return False
            if kind == "answer":
                answers.append(parts[0])
            else:
                self._heard(kind, tuple(parts))
            return True

        try:
            line.send_bytes(self._call)
        except OSError:  # it died at once
            process.join(GRACE)
        else:
            with self._sending:
                self._line = line
        fds = [one.fileno() for one in outs]
        pour(
            process.pid,
            lambda: not process.is_alive(),
            {
                line.fileno(): listen,
                fds[0]: Tap(fds[0], "stdout", self._told),
                fds[1]: Tap(fds[1], "stderr", self._told),
            },
        )
        return answers[0] if answers else None

    def _outcome(self, answer: bytes | None, code: int | None) -> Any:
        if self._unwanted:
            raise TaskCancelled("the process was ended because its task was cancelled")
        if answer is None:
            how = "stopped answering" if code is None else f"ended ({exit_text(code)})"
            raise TaskError(f"the process of {self.name} {how} before it had a result")
        return opened(answer)

    def _signal(self, number: int) -> None:
        with self._lock:
            if self._process is None or self._process.pid is None:
                return
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):  # it has not come to its group yet, or all of it has ended
                self._process.kill() if number == signal.SIGKILL else self._process.terminate()


class Line:
    """What a function in a process of its own has of the run it belongs to: its `was`, and the current run."""

    # Its records go to the other process.
    remote = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.journal = self

    @property
    def cancelled(self) -> bool:
        """Whether the run should end."""
        return self._ended.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep for so long, but only until the run should end; True if it should."""
        return self._ended.wait(seconds)

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far the run is."""
        self.send("progress", done, total, text)

    def record(self, message: str, /, **events: Any) -> None:
        """Add a record to the journal of the run; its values are JSON, models or dataclasses."""
        self.send("record", message, events)

    def labels(self, *labels: str) -> None:
        """Put labels on the journal of the run."""
        self.send("labels", *labels)

    def send(self, kind: str, *parts: Any) -> None:
        """Send to the other process; TypeError for what cannot be sent."""
        try:
            data = pickle.dumps((kind, *parts))
        except Exception as error:
            raise TypeError(f"{kind}: it cannot be sent to the server's process ({error})") from error
        with self._lock:
            self._connection.send_bytes(data)

    def hear(self, heard: Heard) -> None:
        """Have `heard` called, in a thread of its own, with the kind and the parts of all that is sent here."""

        def listen() -> None:
            try:
                while True:
                    kind, *parts = pickle.loads(self._connection.recv_bytes())
                    heard(kind, tuple(parts))
            except (EOFError, OSError):
                return  # the other process has ended, and this one ends with it

        threading.Thread(target=listen, name="atilite-line", daemon=True).start()

    def end(self) -> None:
        """Note that the run should end."""
        self._ended.set()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"was.{name} is not there in a process of its own; there are cancelled, wait, progress, record and labels"
        )


class LogHandler(logging.Handler):
    """Sends what is logged over there to the journal of the run."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        # The formatter of no format: the message, and the traceback below it.
        self._line.send("log", record.name, record.levelno, self.format(record))


def _serve(connection: Connection, out: Connection, err: Connection) -> None:
    """Do the one call that comes through the line. Runs in the child."""
    os.setsid()  # with a group of its own: it is ended together with whatever it starts
    with open(os.devnull, "rb") as nothing:
        for file, number in ((nothing, 0), (out, 1), (err, 2)):
            os.dup2(file.fileno(), number)
    out.close()
    err.close()
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    keep_open()
    # A function that computes on several cores starts children of its own; this process takes them along when it ends.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    line = Line(connection)
    logging.getLogger().addHandler(LogHandler(line))
    if logging.getLogger().level == logging.WARNING:  # as in the server: what a run logs is part of its story
        logging.getLogger().setLevel(logging.INFO)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, partial(_asked_to_end, line))
    answered_here(signal.SIGTERM)
    # In the middle of the work if need be: nobody is left to take its result.
    end_with_parent(lambda: os.killpg(0, signal.SIGKILL))
    try:
        address, arguments, wants_was = pickle.loads(connection.recv_bytes())
        line.send("answer", _perform(line, address, arguments, wants_was))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    # Threads that it has left behind, endless ones perhaps, are no part of the run.
    os._exit(0)


def _asked_to_end(line: Line, *_: Any) -> NoReturn:
    line.end()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the finally blocks are not disturbed; SIGKILL comes soon enough
    raise SystemExit("the run was asked to end")


def _perform(line: Line, address: tuple[str, str, int], arguments: Mapping[str, Any], wants_was: bool) -> bytes:
    def call() -> Any:
        module, name, depth = address
        function = _named(module, name)
        for _ in range(depth):
            function = function.__wrapped__
        bound = partial(function, line, **arguments) if wants_was else partial(function, **arguments)
        return bound() if kind_of(function) == "plain" else _driven(bound)

    current_run.set(line)
    return answer_of(call)


def _driven(function: Callable[[], Any]) -> Any:
    return run_function(function, runtime=_Places()).wait()


class _Places:
    """Where generators and coroutines run over there."""

    def __init__(self) -> None:
        self.loop = process_loop()
        self.threads = Threads(loop=self.loop)
        self.aio = Aio()
