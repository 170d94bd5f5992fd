"""Functions in other processes: for work that needs a core of its own, or that may crash."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from atilite.errors import TaskCancelled, TaskError
from atilite.lazily import LazyModule
from atilite.runtime.executors import Threads
from atilite.runtime.isolated import Heard, Isolated
from atilite.runtime.leaving import end_with_parent
from atilite.runtime.loop import describe
from atilite.runtime.outflow import Told
from atilite.runtime.pickled import answer_of, opened
from atilite.runtime.promise import Promise, Work
from atilite.runtime.subprocesses import exit_text

if TYPE_CHECKING:
    import multiprocessing
    from multiprocessing import reduction
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
else:
    # Few programs use other processes.
    multiprocessing = LazyModule("multiprocessing")
    reduction = LazyModule("multiprocessing.reduction")

P = ParamSpec("P")
T = TypeVar("T")


class Processes:
    """A pool of processes, started when they are needed. All methods from any thread.

    Each process has a thread here that talks with it. A process that dies fails the one task that it was at; the
    next task gets a new one. They end with this process, however it ends.
    """

    def __init__(self, size: int | None = None) -> None:
        """`size` processes at most; None means as many as this process has cores."""
        self.size = size or len(os.sched_getaffinity(0))
        self.threads = Threads(self.size, name="atilite-process")
        self._lock = threading.Lock()
        self._stopped = False
        self._idle: list[_Child] = []
        self._children: set[_Child] = set()
        self._apart: set[Isolated] = set()

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Promise[T]:
        """Run `function` in another process. It must be importable there: defined at the top level of a module.

        A cancel kills the process that is at it.
        """
        name = describe(function)
        try:
            work = _Work(name, bytes(reduction.ForkingPickler.dumps((function, args, kwargs))))
        except Exception as error:
            return Promise.failed(
                TaskError(f"{name} cannot be sent to another process ({error}); define it at the top level of a module")
            )
        promise: Work[T] = Work(work.cancel)
        attended = self.threads.submit(self._attend, work)
        attended.on_done(lambda ended: promise.settle(ended.value, ended.error))
        return promise

    def isolate(
        self,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        told: Told,
        heard: Heard,
        *,
        wants_was: bool = False,
    ) -> Promise[Any]:
        """Run `function(**arguments)`, one at the top level of a module, in a process made for it alone.

        `told(stream, text)` gets what it writes, `heard(kind, parts)` what it sends through its `Line`, which it gets
        as first argument if it wants `was`; both in a thread with the caller's context. A cancel raises SystemExit in
        it, so that its `finally` blocks run, and two seconds later kills its process group. Raises TaskError for a
        function that is not importable.
        """
        apart = Isolated(function, arguments, told, heard, wants_was=wants_was)
        promise: Work[Any] = Work(apart.cancel)
        with self._lock:
            if self._stopped:
                return Promise.failed(TaskError(f"{apart.name} was not started: the processes have been stopped"))
            self._apart.add(apart)
        attended = self.threads.dedicated(self._attend_apart, apart)
        attended.on_done(lambda ended: promise.settle(ended.value, ended.error))
        return promise

    def _attend_apart(self, apart: Isolated) -> Any:
        try:
            return apart.run()
        finally:
            with self._lock:
                self._apart.discard(apart)

    def stop(self, timeout: float = 5.0) -> int:
        """Cancel what is queued, wait so many seconds for what runs, end all processes; return how many were busy."""
        with self._lock:
            self._stopped = True
            idle, self._idle = self._idle, []
            apart = list(self._apart)
        for child in idle:
            self._dismiss(child)
        for one in apart:
            one.cancel()
        busy = self.threads.stop(timeout)
        with self._lock:
            working = list(self._children)
        for child in working:
            # Its own thread sees the end of it and tidies up: only one may wait for a process.
            child.kill()
        for one in apart:
            one.kill()
        return busy

    def _attend(self, work: _Work) -> Any:
        if work.unwanted:
            raise TaskCancelled("the task was cancelled before it began")
        child = self._hire()
        try:
            answer = child.do(work)
        except _Idle:
            # It had ended while it had nothing to do, so the work has not begun anywhere.
            self._dismiss(child)
            return self._attend(work)
        except _Died as death:
            self._dismiss(child)
            if work.unwanted:
                raise TaskCancelled("the process was ended because its task was cancelled") from None
            raise TaskError(f"the process of {work.watched_name} {death} before it had a result") from None
        self._rest(child)
        return opened(answer)

    def _rest(self, child: _Child) -> None:
        with self._lock:
            if not self._stopped:
                self._idle.append(child)
                return
        self._dismiss(child)

    def _hire(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    return child
                self._children.discard(child)
        child = _Child()
        with self._lock:
            self._children.add(child)
        return child

    def _dismiss(self, child: _Child) -> None:
        child.end()
        with self._lock:
            self._children.discard(child)


class _Died(Exception):
    """The process has ended; the text says how."""


class _Idle(Exception):
    """The process has ended before it began the work."""


class _Work:
    """A pickled call, and the child that is at it."""

    def __init__(self, name: str, call: bytes) -> None:
        self.watched_name = name
        self.call = call
        self.unwanted = False
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def cancel(self) -> None:
        with self._lock:
            self.unwanted = True
            if self._child is not None:
                self._child.kill()

    def begin(self, child: _Child) -> None:
        with self._lock:
            self._child = child
            if self.unwanted:
                child.kill()

    def finish(self) -> None:
        with self._lock:
            self._child = None


class _Child:
    """One process that does one piece of work after the other."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process: BaseProcess = spawn.Process(target=_serve, args=(theirs,), name="atilite-process", daemon=True)
        self._process.start()
        # One that ends before its first work cannot start at all: another one would not either.
        self._fresh = True
        # Only the child has that end now, so its death is the end of the pipe.
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def do(self, work: _Work) -> bytes:
        begun = self._fresh
        try:
            work.begin(self)
            self._pipe.send_bytes(work.call)
            self._pipe.recv_bytes()
            begun = True
            return self._pipe.recv_bytes()
        except (EOFError, OSError):
            if not begun and not work.unwanted:
                raise _Idle from None
            self._process.join(5)
            raise _Died(_ending(self._process.exitcode)) from None
        finally:
            self._fresh = False
            work.finish()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Let it go: it ends by itself when the pipe does; one that is busy is killed."""
        self._process.kill()
        self._process.join(5)
        self._pipe.close()


def _ending(code: int | None) -> str:
    if code is None:
        return "stopped answering"
    return f"ended ({exit_text(code)})"


def _serve(pipe: Connection) -> None:
    """Do what comes through the pipe until it ends. Runs in the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches children too; the parent decides
    # In the middle of the work if need be: nobody is left to take its result.
    end_with_parent(lambda: os._exit(1))
    while True:
        try:
            call = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send_bytes(b"begun")
        pipe.send_bytes(_perform(call))


def _perform(call: bytes) -> bytes:
    def begun() -> Any:
        function, args, kwargs = pickle.loads(call)
        return function(*args, **kwargs)

    return answer_of(begun)
