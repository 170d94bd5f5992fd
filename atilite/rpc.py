"""Calls of procedures: a body of XML-RPC or JSON-RPC names a route of the app, and what its handler returns goes back.

The method `a.b` is the route `/a/b`, with its hooks, access and checks, at whatever path of the app the call is posted.
This module is loaded with the first call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from io import BytesIO
from typing import Any

import bottle

from .answer import Reply
from .errors import Error
from .web import jsonrpc, xmlrpc
from .web.body import parse_json, read_body
from .web.calls import CALL, INVALID, PARAMETERS, UNKNOWN, UNREADABLE, WORDS, Call
from .web.errors import error_answer
from .web.exchange import CAN_PARK
from .web.input import media_type
from .web.jsonrpc import Asked, JsonCall
from .web.xmlrpc import Kept, XmlCall

# A call's body is read into memory and may become many objects: 1 MiB.
LARGEST = 1024 * 1024

# What belongs to the request that brought the call, not to the call.
_OWN = ("QUERY_STRING", "REQUEST_URI", "RAW_URI", "HTTP_RANGE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH",
        "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE", "HTTP_TRANSFER_ENCODING")  # fmt: skip


class UnknownMethod(LookupError):
    """No route answers a call of this name."""


def respond(app: Any, environ: dict[str, Any]) -> Reply:
    """Answer a request whose body may be a call. Raises Park when the answer comes later. Not on the loop."""
    kind = media_type(environ) or ""
    if environ["REQUEST_METHOD"] != "POST" or _wanted_as_it_is(app, environ, kind):
        return _plainly(app, environ)
    try:
        body = read_body(environ, LARGEST)
    except Error as error:
        return Reply(*error_answer(error, environ.get("HTTP_ACCEPT", "")))
    if kind != "text/xml":
        return _json(app, environ, body)
    # Other documents are text/xml, too.
    return _xml(app, environ, body) if b"<methodCall" in body else _plainly(app, environ)


def _plainly(app: Any, environ: dict[str, Any]) -> Reply:
    reply: Reply = app.pipeline.respond(environ)
    return reply


def _wanted_as_it_is(app: Any, environ: dict[str, Any], kind: str) -> bool:
    """Whether a route at this very path reads such bodies itself, or begins on the loop, where no call may block."""
    try:
        route, _ = app.match(environ)
    except bottle.HTTPError:
        return False
    options = route.facts["options"] if hasattr(route, "facts") else {}
    kinds = bottle.makelist(options.get("content_types"))
    own = bool(options.get("input_stream")) or options.get("start") == "hub"
    return own or any(fnmatchcase(kind, wanted.lower()) for wanted in kinds)


# -- XML-RPC


def _xml(app: Any, environ: dict[str, Any], body: bytes) -> Reply:
    try:
        name, args = xmlrpc.parse(body)
    except ValueError as error:
        return Reply(*XmlCall({}).fault(UNREADABLE, str(error)))
    if name == "system.multicall":
        return _several_xml(app, environ, args, body)
    call = XmlCall({})
    return _made(app, environ, call, name, args, body)


def _several_xml(app: Any, environ: dict[str, Any], args: list[Any], body: bytes) -> Reply:
    asked = args[0] if len(args) == 1 and isinstance(args[0], list) else None
    if asked is None or len(asked) > jsonrpc.MOST_CALLS:
        return Reply(*XmlCall({}).fault(PARAMETERS, f"an array of at most {jsonrpc.MOST_CALLS} calls is expected"))
    outcomes = []
    for one in asked:
        call = Kept({})
        name, params = (one.get("methodName"), one.get("params", [])) if isinstance(one, dict) else (None, [])
        if isinstance(name, str) and isinstance(params, list) and name != "system.multicall":
            _made(app, _held(environ), call, name, params, body)
        else:
            call.fault(INVALID, WORDS[INVALID])
        outcomes.append(call.outcome)
    return Reply(*XmlCall({}).result(outcomes))


# -- JSON-RPC


def _json(app: Any, environ: dict[str, Any], body: bytes) -> Reply:
    style = app.pipeline.style
    try:
        given = parse_json(body)
    except Error as error:
        return Reply(*jsonrpc.answer_of(jsonrpc.unreadable(error.explanation)))
    if not isinstance(given, list):
        return _json_call(app, environ, given, body)[0]
    if not given or len(given) > jsonrpc.MOST_CALLS:
        reason = f"a batch has 1 to {jsonrpc.MOST_CALLS} calls"
        return Reply(*jsonrpc.answer_of(jsonrpc.invalid(reason)))
    answers = [_json_call(app, _held(environ), one, body)[1] for one in given]
    wanted = [said for said in answers if said is not None]
    return Reply(*(jsonrpc.answer_of(wanted, style) if wanted else jsonrpc.nothing()))


def _json_call(app: Any, environ: dict[str, Any], given: Any, body: bytes) -> tuple[Reply, dict[str, Any] | None]:
    """Make a call: the reply to it alone, and what it adds to the answer of a batch, None if it wants no answer."""
    try:
        asked = Asked.of(given)
    except ValueError as error:
        said = jsonrpc.invalid(str(error))
        return Reply(*jsonrpc.answer_of(said)), said
    call = JsonCall({}, asked, app.pipeline.style)
    reply = _made(app, environ, call, asked.method, asked.params, body)
    return reply, None if asked.notice else call.said


# -- one call


def _held(environ: dict[str, Any]) -> dict[str, Any]:
    """The environ for one call of several: it keeps this thread until its answer is there."""
    return {**environ, CAN_PARK: False}


def _made(
    app: Any, environ: dict[str, Any], call: Call, name: str, params: Mapping[str, Any] | Sequence[Any], body: bytes
) -> Reply:
    """Make a call: answer the request that it stands for. Raises Park."""
    try:
        inner = request_of(app, environ, call, name, params, body)
    except UnknownMethod as missing:
        return Reply(*call.fault(UNKNOWN, WORDS[UNKNOWN], Error(404, str(missing))))
    except Error as error:
        return Reply(*call.refuse(error))
    return _plainly(app, inner)


def request_of(
    app: Any,
    environ: dict[str, Any],
    call: Call,
    name: str,
    params: Mapping[str, Any] | Sequence[Any],
    body: bytes = b"",
) -> dict[str, Any]:
    """The environ of the request that a call stands for; its parameters are named by the handler's signature.

    Raises UnknownMethod, and Error 400 for more parameters than the handler takes.
    """
    path = "/" + name.replace(".", "/").lstrip("/")
    inner = {key: value for key, value in environ.items() if key not in _OWN}
    inner |= {"REQUEST_METHOD": "POST", "PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": "", CALL: call}
    inner |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    try:
        route, texts = app.match({**inner, "PATH_INFO": path})
    except bottle.HTTPError:
        raise UnknownMethod(f"there is no method {name!r}") from None
    if isinstance(params, Mapping):
        call.params = dict(params)
    elif hasattr(route, "facts"):
        call.params = _placed(route, texts, params, call.lenient)
    elif params:
        raise Error(400, "this method takes no parameters", fields={"params": "are not taken"})
    return inner


def _placed(route: Any, texts: Mapping[str, str], params: Sequence[Any], lenient: bool) -> dict[str, Any]:
    """Give positional parameters the names of those that the path does not have already."""
    names = [name for name in route.facts["resource"].signature.names if name not in texts]
    if len(params) > len(names) and not lenient:
        reason = f"{len(params)} parameters were given, {len(names)} are taken"
        raise Error(400, reason, fields={"params": "are too many"})
    return dict(zip(names, params, strict=False))
