"""The pipeline: ONE Bottle plugin between the router and the user's handler.

Access, hooks, parameters, the handler, its coroutine if it is one, and the answer, in this order.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import bottle

from .answer import STREAMED, ClosingBody, Conversation, Course, Reply, is_waitable, result_of
from .awaiting import Awaiting, Later
from .bottled import Step, signature_of, take_over, uses_bottle
from .errors import Error
from .was.was import Was
from .web.answers import encoded
from .web.banner import with_banner
from .web.calls import CALL
from .web.compression import MINIMUM, ON_LOOP, packed
from .web.conditional import forget_forms
from .web.errors import error_answer, http_error
from .web.exchange import MAX_BODY, RequestPolicy
from .web.headers import secure
from .web.input import NOTHING
from .web.negotiate import wants_html
from .web.request import Request, sent_path
from .web.resources import Resources
from .web.response import Style, serialize
from .web.routes import Rule
from .wrapping import PLAIN

log = logging.getLogger("atilite")


class Pipeline:
    """What happens between the router and a handler, for one app. Requests call it from any number of threads."""

    name = "atilite"
    api = 2

    def __init__(self, app: Any) -> None:
        self._app = app
        self.resources = Resources()
        self._policies: dict[tuple[str, str], RequestPolicy] = {}
        self._ruled_policies: list[tuple[str, Rule, RequestPolicy]] = []

    # -- set-up ---------------------------------------------------------------------------------------------------

    def declare(self, rule: Rule, verb: str, options: dict[str, Any]) -> None:
        """Note how the server has to treat requests of a route, if not in the usual way."""
        policy = RequestPolicy(
            start="hub" if options.get("start") == "hub" else "worker",
            stream_input=bool(options.get("input_stream")),
            max_body=self._max_body(options),
        )
        if policy == RequestPolicy(max_body=self._max_body({})):
            return
        if rule.static:
            self._policies[verb, rule.text or "/"] = policy
        else:
            self._ruled_policies.append((verb, rule, policy))

    def redeclare(self, routes: Iterable[Any]) -> None:
        """Forget how requests have to be treated; note it again for these routes only."""
        self._policies.clear()
        self._ruled_policies.clear()
        for route in routes:
            self.declare(route.facts["rule"], route.method, route.facts["options"])

    def policy(self, method: str, path: str) -> RequestPolicy | None:
        """How the server shall treat this request; None for the usual way. Loop only, so it must stay quick."""
        found = self._policies.get((method, path))
        if found is not None:
            return found
        for verb, rule, policy in self._ruled_policies:
            if verb == method and rule.matches(path):
                return policy
        limit = self._max_body({})
        return None if limit == MAX_BODY else RequestPolicy(max_body=limit)

    def _max_body(self, options: dict[str, Any]) -> int:
        return int(options.get("max_body") or self._app.config.get("MAX_UPLOAD_SIZE") or MAX_BODY)

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        """Wrap a route's callback: Bottle asks for this once a route, at its first request."""
        facts: dict[str, Any] = getattr(route, "facts", {})
        rule = facts.get("rule")
        options = facts.get("options", {})
        routable = facts["resource"].routable if facts else options
        kinds = bottle.makelist(options.get("content_types"))
        signature = signature_of(callback, route)
        app, max_body = self._app, self._max_body(options)
        guard, around = app.guards.of(callback, facts), app.hooks.around(facts.get("mount"))
        before = around.before
        mode = options.get("coroutine", False)
        strict = app.restrict_parameter_count and not options.get("passes_on")
        takes_was, needs_nothing = signature.takes_was, signature.takes_nothing
        binds = options.get("bind", True)
        bottle_style = not takes_was or hasattr(callback, PLAIN) or uses_bottle(route)
        call = _watched(callback, app.runtime.loop) if options.get("start") == "hub" else callback

        def handle(**texts: Any) -> Reply:
            environ = bottle.request.environ
            if texts and rule is not None:
                texts = rule.values(texts, sent_path(environ))
            request = Request(
                environ,
                texts or NOTHING,
                routed=callback,
                routable=routable,
                defaults=signature.defaults,
                max_body=max_body,
            )
            was = Was(app, request)
            was.around = around
            try:
                value = guard(was) if guard is not None else None
                if before and value is None:
                    value = around.run_before(was)
                if value is None:
                    if kinds:
                        request.check_kind(kinds)
                    # A request without query and body cannot have given anything that the handler does not take.
                    bare = needs_nothing and not environ.get("QUERY_STRING") and not environ.get("CONTENT_LENGTH")
                    kwargs = {} if not binds or (bare and not texts) else signature.bind(request.given, strict, request)
                    value = call(was, **kwargs) if takes_was else call(**kwargs)
                if bottle_style:
                    app.trigger_hook("after_request")
                    take_over(was)
                elif type(value) is Later or is_waitable(value):
                    return Awaiting(value, was, self, app.runtime).answer(environ)
                generator = self._generator_of(value)
                if generator is None:
                    return self._ended(was, self.reply(was, value))
            except Exception:
                reply = self._ended(was, self.error(was, sys.exc_info()))
                app.trigger_hook("after_request")
                return reply
            step = Step(was) if bottle_style else None
            return Conversation(generator, was, self, app.runtime, mode=mode, around_step=step).answer(environ)

        return handle

    def _generator_of(self, value: Any) -> Any:
        """The generator that leads to the answer when `value` is not one yet, None when it is."""
        if inspect.isgenerator(value):
            return value
        if is_waitable(value):
            return result_of(value)
        if inspect.iscoroutine(value):
            return result_of(self._app.runtime.aio.run(value))
        return value.steps() if isinstance(value, Course) else None

    @functools.cached_property
    def style(self) -> Style:
        """How values become JSON: what the app's configuration says when it is first needed."""
        return Style.of(self._app.config)

    # -- requests -------------------------------------------------------------------------------------------------

    def respond(self, environ: dict[str, Any]) -> Reply:
        """Answer one request. Raises Park when the answer comes later."""
        app = self._app
        path = environ["bottle.raw_path"] = environ.get("PATH_INFO", "")
        if not path.isascii():
            environ["PATH_INFO"] = path.encode("latin-1").decode("utf-8", "ignore")
        environ["bottle.app"] = app
        if "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MATCH" in environ:
            forget_forms(environ)
        bottle.request.bind(environ)
        bottle.response.bind()
        for url, files in app.static_folders:
            if path.startswith(url):
                found = files.answer(environ["PATH_INFO"][len(url) :], environ)
                if found is not None:
                    return self._plain(environ, *serialize(found, None, Request(environ)))
        try:
            app.trigger_hook("before_request")
            route, texts = app.match(environ)
        except bottle.HTTPResponse as missing:
            return self._unrouted(environ, missing)
        environ["route.handle"] = environ["bottle.route"] = route
        environ["route.url_args"] = texts
        try:
            result = route.call(**texts)
        except bottle.HTTPResponse as answer:
            result = answer
        except Exception:
            # A Bottle plugin or hook outside of the pipeline failed.
            return self.error(self._was(environ), sys.exc_info())
        return result if type(result) is Reply else self._foreign(environ, result)

    def _unrouted(self, environ: dict[str, Any], missing: Any) -> Reply:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        reads = method in ("GET", "HEAD")
        if (
            missing.status_code == 404
            and reads
            and not path.endswith("/")
            and self._app.serves(path + "/", environ.get("HTTP_HOST", ""))
        ):
            query = environ.get("QUERY_STRING")
            target = Request(environ).uri.partition("?")[0] + "/" + (f"?{query}" if query else "")
            return self._refusal(environ, Error(301, headers=[("Location", target)]))
        if not isinstance(missing, bottle.HTTPError):
            return self._foreign(environ, missing)
        if method == "OPTIONS" and missing.status_code == 405:
            try:
                shared = self._app.guards.preflight(environ)
            except Error as refused:
                return self._refusal(environ, refused)
            if shared is not None:
                return self._plain(environ, "200 OK", [*shared, ("Content-Length", "0")], b"")
        allow = [("Allow", value) for name, value in missing.headerlist if name == "Allow"]
        gone = missing.status_code == 404
        reason = f"there is nothing at {Request(environ).path}" if gone else f"{method} is not answered here"
        error = Error(missing.status_code, reason, headers=allow)
        if getattr(self._app, "tells_missing", False):
            # This app wants its failed_request hooks to answer for addresses that lead nowhere as well.
            return self.error(self._was(environ), (Error, error, None))
        return self._refusal(environ, error)

    def _was(self, environ: dict[str, Any]) -> Was:
        """The helper for a request that no route answers."""
        was = Was(self._app, Request(environ))
        was.around = self._app.hooks.general
        return was

    def _refusal(self, environ: dict[str, Any], error: Error) -> Reply:
        if CALL in environ:
            return Reply(*environ[CALL].refuse(error))
        accept = environ.get("HTTP_ACCEPT", "")
        page = self._app.error_page(self._was(environ), error) if wants_html(accept) else None
        return self._plain(environ, *(page or error_answer(error, accept)))

    def _plain(self, environ: dict[str, Any], status: str, headers: list[tuple[str, str]], body: Any) -> Reply:
        if "HTTP_ORIGIN" in environ:
            known = {name for name, _ in headers}
            headers.extend(header for header in self._app.guards.shared(environ) if header[0] not in known)
        if environ["REQUEST_METHOD"] == "HEAD":
            _close(body)
            body = b""
        return Reply(status, secure(headers), body)

    def _foreign(self, environ: dict[str, Any], result: Any, more: Iterable[tuple[str, str]] = ()) -> Reply:
        """What a route of a mounted Bottle app, or a WSGI app below one, returned: Bottle makes it bytes."""
        if CALL in environ:
            return Reply(*environ[CALL].refuse(http_error(result)))
        body = self._app._cast(result)
        response = bottle.response
        bare = environ["REQUEST_METHOD"] == "HEAD" or response.status_code in (204, 304)
        if bare and hasattr(body, "close"):
            body.close()
        return Reply(response.status_line, secure([*response.headerlist, *more]), b"" if bare else body)

    def _ended(self, was: Was, reply: Reply) -> Reply:
        if was.around.teardown:
            if isinstance(reply.body, bytes):
                was.around.run_teardown(was)
            else:
                reply.body = ClosingBody(iter(reply.body), functools.partial(self._sent, was, reply.body))
        return reply

    def _sent(self, was: Was, body: Any) -> None:
        _close(body)
        was.around.run_teardown(was)

    # -- what a conversation asks for (answer.Finisher) --------------------------------------------------------------

    def reply(self, was: Was, value: Any) -> Reply:
        """The complete answer for what a handler returned. Raises for what cannot be one."""
        if was.around.finish:
            value = was.around.run_finish(was, value)
        return self._serialized(was, value)

    def _serialized(self, was: Was, value: Any) -> Reply:
        if isinstance(value, bottle.HTTPError):
            raise value
        if CALL in was.request.env:
            return self._finished(was, Reply(*was.request.env[CALL].answer(value, was.request)))
        if isinstance(value, bottle.HTTPResponse):
            return self._foreign(was.request.env, value, _left(was))
        # Only a handler that asked for was.response can have set something on it.
        return self._finished(was, Reply(*serialize(value, was.__dict__.get("response"), was.request, self.style)))

    def error(self, was: Was, info: tuple[Any, Any, Any]) -> Reply:
        """The complete answer for what a handler raised."""
        error = info[1]
        if isinstance(error, bottle.HTTPResponse) and not isinstance(error, bottle.HTTPError):
            return self._foreign(was.request.env, error, _left(was))
        was.request.rollback()
        if was.around.failed:
            try:
                answer = was.around.run_failed(was, info)
                if answer is not None:
                    return self._serialized(was, answer)
            except Exception as raised:
                # What a hook raises is the error from now on: there is one way for all of them.
                error, info = raised, sys.exc_info()
                was.request.rollback()
        shown = http_error(error, told=self._app.debug)
        if shown.status_code == 500:
            log.error("%s %s failed", was.request.method, was.request.path, exc_info=info)
        elif shown.status_code > 500 and shown is not error:
            log.warning("%s %s: %s: %s", was.request.method, was.request.path, shown.status, error)
        if CALL in was.request.env:
            return self._finished(was, Reply(*was.request.env[CALL].refuse(shown)))
        told = self._app.debug and shown.status_code >= 500
        lines = self._app.secret.masked(traceback.format_exception(*info)) if told else []
        page = self._app.error_page(was, shown, lines) if wants_html(was.request.accept) else None
        return self._finished(was, Reply(*(page or error_answer(shown, was.request.accept, lines))))

    def stream_head(self, was: Was) -> Reply:
        """Status and headers of a streamed answer; a whole answer when a finish_request hook sends that instead."""
        if was.around.finish:
            value = was.around.run_finish(was, was.response)
            if value is not was.response:
                return self._serialized(was, value)
        if was.passes_on:
            body = b"" if was.request.env["REQUEST_METHOD"] == "HEAD" else STREAMED
            return Reply(was.response.status, [*was.response.headers, *_left(was)], body)
        if CALL in was.request.env:
            return Reply(*was.request.env[CALL].stream())
        status, headers, _ = serialize("", was.__dict__.get("response"), was.request)
        headers = [header for header in headers if header[0].lower() != "content-length"]
        return self._finished(was, Reply(status, headers, STREAMED))

    def encode(self, was: Was, chunk: Any) -> bytes:
        """A streamed piece as bytes; a call from a program may take it in another form."""
        return encoded(chunk) if CALL not in was.request.env else was.request.env[CALL].piece(chunk)

    def end(self, was: Was) -> None:
        """The true end of a request."""
        was.around.run_teardown(was)

    def _finished(self, was: Was, reply: Reply) -> Reply:
        """Add what every answer carries: cookies, security headers, in --devel the banner of a broken reload."""
        request, headers = was.request, reply.headers
        headers.extend(_left(was))
        secure(headers)
        site = self._app.site
        if site is not None and site.problem and wants_html(request.accept):
            reply.body = with_banner(headers, reply.body, site.problem)
        if self._app.debug:
            self._app.expose(request, reply)
        if type(reply.body) is bytes and len(reply.body) >= MINIMUM:
            self._pack(was, reply, reply.body)
        if request.env["REQUEST_METHOD"] == "HEAD":
            _close(reply.body)
            reply.body = b""
        return reply

    def _pack(self, was: Was, reply: Reply, body: bytes) -> None:
        """Compress the body where that is worthwhile; on the loop everybody would wait for a large one."""
        if was.request.routable.get("compress", self._app.config.get("COMPRESS", True)):
            waits = len(body) > ON_LOOP and self._app.runtime.loop.inside()
            # The body of a parked request is read by a thread if it is an iterable, any other is sent as it is.
            if not waits or was.exchange is not None:
                reply.body = packed(was.request.env, reply.status, reply.headers, body, later=waits)


def _left(was: Was) -> list[tuple[str, str]]:
    """The headers with which the request leaves something at the client. Raises ValueError when that is too much."""
    return [*was.request.cookie_headers(), *was.__dict__.get("extra_headers", ())]


def _watched(function: Callable[..., Any], loop: Any) -> Callable[..., Any]:
    """The same handler, named by the watchdog when it keeps the loop; another server calls it on a thread."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return loop.watched(function, *args, **kwargs) if loop.inside() else function(*args, **kwargs)

    return call


def _close(body: Any) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
