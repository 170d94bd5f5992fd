"""`app.action`: functions with a button, a form and an API endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar, overload

from atilite.automation.duration import seconds_of
from atilite.automation.naming import description_of, name_of, source_of
from atilite.automation.overlap import POLICIES, Lane, Lanes
from atilite.automation.parameters import Field, Schema
from atilite.automation.runs import Job, Run, Runs
from atilite.automation.storage import Storage
from atilite.errors import DuplicateName, Frozen, SetupError
from atilite.runtime.functions import innermost, kind_of, wants_was
from atilite.runtime.task import Task

F = TypeVar("F", bound=Callable[..., Any])

ROLES = ("view", "run", "admin")


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """An action as listed. Times are in seconds; `operation` is the name under which its runs are journaled."""

    name: str
    description: str
    operation: str
    schema: Schema
    confirm: str | None = None
    labels: tuple[str, ...] = ()
    role: str = "run"
    timeout: float | None = None
    retries: int = 0
    retry_delay: float = 5.0
    overlap: str = "allow"
    group: str | None = None
    hidden: bool = False
    notify: tuple[str, ...] = ()
    keep: str | None = None
    journal: bool = True
    hook: bool = False
    kind: str = "plain"
    source: str = ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parameters, in the order of the signature."""
        return self.schema.fields


@dataclass(frozen=True, slots=True)
class Action:
    """A registered action: what is listed of it, what is run, and the lanes that its runs need."""

    info: ActionInfo
    function: Callable[..., Any]
    job: Job
    lanes: tuple[Lane[Run], ...]


class Actions:
    """The actions of one app. As a decorator it registers a function and returns it unchanged. Any thread."""

    def __init__(self, storage: Storage, runs: Runs) -> None:
        self._storage, self._runs = storage, runs
        self._actions: dict[str, Action] = {}
        self._lanes: Lanes[Run] = Lanes()
        self._frozen = False
        runs.left.listen(self._left)

    # -- registering

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self, *, name: str | None = None, description: str | None = None, confirm: str | None = None,
        label: str | Sequence[str] | None = None, labels: Sequence[str] = (), role: str = "run",
        timeout: float | str | None = None, retries: int = 0, retry_delay: float | str = 5.0, overlap: str = "allow",
        group: str | None = None, hidden: bool = False, notify: Sequence[str] = (), keep: str | None = None,
        journal: bool = True, hook: bool = False, replace: bool = False,
    ) -> Callable[[F], F]: ...  # fmt: skip
    def __call__(self, function: Any = None, *, replace: bool = False, **options: Any) -> Any:
        """Register the decorated function: `@app.action` or `@app.action(name="Water", ...)`.

        `name` is by default the function's qualified name, `description` its docstring. `confirm` is asked before it
        is run, `label` and `labels` are put on each run, `role` (view, run or admin) is needed to run it.
        `timeout` is in seconds (or "5m") and holds for the whole run, `retries` further attempts follow a failed one
        after `retry_delay` seconds, doubled each time. `overlap` says what happens when it is running already: allow,
        skip (RunSkipped), queue or replace (the old run is cancelled). Of a `group` one run goes at a time
        ("pump:2": two), the others wait, or are skipped if their overlap is skip. `hidden` keeps it out of the lists
        of the console. `journal=False` runs it without a trace. `notify`, `keep` and `hook` are checked and listed;
        the parts of atilite that act on them read them there. `replace` takes the place of an action of that name.

        Raises DuplicateName, Frozen after the app has started, and SetupError for what cannot be an action.
        """

        def register(decorated: Callable[..., Any]) -> Callable[..., Any]:
            self._register(decorated, replace, options)
            return decorated

        return register if function is None else register(function)

    def _register(self, function: Callable[..., Any], replace: bool, options: dict[str, Any]) -> None:
        info = _info(function, options)
        if self._frozen:
            raise Frozen("action", info.name)
        first = self._actions.get(info.name)
        if first is not None and not replace:
            raise DuplicateName("action", info.name, first.info.source, info.source)
        job = Job(
            function, info.operation, info.description, "action", wants_was(function), info.journal, info.timeout,
            info.retries, info.retry_delay, info.labels, innermost(function),
        )  # fmt: skip
        self._actions[info.name] = Action(info, function, job, self._lanes_of(info))

    def _lanes_of(self, info: ActionInfo) -> tuple[Lane[Run], ...]:
        own = () if info.overlap == "allow" else (self._lanes.lane(f"action {info.name!r}"),)
        return own + (() if info.group is None else (self._lanes.group(info.group),))

    def freeze(self) -> None:
        """Refuse further registrations."""
        self._frozen = True

    # -- looking up

    @property
    def names(self) -> list[str]:
        """The names of all actions, in the order of definition."""
        return list(self._actions)

    @property
    def actions(self) -> list[ActionInfo]:
        """What is registered, in the order of definition."""
        return [action.info for action in self._actions.values()]

    def get(self, name: str) -> ActionInfo:
        """Return what is listed of an action; LookupError, with the known names, if there is none."""
        return self._find(name).info

    def of(self, function: Callable[..., Any]) -> ActionInfo | None:
        """Return the action that runs `function`, whatever is wrapped around either; None if none does."""
        inner = innermost(function)
        return next((one.info for one in self._actions.values() if innermost(one.function) is inner), None)

    def _find(self, name: str) -> Action:
        action = self._actions.get(name)
        if action is None:
            raise LookupError(f"no action named {name!r}; known: {', '.join(sorted(self._actions)) or 'none'}")
        return action

    # -- running

    def invoke(self, name: str, /, **params: Any) -> Task:
        """Run an action; the task's result is what the function returned, after the run's end is durable.

        Its error is raised by `fetch()`. Raises LookupError, ParameterError and RunSkipped at once. The run goes on
        if nobody waits.
        """
        return self.start(name, params)[1]

    def start(
        self, name: str, params: Mapping[str, Any] | None = None, *, trigger: str = "call", who: str | None = None
    ) -> tuple[int, Task]:
        """Run an action like `invoke`; returns the number of its run as well.

        That is the number of its journal, or a negative one for an action with `journal=False`. `trigger` is what
        started it: person, console, api, schedule, catch-up, call, cli or start; `who` is the person's name.
        """
        action = self._find(name)
        schema = action.info.schema
        arguments = schema.check(params or {})
        run = Run(action.job, arguments, trigger, who)
        public = schema.public(arguments) if arguments else arguments
        secrets = schema.secrets(arguments) if arguments else ()
        if action.lanes:
            self._admit(run, action, public, secrets)
        else:
            self._runs.open(run, public, secrets)
            self._runs.launch(run)
        return run.id, self._storage.task(run.promise)

    def _admit(self, run: Run, action: Action, public: dict[str, Any], secrets: tuple[str, ...]) -> None:
        admission = self._lanes.enter(
            run, action.info.name, action.lanes, action.info.overlap,
            lambda goes: self._runs.open(run, public, secrets, waiting=not goes),
        )  # fmt: skip
        if admission.goes:
            self._runs.launch(run)
        for other in admission.replaced:
            self._runs.end_early(other)

    def _left(self, run: Run) -> None:
        for admitted in self._lanes.leave(run):
            self._runs.launch(admitted)

    def cancel(self, run: int) -> bool:
        """End a run of this app as cancelled; False if it is not active. See `Runs.end_early`."""
        return self._runs.cancel(run)

    def active(self, run: int) -> Run | None:
        """Return a run of this app that has not ended, None if there is no such."""
        return self._runs.active.get(run)


def _info(function: Callable[..., Any], options: dict[str, Any]) -> ActionInfo:
    unknown = options.keys() - _OPTIONS
    where = f"action {options.get('name') or name_of(function)!r}"
    if unknown:
        raise SetupError(f"{where}: unknown option {', '.join(sorted(unknown))}; known: {', '.join(sorted(_OPTIONS))}")
    name = options.pop("name", None) or name_of(function)
    description = options.pop("description", None)
    if description is None:
        description = description_of(function)
    label = options.pop("label", None) or ()
    labels = (label,) if isinstance(label, str) else tuple(label)
    notify = options.pop("notify", None) or ()
    info = ActionInfo(
        name, description, getattr(function, "__atilite_operation__", None) or name, Schema.of(function),
        labels=labels + tuple(options.pop("labels", ())),
        timeout=seconds_of(options.pop("timeout", None), f"{where}: timeout"),
        retry_delay=seconds_of(options.pop("retry_delay", 5.0), f"{where}: retry_delay") or 0.0,
        notify=(notify,) if isinstance(notify, str) else tuple(notify),
        kind=kind_of(function), source=source_of(function), **options,
    )  # fmt: skip
    _check(where, info)
    return info


_OPTIONS = {field.name for field in fields(ActionInfo)} - {"operation", "schema", "kind", "source"} | {"label"}


def _check(where: str, info: ActionInfo) -> None:
    if info.overlap not in POLICIES:
        raise SetupError(f"{where}: overlap is {info.overlap!r}; it may be {', '.join(POLICIES)}")
    if info.role not in ROLES:
        raise SetupError(f"{where}: role is {info.role!r}; it may be {', '.join(ROLES)}")
    if not isinstance(info.retries, int) or info.retries < 0:
        raise SetupError(f"{where}: retries is {info.retries!r}; it is a number of further attempts, 0 or more")
    if info.timeout is not None and info.timeout <= 0:
        raise SetupError(f"{where}: timeout must be more than 0 seconds")
