"""Everything atilite raises on purpose, in one small tree.

Facts are attributes, the text says what to do. HTTP statuses and exit codes are chosen at the edge, from the class.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from http import HTTPStatus


class AtiliteError(Exception):
    """Base of everything atilite raises on purpose."""


@functools.lru_cache(256)
def status_line(status: str | int) -> str:
    """Return "404 Not Found" for 404, "404" or "404 Not Found"; a text of one's own after the code is kept."""
    text = str(status).strip()
    code, _, reason = text.partition(" ")
    if not (len(code) == 3 and code.isdigit() and code[0] in "12345"):
        raise ValueError(f"{status!r} is no HTTP status; write it as 404 or '404 Not Found'")
    if reason:
        return text
    try:
        return f"{code} {HTTPStatus(int(code)).phrase}"
    except ValueError:
        return f"{code} Unknown"


class Error(AtiliteError):
    """An HTTP error as an exception: `raise was.Error("404 Not Found", "no such photo")`.

    `status` may be a number or a full status line. `explanation` is shown to the client as `more_info`, `errno`
    replaces the `code` of the error body (otherwise status times 100), `message` its `message` (otherwise the
    status in words). `fields` names the faults of single parameters, `headers` go out with the error (such as
    `WWW-Authenticate`).
    """

    def __init__(
        self,
        status: str | int,
        explanation: str = "",
        errno: int = 0,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        message: str = "",
    ) -> None:
        self.status = status_line(status)
        self.explanation = explanation
        self.errno = errno
        self.fields = dict(fields) if fields else None
        self.headers = list(headers)
        self.message = message
        super().__init__(f"{self.status}: {explanation}" if explanation else self.status)

    @property
    def status_code(self) -> int:
        return int(self.status[:3])

    @property
    def reason(self) -> str:
        return self.status[4:]


class SetupError(AtiliteError):
    """The program is put together wrongly; found before the first request."""


class DuplicateName(SetupError):
    """A name was registered twice."""

    def __init__(self, kind: str, name: str, first: str, second: str) -> None:
        super().__init__(
            f"{kind} {name!r} is defined by {first} and again by {second}; give one of them name=... or replace=True"
        )
        self.kind, self.name = kind, name


class Frozen(SetupError):
    """Something was registered after the app had started."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} was registered after the app had started; do it in __setup__ or __mount__")
        self.kind, self.name = kind, name


class ConfigError(AtiliteError):
    """A setting has a value that cannot be used."""


class StoreError(AtiliteError):
    """The database cannot do what was asked."""


class StoreBusy(StoreError):
    """Another live process owns the database."""


class StoreFull(StoreError):
    """The disk is full: reads go on, this write did not happen."""


class StoreUnavailable(StoreError):
    """The database cannot be opened: missing folder, wrong owner, read-only, not a database."""


class TaskError(AtiliteError):
    """A task did not give a result."""


class TaskTimeout(TaskError, TimeoutError):
    """The wait for a task took longer than allowed; the task itself may still go on."""


class TaskCancelled(TaskError):
    """The task was cancelled before it ended."""


class Vetoed(TaskError):
    """Something did not let it run, and would say no again: it is not started anew."""


class HubBlocked(TaskError, RuntimeError):
    """A blocking wait was asked for where it would stop every other request."""


class ParameterError(AtiliteError):
    """Parameters do not fit the signature; `fields` maps each faulty name to its reason."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in fields.items()))
        self.fields = dict(fields)


class RunError(AtiliteError):
    """A run could not be started or did not succeed."""


class RunSkipped(RunError):
    """The action, or its group, is already running and its overlap policy does not allow another run."""

    def __init__(self, name: str, running: int | None, group: str = "") -> None:
        where = f" as run {running}" if running is not None else ""
        what = f"the {group} of {name!r}" if group else repr(name)
        super().__init__(f"{what} is already running{where}; wait for it or cancel it")
        self.name, self.running = name, running


class RunFailed(RunError):
    """A run ended otherwise than succeeded."""

    def __init__(self, text: str, run: int | None = None, status: str = "failed") -> None:
        super().__init__(text)
        self.run, self.status = run, status


class ResourceError(AtiliteError):
    """An outside resource could not be reached or refused a request."""

    def __init__(self, alias: str, reason: str) -> None:
        super().__init__(f"{alias}: {reason}")
        self.alias, self.reason = alias, reason


class RemoteError(ResourceError):
    """Another atilite program refused a request of `Client`; `status_code` is how, `fields` names faulty parameters.

    `retry_after` is for how many seconds it wants to be left alone, None if it did not say.
    """

    def __init__(
        self,
        url: str,
        status_code: int,
        detail: str,
        fields: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        faults = "".join(f"; {name}: {fault}" for name, fault in (fields or {}).items())
        super().__init__(url, f"{status_code}, {detail}" + ("" if detail in faults else faults))
        self.status_code, self.detail, self.retry_after = status_code, detail, retry_after
        self.fields = dict(fields or {})


class QueryError(ResourceError):
    """A database refused a statement: it is wrong, or a constraint of the tables says no.

    `constraint` names the constraint, or is what the database says of it; None for any other reason.
    """

    def __init__(self, alias: str, reason: str, constraint: str | None = None) -> None:
        super().__init__(alias, reason)
        self.constraint = constraint


class AliasError(ResourceError):
    """No resource has this alias, or its declaration cannot be used: a mistake in the program."""


class FlowError(AtiliteError):
    """A plan is wrong, or something was asked of it that it does not have."""
