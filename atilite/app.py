"""`Atilite`: one application. It composes the rooms below it and holds no logic of its own."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import config
from .admission import Admission
from .appdata import AppConfig, SharedDict
from .automation.engine import Automation
from .composition import Composition
from .errorpages import ErrorPages
from .errors import SetupError
from .exposure import Exposure
from .foreign import mount_below
from .hooks import Hooks
from .lazily import LazyModule, function_of
from .life import Life
from .maintenance import Maintenance
from .mounting import Mounting, Preference
from .notifying import Notifying
from .permission import Permission
from .pipeline import Pipeline
from .prework import Prework
from .protection import Protection
from .resources.aliases import Aliases
from .routing import Routing
from .runtime.engine import process_runtime
from .sharing import Sharing
from .store.binding import bind
from .store.database import Database
from .templating import Templating
from .triggering import Triggering
from .validation import Validation
from .was.was import Was
from .web.auth import Identity
from .websocketing import Websocketing

if TYPE_CHECKING:
    from . import rpc
    from .resources import databases
    from .was import clients
else:
    # Loaded with the first call from outside, the first query, the first request to another server.
    clients = LazyModule("atilite.was.clients")
    databases = LazyModule("atilite.resources.databases")
    rpc = LazyModule("atilite.rpc")

# The layer above, asked by an app that is served alone.
declared_aliases = function_of("atilite.launch", "aliases")

# Bodies of these types are calls of procedures: XML-RPC and JSON-RPC.
CALLS = ("text/xml", "application/json-rpc", "application/jsonrequest")


@functools.cache
def process_database(url: str) -> Database:
    """The database of apps that run without a site: a script, a test, another WSGI server. One a file and process."""
    return Database.open(url)


class Atilite(
    Routing,
    ErrorPages,
    Templating,
    Validation,
    Life,
    Protection,
    Admission,
    Permission,
    Prework,
    Sharing,
    Composition,
    Maintenance,
    Exposure,
    Websocketing,
    Notifying,
    Triggering,
):
    """A Bottle app with the platform attached: `app = Atilite(__name__)`.

    `app.action`, `app.journal`, `app.kv`, `app.service`, `app.schedule` are the automation; `app.route`, `app.get`,
    ... declare handlers; `app.on` and `app.emit` are its events. It is a WSGI callable. Set it up in one thread;
    serving is for any number of them. Each of `parts` replaces one of the automation: `kv` and `journal` are objects,
    perhaps with a database of their own, `action` and `service` classes.
    """

    def __init__(self, name: str = "app", *, root: Path | None = None, **parts: Any) -> None:
        super().__init__()
        self.begin_routing()
        self.begin_life()
        self.begin_admission()
        self.begin_permission()
        self.begin_composition()
        self.begin_maintenance()
        self.begin_sharing()
        self.begin_error_pages()
        self.begin_exposure()
        self.begin_templating()
        self.begin_websockets()
        self.import_name = name
        self.config = AppConfig()
        self.config["catchall"] = True
        self.runtime = process_runtime()
        self._aliases = Aliases()
        self.mounting = Mounting(self)
        self.hooks = Hooks(lambda: self.mounting.place, lambda name, *args: self.bus.emit(name, *args))
        self.before_request, self.finish_request = self.hooks.before_request, self.hooks.finish_request
        self.failed_request, self.teardown_request = self.hooks.failed_request, self.hooks.teardown_request
        self.g: MutableMapping[str, Any] = SharedDict()
        self.store: MutableMapping[str, Any] = self.g
        self.site: Any = None
        self.debug = False
        self.prefix = ""
        self.root = root
        self.automation = Automation(name, self._open_store, runtime=self.runtime, make_was=self._was_for_run, **parts)
        self.bus = self.automation.bus
        self.begin_notifying(lambda: self.aliases)
        self.begin_triggering(lambda: self.aliases)
        self.journal, self.kv, self.secret = self.automation.journal, self.automation.kv, self.automation.secret
        # `@app.command("Ping", "ping -c {count} {host}")`: a program as an action.
        self.command = self.automation.action.command
        self.action, self.service, self.schedule = (
            self.automation.action,
            self.automation.service,
            self.automation.schedule,
        )
        self.plugins.clear()  # Bottle's JSON and template plugins: the pipeline does their work
        self.pipeline = Pipeline(self)
        self.install(self.pipeline)
        self._models: list[Any] = []
        self.ports: list[Any] = []  # where else its routes are served; each has `start()` and `stop(seconds)`
        self.procedures = True  # its routes are called by XML-RPC and JSON-RPC as well
        self.programs = True  # bearer tokens are accepted; the console takes sessions only
        self._freezing = threading.Lock()

    app = property(lambda self: self, doc="The app itself: programs written for BINP say `binp.app.get(...)`.")
    # Makers of tasks, for code outside of requests.
    Thread = property(lambda self: self.runtime.Thread)
    Process = property(lambda self: self.runtime.Process)
    Subprocess = property(lambda self: self.runtime.Subprocess)
    Sleep = property(lambda self: self.runtime.Sleep)
    Mask = property(lambda self: self.runtime.Mask)
    Tasks = property(lambda self: self.runtime.Tasks)
    stub = property(lambda self: clients.Clients(self).stub)
    xmlrpc = property(lambda self: clients.Clients(self).xmlrpc)
    jsonrpc = property(lambda self: clients.Clients(self).jsonrpc)
    grpc = property(lambda self: clients.Clients(self).grpc)
    db = property(lambda self: databases.Databases(self.runtime, self.aliases, setlu=self.setlu))
    # `app.serve_grpc(add_RoutesServicer_to_server, port=50051)`: its routes as methods of gRPC.
    serve_grpc = function_of("atilite.grpcport", "declare")
    # `@app.bean`, `app.bean("garden.Valve", label="valve")`: a bean that runs beside the services.
    bean = function_of("atilite.beans", "declare")
    # `app.mount_plan("mission.flo")`: a plan turns beside the services; see atilite.plans.
    mount_plan = function_of("atilite.plans", "declare")
    # `app.test_client("/", root)`: a client of the app in this process; see atilite.testing.inside.
    test_client = function_of("atilite.testing.inside", "local_site")

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
        if self.site is not None:
            found: Aliases = self.site.aliases
            return found
        # Alone under another server: serve.py has declared them all the same. A test's app has some of its own.
        declared: Aliases = declared_aliases()
        return declared if len(declared) else self._aliases

    def identify(self, was: Was) -> Identity:
        """Who sends a request; a stranger where nobody has an account."""
        if self.site is None:
            return Identity()
        found: Identity = self.site.access.identify(was.env, bearer=self.programs)
        return found

    # -- mounts ---------------------------------------------------------------------------------------------------

    def mount(self, point: str, target: Any, **options: Any) -> None:
        """Mount a module (in `__setup__` only) or a WSGI app at `point`.

        Raises SetupError for a bad point, a module without hooks, and inside a `__mount__` hook.
        """
        if isinstance(target, ModuleType):
            self.mounting.add(point, target, options)
        elif callable(target):
            mount_below(self, point, target, options)
        else:
            raise SetupError(f"{target!r} cannot be mounted at {point!r}: it is neither a module nor a WSGI app")

    # -- life -----------------------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """End the set-up: from now on registrations are errors. Any thread, any number of times."""
        with self._freezing:
            if self._frozen:
                return
            if not self.mounting.mounted:
                self.put_together(Preference(), None)  # nobody has mounted it: it serves alone
            self.complete_routes()
            self.check_admission()
            self.check_permission()
            self.check_inspections()
            self.check_maintenance()
            self.ready_notifying()
            self.hooks.freeze()
            _ = self.pipeline.style  # a setting that cannot be used is told now
            if self._models:
                bind(self._open_store().path, self._models)
            self.automation.freeze()
            self._frozen = True

    def bind(self, *models: Any) -> None:
        """Keep these peewee models in the app's own database; missing tables are made before the first request."""
        self._models.extend(models)

    def start(self) -> None:
        """Freeze, then start services, schedules and maintenance."""
        self.freeze()
        self.automation.start()
        self.start_maintenance()
        for port in self.ports:
            port.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop services and schedules, run `__umount__` hooks. Blocks up to `timeout` seconds; never on the loop."""
        mounted = self.mounting.mounted
        if mounted:
            self.announce_end("before_umount")
        left = self.stop_maintenance(timeout)
        for port in self.ports:
            port.stop(left)
        self.close_websockets(left)
        self.automation.stop(left)
        if mounted:
            self.mounting.unmount_all()
            self.announce_end("umounted")

    def run(self, **options: Any) -> None:
        """Mount this app at "/" and do what the command line says, by default serve; see `atilite.run`. Main thread."""
        # By name: these are the top of the house, and only a program of one file calls them from here.
        importlib.import_module("atilite.launch").mount("/", self)
        importlib.import_module("atilite.cli.entry").run(**options)

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI interface. Raises Park under atilite's server when the answer comes later."""
        if not self._frozen:
            self.freeze()
        kind = environ.get("CONTENT_TYPE")
        called = kind and self.procedures and kind.lower().startswith(CALLS)
        reply = rpc.respond(self, environ) if called else self.pipeline.respond(environ)
        start_response(reply.status, reply.headers)
        return (reply.body,) if isinstance(reply.body, bytes) else reply.body
