"""Shell commands and programs as tasks, each in a process group of its own."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from atilite.errors import TaskCancelled, TaskError, TaskTimeout
from atilite.lazily import LazyModule
from atilite.runtime.executors import Threads
from atilite.runtime.outflow import Tap, Told, pour
from atilite.runtime.promise import Promise, Work

if TYPE_CHECKING:
    import subprocess
else:
    # Few programs start others.
    subprocess = LazyModule("subprocess")


class Subprocesses:
    """Runs programs, each in its own process group, so that its end is the end of all its children too."""

    def __init__(self, size: int = 32, *, grace: float = 2.0) -> None:
        """`size` programs at a time; `grace` is the time in seconds between SIGTERM and SIGKILL."""
        self.threads = Threads(size, name="atilite-subprocess")
        self._grace = grace
        self._lock = threading.Lock()
        self._running: set[_Program] = set()

    def run(
        self,
        command: str | Sequence[str],
        timeout: float | None = None,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
    ) -> Promise[str]:
        """Start `command` (a string goes to the shell, a list does not) and promise what it prints. Any thread.

        After `timeout` seconds its process group is ended (SIGTERM, then SIGKILL) and the promise fails with
        TaskTimeout; a cancel does the same. An exit code other than 0 is a SystemError with the text of stderr.
        """
        options = {"cwd": cwd, "env": env, "input": input}
        return self._begin(_Program(command, timeout, self._grace, options))

    def stream(
        self,
        command: Sequence[str],
        told: Told,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
    ) -> Promise[int]:
        """Start `command`, a list, and call `told("stdout" or "stderr", text)` while it writes; promise its exit code.

        A code below 0 is the number of the signal that ended it. `told` is called in a thread of its own, with the
        context variables of the caller. When the program ends, and when it is cancelled, its whole process group
        does. Any thread.
        """
        options = {"cwd": cwd, "env": env, "input": input}
        return self._begin(_Streamed(command, None, self._grace, options, told))

    def _begin(self, program: _Program) -> Promise[Any]:
        promise: Work[Any] = Work(program.cancel)
        with self._lock:
            self._running.add(program)
        queued = self.threads.submit(self._attend, program)
        queued.on_done(lambda ended: promise.settle(ended.value, ended.error))
        return promise

    def stop(self, timeout: float = 5.0) -> int:
        """End all that run, with force after so many seconds; return how many threads still wait for one then."""
        with self._lock:
            running = list(self._running)
        for program in running:
            program.cancel()
        left = self.threads.stop(timeout)
        for program in running:
            program.kill()
        return left

    def _attend(self, program: _Program) -> Any:
        try:
            return program.run()
        finally:
            with self._lock:
                self._running.discard(program)


class _Program:
    """One program from its start to the end of its group."""

    def __init__(
        self, command: str | Sequence[str], timeout: float | None, grace: float, options: dict[str, Any]
    ) -> None:
        self._command = command
        # Without its arguments: there may be secrets among them.
        self.watched_name = program_name(command)
        self._timeout = timeout
        self._grace = grace
        self._input: str | None = options.pop("input")
        self._options = options
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False

    def cancel(self) -> None:
        """End the group; the promise is settled when it is gone."""
        with self._lock:
            self._unwanted = True
            process = self._process
        if process is not None:
            self._signal(process, signal.SIGTERM)
            killer = threading.Timer(self._grace, self.kill)
            killer.daemon = True
            killer.start()

    def kill(self) -> None:
        """End what is left of the group, without asking; nothing if all has ended."""
        with self._lock:
            if self._process is not None:
                self._signal(self._process, signal.SIGKILL)

    def run(self) -> Any:
        process = self._start()
        try:
            output, errors = process.communicate(self._bytes_in(), self._timeout)
        except subprocess.TimeoutExpired:
            self._end(process)
            raise self._timed_out() from None
        finally:
            with self._lock:
                self._process = None
        if self._unwanted:
            # Its output has ended, but somebody in the group may have closed that and gone deaf.
            self._signal(process, signal.SIGKILL)
            raise TaskCancelled("the program was ended because its task was cancelled")
        if process.returncode != 0:
            raise SystemError(_text(errors).strip() or exit_text(process.returncode))
        return _text(output)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._unwanted:
                raise TaskCancelled("the task was cancelled before its program was started")
            self._process = subprocess.Popen(
                self._command,
                shell=isinstance(self._command, str),
                stdin=self._stdin(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                **self._options,
            )
            return self._process

    def _stdin(self) -> Any:
        return subprocess.DEVNULL if self._input is None else subprocess.PIPE

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._signal(process, signal.SIGTERM)
        if self._gone(process):
            # The leader went; a child of it may have ignored the signal.
            self._signal(process, signal.SIGKILL)
            return
        self._signal(process, signal.SIGKILL)
        if not self._gone(process):
            raise TaskError(f"{self._command!r} survives SIGKILL")

    def _gone(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it has ended and nobody holds its output any more."""
        try:
            process.communicate(timeout=self._grace)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal(self, process: subprocess.Popen[bytes], number: int) -> None:
        # The group is named after its leader and may outlive it: a shell's background children.
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):  # all gone, or only ended ones that nobody has waited for
            return

    def _bytes_in(self) -> bytes | None:
        return None if self._input is None else self._input.encode()

    def _timed_out(self) -> Exception:
        if self._unwanted:
            return TaskCancelled("the program was ended because its task was cancelled")
        return TaskTimeout(f"{self._command!r} took longer than {self._timeout} s and was ended")


class _Streamed(_Program):
    """A program whose output is handed on while it writes it."""

    def __init__(
        self, command: Sequence[str], timeout: float | None, grace: float, options: dict[str, Any], told: Told
    ) -> None:
        super().__init__(command, timeout, grace, options)
        self._told = told

    def run(self) -> Any:
        process = self._start()
        out, err = process.stdout, process.stderr
        assert out is not None
        assert err is not None
        try:
            with out, err:
                taps = {
                    out.fileno(): Tap(out.fileno(), "stdout", self._told),
                    err.fileno(): Tap(err.fileno(), "stderr", self._told),
                }
                pour(process.pid, lambda: process.poll() is not None, taps)
            process.wait()
        finally:
            # Whoever of the group is left has nobody to write to any more.
            self._signal(process, signal.SIGKILL)
            process.wait()
            with self._lock:
                self._process = None
        if self._unwanted:
            raise TaskCancelled("the program was ended because its task was cancelled")
        return process.returncode

    def _start(self) -> subprocess.Popen[bytes]:
        if self._input is None:
            return super()._start()
        # A file and no pipe: nobody has to write while the output is read.
        with _file_of(self._input) as self._given:
            return super()._start()

    def _stdin(self) -> Any:
        return subprocess.DEVNULL if self._input is None else self._given


def _file_of(text: str) -> IO[bytes]:
    """An open file without a name that holds `text`, in memory where the system has such files."""
    memory = getattr(os, "memfd_create", None)
    file: IO[bytes] = os.fdopen(memory("atilite"), "w+b") if memory else tempfile.TemporaryFile()  # noqa: SIM115
    file.write(text.encode())
    file.seek(0)
    return file


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def program_name(command: str | Sequence[str]) -> str:
    """The program of a command, without what it is given."""
    words = command.split() if isinstance(command, str) else [str(word) for word in command]
    return next((word for word in words if "=" not in word), "a program")


def exit_text(code: int) -> str:
    """Say in words how a process ended, from its return code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
