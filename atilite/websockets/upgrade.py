"""`@app.websocket`: from a route to an open WebSocket."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..errors import Error, SetupError
from ..hooks import call_with_was
from ..runtime.functions import kind_of, wants_was
from ..runtime.kinds import run_function
from ..web import csrf
from ..web.exchange import CAN_PARK, Park
from ..web.state import KEEPING
from ..web.websocket import MAX_MESSAGE, accept
from ..wrapping import UPGRADES
from .facade import Websocket
from .room import Room
from .specs import MAX_UNSENT, TIMEOUT, WS_CHANNEL, Spec, Terms
from .talk import Handler, Talk

F = TypeVar("F", bound=Callable[..., Any])


def websocket(
    app: Any,
    spec: int = WS_CHANNEL,
    timeout: float | None = TIMEOUT,
    onopen: Callable[..., Any] | None = None,
    onclose: Callable[..., Any] | None = None,
    *,
    encoding: str = "text",
    subprotocols: Iterable[str] = (),
    origins: Iterable[str] = (),
    max_message: int = MAX_MESSAGE,
    max_unsent: int = MAX_UNSENT,
) -> Callable[[F], F]:
    """Decorator below `@app.route`: the handler talks with its clients over WebSockets; see docs/websockets.md.

    `spec` is a sum of WS_ constants. A connection without a message for `timeout` seconds is closed. `onopen(was)`
    runs before the handshake is answered: it may refuse by was.Error, set cookies, and what it returns is sent first.
    `onclose(was)` runs after everything else. Raises SetupError for what makes no sense.
    """

    def decorate(function: F) -> F:
        if any(route.callback is function for route in app.routes):
            raise SetupError(f"@app.websocket of {function.__qualname__} must stand below @app.route")
        terms = Terms(
            Spec.of(spec, function),
            timeout,
            onopen,
            onclose,
            encoding,
            subprotocols=_listed(subprotocols),
            origins=_listed(origins),
            max_message=max_message,
            max_unsent=max_unsent,
        )
        if app.websockets is None:
            app.websockets = Room(app.runtime)
        return _upgrading(app, function, terms)

    return decorate


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _upgrading(app: Any, function: F, terms: Terms) -> F:
    takes_was, is_plain = wants_was(function), kind_of(function) == "plain"

    @functools.wraps(function)
    def upgrade(was: Any, **arguments: Any) -> Any:
        environ, room = was.request.env, app.websockets
        accepted = accept(environ, terms.subprotocols, compress=bool(app.config.get("COMPRESS", True)))
        _check_origin(app, environ, terms.origins)
        if not environ.get(CAN_PARK):
            raise Error(501, "this server keeps its connections to itself: start the program with atilite's own server")
        if room.stopping:
            raise Error(503, "the server is stopping", headers=[("Retry-After", "5")])
        talk = Talk(was, Handler(function, takes_was, is_plain, arguments), terms, accepted, room)
        _open(was, talk, accepted.subprotocol, room, terms.onopen)
        raise Park(talk.begin)

    vars(upgrade).update({"__signature__": _signature(function, takes_was, terms.spec.session), UPGRADES: True})
    return upgrade  # type: ignore[return-value]


def _open(was: Any, talk: Talk, subprotocol: str | None, room: Room, onopen: Callable[..., Any] | None) -> None:
    """Let `onopen` have its say before the handshake is answered. Raises what it raises."""
    was.__dict__.pop("response", None)
    was.websocket = Websocket(talk, subprotocol)
    room.add(talk)
    try:
        if onopen is not None:
            value = call_with_was(onopen, was)
            if inspect.isgenerator(value) or inspect.iscoroutine(value) or hasattr(value, "on_done"):
                value = run_function(lambda: value, runtime=was.app.runtime).wait()
            talk.say(value)
        talk.greet([*was.request.hand_over(), *was.__dict__.get("extra_headers", ())])
        for kept in KEEPING:
            was.__dict__.pop(kept, None)
    except BaseException:
        was.websocket = None
        room.discard(talk)
        raise


def _check_origin(app: Any, environ: dict[str, Any], origins: tuple[str, ...]) -> None:
    """A browser sends cookies with the handshake whatever page opens it, and nothing keeps that page from reading."""
    if "*" in origins or environ.get("HTTP_ORIGIN") in origins:
        return
    if app.site is not None:
        return app.site.access.check_origin(environ)  # type: ignore[no-any-return]
    reason = csrf.foreign(environ)
    if reason:
        raise Error(403, reason)


def _signature(function: Callable[..., Any], takes_was: bool, session: bool) -> inspect.Signature:
    """What the address has to give: everything but `was` and the message."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if takes_was:
        del parameters[0]
    if not session:
        if not parameters or parameters[0].kind not in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.POSITIONAL_ONLY,
        ):
            raise SetupError(f"@app.websocket of {function.__qualname__}: its first argument takes the message")
        del parameters[0]
    first = inspect.Parameter("was", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return signature.replace(parameters=[first, *parameters])
