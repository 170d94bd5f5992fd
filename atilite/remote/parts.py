"""What a client has for each part of another board's API: actions, runs, keys, services, schedules, events.

What the API tells comes back as it is: dicts with the fields of docs/http-api.md, moments as texts in ISO 8601.
"""

from __future__ import annotations

import builtins
import contextlib
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ..errors import RemoteError, ResourceError, RunFailed, TaskTimeout
from .updates import PENDING, Update, follow
from .wire import Wire

Facts = dict[str, Any]
# Rows that are asked for at once.
PAGE = 100


def named(text: str) -> str:
    """A name as a part of a path; a slash in it is no separator."""
    return quote(text, safe="")


class Run:
    """A run on another board, by its number there. Any thread may call; each call blocks its thread."""

    def __init__(self, wire: Wire, id: int, patience: float) -> None:
        self.id = id
        self._wire, self._patience = wire, patience
        self._path = f"/internal/journal/{id}"

    def __repr__(self) -> str:
        return f"<run {self.id} at {self._wire.url}>"

    def get(self) -> Facts:
        """The run as it is now, with its result or traceback and all its records, newest first."""
        return dict(self._wire.ask("GET", self._path).value)

    @property
    def status(self) -> str:
        """queued, running, succeeded, failed, cancelled, timed_out or interrupted."""
        return str(self.get()["status"])

    def updates(self, after: int | None = None) -> Generator[Update, None, None]:
        """Its records as they come, stored ones first, and its headline at each change, until it has ended.

        `after` is the number of the last record that was seen. It goes on by itself when the connection breaks.
        """
        return follow(self._wire, self._path + "/updates", {}, after, self._patience)

    def wait(self, timeout: float | None = None) -> Any:
        """Wait until it has ended and return its result, also when the board restarts meanwhile.

        Raises RunFailed if it has ended otherwise than well, TaskTimeout after `timeout` seconds (the run goes on).
        """
        end = None if timeout is None else time.monotonic() + timeout
        with contextlib.closing(self._changes(end)) as changes:
            for update in changes:
                if end is not None and time.monotonic() > end:
                    break
                if update["status"] not in PENDING:
                    break
        found = self.get()
        if found["status"] in PENDING:
            raise TaskTimeout(f"run {self.id} at {self._wire.url} has not ended within {timeout:g} s; it goes on")
        if found["status"] != "succeeded":
            raise RunFailed(found["error"] or found["status"], self.id, found["status"])
        return found["result"]

    def _changes(self, end: float | None) -> Generator[Facts, None, None]:
        """Its headline at each change; with a limit it is looked at now and then, because a silent stream has none."""
        if end is None:
            yield from (update for update in self.updates() if update["type"] == "journal")
            return
        number = 0
        while (left := end - time.monotonic()) > 0:
            yield self.get()
            self._wire.closed.wait(min(left, 0.05 * 1.5 ** min(number, 8)))
            number += 1

    def cancel(self) -> bool:
        """Ask it to end; it does a moment later. False if it has ended already."""
        try:
            self._wire.ask("POST", self._path + "/cancel", again=True)
        except RemoteError as error:
            if error.status_code != 409:
                raise
            return False
        return True

    def again(self, parameters: Mapping[str, Any] | None = None) -> Run:
        """Start its action once more with its parameters; those given take the place of the stored ones."""
        found = self._wire.ask("POST", self._path + "/again", {"wait": False}, body=dict(parameters or {}))
        return Run(self._wire, found.value["run"], self._patience)


class Actions:
    """The actions of another board."""

    def __init__(self, wire: Wire, patience: float) -> None:
        self._wire, self._patience = wire, patience

    def list(self) -> list[Facts]:
        """Those that are not hidden, with their parameters as JSON Schema."""
        return list(self._wire.ask("GET", "/internal/actions/").value)

    def run(
        self, name: str, parameters: Mapping[str, Any] | None = None, /, *, timeout: float | None = None, **more: Any
    ) -> Any:
        """Run an action, wait for its end and return its result.

        Parameters are given by name; one that is called `timeout` goes into the dict. It is never sent twice. Raises
        RunFailed (with the `run` there and its `status`), RunSkipped if it is running and does not overlap, RemoteError
        (with `fields` for faulty parameters), TaskTimeout after `timeout` seconds (the run goes on), ResourceError.
        """
        body = {**(parameters or {}), **more}
        return self._wire.ask("POST", f"/internal/action/{named(name)}", body=body, timeout=timeout).value["result"]

    def start(self, name: str, parameters: Mapping[str, Any] | None = None, /, **more: Any) -> Run:
        """Start an action and return its run without waiting. Raises as `run` does, but for how it ends.

        An action without a journal leaves no run that could be asked for anything.
        """
        body = {**(parameters or {}), **more}
        found = self._wire.ask("POST", f"/internal/action/{named(name)}", {"wait": False}, body=body)
        return Run(self._wire, found.value["run"], self._patience)

    def choices(self, name: str, **given: Any) -> dict[str, builtins.list[str]]:
        """What may be chosen now for parameters whose choices are made when asked for, given the values of others."""
        return dict(self._wire.ask("GET", f"/internal/action/{named(name)}/choices", given).value)


class Runs:
    """The runs of another board: its journals."""

    def __init__(self, wire: Wire, patience: float) -> None:
        self._wire, self._patience = wire, patience

    def __getitem__(self, id: int) -> Run:
        return Run(self._wire, id, self._patience)

    def search(self, *, limit: int | None = 20, before: int | None = None, **conditions: Any) -> Iterator[Facts]:
        """The headlines that fit all conditions, newest first, up to `limit` (None: all), asked for as they are read.

        Conditions are `operation`, `status`, `label`, `kind`, `trigger`, `who`, `text`, `failed`, `pending`, `since`,
        `until` and `parent`; `before` is a number that all are below. None is no condition.
        """
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(PAGE, limit)
            found = self._wire.ask("GET", "/internal/journals/", {**conditions, "before": before, "limit": size}).value
            yield from found
            if len(found) < size:
                return
            before = found[-1]["id"]
            limit = None if limit is None else limit - len(found)

    def updates(self, after: int | None = None) -> Generator[Update, None, None]:
        """Each change of any run from now on, or after the change of this number, until the generator is closed."""
        return follow(self._wire, "/internal/journals/updates", {}, after, self._patience)


class Keys:
    """The values of one namespace of another board; writing takes the role admin."""

    def __init__(self, wire: Wire, patience: float, namespace: str = "default") -> None:
        self.namespace = namespace
        self._wire, self._patience = wire, patience
        self._path = f"/internal/kv/{named(namespace)}/"

    def select(self, namespace: str) -> Keys:
        """The values of another namespace."""
        return Keys(self._wire, self._patience, namespace)

    def namespaces(self) -> list[str]:
        """The names of all namespaces."""
        return list(self._wire.ask("GET", "/internal/kv/").value)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of `name`; `default` if there is none."""
        return self._item(name, default)[0]

    def _item(self, name: str, default: Any = None) -> tuple[Any, str | None]:
        try:
            found = self._wire.ask("GET", self._path + named(name))
        except RemoteError as error:
            if error.status_code != 404:
                raise
            return default, None
        return found.value, found.etag

    def items(self, prefix: str = "") -> dict[str, Any]:
        """The values by name whose names start with `prefix`, sorted by name."""
        found: dict[str, Any] = {}
        after, more = None, True
        while more:
            answer = self._wire.ask("GET", self._path, {"prefix": prefix or None, "after": after})
            found |= {item["key"]: item["value"] for item in answer.value}
            more, after = answer.next, answer.value[-1]["key"] if answer.value else None
        return found

    def set(self, name: str, value: Any, *, ttl: float | None = None) -> None:
        """Store a value, to be forgotten after `ttl` seconds."""
        self._wire.ask("PUT", self._path + named(name), {"ttl": ttl}, body=value, empty=False, again=True)

    def remove(self, name: str) -> None:
        """Forget a name; a missing one is ignored."""
        try:
            self._wire.ask("DELETE", self._path + named(name), again=True)
        except RemoteError as error:
            if error.status_code != 404:
                raise

    def incr(self, name: str, by: float = 1) -> Any:
        """Add to a number, a missing one is 0; returns the sum. Never sent twice, so nothing is added twice."""
        return self._wire.ask("POST", f"{self._path}{named(name)}/incr", {"by": by}).value

    def swap(self, name: str, old: Any, new: Any) -> bool:
        """Store `new` only if the value is `old` (None: if there is none); says whether it was stored.

        Never sent twice: after an error only `get` tells whether it was.
        """
        value, version = self._item(name)
        if value != old or (version is None) is not (old is None):
            return False
        demand = {"If-None-Match": "*"} if version is None else {"If-Match": version}
        try:
            self._wire.ask("PUT", self._path + named(name), body=new, empty=False, headers=demand)
        except RemoteError as error:
            if error.status_code != 412:
                raise
            return False
        return True

    def watch(self, prefix: str = "") -> Generator[Update, None, None]:
        """Each change of the names that start with `prefix`, from now on, until the generator is closed.

        After a broken connection `{"type": "resumed"}` tells that changes may have been missed.
        """
        query = {"namespace": self.namespace, "prefix": prefix or None}
        return follow(self._wire, "/internal/kv/updates", query, None, self._patience)


class Services:
    """The services of another board."""

    def __init__(self, wire: Wire, patience: float) -> None:
        self._wire, self._patience = wire, patience

    def list(self) -> list[Facts]:
        """The services and how they are."""
        return list(self._wire.ask("GET", "/internal/services/").value)

    def start(self, name: str) -> None:
        """Tell a service to start; it does a moment later."""
        self._tell(name, True)

    def stop(self, name: str) -> None:
        """Tell a service to stop; it does a moment later."""
        self._tell(name, False)

    def restart(self, name: str) -> None:
        """Tell a service to stop, if it runs, and to start."""
        self._tell(name, True, restart=True)

    def _tell(self, name: str, running: bool, **more: bool) -> None:
        body = {"running": running, **more}
        self._wire.ask("PUT", f"/internal/service/{named(name)}", body=body, again=not more)

    def updates(self) -> Generator[Update, None, None]:
        """Each change of a service from now on; `{"type": "resumed"}` after a broken connection."""
        return follow(self._wire, "/internal/services/updates", {}, None, self._patience)


class Schedules:
    """The schedules of another board."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> list[Facts]:
        """The schedules and when they are due next."""
        return list(self._wire.ask("GET", "/internal/schedules/").value)

    def pause(self, id: str) -> Facts:
        """Let its due times pass, until it is resumed; returns the schedule."""
        return dict(self._wire.ask("POST", f"/internal/schedule/{named(id)}/pause", again=True).value)

    def resume(self, id: str) -> Facts:
        """Run it again from its next due time on; returns the schedule."""
        return dict(self._wire.ask("POST", f"/internal/schedule/{named(id)}/resume", again=True).value)


class Events:
    """The events of another board: those that its apps emit, and those that are emitted there from here."""

    def __init__(self, wire: Wire, patience: float) -> None:
        self._wire, self._patience = wire, patience

    def emit(self, name: str, *payload: Any) -> int:
        """Tell an event there, in every app; returns how many functions hear it. Takes the role run.

        `payload` is one value for JSON or none: what the subscribers get beside `was`. It is never sent twice.
        """
        if len(payload) > 1:
            raise TypeError("an event has one payload; put several values into a dict or a list")
        found = self._wire.ask(
            "POST", f"/internal/event/{named(name)}", body=payload[0] if payload else None, empty=not payload
        )
        return int(found.value["subscribers"])

    def listen(self, *names: str) -> Generator[Update, None, None]:
        """Each event of these names, or of all, from now on, until the generator is closed; it reconnects by itself.

        `{"type": "event", "name", "payload", "app", "at", "id"}`. What is emitted while the connection is broken comes
        afterwards, in order. `{"type": "missed"}` tells that some have not been kept for so long, or that the board
        was started anew. Raises ResourceError once it has been away for longer than the client's patience.
        """
        return follow(self._wire, "/internal/events", {"name": names or None}, None, self._patience)


def health(wire: Wire, path: str) -> Facts:
    """`{status, reasons}` of a board; one that cannot be reached is failing, and the reason says why."""
    try:
        return dict(wire.ask("GET", path).value)
    except (ResourceError, TaskTimeout) as error:
        return {"status": "failing", "reasons": [str(error)]}
