"""`processes=n`: a bean that runs in n processes of its own, each kept up by itself; cell.py is what runs in them."""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any

from atilite.clock import Clock
from atilite.pod.cell import PATIENT, live
from atilite.pod.configuring import portable
from atilite.pod.spec import BeanSpec
from atilite.runtime.alarm import Later
from atilite.runtime.engine import Runtime
from atilite.runtime.executors import Threads
from atilite.runtime.isolated import Isolated
from atilite.runtime.promise import Promise, Work
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.supervisor import Supervisor
from atilite.runtime.unit import AT_REST, Life, Plan, State, Transition

# Of the time that a bean has to end, the part after which its processes are killed: so they are gone at the end of it.
KILL_AT = 0.9
# Signals that wait for one process; of one that is stuck it is not known whether it ever takes them.
MOST_SIGNALS = 10_000


class Crew:
    """The processes of one life of a bean. Any thread; nothing blocks.

    Each is started again as the bean's policy says. One that is given up after that takes the others along: what fails
    over and over in one of them will in the next. Without restarts the others go on; either way `work` fails then.
    """

    def __init__(
        self,
        spec: BeanSpec,
        log: logging.Logger,
        *,
        config: Any,
        runtime: Runtime,
        clock: Clock,
        later: Later | None = None,
        ready: Callable[[], None] = lambda: None,
        loop_type: str = "auto",
        number: int = 1,
    ) -> None:
        """`ready` is called when all run for the first time. The beans over there see of `config` what can be sent.

        `number` is the id of the bean, here and there.
        """
        self._spec, self._log, self._runtime, self._ready = spec, log, runtime, ready
        self._number = number
        self._config = portable(config) | {"LOOP_TYPE": loop_type}
        self._supervisor = Supervisor(loop=runtime.loop, clock=clock, later=later, kind="process")
        self._members: dict[str, _Member] = {}
        self._error: BaseException | None = None
        self._closing = False
        self._lock = threading.Lock()
        # Whatever starts one of them again, what it says belongs to the life that they are.
        self._variables = copy_context()
        self.work: Work[None] = Work(self.cancel)

    def begin(self) -> Promise[None]:
        """Start them. Promises the end of all; a cancel stops them, by force if that takes too long."""
        spec = self._spec
        policy = RestartPolicy(spec.restart, spec.restart_delay, spec.max_restarts, spec.within)
        for number in range(1, spec.processes + 1):
            self._supervisor.add(
                Plan(
                    f"{spec.key}, process {number}", partial(self._live, number), policy, ready="explicit",
                    start_timeout=spec.start_timeout, stop_timeout=PATIENT,
                )
            )  # fmt: skip
        self._supervisor.changed.listen(self._changed)
        self._supervisor.start_all()
        return self.work

    def ask(self) -> None:
        """Ask all to end, as a stop signal does, and start none again. They take what time they need."""
        with self._lock:
            first, self._closing = not self._closing, True
        if first:
            self._supervisor.stop_all(PATIENT)

    def cancel(self) -> None:
        """Ask all to end at once, and kill what is left just before the bean's `stop_timeout` is over."""
        self.ask()
        for member in list(self._members.values()):
            member.hurry()
        self._runtime.loop.call_later(self._spec.stop_timeout * KILL_AT, self.kill)

    def kill(self) -> None:
        """End all of them, and what they have started, without asking."""
        for name, member in list(self._members.items()):
            self._log.warning("%s is killed: it did not end in time", shown(name))
            member.kill()

    def send(self, signal: Hashable, sender: str, passed: Mapping[str, Any]) -> list[Promise[int]]:
        """Hand a signal to all that run; promises of each how many callbacks were called there.

        TypeError for what cannot be sent to another process.
        """
        try:
            data = pickle.dumps((signal, sender, dict(passed)))
        except Exception as error:
            raise TypeError(f"the signal {signal!r} cannot be sent to another process ({error})") from error
        return [member.hand_over(data) for member in list(self._members.values())]

    # -- one process

    def _live(self, number: int, life: Life) -> Promise[Any]:
        """Begin one life of one process."""
        given = {"config": self._config, "number": self._number, "process": number}
        member = self._members[life.name] = _Member(self._spec, given, life, self._log, self._runtime.threads)
        work: Work[Any] = Work(member.ask)
        attended = self._variables.copy().run(self._runtime.threads.dedicated, member.run)
        attended.on_done(lambda ended: self._left(life.name, ended, work))
        return work

    def _left(self, name: str, ended: Promise[Any], work: Work[Any]) -> None:
        self._members.pop(name, None)
        # One that is asked to end may do that in any way.
        error = None if self._closing else ended.error
        self._error = error or self._error
        work.settle(None, error)

    def _changed(self, change: Transition) -> None:
        if change.new in (State.RUNNING, State.RESTARTING, *AT_REST):
            told = (shown(change.name), change.new, change.reason)
            self._variables.copy().run(self._log.info, "%s: %s, %s", *told)
        states = {status.name: status.state for status in self._supervisor.statuses()} | {change.name: change.new}
        if all(state is State.RUNNING for state in states.values()):
            self._ready()
        if change.new is State.FAILED and self._spec.restart != "never" and not self._closing:
            self.ask()
        if all(state in AT_REST for state in states.values()):
            failed = self._error if State.FAILED in states.values() else None
            self.work.settle(None, failed)


class _Member(Isolated):
    """One life of one process: what it writes and logs is logged here."""

    def __init__(
        self, spec: BeanSpec, given: Mapping[str, Any], life: Life, log: logging.Logger, threads: Threads
    ) -> None:
        alone = replace(
            spec, processes=1, restart="never", needs=(), after=(), optional=False, critical=False, health=None
        )
        self._shown = shown(life.name)
        self._lines = {"stdout": _Lines(partial(log.info, "%s: %s", self._shown)),
                       "stderr": _Lines(partial(log.warning, "%s: %s", self._shown))}  # fmt: skip
        self._life, self._log, self._asked = life, log, False
        self._threads = threads
        # Signals on their way, and those whose callbacks are being called over there; None when it has ended.
        self._signals: deque[tuple[int, bytes]] = deque()
        self._called: dict[int, Promise[int]] | None = {}
        self._refuses = False
        self._numbers = itertools.count(1)
        self._order = threading.Lock()
        arguments = {**given, "spec": alone, "level": log.getEffectiveLevel()}
        super().__init__(live, arguments, self._write, self._hear, wants_was=True)
        self.name = spec.key

    def ask(self) -> None:
        """Let the pod over there ask its bean to end. Any thread, any number of times."""
        with self._lock:
            if not self._asked:
                self._asked = True
                self._tell(signal.SIGTERM)

    def hurry(self) -> None:
        """Let the pod over there cancel its bean. Any thread."""
        self.ask()
        with self._lock:
            # A second SIGTERM could arrive together with the first, and would be none.
            self._tell(signal.SIGINT)

    def _tell(self, number: signal.Signals) -> None:
        if self._process is None or self._process.pid is None:
            self._unwanted = True  # it need not be started any more
            return
        try:
            # The bean itself ends what it has started; only `kill` reaches further.
            os.kill(self._process.pid, number)
        except ProcessLookupError:
            self._log.debug("%s had ended before it could be told", self._shown)

    def hand_over(self, data: bytes) -> Promise[int]:
        """Send a signal, behind those before; promises how many callbacks were called. Any thread.

        None are, while MOST_SIGNALS wait: that is told in the log once, until one is taken again.
        """
        called: Promise[int] = Promise()
        with self._lock:
            if self._called is None:
                return Promise.completed(0)
            told, self._refuses = self._refuses, len(self._called) >= MOST_SIGNALS
            if self._refuses:
                if not told:
                    self._log.warning("%s: %d signals wait for it; it gets no more", self._shown, MOST_SIGNALS)
                return Promise.completed(0)
            number = next(self._numbers)
            self._called[number] = called
            self._signals.append((number, data))
        self._threads.submit(self._flush)
        return called

    def _flush(self) -> None:
        # One thread at a time: who comes meanwhile leaves it the rest, and does not wait for a busy process as well.
        # It looks once more when it has let go, so nothing is left behind by one that came just before.
        while self._signals and self._order.acquire(blocking=False):
            try:
                while self._signals:
                    number, data = self._signals.popleft()
                    if not self.send("signal", number, data):
                        self._settle(number, 0)
            finally:
                self._order.release()

    def _settle(self, number: int, count: int) -> None:
        with self._lock:
            called = (self._called or {}).pop(number, None)
        if called is not None:
            called.set(count)

    def run(self) -> Any:
        try:
            return super().run()
        finally:
            with self._lock:
                left, self._called = self._called or {}, None
            for called in left.values():
                called.set(0)
            for lines in self._lines.values():
                lines.close()

    def _write(self, stream: str, text: str) -> None:
        self._lines[stream].take(text)

    def _hear(self, kind: str, parts: tuple[Any, ...]) -> None:
        if kind == "ready":
            self._life.ready()
        elif kind == "called":
            self._settle(*parts)
        elif kind == "log":
            name, level, text = parts
            logging.getLogger(name).log(level, "%s: %s", self._shown, text)

    def _outcome(self, answer: bytes | None, code: int | None) -> Any:
        # It may end itself with os._exit: then its exit code is what it tells.
        return None if answer is None and code == 0 else super()._outcome(answer, code)


def shown(name: str) -> str:
    """What stands before the lines of one process, in a log that is the bean's already."""
    return name.rpartition(", ")[2]


class _Lines:
    """Pieces of text as whole lines."""

    def __init__(self, told: Callable[[str], object]) -> None:
        self._told, self._rest = told, ""

    def take(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._told(line)

    def close(self) -> None:
        if self._rest:
            self._told(self._rest)
            self._rest = ""
