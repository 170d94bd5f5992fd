"""The audit trail of the API: who changed what through it; and the operation that shows all of the trail."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Callable, Generator
from typing import Any

from atilite.automation.trail import note, shown
from atilite.awaiting import Later
from atilite.errors import Error
from atilite.web.auth import remote_address
from atilite.web.errors import http_error
from atilite.web.response import Response

# Operations by other methods than GET that change nothing.
READING = frozenset({"searchJournals"})
# What an operation is called in the trail, where its own name would not say it as the console does.
WORDS = {
    "invokeAction": "run action",
    "receiveHook": "run action",
    "runAgain": "run action",
    "cancelJournal": "cancel run",
    "removeKey": "delete key",
}
TARGETS = ("name", "id", "key", "path")
_RUN = re.compile(rb'"run":(null|-?[0-9]+)[,}]')
# In the environ of a request whose handler has been noted.
NOTED = "atilite.audited"


def audited(endpoint: Any, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of an operation that changes something, with a note of what came of it."""
    if endpoint.method == "GET" or endpoint.operation in READING:
        return handler

    @functools.wraps(handler)
    def call(was: Any, **path: Any) -> Any:
        try:
            value = handler(was, **path)
        except Exception as error:
            _note(was, endpoint, path, error)
            raise
        return _settled(was, endpoint, path, value)

    return call


def _settled(was: Any, endpoint: Any, path: dict[str, Any], value: Any) -> Any:
    """Note what the handler has answered, or will."""
    if inspect.isgenerator(value):
        return _followed(was, endpoint, path, value)
    if isinstance(value, Later):
        return _noted_later(was, endpoint, path, value)
    _note(was, endpoint, path, value)
    return value


def _noted_later(was: Any, endpoint: Any, path: dict[str, Any], value: Later) -> Later:
    """The same answer, and the note behind it: whoever waits for a run need not wait for that."""
    made: list[object] = []

    def render(ended: Any) -> Any:
        made.append(value.render(ended))
        return made[0]

    def after(ended: Any) -> None:
        value.after(ended)
        try:
            # Nothing was made for a client that has left, or what was to be made failed.
            outcome = made[0] if made else value.render(ended)
        except Exception as error:
            outcome = error
        _note(was, endpoint, path, outcome)

    return Later(value.task, render, after)


def _followed(was: Any, endpoint: Any, path: dict[str, Any], steps: Generator[Any, Any, Any]) -> Any:
    try:
        value = yield from steps
    except Exception as error:
        _note(was, endpoint, path, error)
        raise
    return _settled(was, endpoint, path, value)


def _note(was: Any, endpoint: Any, path: dict[str, Any], outcome: object) -> None:
    was.request.env[NOTED] = True
    who, result, run = was.identity.name, "done", None
    if isinstance(outcome, Response):
        facts = _facts(outcome)
        result = "done" if outcome.status_code < 400 else outcome.status
        if outcome.status_code != 409:  # that one names the run that was in the way
            run = facts.get("run")
            result = str(facts.get("status") or result) if outcome.status_code == 500 else result
    elif isinstance(outcome, Exception):
        result = http_error(outcome).status
    if result != "done" and who is None and run is None:
        return  # a stranger could fill the trail with what did not happen
    what = WORDS.get(endpoint.operation) or re.sub(r"(?<!^)(?=[A-Z])", " ", endpoint.operation).lower()
    if endpoint.operation == "manageService":
        verb = "start" if _sent(was).get("running") else "stop"
        what = "restart service" if _sent(was).get("restart") else f"{verb} service"
    target = "/".join(str(path[name]) for name in ("namespace", *TARGETS) if name in path)
    given = {"value": shown(str(path["key"]), _body(was))} if endpoint.operation == "setKey" else {}
    if endpoint.operation == "writeShare":
        given = {"value": shown(str(path["path"]), _body(was))}
    if endpoint.operation == "bidFramer":
        what, target = f"{_sent(was).get('control')} framer", f"{target}/{_sent(was).get('framer')}"
    if endpoint.operation == "switchHouse":
        what = f"{path['verb']} house"
    if endpoint.operation == "emitEvent" and was.request.has_body:
        given = {name: shown(name, value) for name, value in (_sent(was) or {"payload": _body(was)}).items()}
    note(
        was.app.site.database(), what, who=who, via="hook" if endpoint.operation == "receiveHook" else "api",
        address=remote_address(was.request.env), target=target, parameters=given, result=result, run=run,
        # Where nothing was sent there is nothing to look up in the run.
        bare=endpoint.operation == "invokeAction" and not was.request.has_body,
    )  # fmt: skip


def _facts(answer: Response) -> dict[str, Any]:
    """What the answer says of a run."""
    if not isinstance(answer.body, bytes) or b'"run"' not in answer.body:
        return {}
    if answer.status_code < 300 and (found := _RUN.search(answer.body)) is not None:
        return {} if found[1] == b"null" else {"run": int(found[1])}  # the way of most answers, a tenth of the time
    found = json.loads(answer.body)
    return found if isinstance(found, dict) and isinstance(found.get("run"), int) else {}


def _body(was: Any) -> Any:
    try:
        return json.loads(was.request.get_body() or b"null")
    except (ValueError, RecursionError):
        return None


def _sent(was: Any) -> dict[str, Any]:
    value = _body(was)
    return value if isinstance(value, dict) else {}


def refused(was: Any, error: BaseException) -> None:
    """Note that somebody known tried a change that takes a greater role."""
    if not isinstance(error, Error) or error.status_code != 403 or NOTED in was.request.env:
        return
    if was.request.method not in ("GET", "HEAD", "OPTIONS") and was.identity.name:
        note(
            was.app.site.database(), "refused", who=was.identity.name, via="api", target=was.request.path,
            address=remote_address(was.request.env), result=error.status,
        )  # fmt: skip
