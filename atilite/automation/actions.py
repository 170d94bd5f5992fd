"""`app.action`: functions with a button, a form and an API endpoint."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from atilite.automation.chain import Chain
from atilite.automation.declaring import ActionInfo as ActionInfo
from atilite.automation.declaring import generated, info_of
from atilite.automation.endings import Ended
from atilite.automation.naming import check_decorated, name_of
from atilite.automation.overlap import Lane, Lanes
from atilite.automation.run import GRACE, Job, Run
from atilite.automation.runs import Runs
from atilite.automation.storage import Storage
from atilite.errors import DuplicateName, Frozen, ParameterError, SetupError
from atilite.lazily import LazyModule
from atilite.quickly import dataclass
from atilite.runtime.functions import innermost, wants_was
from atilite.runtime.promise import Promise
from atilite.runtime.task import Task
from atilite.store.followers import Follower

if TYPE_CHECKING:
    from atilite.automation import apart, commands
else:
    # Loaded with the first action that has a process of its own, or is a program.
    apart = LazyModule("atilite.automation.apart")
    commands = LazyModule("atilite.automation.commands")

F = TypeVar("F", bound=Callable[..., Any])


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
        self._chain = Chain(self._follow, self._soon, lambda: runs.followers)
        self._frozen = False
        # Whether ends start what follows them.
        self.follows = True
        # Which app this is of: several may share a database.
        self.app = ""
        runs.left.listen(self._left)
        runs.ended.listen(self._ended)

    # -- registering

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self, *, name: str | None = None, description: str | None = None, confirm: str | None = None,
        label: str | Sequence[str] | None = None, labels: Sequence[str] = (), role: str = "run",
        timeout: float | str | None = None, retries: int = 0, retry_delay: float | str = 5.0,
        retry_jitter: float | str = 0.0, overlap: str = "allow", group: str | None = None, hidden: bool = False,
        notify: Sequence[str] = (), keep: str | None = None, journal: bool = True, hook: bool = False,
        process: bool = False, after: str | Sequence[str] = (), choices: Mapping[str, Any] | None = None,
        each: Sequence[Any] | Mapping[str, Any] | None = None, replace: bool = False,
    ) -> Callable[[F], F]: ...  # fmt: skip
    def __call__(self, function: Any = None, *, each: Any = None, replace: bool = False, **options: Any) -> Any:
        """Register the decorated function: `@app.action` or `@app.action(name="Water", ...)`.

        `name` is by default the function's qualified name, `description` its docstring. `confirm` is asked before it
        is run, `label` and `labels` are put on each run, `role` (view, run or admin) is needed to run it.
        `timeout` is in seconds (or "5m") and holds for the whole run, `retries` further attempts follow a failed one
        after `retry_delay` seconds, doubled each time, and up to `retry_jitter` more by chance. `overlap` says what
        happens when it is running already: allow, skip (RunSkipped), queue or replace (the old run is cancelled). Of a
        `group` one run goes at a time ("pump:2": two), the others wait, or are skipped if their overlap is skip.
        `hidden` keeps it out of the lists of the console. `journal=False` runs it without a trace. `notify`, `keep`
        and `hook` are checked and listed; the parts of atilite that act on them read them there. `process` gives each
        run a process of its own. `after="Backup succeeded"` (failed, ended) runs it when that action has ended so.
        `choices={"zone": function}` asks for the choices of a parameter whenever they are needed; the function's own
        parameters are others, before it. `each=["a", "b"]` makes one action of each item, whose parameter is named in
        the name: "Restart {host}".
        `replace` takes the place of an action of that name.

        Raises DuplicateName, Frozen after the app has started, and SetupError for what cannot be an action.
        """

        def register(decorated: Callable[..., Any]) -> Callable[..., Any]:
            check_decorated("app.action", "name", decorated)
            if each is None:
                self._register(decorated, info_of(decorated, options), replace)
            else:
                for one in generated(decorated, each, options):
                    bound = functools.partial(decorated, **one.given)
                    self._register(bound, info_of(bound, one.options, one.schema), replace)
            return decorated

        return register if function is None else register(function)

    def command(
        self,
        name: str,
        template: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        ok: Sequence[int] = (0,),
        replace: bool = False,
        **options: Any,
    ) -> Callable[[F], F]:
        """Register an action that runs a program: `app.command("Ping", "ping -c {count} {host}")`.

        The template is cut into words once; each stays one argument, and no shell reads them. Its placeholders are
        required texts, unless what this returns decorates a function: then that one's signature types them, and its
        docstring describes the action. The function itself is never called.

        What the program writes is recorded while it runs; the end of its output is the result. An exit code that is
        not among `ok` is a failure with the last line of its errors. `env` is added to the server's environment,
        `stdin` is what it reads; both may have placeholders, for secrets that no list of processes shall show. A
        cancel and a timeout end its whole process group. Other `options` are those of every action.

        Raises SetupError for what would need a shell, and for a placeholder that is no parameter.
        """
        where = f"action {name!r}"
        program = commands.program_of(where, template, self._storage, cwd=cwd, env=env, stdin=stdin, ok=ok)
        options = {"name": name, "source": commands.source_here(sys._getframe(1)), **options}
        self._register(program, commands.untyped(program, options), replace)

        def typing(function: F) -> F:
            self._register(program, commands.typed(program, function, options), True, function)
            return function

        return typing

    def _register(
        self, function: Callable[..., Any], info: ActionInfo, replace: bool, declared: Callable[..., Any] | None = None
    ) -> None:
        if self._frozen:
            raise Frozen("action", info.name)
        first = self._actions.get(info.name)
        if first is not None and not replace:
            raise DuplicateName("action", info.name, first.info.source, info.source)
        has_process = info.process or bool(info.command)
        job = Job(
            self._in_process(function) if info.process else function, info.operation, info.description, "action",
            not has_process and wants_was(function), info.journal, info.timeout, info.retries, info.retry_delay,
            info.labels, innermost(function), grace=apart.APART_GRACE if has_process else GRACE,
            retry_jitter=info.retry_jitter,
        )  # fmt: skip
        self._actions[info.name] = Action(info, declared or function, job, self._lanes_of(info))
        self._chain.put(info.name, info.rules)
        if info.rules:
            self._runs.leads = self._leads

    def _in_process(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(function, functools.partial):
            return functools.partial(self._in_process(function.func), **function.keywords)
        return apart.InProcess(function, self._storage, wants_was(function))

    def _lanes_of(self, info: ActionInfo) -> tuple[Lane[Run], ...]:
        own = () if info.overlap == "allow" else (self._lanes.lane(f"action {info.name!r}"),)
        return own + (() if info.group is None else (self._lanes.group(info.group),))

    def freeze(self) -> None:
        """Refuse further registrations. SetupError for actions that follow each other, or one that is not there."""
        self._chain.check(self.names)
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
        """Return the action that runs `function`, whatever is wrapped around either; None if none does.

        Raises SetupError if the function stands for one action of each item: it says not which.
        """
        inner = innermost(function)
        found = [one for one in self._actions.values() if innermost(one.function) is inner]
        if len(found) > 1 and isinstance(found[0].function, functools.partial):
            names = ", ".join(one.info.name for one in found)
            raise SetupError(f"{name_of(function)} is several actions ({names}), and it cannot be told which is meant")
        return found[0].info if found else None

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
        started it: person, console, api, schedule, catch-up, call, chain, cli or start; `who` is the person's name.
        Never blocks, except for an action with `choices`: those are made for the check.
        """
        run = self._start(self._find(name), params or {}, trigger, who)
        return run.id, self._storage.task(run.promise)

    def _start(
        self, action: Action, params: Mapping[str, Any], trigger: str, who: str | None, follows: Follower | None = None
    ) -> Run:
        schema = action.info.schema
        arguments = schema.check(params)
        if action.info.choices:
            faults = action.info.choices.faults(arguments)
            if faults:
                raise ParameterError(faults)
        run = Run(action.job, arguments, trigger, who)
        run.follows = follows
        public = schema.public(arguments) if arguments else arguments
        secrets = schema.secrets(arguments) if arguments else ()
        if action.lanes:
            self._admit(run, action, public, secrets)
        else:
            self._runs.open(run, public, secrets)
            self._runs.launch(run)
        return run

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

    # -- what follows runs

    def resume(self) -> None:
        """Start what follows runs that ended before this process, or the app's last stop. Not on the loop."""
        if self._chain and self.follows:
            self._chain.resume(self.app, self._storage.clock.now())

    def hold(self) -> None:
        """Start nothing that follows a run any more: from now on it waits for `resume`, also of the next process."""
        self._chain.held = True

    def _leads(self, run: Run, status: str) -> tuple[Follower, ...]:
        if not self.follows or run.job.kind != "action" or Ended.is_dry(run):
            return ()
        return tuple(self._chain.notes(run.id, self.app, self._named(run.job.operation), status))

    def _ended(self, end: Ended) -> None:
        if self._chain and self.follows and end.kind == "action" and not end.dry:
            self._chain.ended(end.id, self.app, self._named(end.operation), end.status)

    def _named(self, operation: str) -> list[str]:
        return [name for name, one in self._actions.items() if one.info.operation == operation]

    def _soon(self, follower: Follower, begin: Callable[[], None]) -> None:
        # In the thread that told of the end: the one that writes, which nobody may keep.
        runtime, action = self._storage.runtime, self._find(follower.action)
        run_it = runtime.threads.submit if action.info.choices else runtime.loop.call_soon
        if action.job.journal or follower.run < 0:
            run_it(begin)
        else:
            # Nothing would tell that it has begun: it is struck out before that.
            self._runs.followers.strike([follower], lambda _, error: error or run_it(begin))

    def _follow(self, follower: Follower) -> Promise[None] | None:
        return self._start(self._find(follower.action), {}, "chain", None, follower).opening

    def cancel(self, run: int) -> bool:
        """End a run of this app as cancelled; False if it is not active. See `Runs.end_early`."""
        return self._runs.cancel(run)

    def active(self, run: int) -> Run | None:
        """Return a run of this app that has not ended, None if there is no such."""
        return self._runs.active.get(run)
