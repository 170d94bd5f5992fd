"""`Atilite`: one application. It composes the rooms below it and holds no logic of its own."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar, overload

import bottle

from . import config
from .automation.engine import Automation
from .errors import Frozen, SetupError
from .hooks import Hooks, call_with_was
from .mounting import Mounting, clean_point
from .pipeline import Pipeline, has_default
from .resources.aliases import Aliases
from .runtime.engine import process_runtime
from .runtime.functions import wants_was
from .store.binding import bind
from .store.database import Database
from .was.urls import Urls
from .was.was import Was
from .web import charts
from .web.auth import Identity
from .web.routes import Rule
from .web.static import StaticFiles
from .web.templates import Templates

F = TypeVar("F", bound=Callable[..., Any])

# Events of an app's own life, told in the thread that sets it up; the set-up waits for their handlers.
LIFECYCLE = (
    "before_mount",
    "mounted",
    "before_reload",
    "reloaded",
    "mounted_or_reloaded",
    "before_umount",
    "umounted",
)


class AppConfig(bottle.ConfigDict):  # type: ignore[misc]  # bottle is untyped
    """The app's configuration, as Bottle's dictionary and as attributes: `app.config.MAX_UPLOAD_SIZE`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"app.config has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            self[name] = value


class SharedDict(MutableMapping[str, Any]):
    """A dictionary for all threads, with the manual's `get` and `set`: `app.store`, `was.g`."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._lock = threading.RLock()

    def __getitem__(self, key: str) -> Any:
        with self._lock:
            return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        with self._lock:
            self._values[key] = value

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._values[key]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._values))

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)

    def set(self, key: str, value: Any) -> None:
        """Store `value` under `key`."""
        self[key] = value


class Declare(Protocol):
    """Declares a handler for one method."""

    def __call__(self, path: Any = None, **options: Any) -> Callable[[F], F]:
        """The decorator for `path`; options as for `route`."""


class Verb:
    """`app.get`, `app.post`, ...: `app.route` for one method."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __get__(self, app: Any, owner: type) -> Declare:
        return functools.partial(app.route, method=self._method)


@functools.cache
def process_database(url: str) -> Database:
    """The database of apps that run without a site: a script, a test, another WSGI server. One a file and process."""
    return Database.open(url)


class Atilite(bottle.Bottle):  # type: ignore[misc]  # bottle is untyped
    """A Bottle app with the platform attached: `app = Atilite(__name__)`.

    `app.action`, `app.journal`, `app.kv`, `app.service`, `app.schedule` are the automation; `app.route`, `app.get`,
    ... declare handlers; `app.on` and `app.emit` are its events. It is a WSGI callable. Set it up in one thread;
    serving is for any number of them. Each of `parts` replaces one of the automation: `kv` and `journal` are objects,
    perhaps with a database of their own, `action` and `service` classes.
    """

    def __init__(self, name: str = "app", *, root: Path | None = None, **parts: Any) -> None:
        super().__init__()
        self.import_name = name
        self.config = AppConfig()
        self.config["catchall"] = True
        self.runtime = process_runtime()
        self._aliases = Aliases()
        self._relays: list[Atilite] = []
        self.hooks = Hooks()
        self.before_request, self.finish_request = self.hooks.before_request, self.hooks.finish_request
        self.failed_request, self.teardown_request = self.hooks.failed_request, self.hooks.teardown_request
        self.g: MutableMapping[str, Any] = SharedDict()
        self.store: MutableMapping[str, Any] = self.g
        self.site: Any = None
        self.debug = False
        self.prefix = ""
        self.mounting = Mounting(self)
        self.static_folders: list[tuple[str, StaticFiles]] = []
        self.root = root
        self.templates = Templates()
        self.automation = Automation(name, self._open_store, runtime=self.runtime, make_was=self._was_for_run, **parts)
        self.bus = self.automation.bus
        self.journal, self.kv = self.automation.journal, self.automation.kv
        self.action, self.service, self.schedule = (
            self.automation.action,
            self.automation.service,
            self.automation.schedule,
        )
        self.plugins.clear()  # Bottle's JSON and template plugins: the pipeline does their work
        self.pipeline = Pipeline(self)
        self.install(self.pipeline)
        self._shortened: list[tuple[Rule, str, Any, dict[str, Any], Any, Any]] = []
        self._models: list[Any] = []
        self._lifecycle: dict[str, list[Callable[..., Any]]] = {}
        self.programs = True  # bearer tokens are accepted; the console takes sessions only
        self._frozen = False
        self._freezing = threading.Lock()

    jinja_env = property(lambda self: self.templates.environment, doc="The app's Jinja environment.")
    app = property(lambda self: self, doc="The app itself: programs written for BINP say `binp.app.get(...)`.")
    # `route` for one method.
    get = Verb("GET")
    post = Verb("POST")
    put = Verb("PUT")
    delete = Verb("DELETE")
    patch = Verb("PATCH")
    # Makers of tasks, for code outside of requests.
    Thread = property(lambda self: self.runtime.Thread)
    Process = property(lambda self: self.runtime.Process)
    Subprocess = property(lambda self: self.runtime.Subprocess)
    Sleep = property(lambda self: self.runtime.Sleep)
    Mask = property(lambda self: self.runtime.Mask)
    Tasks = property(lambda self: self.runtime.Tasks)

    def __setattr__(self, name: str, value: Any) -> None:
        # Bottle refuses to set an attribute twice; here preferences are copied on to the app, and users set more.
        object.__setattr__(self, name, value)

    def _was_for_run(self, run: Any) -> Was:
        return Was(self, run=run)

    def _open_store(self) -> Database:
        return self.site.database() if self.site is not None else process_database(config.of_process().db)

    @property
    def aliases(self) -> Aliases:
        """The outside resources that were declared with `atilite.alias`."""
        return self.site.aliases if self.site is not None else self._aliases

    def identify(self, was: Was) -> Identity:
        """Who sends a request; a stranger where nobody has an account."""
        if self.site is None:
            return Identity()
        found: Identity = self.site.access.identify(was.env, bearer=self.programs)
        return found

    def urls(self, was: Was) -> Urls:
        """What makes URLs for the app under the prefix that a request came in by."""
        point = was.env.get("SCRIPT_NAME", "") if was.request else self.prefix
        return Urls(self.pipeline.rules, point, str(self.config.get("STATIC_URL") or "/"))

    def use_templates(self, folders: Iterable[Path], *, reload: bool) -> None:
        """Search these folders for templates, the first one first; one that is made later is found then."""
        self.templates = Templates(folders, reload=reload)
        self.templates.add_global("charts", charts)

    # -- routes ---------------------------------------------------------------------------------------------------

    @overload
    def route(self, path: F) -> F: ...
    @overload
    def route(
        self,
        path: str | Iterable[str] | None = None,
        method: str | Iterable[str] | None = None,
        callback: Callable[..., Any] | None = None,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        *,
        methods: Iterable[str] | None = None,
        **options: Any,
    ) -> Callable[[F], F]: ...
    def route(
        self,
        path: Any = None,
        method: Any = None,
        callback: Callable[..., Any] | None = None,
        name: str | None = None,
        apply: Any = None,
        skip: Any = None,
        *,
        methods: Iterable[str] | None = None,
        **options: Any,
    ) -> Any:
        """Declare a handler: `@app.route("/x/<int:id>", methods=["GET"])`. Both rule dialects work.

        Without methods it answers GET (and HEAD) and POST. Inside a mount the rule is relative to the mount's point.
        Options: `role` ("view", "run", "admin": who may), `coroutine` (True, or "thread" to go on in task threads),
        `start` ("hub": begin on the loop, the handler must not block), `input_stream`, `max_body` (bytes),
        `content_types`, `bind` (False: the handler takes `was` only and reads path, query and body itself). Raises
        Frozen once the app serves, SetupError for a rule that cannot be understood.
        """
        if "mountpoint" in options:  # Bottle's own route for a mounted WSGI app
            return super().route(path, method, callback, name, apply, skip, **options)
        if callable(path):
            path, callback = None, path
        verbs = methods or method or ("GET", "POST")
        verbs = [verbs] if isinstance(verbs, str) else list(verbs)

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            rules = [path] if isinstance(path, str) else path or list(bottle.yieldroutes(function))
            for rule in rules:
                self._declare(rule, verbs, function, name, bottle.makelist(apply), bottle.makelist(skip), options)
            return function

        return declare(callback) if callback else declare

    def _declare(
        self,
        text: str,
        verbs: list[str],
        function: Callable[..., Any],
        name: str | None,
        plugins: list[Any],
        skip: list[Any],
        options: dict[str, Any],
    ) -> None:
        if self._frozen:
            raise Frozen("route", text)
        if text and not text.startswith("/"):
            raise SetupError(f"route {text!r} of {function.__qualname__} must be blank or start with '/'")
        rule = Rule.parse(self.mounting.prefix + text)
        full_name = name or self.mounting.namespace + function.__name__
        self.pipeline.rules.setdefault(full_name, rule)
        facts = {"rule": rule, "name": full_name, "mount": self.mounting.current, "options": options}
        for verb in verbs:
            self._add(rule, verb.upper(), function, facts, plugins, skip)
            self.pipeline.declare(rule, verb.upper(), options)
            if rule.short is not None and has_default(function, rule.params[-1].name):
                self._shortened.append((rule.short, verb.upper(), function, facts, plugins, skip))

    def _add(self, rule: Rule, verb: str, function: Any, facts: dict[str, Any], plugins: Any, skip: Any) -> None:
        route = bottle.Route(self, rule.bottle or "/", verb, function, plugins=plugins, skiplist=skip)
        route.facts = {**facts, "rule": rule}
        self.add_route(route)

    # -- mounts ---------------------------------------------------------------------------------------------------

    def mount(self, point: str, target: Any, **options: Any) -> None:
        """Mount a module (in `__setup__` only) or a WSGI app at `point`.

        Raises SetupError for a bad point, a module without hooks, and inside a `__mount__` hook.
        """
        if isinstance(target, ModuleType):
            self.mounting.add(point, target, options)
        elif callable(target):
            prefix = self.mounting.prefix + clean_point(point)
            super().mount(prefix + "/" if isinstance(target, bottle.Bottle) else prefix, target, **options)
        else:
            raise SetupError(f"{target!r} cannot be mounted at {point!r}: it is neither a module nor a WSGI app")

    def set_static(self, url: str, path: str | Path) -> None:
        """Serve the files below `path` at `url` of this app."""
        self.static_folders.append((clean_point(url) + "/", StaticFiles(path)))

    # -- events ---------------------------------------------------------------------------------------------------

    def on(self, *names: str) -> Callable[[F], F]:
        """Decorator: call the function, with `was` first when it takes it, at each of these events."""

        def subscribe(function: F) -> F:
            for name in names:
                if name in LIFECYCLE:
                    self._lifecycle.setdefault(name, []).append(function)
                else:
                    self.bus.on(name)(functools.partial(function, Was(self)) if wants_was(function) else function)
            return function

        return subscribe

    def announce(self, name: str) -> None:
        """Call the handlers of a life-cycle event here, in order: set-up goes on when they have ended."""
        for function in self._lifecycle.get(name, ()):
            call_with_was(function, Was(self))

    def relay_to(self, other: Atilite) -> None:
        """Let `other` receive every event of this app as well."""
        self._relays.append(other)

    def emit(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell the subscribers of `name`, in this app and in those that subscribed to it. Any thread; never blocks."""
        self.bus.emit(name, *args, **kwargs)
        for other in self._relays:
            other.bus.emit(name, *args, **kwargs)

    # -- life -----------------------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """End the set-up: from now on registrations are errors. Any thread, any number of times."""
        with self._freezing:
            if self._frozen:
                return
            for rule, verb, *rest in self._shortened:
                # A route that was declared for the shorter URL itself goes before.
                if self.router.static.get(verb, {}).get(rule.text or "/") is None:
                    self._add(rule, verb, *rest)
            if self._models:
                bind(self._open_store().path, self._models)
            self.automation.freeze()
            self._frozen = True

    def bind(self, *models: Any) -> None:
        """Keep these peewee models in the app's own database; missing tables are made before the first request."""
        self._models.extend(models)

    def serves(self, path: str) -> bool:
        """Whether a GET of `path` (below the app's prefix) finds a route or a static file."""
        try:
            self.router.match({"REQUEST_METHOD": "GET", "PATH_INFO": path})
        except bottle.HTTPError as error:
            if error.status_code == 404:
                return any(path.startswith(url) and files.find(path[len(url) :]) for url, files in self.static_folders)
        return True

    def start(self) -> None:
        """Freeze, then start services and schedules."""
        self.freeze()
        self.automation.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop services and schedules, run `__umount__` hooks. Blocks up to `timeout` seconds; never on the loop."""
        self.automation.stop(timeout)
        self.mounting.unmount_all()

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI interface. Raises Park under atilite's server when the answer comes later."""
        if not self._frozen:
            self.freeze()
        reply = self.pipeline.respond(environ)
        start_response(reply.status, reply.headers)
        return (reply.body,) if isinstance(reply.body, bytes) else reply.body
