"""Webhooks: other programs start an action by a signed request, without an account or a token.

A request counts once: its signature is kept as long as it would be accepted, over a restart as well.
"""

from __future__ import annotations

import json
from typing import Any

from atilite.awaiting import Later
from atilite.errors import Error, RunSkipped
from atilite.runtime.promise import Promise
from atilite.web import webhooks
from atilite.web.body import parse_json
from atilite.web.response import Response

from .answers import refusal, reply
from .endpoints import Answer, Endpoint, Parameter
from .inputs import Query, content_type, refuse_halves
from .schemas import ANYTHING, ERROR, WHOLE, maybe, shape
from .site import catalogue, stored

LARGEST_BODY = 1 << 20
# Where the signatures that were seen are kept: below a name that no program uses.
SEEN = "_hooks"
# GitHub signs no time, so its signatures have to be known for long: seconds.
GITHUB_MEMORY = 30 * 86_400.0
FORM = "application/x-www-form-urlencoded"
# An action with a parameter of this name gets the whole body in it.
WHOLE_BODY = "payload"


def receive_hook(was: Any, name: str) -> Response | Later:
    """Run the action for a request that is signed with its secret. The answer waits for the run's beginning only."""
    action = _hooked(was, name)
    body = was.request.get_body()
    _accept(was, action, name, body)
    raw = _parameters(was, action, body)
    try:
        run, _ = catalogue(was).start_action(name, raw, "hook")
    except RunSkipped as skipped:
        return refusal(Error(409, str(skipped)), {"run": skipped.running, "status": "skipped"})
    return Later(stored(was), lambda done: _accepted(run, done))


def _accepted(run: int, done: Promise[Any]) -> Response:
    done.result()
    return reply({"run": run if run > 0 else None}, 202)


def _hooked(was: Any, name: str) -> Any:
    """The action. Raises Error 401 for one without a hook as for a wrong signature: strangers learn no names."""
    try:
        found = catalogue(was).action(name)
    except LookupError:
        found = None
    if found is None or not found.hook:
        raise _unproven(webhooks.WRONG)
    return found


def _unproven(text: str) -> Error:
    return Error(401, text, headers=[("WWW-Authenticate", "Signature")])


def _accept(was: Any, action: Any, name: str, body: bytes) -> None:
    """Check the signature and that it comes for the first time. Raises Error 401, 409, StoreError."""
    site, environ = was.app.site, was.request.env
    secret = webhooks.secret_text(site.keys.current(f"hook:{name}"))
    database = site.database()
    github = environ.get("HTTP_X_HUB_SIGNATURE_256")
    try:
        if github is not None and str(action.hook) == "github":
            proof, memory = webhooks.check_github(github, secret, body), GITHUB_MEMORY
        else:
            header = environ.get("HTTP_X_SIGNATURE", "")
            proof = webhooks.check(header, secret, body, database.clock.time())
            memory = 2.0 * webhooks.WINDOW
    except webhooks.BadHook as bad:
        raise _unproven(str(bad)) from None
    first: Promise[Any] = Promise()
    catalogue(was).kv.replace(SEEN, proof.mark, name, 0, ttl=memory, done=first.settle)
    if not first.wait():
        raise Error(409, "this request has been here already")


def _parameters(was: Any, action: Any, body: bytes) -> dict[str, Any]:
    """The parameters of the action: the members of a JSON object, the fields of a form, or the body as `payload`."""
    whole = any(field.name == WHOLE_BODY for field in action.schema.fields)
    if content_type(was.request.env) == FORM:
        fields = {name: values[-1] for name, values in Query(_text(body)).fields.items()}
        if not whole or WHOLE_BODY not in fields:
            return {WHOLE_BODY: fields} if whole else fields
        # GitHub can send its JSON in a field of a form, which happens to have this name.
        body = fields[WHOLE_BODY].encode()
    value: Any = parse_json(body) if body.strip() else {}
    refuse_halves(value)
    if whole:
        field = next(one for one in action.schema.fields if one.name == WHOLE_BODY)
        return {WHOLE_BODY: value if field.kind == "json" else json.dumps(value, ensure_ascii=False)}
    if not isinstance(value, dict):
        raise Error(400, "the body must be a JSON object: its members are the parameters of the action")
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Error(400, "the body is no UTF-8 text") from None


ENDPOINTS = (
    Endpoint(
        "POST", "/hook/<name:path>", receive_hook, "receiveHook", "Run an action by a signed request",
        role=None, tag="actions",
        parameters=(
            Parameter("name", "The name of an action that is declared with hook=True.", place="path"),
            Parameter("X-Signature", 't=<unix time>,v1=<hex HMAC-SHA256 of "<t>.<body>">', place="header"),
            Parameter("X-Hub-Signature-256", "As GitHub signs, for an action with hook='github'.", place="header"),
        ),
        body=ANYTHING, body_required=False,
        answers={202: Answer("The run has begun, or waits for others of its action.", shape({"run": maybe(WHOLE)})),
                 400: Answer("The parameters are wrong; `fields` says why.", ERROR),
                 401: Answer("No signature, a wrong one, one that is too old, or no such hook.", ERROR),
                 409: Answer("This request was here before, or the action runs and skips others.", ERROR),
                 413: Answer("The body is larger than 1 MiB.", ERROR)},
        options={"max_body": LARGEST_BODY},
    ),
)  # fmt: skip
