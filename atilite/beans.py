"""Beans in a site: a pod whose beans are told of, switched and journaled as services are.

Loaded with the first bean.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

from .automation.capture import masked
from .automation.engine import Automation
from .automation.naming import description_of, name_of, source_of
from .automation.run import Job
from .automation.services import Info, lived
from .automation.values import class_key
from .errors import ConfigError, Frozen, SetupError, TaskCancelled, TaskError
from .events import Emitter
from .logs import raised_by_user
from .pod.bean import Bean
from .pod.configuring import Config, capitals, checked, merged
from .pod.loading import why
from .pod.pod import Change, Pod
from .pod.spec import BeanSpec
from .quickly import dataclass
from .runtime.functions import wants_was
from .runtime.promise import Promise
from .runtime.task import Task
from .runtime.traces import texts_of
from .runtime.unit import Life

log = logging.getLogger("atilite.pod")

# The part of the time for their end that beans have before they are cancelled.
BY_THEMSELVES = 0.6


@dataclass
class Entry:
    """One registered bean: what it is called, and what has become of it."""

    spec: BeanSpec
    info: Info
    bean: Bean | None = None


class Beans:
    """The beans of one app, or of the site itself. Any thread; `changed` emits the Info of a bean at each change.

    They are loaded when the app starts. A critical bean that has failed makes the process count as unwell, and ends
    nothing: the pages and the other beans go on.
    """

    def __init__(self, automation: Automation, config: Any) -> None:
        self._automation, self._config = automation, config
        self._entries: dict[str, Entry] = {}
        self._named: dict[int, Entry] = {}
        self._frozen = False
        self._pod: Pod | None = None
        self._keeping = ExitStack()
        self.changed: Emitter[Info] = Emitter()

    def add(self, core: Any, keys: Mapping[str, Any]) -> None:
        """Register a bean: what runs, or its dotted path, with the keys of a bean. Raises SetupError, Frozen."""
        try:
            spec = BeanSpec.of(merged({**keys, "core": core}))
        except (SetupError, ConfigError) as error:
            raise SetupError(f"bean {core}: {error}") from None
        if self._frozen:
            raise Frozen("bean", spec.key)
        called = class_key(core) if spec.key.startswith("__main__.") else spec.key
        name, number = called, 2
        while name in self._entries:
            name, number = f"{called} {number}", number + 1
        told = ("", core) if isinstance(core, str) else (description_of(core), source_of(core))
        self._entries[name] = Entry(
            spec,
            Info(
                name, told[0], "stopped", True, spec.restart != "never", spec.restart_delay, critical=spec.critical,
                source=told[1], needs=spec.needs, kind="bean",
            ),
        )  # fmt: skip

    def freeze(self) -> None:
        """Refuse further registrations."""
        self._frozen = True

    # -- looking

    @property
    def names(self) -> list[str]:
        """The names of all beans, in the order of registration."""
        return list(self._entries)

    def get(self, name: str) -> Info:
        """How a bean is now; LookupError if there is none of that name."""
        entry = self._entry(name)
        if entry.bean is None:
            return entry.info
        now = entry.bean.status()
        return replace(
            entry.info, status="stopped" if now.state == "new" else now.state, restarts=now.restarts,
            since=None if entry.info.run is None else now.since, uptime=now.uptime, error=self._masked(now.error),
            traceback=self._masked(now.traceback),
        )  # fmt: skip

    def faults(self) -> dict[str, str]:
        """Name the critical beans that do not run, and those that run and are not well, with the reason."""
        found = {}
        for name, entry in self._entries.items():
            now = None if entry.bean is None else entry.bean.status()
            if now is not None and now.state == "degraded":
                found[name] = now.reason
            elif entry.spec.critical and (now is None or now.state != "running"):
                found[name] = "not started" if now is None else f"{now.state}: {now.reason}"
        return found

    # -- running

    def start_all(self) -> None:
        """Load all beans and start them; does not wait. Raises SetupError for one that cannot be loaded."""
        storage = self._automation.storage
        self._pod = pod = Pod(
            config=self._config, runtime=storage.runtime, clock=storage.clock, launch=self._launch,
            loop_type=_loop_type(self._config),
        )  # fmt: skip
        pod.changed.listen(self._has_changed)
        self._keeping.enter_context(pod.kept())  # when all have ended, one of them may still be started by hand
        self._named.clear()
        for name, entry in self._entries.items():
            self._load(pod, name, entry)
        pod.start()

    def stop_all(self, timeout: float) -> Promise[list[str]]:
        """Ask all to end; promises the names of those that had to be ended, after so many seconds at most."""
        left: Promise[list[str]] = Promise()
        if self._pod is None:
            left.set([])
        else:
            pod, self._pod = self._pod, None
            pod.stop_wait_time = timeout * BY_THEMSELVES
            ended = pod.stop("the site stops")
            self._keeping.close()
            last = self._automation.storage.runtime.loop.call_later(timeout, _abandon, pod)

            def over(_: object) -> None:
                last.cancel()
                left.set(list(pod.enforced))

            ended.on_done(over)
        return left

    def start(self, name: str) -> Promise[Any]:
        """Start a bean; promises the state that it came to."""
        return self._told(name, "start")

    def stop(self, name: str) -> Promise[Any]:
        """Stop a bean; promises the state that it came to. Vetoed if a hook says no."""
        return self._told(name, "stop")

    def restart(self, name: str) -> Promise[Any]:
        """Stop a bean if it runs, and start it; promises the state that it came to. Vetoed if a hook says no."""
        return self._told(name, "restart")

    # -- beneath

    def _entry(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise LookupError(f"no bean named {name!r}; known: {', '.join(self._entries) or 'none'}") from None

    def _load(self, pod: Pod, name: str, entry: Entry) -> None:
        entry.bean = None
        try:
            # What is critical here, or may be missing, is the pages' own end to judge.
            entry.bean = bean = cast(Bean, pod.add_bean(replace(entry.spec, critical=False, optional=False)))
        except Exception as error:
            if not entry.spec.optional:
                raise SetupError(f"bean {name}: {why(error)}") from error
            raised = raised_by_user(error)
            log.error("bean %s cannot be loaded: %s", name, why(error), exc_info=raised)
            told, trace = texts_of(error)
            trace = None if raised is None else trace
            entry.info = replace(entry.info, status="failed", error=self._masked(told), traceback=self._masked(trace))
        else:
            entry.info = replace(entry.info, description=description_of(bean.core))
            self._named[bean.id] = entry

    def _told(self, name: str, verb: str) -> Promise[Any]:
        entry = self._entry(name)
        bean, fault = entry.bean, entry.info.error
        if bean is None:
            return Promise.failed(TaskError(f"bean {name!r} has not been loaded" + (f": {fault}" if fault else "")))
        told: Promise[Any] = getattr(bean, verb)()
        return told

    def _masked(self, text: str | None) -> str | None:
        return None if text is None else masked(text, self._automation.runs.hidden())

    def _launch(self, bean: Bean, life: Life) -> Promise[Any]:
        """Begin one life of a bean, as a run with a journal of its own unless another bean has added it."""
        entry = self._named.get(bean.id)
        if entry is None:
            return bean.begin(life)
        begin = _Begin(bean, life, self._automation.storage.task)
        job = Job(
            begin, entry.info.name, entry.info.description, "bean", innermost=None, grace=entry.spec.stop_timeout,
            endless=True,
        )  # fmt: skip
        run, work = lived(self._automation.runs, job, life, first=entry.info.run is None)
        entry.info = replace(entry.info, run=run.id)
        return work

    def _has_changed(self, change: Change) -> None:
        entry = self._named.get(change.bean.id)
        if entry is None:
            return
        # Of the moment of the change: the bean may have gone on since.
        info = replace(self.get(entry.info.name), status=change.new, since=change.at)
        self.changed.emit(info if change.new in ("running", "degraded") else replace(info, uptime=None))


class _Begin:
    """The function of such a run: called within it, it begins the life and returns the task of its end."""

    def __init__(self, bean: Bean, life: Life, task: Callable[[Promise[Any]], Task]) -> None:
        self._bean, self._life, self._task = bean, life, task

    def __call__(self) -> Task:
        if self._life.cancelled:
            raise TaskCancelled("it was stopped before it began")
        return self._task(self._bean.begin(self._life))


def _loop_type(config: Any) -> Any:
    # Async handlers share the loop with the beans: it is uvloop's only if somebody says so.
    said = getattr(config, "LOOP_TYPE", None) or "asyncio"
    return checked({"LOOP_TYPE": said}, "configuration of the site")["LOOP_TYPE"]


def _abandon(pod: Pod) -> None:
    # The second call cancels, as the first one's deadline has done; the third one waits for nobody any more.
    pod.stop()
    pod.stop()


def declare(app: Any, core: Any = None, /, **keys: Any) -> Any:
    """Keep a bean running beside the services: `app.bean("garden.Valve", label="valve")`, or as a decorator.

    `@app.bean` and `@app.bean(label="x", restart="on_failure")` stand above a function or a class. The keys are those
    of BEANS; every other one is an argument. The bean is loaded and started with the app. Raises SetupError, Frozen.
    """
    automation: Automation = app.automation
    if automation.service.others is None:
        automation.service.join(Beans(automation, app.config))
    beans: Any = automation.service.others

    def register(found: Any) -> Any:
        if callable(found) and "was" not in keys and wants_was(found):
            raise SetupError(f"bean {name_of(found)!r} takes was, which no bean gets: write context")
        beans.add(found, keys)
        return found

    return register if core is None else register(core)


def of_site(automation: Automation, tables: tuple[Mapping[str, Any], ...], config: Mapping[str, Any]) -> None:
    """Register the `[[BEANS]]` of atilite.toml; they see its `[config]`. Raises ConfigError."""
    beans = Beans(automation, Config({"LOOP_TYPE": "asyncio"} | capitals(config)))
    for number, table in enumerate(tables, 1):
        try:
            beans.add(table.get("core"), {key: value for key, value in table.items() if key != "core"})
        except SetupError as error:
            raise ConfigError(f"atilite.toml: BEANS, number {number}: {error}") from None
    automation.service.join(beans)
