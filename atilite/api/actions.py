"""Operations on actions: list them, run one."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from atilite.awaiting import Later
from atilite.errors import Error, RunSkipped, StoreError, TaskCancelled, TaskTimeout
from atilite.runtime.promise import Promise
from atilite.web.response import Response

from .answers import refusal, reply
from .endpoints import Answer, Endpoint, Parameter
from .inputs import content_length, content_type, json_object
from .schemas import ACTION, ERROR, FLAG, WHOLE, many, ref, shape
from .shapes import action
from .site import catalogue, identity, monotonic, query, stored

# Above this size, and for forms with files, the body is read in a task thread: decoding it would keep the loop.
QUICK_BODY = 64 * 1024
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def list_actions(was: Any) -> Response:
    """Every action that is not hidden, in the order of definition."""
    return reply([action(found) for found in catalogue(was).actions if not found.hidden])


def invocations(actions: Iterable[Any]) -> Iterator[Endpoint]:
    """To run each action that is not hidden, as an operation of its own: the signature is the schema of the body.

    They tell what `POST /action/{name}` takes; their routes are that one.
    """
    operations: set[str] = set()
    for found in actions:
        if found.hidden:
            continue
        operation = "invoke_" + re.sub(r"\W+", "_", found.name)
        while operation in operations:
            operation += "_"
        operations.add(operation)
        whole = found.schema.json_schema()
        files = {one.name for one in found.fields if one.kind == "upload"}
        plain = {**whole, "properties": {name: one for name, one in whole["properties"].items() if name not in files}}
        yield Endpoint(
            "POST", f"/action/{quote(found.name, safe='')}", invoke_action, operation,
            found.description.partition("\n")[0] or f"Run {found.name}", found.role, tag="actions", parameters=(WAIT,),
            body=None if files & set(whole["required"]) else plain, body_required=bool(whole["required"]),
            forms={FORMS[0]: whole} if files else {FORMS[1]: whole}, answers=STARTED,
        )  # fmt: skip


def invoke_action(was: Any, name: str) -> Response | Later | Generator[Any, Any, Response | Later]:
    """Run an action; wait for its end unless `?wait=0`. The run goes on when the client leaves."""
    found = permitted(was, name)
    environ = was.request.env
    kind = content_type(environ)
    if found.choices or kind == "multipart/form-data" or content_length(environ) > QUICK_BODY:
        return apart(was, lambda: begun(was, name, read(was.request, kind)))
    return begun(was, name, read(was.request, kind))


def apart(was: Any, begin: Callable[[], Response | Later]) -> Generator[Any, Any, Response | Later]:
    """Begin in a task thread what takes its time: to read the body, and to make the choices for the check."""
    finished = yield was.Thread(begin, timeout=None)
    ready: Response | Later = finished.fetch()
    return ready


def begun(was: Any, name: str, raw: dict[str, Any]) -> Response | Later:
    """Start the run and answer with its end, or with its number at once."""
    wait = query(was).flag("wait")
    started = monotonic()
    try:
        run, task = catalogue(was).start_action(name, raw, "api", identity(was).name)
    except RunSkipped as skipped:
        return refusal(Error(409, str(skipped)), {"run": skipped.running, "status": "skipped"})
    if wait is False:
        return Later(stored(was), lambda done: _accepted(run, done))
    return Later(task, lambda ended: _outcome(was, name, run, ended.promise, monotonic() - started))


def _accepted(run: int, done: Promise[Any]) -> Response:
    done.result()
    return reply({"run": run}, 202, [("Location", f"../journal/{run}")])


def permitted(was: Any, name: str) -> Any:
    """Return an action. Raises Error 403 or 404 unless the caller may run it: each says which role that takes."""
    access = was.app.site.access
    try:
        found = catalogue(was).action(name)
    except LookupError:
        access.check(identity(was), "run")
        raise Error(404, f"there is no action {name!r}") from None
    access.check(identity(was), found.role)
    return found


def read(request: Any, kind: str) -> dict[str, Any]:
    """The parameters in the body: a form, or a JSON object."""
    if kind in FORMS:
        return {name: value for name, value in request.FORM.items() if name != "csrf"}
    return json_object(request)


def _outcome(was: Any, name: str, run: int, promise: Promise[Any], duration: float) -> Response:
    # An action without a journal has no number to show.
    facts = {"name": name, "duration": duration, "run": run if run > 0 else None}
    if promise.error is not None:
        status, text = _ending(was, run, promise.error)
        if isinstance(promise.error, StoreError):
            # Perhaps the run went well and only its end is not stored: nobody may take that for acknowledged.
            return refusal(Error(503, str(promise.error), headers=[("Retry-After", "5")]), {**facts, "status": status})
        return refusal(Error(500, text), {**facts, "status": status})
    facts["status"] = "succeeded"
    try:
        return reply({**facts, "result": promise.value})
    except TypeError:
        # What JSON cannot say is still a success; the run's page shows the same text.
        return reply({**facts, "result": repr(promise.value)[:1000]})


def _ending(was: Any, run: int, error: BaseException) -> tuple[str, str]:
    """Status and text of a run that did not succeed; as journaled, because there the secrets are dots."""
    headline = catalogue(was).journals.headline(run) if run > 0 else None
    if headline is not None and not headline.pending:
        return str(headline.status), headline.error or str(error)
    text = str(error) or type(error).__name__
    if isinstance(error, TaskTimeout):
        return "timed_out", text
    return "cancelled" if isinstance(error, TaskCancelled) else "failed", text


WAIT = Parameter("wait", "false or 0: answer at once with the number of the run.", FLAG)
NAME = Parameter("name", "The action's name; a slash in it may be sent as it is or as %2F.", place="path")
STARTED = {
    200: Answer("It succeeded.", ref("Invoked")),
    202: Answer("It was started.", shape({"run": WHOLE})),
    403: Answer("The role is smaller than the one that the action asks for, by default run.", ERROR),
    404: Answer("There is no such action.", ERROR),
    409: Answer("It is running already and its overlap policy skips; `run` is the running one.", ERROR),
    413: Answer("The body is too large.", ERROR),
    415: Answer("The body is neither JSON nor a form.", ERROR),
    500: Answer("It failed, timed out or was cancelled: see `status` and `run`.", ERROR),
    503: Answer("Nothing can be stored at the moment, such as how the run ended.", ERROR),
}

ENDPOINTS = (
    Endpoint(
        "GET", "/actions/", list_actions, "listActions", "Names, descriptions and parameters of the actions",
        tag="actions", answers={200: Answer("The actions in the order of their definition.", many(ACTION))},
    ),
    Endpoint(
        "POST", "/action/<name:path>", invoke_action, "invokeAction", "Run an action and wait for its end",
        tag="actions",
        parameters=(NAME, WAIT),
        body={"type": "object", "description": "The parameters; a form works as well."},
        body_required=False, answers=STARTED,
        options={"start": "hub", "coroutine": True},
    ),
)
