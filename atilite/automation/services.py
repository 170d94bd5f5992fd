"""`app.service`: functions that are kept running."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar, overload

from atilite.automation.capture import masked
from atilite.automation.duration import seconds_of
from atilite.automation.naming import check_decorated, description_of, name_of, source_of, texts_of
from atilite.automation.runs import Job, Run, Runs
from atilite.automation.storage import Storage
from atilite.errors import DuplicateName, Frozen, SetupError
from atilite.events import Emitter
from atilite.quickly import dataclass
from atilite.runtime.functions import innermost, wants_was
from atilite.runtime.promise import Promise
from atilite.runtime.restarts import RestartPolicy
from atilite.runtime.supervisor import Supervisor
from atilite.runtime.task import Task
from atilite.runtime.unit import Life, Plan, Transition

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("atilite.automation")

RESTARTS: dict[Any, Literal["always", "on_failure", "never"]] = {
    True: "always", False: "never", "always": "always", "on_failure": "on_failure", "never": "never",
}  # fmt: skip
# Its lengths of time, in seconds.
TIMES = {"restart_delay": 3.0, "within": 60.0, "stop_timeout": 10.0, "start_timeout": 30.0}


@dataclass(frozen=True, slots=True)
class Info:
    """A service at one moment; it never changes.

    `status` is stopped, starting, running, restarting, stopping or failed. `since` is when that began, None before
    the first start; `restart_delay` and `uptime` are in seconds; `error` and `traceback` are those of the last crash.
    `run` is the number of its last life's run, whose journal has what it said; `needs` are services that run before.
    """

    name: str
    description: str
    status: str
    autostart: bool
    restart: bool
    restart_delay: float
    restarts: int = 0
    since: datetime | None = None
    uptime: float | None = None
    error: str | None = None
    traceback: str | None = None
    critical: bool = False
    source: str = ""
    run: int | None = None
    needs: tuple[str, ...] = ()
    kind: str = "service"


class Others(Protocol):
    """What is kept running beside the services, told of and switched as they are. Any thread.

    A LookupError for an unknown name. `start_all` raises SetupError; `stop_all` blocks and names what did not end.
    """

    changed: Emitter[Info]

    @property
    def names(self) -> list[str]: ...
    def get(self, name: str) -> Info: ...
    def start(self, name: str) -> Promise[Any]: ...
    def stop(self, name: str) -> Promise[Any]: ...
    def restart(self, name: str) -> Promise[Any]: ...
    def faults(self) -> dict[str, str]: ...
    def freeze(self) -> None: ...
    def start_all(self) -> None: ...
    def stop_all(self, timeout: float) -> Promise[list[str]]: ...


class Services:
    """The services of one app. As a decorator it registers a function and returns it unchanged. Any thread.

    `service_changed` emits the Info of a service at each change of its status.
    """

    def __init__(self, storage: Storage, runs: Runs) -> None:
        self._storage, self._runs = storage, runs
        self._facts: dict[str, Info] = {}
        self._lives: dict[str, int] = {}  # the number of each one's last run
        self._frozen = False
        self.others: Others | None = None
        self.service_changed: Emitter[Info] = Emitter()

    @functools.cached_property
    def supervisor(self) -> Supervisor:
        """What keeps them running."""
        supervisor = Supervisor(loop=self._storage.runtime.loop, clock=self._storage.clock)
        supervisor.changed.listen(self._changed)
        return supervisor

    # -- registering

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self, *, name: str | None = None, description: str | None = None, autostart: bool = True,
        restart: bool | str = True, restart_delay: float | str = 3.0, max_restarts: int | None = None,
        within: float | str = 60.0, stop_timeout: float | str = 10.0, needs: Sequence[str] = (),
        after: Sequence[str] = (), ready: Literal["auto", "explicit"] = "auto", start_timeout: float | str = 30.0,
        health: Callable[[], bool] | None = None, critical: bool = False, replace: bool = False,
    ) -> Callable[[F], F]: ...  # fmt: skip
    def __call__(self, function: Any = None, **options: Any) -> Any:
        """Register the decorated function: `@app.service` or `@app.service(restart_delay=10)`.

        It is started with the app (`autostart=False`: by hand) and again when it ends, `restart_delay` seconds later,
        twice as long after each further crash; `restart="on_failure"` only when it crashed, False never. After
        `max_restarts` within so many seconds it is given up as failed. Asked to stop, a coroutine or generator is
        cancelled, a plain function sees `was.cancelled`; after `stop_timeout` it is left behind. `needs` names
        services that must run before, `after` those that only come before it if they start as well.
        `ready="explicit"` waits for `was.ready()`, at most `start_timeout` seconds. `health()` tells whether it is
        well: /healthz answers 503 while it is not, and while a `critical` one does not run. The process goes on.

        Raises DuplicateName, Frozen after the app has started, and SetupError.
        """

        def register(decorated: Callable[..., Any]) -> Callable[..., Any]:
            check_decorated("app.service", "name", decorated)
            self._register(decorated, **options)
            return decorated

        return register if function is None else register(function)

    def _register(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        autostart: bool = True,
        restart: bool | str = True,
        max_restarts: int | None = None,
        replace: bool = False,
        critical: bool = False,
        **options: Any,
    ) -> None:
        name = name or name_of(function)
        self._check(name, function, restart, replace, options)
        restart_delay, within, stop_timeout, start_timeout = (
            _length(options.pop(option, None), usual, f"service {name!r}: {option}") for option, usual in TIMES.items()
        )
        policy = RestartPolicy(RESTARTS[restart], restart_delay, max_restarts, within)
        told = description_of(function) if description is None else description
        job = Job(
            function, name, told, "service", wants_was(function), innermost=innermost(function), grace=stop_timeout,
            endless=True,
        )  # fmt: skip
        options["needs"], options["after"] = texts_of(options.get("needs")), texts_of(options.get("after"))
        self.supervisor.add(
            Plan(
                name, functools.partial(self._run, job), policy, autostart, stop_timeout=stop_timeout,
                start_timeout=start_timeout, critical=critical, **options,
            ),
            replace=replace,
        )  # fmt: skip
        self._facts[name] = Info(
            name, told, "stopped", autostart, policy.restart != "never", restart_delay, critical=critical,
            source=source_of(function), needs=options["needs"],
        )  # fmt: skip

    def _check(
        self, name: str, function: Callable[..., Any], restart: bool | str, replace: bool, options: dict[str, Any]
    ) -> None:
        if self._frozen:
            raise Frozen("service", name)
        if name in self._facts and not replace:
            raise DuplicateName("service", name, self._facts[name].source, source_of(function))
        if restart not in RESTARTS:
            raise SetupError(f"service {name!r}: restart is {restart!r}; it may be True, False or 'on_failure'")
        unknown = options.keys() - {"needs", "after", "ready", "health", *TIMES}
        if unknown:
            raise SetupError(f"service {name!r}: unknown option {', '.join(sorted(unknown))}")
        ready, health = options.get("ready", "auto"), options.get("health")
        if ready not in ("auto", "explicit"):
            raise SetupError(f"service {name!r}: ready is {ready!r}; it may be auto or explicit")
        if not (health is None or callable(health)):
            raise SetupError(f"service {name!r}: health is {health!r}; it must be a function")

    def join(self, others: Others) -> None:
        """Have `others` among the services, behind them: one list, one start, one end."""
        self.others = others
        others.changed.listen(self.service_changed.emit)

    def freeze(self) -> None:
        """Refuse further registrations."""
        self._frozen = True
        if self.others is not None:
            self.others.freeze()
            for name in self._facts.keys() & set(self.others.names):
                raise SetupError(f"bean {name!r} has the name of a service; give one of them another")

    # -- looking

    @property
    def names(self) -> list[str]:
        """The names of all services, in the order of definition."""
        return [*self._facts, *(self.others.names if self.others is not None else ())]

    @property
    def services(self) -> list[Info]:
        """How all services are now, in the order of definition."""
        return [self.get(name) for name in self.names]

    def get(self, name: str) -> Info:
        """How a service is now; LookupError, with the known names, if there is none."""
        if name not in self._facts and self.others is not None:
            return self.others.get(name)
        status = self.supervisor.status(name)
        return replace(
            self._facts[name], status=str(status.state), restarts=status.restarts, error=self._masked(status.error),
            traceback=self._masked(status.traceback), uptime=status.uptime,
            since=status.since if name in self._lives else None, run=self._lives.get(name),
        )  # fmt: skip

    def faults(self) -> dict[str, str]:
        """Name what the health of the process depends on and is not well, with the reason."""
        own = self.supervisor.faults()
        return own if self.others is None else own | self.others.faults()

    def _masked(self, text: str | None) -> str | None:
        return None if text is None else masked(text, self._runs.hidden())

    def _changed(self, transition: Transition) -> None:
        # Of the moment of the change: the service may have gone on since.
        info = replace(self.get(transition.name), status=str(transition.new), since=transition.at)
        if transition.new != "running":
            info = replace(info, uptime=None)
        self.service_changed.emit(info)

    # -- running

    def start(self, name: str) -> Task:
        """Start a service; the task's result is the status that it came to. An unknown name is only logged."""
        return self._told("start", name)

    def stop(self, name: str) -> Task:
        """Stop a service; the task ends when it has stopped. An unknown name is only logged."""
        return self._told("stop", name)

    def restart(self, name: str) -> Task:
        """Stop a service if it runs, and start it. An unknown name is only logged."""
        return self._told("restart", name)

    def _told(self, verb: str, name: str) -> Task:
        if name not in self.names:
            log.warning("there is no service %r to %s; known: %s", name, verb, ", ".join(self.names) or "none")
            return Task.completed(None)
        state: Promise[Any] = Promise()
        ended: Promise[Any] = getattr(self.supervisor if name in self._facts else self.others, verb)(name)
        ended.on_done(lambda done: state.settle(None if done.error else str(done.value), done.error))
        return self._storage.task(state)

    def start_all(self) -> None:
        """Start what starts by itself. Does not wait."""
        if self._facts:
            self.supervisor.start_all()
        if self.others is not None:
            self.others.start_all()

    def stop_all(self, timeout: float) -> list[str]:
        """Stop all; name those that did not end within so many seconds. Blocks: not on the bare hub."""
        stopped = [self.others.stop_all(timeout)] if self.others is not None else []
        if self._facts:
            stopped.append(self.supervisor.stop_all(timeout))
        return [name for left in stopped for name in left.wait()]

    def _run(self, job: Job, life: Life) -> Promise[Any]:
        run, work = lived(self._runs, job, life, first=job.operation not in self._lives)
        self._lives[job.operation] = run.id
        return work


def _length(given: float | str | None, usual: float, what: str) -> float:
    found = seconds_of(given, what)
    return usual if found is None else found


def lived(runs: Runs, job: Job, life: Life, *, first: bool) -> tuple[Run, Promise[Any]]:
    """Begin one life of something that is kept running: it has a journal of its own. Any thread.

    Returns its run and the promise of the real end of its function; a cancel of that ends the run.
    """
    run = Run(job, {}, "start" if first else "service")
    run.life = life
    work: Promise[Any] = Promise(lambda: runs.end_early(run) and None)
    # In a context of its own: whoever started it, or the life before, is not its parent.
    Context().run(runs.open, run, {})

    def left(ended: Promise[Any]) -> None:
        work.settle(None, ended.error)

    runs.launch(run, left)
    return run, work
