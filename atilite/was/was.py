"""`was`: what a handler needs for one request, or a function for one run. Facets only, no logic."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ..errors import Error, TaskError
from ..lazily import function_of
from ..runtime.task import Task
from ..web.answers import API, File
from ..web.auth import Identity
from ..web.body import next_piece
from ..web.exchange import BodyRead
from ..web.response import Response, redirect
from .answering import response_of
from .facets import Facet
from .runs import RunFacet

if TYPE_CHECKING:
    from ..resources.databases import Databases
    from .clients import Clients
    from .files import FlashFile, tempfile
    from .forms import Forms
    from .passwords import encrypt_password, verify_password
    from .pipe import Pipe
    from .proxy import proxy_pass
    from .render import Renderer
    from .results import Results
    from .statics import Statics
    from .tokens import Tokens as SignedTokens
    from .trace import Trace, make_uid
    from .urls import Urls, urls_of
else:
    # A program uses some of these, so each is loaded with its first use.
    Clients = function_of("atilite.was.clients", "Clients")
    Databases = function_of("atilite.resources.databases", "Databases")
    FlashFile = function_of("atilite.was.files", "FlashFile")
    Forms = function_of("atilite.was.forms", "Forms")
    Pipe = function_of("atilite.was.pipe", "Pipe")
    Renderer = function_of("atilite.was.render", "Renderer")
    Results = function_of("atilite.was.results", "Results")
    SignedTokens = function_of("atilite.was.tokens", "Tokens")
    Statics = function_of("atilite.was.statics", "Statics")
    Trace = function_of("atilite.was.trace", "Trace")
    Urls = urls_of = function_of("atilite.was.urls", "urls_of")
    encrypt_password = function_of("atilite.was.passwords", "encrypt_password")
    make_uid = function_of("atilite.was.trace", "make_uid")
    proxy_pass = function_of("atilite.was.proxy", "proxy_pass")
    tempfile = function_of("atilite.was.files", "tempfile")
    verify_password = function_of("atilite.was.passwords", "verify_password")


class NoRequest(TaskError, AttributeError):
    """`was.request` in a run, a hook of the app's life or an event: there is none."""


def _no_request(was: Was) -> Any:
    raise NoRequest("was.request: there is no request here; this runs for an action, a service or an event")


class Was:
    """The first argument of handlers, actions, hooks and event handlers. One for each request or run.

    It belongs to whoever it was handed to; nothing in it is shared but what the app shares.
    """

    Error = Error
    API = API
    File = File
    Task = Task
    redirect = staticmethod(redirect)

    def __init__(self, app: Any, request: Any = None, run: Any = None) -> None:
        self.app = app
        if request is not None:
            self.request = request
            request.app = app
        self.run = run

    # The request and its answer.
    request = Facet[Any](_no_request, "The request; a NoRequest error where there is none.")
    request_or_none = property(lambda was: was.__dict__.get("request"), doc="The same, None where there is none.")
    env = Facet[Any](lambda was: was.request.env, "The WSGI environ.")
    cookie = Facet[Any](lambda was: was.request.cookie, "Cookies: read, set, remove.")
    session = Facet[Any](lambda was: was.request.session, "What this browser keeps: signed, for a time.")
    mbox = Facet[Any](lambda was: was.request.mbox, "Messages for the next page.")
    websocket: Any = None
    around: Any = None
    user = property(lambda was: was.request.user, doc="Who was authenticated, or None.")
    response = Facet[Response](response_of, "The answer being made.")
    render = Facet[Any](Renderer, "Render a template.")
    render_or_API = property(lambda was: was.render.or_api)
    _results = Facet[Results](Results)
    Map = property(lambda was: was._results.map)
    Mapped = property(lambda was: was._results.mapped)
    render_or_Map = property(lambda was: was._results.render_or_map)
    render_or_Mapped = property(lambda was: was._results.render_or_mapped)
    ThreadPass = property(lambda was: was._results.thread_pass)
    Queue = property(lambda was: was._results.queue)
    _statics = Facet[Statics](Statics)
    Static = property(lambda was: was._statics.static)
    Media = property(lambda was: was._statics.media)
    MountedFile = property(lambda was: was._statics.mounted)
    identity = Facet[Identity](lambda was: was.app.identify(was), "Who sends this request.")
    exchange = Facet[Any](lambda was: None, "The parked request's connection; None until it is parked.")
    form = Facet[Forms](Forms, "The CSRF token of this page's forms.")
    csrf_token = property(lambda was: was.form.token, doc="The CSRF token for a form on this page.")
    csrf_token_input = property(lambda was: was.form.field, doc="The hidden field that goes into each form.")
    verify_csrf = property(lambda was: was.form.verify)
    remove_csrf = property(lambda was: was.form.remove)

    # Tokens, passwords, files.
    tokens = Facet[SignedTokens](SignedTokens, "Tokens signed with the app's keys.")
    encode_jwt = mkjwt = property(lambda was: was.tokens.encode_jwt)
    dejwt = property(lambda was: was.tokens.dejwt)
    otp_secret = property(lambda was: was.tokens.otp_secret)
    generate_otp = property(lambda was: was.tokens.generate_otp)
    verify_otp = property(lambda was: was.tokens.verify_otp)
    encode_ott = property(lambda was: was.tokens.encode_ott)
    decode_ott = property(lambda was: was.tokens.decode_ott)
    revoke_ott = property(lambda was: was.tokens.revoke_ott)
    encrypt_password = staticmethod(encrypt_password)
    verify_password = staticmethod(verify_password)
    tempfile = staticmethod(tempfile)
    flashfile = staticmethod(FlashFile)
    make_uid = staticmethod(make_uid)

    # Where to find this request in the log.
    trace = Facet[Trace](Trace, "The ids and the log lines of this request or run.")
    log = property(lambda was: was.trace.log)
    traceback = property(lambda was: was.trace.traceback)
    txnid = property(lambda was: was.trace.txnid)
    uniqid = ID = property(lambda was: was.trace.uniqid, doc="An id of this request or run.")
    timestamp = property(lambda was: was.trace.timestamp, doc="When this was first asked for, in seconds since 1970.")

    # Other resources and their URLs.
    _urls = Facet[Urls](urls_of)
    urlfor = property(lambda was: was._urls.urlfor)
    urlpatch = partial = property(lambda was: was._urls.urlpatch)
    baseurl = property(lambda was: was._urls.baseurl)
    urlspec = property(lambda was: was._urls.urlspec)
    static = property(lambda was: was._urls.static)
    media = property(lambda was: was._urls.media)
    pipe = Facet[Pipe](Pipe, "Call another resource.")

    # What outlives the request.
    g = property(lambda was: was.app.site.g if was.app.site is not None else was.app.g, doc="Shared by all apps.")
    apps = property(lambda was: was.app.siblings, doc="The apps of this process by name.")
    broadcast = property(lambda was: was.app.broadcast)
    kv = property(lambda was: was.app.kv)
    setlu = property(lambda was: was.app.setlu)
    getlu = property(lambda was: was.app.getlu)
    journal = property(lambda was: was.app.journal)
    store = property(lambda was: was.app.automation.shares, doc="The shares of the app's plans.")

    # Tasks.
    Thread = property(lambda was: functools.partial(was.app.runtime.Thread, owner=was))
    Process = property(lambda was: was._running.ending(functools.partial(was.app.runtime.Process, owner=was)))
    Subprocess = property(lambda was: was._running.ending(functools.partial(was.app.runtime.Subprocess, owner=was)))
    Sleep = property(lambda was: was._results.sleep)
    Mask = property(lambda was: was._results.mask)
    Tasks = property(lambda was: was._results.tasks)
    db = Facet[Databases](
        lambda was: Databases(was.app.runtime, was.app.aliases, owner=was, setlu=was.app.setlu), "Databases as tasks."
    )
    _clients = Facet[Clients](lambda was: Clients(was.app, was))
    stub = property(lambda was: was._clients.stub, doc="Makes clients of HTTP services.")
    xmlrpc = property(lambda was: was._clients.xmlrpc)
    jsonrpc = property(lambda was: was._clients.jsonrpc)
    grpc = property(lambda was: was._clients.grpc)
    ProxyPass = proxy_pass
    passes_on = False  # the answer is another server's
    get = property(lambda was: was.stub().get)
    post = property(lambda was: was.stub().post)
    put = property(lambda was: was.stub().put)
    patch = property(lambda was: was.stub().patch)
    delete = property(lambda was: was.stub().delete)
    head = property(lambda was: was.stub().head)
    options = property(lambda was: was.stub().options)

    # The run that this belongs to.
    _running = Facet[RunFacet](lambda was: RunFacet(was.run))
    progress = property(lambda was: was._running.progress)
    cancelled = property(lambda was: was._running.cancelled)
    wait = property(lambda was: was._running.wait)
    ready = property(lambda was: was._running.ready)

    @property
    def streams_input(self) -> bool:
        """Whether the handler reads the request's body piece by piece with `was.Input`."""
        return bool(self.request_or_none and self.request.routable.get("input_stream"))

    def Input(self, size: int = 65536) -> BodyRead | None:
        """The next piece of the body, of at most `size` bytes: `data = yield was.Input(4096)`; b"" is the end.

        In the handler of a WebSocket the next message; None when there are no more.
        """
        return BodyRead(self._read, size) if self.websocket is None else None

    def _read(self, size: int) -> Any:
        if self.exchange is not None:
            return self.exchange.read(size)
        return self.app.runtime.threads.submit(next_piece, self.env, size)
