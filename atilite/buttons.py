"""What a plan reaches of its app: `do action NAME` and `do service start NAME`. Loaded with the first plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .automation.engine import Automation
from .errors import FlowError, ParameterError, RunSkipped, TaskCancelled, TaskTimeout
from .flow.behaviors import Behavior, Behaviors, Io
from .flow.cursor import nearest
from .flow.frames import Act
from .flow.model import Do, Source
from .flow.paths import split_name
from .flow.scope import Scope, source_fields

# Writes fields of a share of a house before its next turn: `write(house, path, fields)`.
Write = Callable[[str, str, Mapping[str, Any]], object]

SWITCHES = ("start", "stop", "restart")
NEVER: Mapping[str, Any] = {"status": "", "ended": False, "run": 0, "result": None}


class Buttons:
    """The behaviours of one plan: the library's, its own, and the actions and services of its app.

    `do action water with zone "north"` starts the action Water when its frame is entered, and goes on; `do service
    restart poll` switches a service. How it went is written into the share .action.water or .service.poll, or where
    `per result` says: status, ended, run and result.
    """

    def __init__(self, behaviors: Behaviors, automation: Automation, write: Write) -> None:
        self._behaviors, self._automation, self._write = behaviors, automation, write

    def bind(self, act: Do, scope: Scope) -> Act:
        """The act of a `do`. FlowError for what is neither a behaviour nor a button."""
        kind = act.kind
        words = split_name(kind) if isinstance(kind, str) and kind not in self._behaviors else []
        if len(words) > 1 and words[0] == "action":
            return self._action("".join(words[1:]), act, scope)
        if len(words) > 1 and words[0] == "service":
            return self._service(words[1], "".join(words[2:]), act, scope)
        return self._behaviors.bind(act, scope)

    def _action(self, word: str, act: Do, scope: Scope) -> Act:
        actions = self._automation.action
        name = _named(word, actions.names, "action")
        given = [(scope.share(source.path), source) for source in act.sources]
        self._check(name, act)
        where = _Where(self._write, scope.house.name)

        def press(self: Any, **params: Any) -> Generator[None, None, None]:
            for share, source in given:
                params.update(_values(share, source))
            self.result.update({**NEVER, "status": "running"}, "button")
            where.follow(self.result, partial(actions.start, name, params, trigger="flow"))
            yield

        return self._bound(press, f".action.{_slug(name)}", act, scope)

    def _check(self, name: str, act: Do) -> None:
        """Refuse parameters that can never be right, before anything runs."""
        info = self._automation.action.get(name)
        known = [item.name for item in info.schema.fields]
        for parameter in dict(act.data):
            if parameter not in known:
                raise FlowError(f"action {name} has no parameter {parameter}{nearest(parameter, known)}")
        if not act.sources and not info.choices:
            try:
                info.schema.check(dict(act.data))
            except ParameterError as faults:
                told = "; ".join(f"{field} {reason}" for field, reason in faults.fields.items())
                raise FlowError(f"action {name}: {told}") from None

    def _service(self, verb: str, word: str, act: Do, scope: Scope) -> Act:
        if verb not in SWITCHES:
            raise FlowError(f"do service {verb}: say start, stop or restart, and then which service")
        services = self._automation.service
        name = _named(word, services.names, "service")
        where = _Where(self._write, scope.house.name)

        def switch(self: Any) -> Generator[None, None, None]:
            self.result.update({**NEVER, "status": "asked"}, "button")
            where.follow(self.result, lambda: (0, getattr(services, verb)(name)))
            yield

        return self._bound(switch, f".service.{_slug(name)}", act, scope)

    def _bound(self, function: Callable[..., Any], path: str, act: Do, scope: Scope) -> Act:
        # A generator, because it then begins once for each time that its frame is entered.
        behavior = Behavior(str(act.kind), function, {"result": Io(path, NEVER)})
        return self._behaviors.bind(replace(act, kind=behavior, sources=()), scope)


class _Where:
    """Tells the share of a button how it went."""

    def __init__(self, write: Write, house: str) -> None:
        self._write, self._house = write, house

    def follow(self, share: Any, start: Callable[[], tuple[int, Any]]) -> None:
        """Start something that ends later, and write that it has, and how, before the turn behind it."""
        try:
            run, task = start()
        except RunSkipped as skipped:
            share.update({"status": "skipped", "ended": True, "run": skipped.running}, "button")
            return
        share.update({"run": run}, "button")
        task.on_done(lambda done: self._write(self._house, share.path, _ended(done)))


def _ended(done: Any) -> dict[str, Any]:
    promise = getattr(done, "promise", done)
    error, value = promise.error, promise.value
    if error is None:
        return {"status": "succeeded", "ended": True, "result": value}
    if isinstance(error, TaskCancelled):
        status = "cancelled"
    else:
        status = "timed_out" if isinstance(error, TaskTimeout) else "failed"
    return {"status": status, "ended": True, "result": str(error)}


def _values(share: Any, source: Source) -> dict[str, Any]:
    """Parameters from a share: its fields by their names; a single value by the last part of its path."""
    fields = source_fields(share, source.fields, ())
    if fields == ("value",):
        return {share.path.rpartition(".")[2]: share.value}
    return {name: share.get(name) for name in fields}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "it"


def _plainly(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _named(word: str, names: Iterable[str], kind: str) -> str:
    """The action or service that the words of a script mean: letters and digits count, the rest does not."""
    known = list(names)
    for name in known:
        if _plainly(name) == _plainly(word) or _plainly(name.rpartition(".")[2]) == _plainly(word):
            return name
    said = {_plainly(name): name for name in known}
    close = nearest(_plainly(word), said)
    if not known:
        close = f"; the app has no {kind} yet"
    raise FlowError(f"there is no {kind} {word}{close}")
