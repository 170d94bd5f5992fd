"""The site: what one process serves. Apps under their prefixes, with the console and the API beside them."""

from __future__ import annotations

import functools
import importlib
import logging
import threading
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, cast

from .app import Atilite
from .appdata import SharedDict
from .assembly import assemble, furnish
from .automation.catalogue import Catalogue
from .automation.engine import Automation
from .clock import Clock
from .config import Settings
from .errors import Error, SetupError
from .foreign import Foreign
from .lazily import function_of
from .mounting import Preference, clean_point
from .quickly import dataclass
from .resources.aliases import Aliases
from .rootpaths import FIXED, root_paths
from .serving import serve
from .store.audit import Audit
from .store.database import Database, beside
from .store.keys import Keys
from .store.retention import Limits
from .web.auth import Access
from .web.errors import error_answer
from .web.exchange import RequestPolicy
from .web.headers import secure
from .web.hosts import Hosts, permitted
from .web.static import StaticFiles

log = logging.getLogger("atilite")

# Loaded where atilite.toml has beans.
register_beans = function_of("atilite.beans", "of_site")

Wsgi = Callable[..., Iterable[bytes]]
# The parts of our own, by name: they are loaded after the server has begun to answer, or when they are first asked for.
API, HEALTH, CONSOLE = "atilite.api.routes", "atilite.api.health", "atilite.console.pages"
DOCS, DOCS_NAME = "atilite.api.reference", "atilite:docs"

Target = ModuleType | Atilite | str | Path | Wsgi


@dataclass
class Wanted:
    """One call of `mount`, kept until the site opens, and for every reload of its module."""

    point: str
    target: Target
    preference: Preference
    name: str
    subscribe: tuple[str, ...] = ()


class Mounted:
    """What serves below one prefix: an app, a folder of files or any other WSGI callable.

    An app may be given as `make`, which puts it together when it is first needed.
    """

    def __init__(
        self,
        prefix: str,
        name: str,
        wsgi: Wsgi | Atilite | None = None,
        *,
        wanted: Wanted | None = None,
        make: Callable[[], Atilite] | None = None,
    ) -> None:
        self.prefix, self.name, self.wanted = prefix, name, wanted
        self._wsgi, self._make, self._lock = wsgi, make, threading.Lock()

    @property
    def loaded(self) -> bool:
        """Whether it has been put together."""
        return self._wsgi is not None

    @property
    def wsgi(self) -> Wsgi:
        """What is called for requests. The first use may load modules: not on the loop."""
        if self._wsgi is None:
            with self._lock:
                if self._wsgi is None and self._make is not None:
                    self._wsgi = self._make()
        assert self._wsgi is not None
        return self._wsgi

    @property
    def app(self) -> Atilite | None:
        """The app, None for a folder and for a foreign WSGI callable."""
        wsgi = self.wsgi
        return wsgi if isinstance(wsgi, Atilite) else None

    @property
    def modules(self) -> list[ModuleType]:
        """The modules that a reload can load anew, the mounted one first; none where serve.py itself made the app."""
        target = self.wanted.target if self.wanted is not None else None
        if not isinstance(target, ModuleType):
            return []
        return [target, *(self.app.composed_of if self.app is not None else ())]


class Site:
    """The apps of one process and what they share. A WSGI callable.

    `mount` what is wanted, `open` it with settings (nothing runs yet), `start` services and schedules, `stop`.
    All of that in one thread; requests come from any number of threads and from the loop.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or Path.cwd()
        self.g = SharedDict()
        self.aliases = Aliases(self.root)
        self.settings = Settings()
        self.server: Any = None
        self.problem = ""  # why the code that is on disk is not what is being served (--devel)
        self.wanted: list[Wanted] = []
        self.mounts: list[Mounted] = []
        self._bare = Automation("site", self.database)
        self.catalogue = Catalogue([self._bare])
        self._exact: dict[str, Mounted] = {}
        self._at_root: list[Mounted] = []
        self._by_first: dict[str, list[Mounted]] = {}
        self._store: Database | None = None
        self._store_lock = threading.Lock()
        self._access: Access | None = None
        self._hosts = Hosts()

    # -- putting together -----------------------------------------------------------------------------------------

    def mount(
        self,
        point: str,
        target: Target,
        pref: Preference | None = None,
        name: str | None = None,
        subscribe: Iterable[str] = (),
        host: str = "default",
    ) -> None:
        """Want a module, an app, a folder or a WSGI callable at `point`. `name` is how other apps refer to it.

        `subscribe` names apps whose events this one receives too. `host` is kept for the manual's form; one site
        serves one set of mounts for all of its host names.
        """
        clean_point(point)
        label = name or getattr(target, "import_name", None) or getattr(target, "__name__", None) or str(target)
        names = (subscribe,) if isinstance(subscribe, str) else tuple(subscribe)
        self.wanted.append(Wanted(point, target, pref or Preference(), label, names))

    @property
    def apps(self) -> dict[str, Atilite]:
        """The user's apps by name."""
        users = (mounted for mounted in self.mounts if mounted.wanted is not None)
        return {mounted.name: mounted.app for mounted in users if mounted.app is not None}

    def open(self, settings: Settings) -> Site:
        """Run the mount hooks and put everything together; starts nothing. Raises SetupError, ConfigError."""
        self.settings = settings
        self.mounts = [self.build(wanted) for wanted in self.wanted]
        self._hosts = permitted(settings.allowed_host, self.apps.values(), loopback=settings.loopback)
        self._subscribe()
        if settings.beans:
            register_beans(self._bare, settings.beans, settings.config)
            self._bare.freeze()
        own = [("/internal", API, "internal"), ("", HEALTH, "root"), ("", DOCS, "docs")]
        if not settings.no_console:
            own.append((settings.console_path, CONSOLE, "console"))
        for prefix, module, name in own:
            make = functools.partial(self._build_own, prefix, module, name)
            self.mounts.append(Mounted(prefix, f"atilite:{name}", make=make))
        self.arrange()
        return self

    def warm(self) -> None:
        """Load what is loaded at first use, so that the first visitor does not wait for it. Not on the loop.

        But for the description of the apps: who writes programs against them looks there, on few boards and few days.
        """
        for mounted in self.mounts:
            if mounted.name != DOCS_NAME:
                _ = mounted.wsgi

    def build(self, wanted: Wanted, *, again: bool = False) -> Mounted:
        """Make what one `mount` asked for. Raises what its hooks raise."""
        target, prefix = wanted.target, clean_point(wanted.point)
        if isinstance(target, (str, Path)):
            path = Path(self.abspath(str(target)))
            if not path.is_dir():
                raise SetupError(f"{path} cannot be mounted at {wanted.point}: there is no such folder (make it)")
            return Mounted(prefix, wanted.name, StaticFiles(str(path)), wanted=wanted)
        if isinstance(target, (ModuleType, Atilite)):
            # A copy, because __config__ adds to it and runs again at each reload.
            app = assemble(self, target, wanted.preference.copy(), prefix, again=again)
            return Mounted(prefix, wanted.name, app, wanted=wanted)
        if not callable(cast("object", target)):
            what = "a module, an Atilite, a folder or a WSGI callable"
            raise SetupError(f"{target!r} cannot be mounted at {wanted.point} (mount {what})")
        foreign = Foreign(target, lambda: self.settings.devel)
        return Mounted(prefix, wanted.name, foreign, wanted=wanted)

    def rebuild(self, mounted: Mounted, load: Callable[[ModuleType], ModuleType]) -> Mounted:
        """Make what `mounted` was made of again, from the modules that `load` gives for those of before."""
        assert mounted.wanted is not None
        wanted, pref = mounted.wanted, mounted.wanted.preference.copy()
        for sources in (pref.extending, pref.overriding):
            sources[:] = [load(one) if isinstance(one, ModuleType) else one for one in sources]
        assert isinstance(wanted.target, ModuleType)
        fresh = self.build(replace(wanted, target=load(wanted.target), preference=pref), again=True)
        if fresh.app is not None:
            fresh.app.freeze()  # what is wrong with it is told now, while the other one still serves
        return fresh

    def swap(self, old: Mounted, fresh: Mounted, timeout: float) -> None:
        """Let `fresh` serve in place of `old`, whose services end within `timeout` seconds. Not on the loop."""
        if old.app is not None:
            old.app.stop(timeout)
        self.mounts[self.mounts.index(old)] = fresh
        self._subscribe()
        self.arrange()
        if old.app is not None and all(app.journal is not old.app.journal for app in self.apps.values()):
            old.app.journal.close()
        if fresh.app is not None:
            fresh.app.start()
            fresh.app.announce("reloaded")
            fresh.app.announce("mounted_or_reloaded")

    def _build_own(self, prefix: str, module_name: str, name: str) -> Atilite:
        module = importlib.import_module(module_name)
        app = Atilite(f"atilite.{name}")
        app.expose_spec = False
        furnish(self, app, Preference(), prefix, module)
        app.mounting.add("", module, {})
        app.mounting.mount_all()
        app.freeze()
        return app

    def _subscribe(self) -> None:
        apps = self.apps
        receivers: dict[str, list[Atilite]] = {name: [] for name in apps}
        for mounted in self.mounts:
            for name in mounted.wanted.subscribe if mounted.wanted and mounted.app else ():
                if name not in apps:
                    known = ", ".join(sorted(apps))
                    raise SetupError(f"{mounted.name} subscribes to {name!r}, which is not mounted (known: {known})")
                assert mounted.app is not None
                receivers[name].append(mounted.app)
        for name, app in apps.items():
            app.relay_to(*receivers[name])

    def arrange(self) -> None:
        """Sort the mounts for dispatch and collect what the console sees of them."""
        ordered = sorted(self.mounts, key=lambda mounted: len(mounted.prefix), reverse=True)
        self._exact = root_paths(self.mounts)
        self._at_root = [mounted for mounted in ordered if not mounted.prefix and mounted.name not in FIXED]
        firsts = {first_segment(mounted.prefix) for mounted in ordered if mounted.prefix}
        self._by_first = {
            first: [one for one in ordered if first_segment(one.prefix) == first] + self._at_root for first in firsts
        }
        # Without any app of the user's the console still has runs, keys and accounts to show.
        bare = [self._bare] if self.settings.beans or not self.apps else []
        self.catalogue = Catalogue([*(app.automation for app in self.apps.values()), *bare], self.catalogue)

    def abspath(self, *parts: str) -> Path:
        """A path relative to the folder of the script that was started."""
        return self.root.joinpath(*parts)

    def datapath(self, *parts: str) -> Path:
        """A path beside the database, for files that an app writes: an installed service may not write elsewhere."""
        database = beside(self.settings.db, "")
        return (Path.cwd() if database is None else database.parent).joinpath(*parts)

    # -- what the parts share ---------------------------------------------------------------------------------------

    def database(self) -> Database:
        """The open database; opened at first use. Any thread but the loop. Raises StoreError with the remedy."""
        if self._store is None:
            with self._store_lock:
                if self._store is None:
                    self._store = store = Database.open(self.settings.db)
                    store.part(Audit).keep = Limits.of(self.settings.audit_keep)
        return self._store

    def use(self, database: Database) -> None:
        """Work with this open database, which somebody else closes: for commands beside a running server."""
        self._store = database

    @functools.cached_property
    def keys(self) -> Keys:
        """The keys that sign sessions, tokens and messages; kept in the database."""
        return Keys(self.database())

    @property
    def access(self) -> Access:
        """Who may do what on the console and the API."""
        if self._access is None:
            devel = self.settings.devel and self.settings.loopback
            accounts, origins = self.database().accounts, self.settings.origins
            self._access = Access(accounts, self.keys, Clock(), devel, hosts=self._hosts, origins=origins)
        return self._access

    # -- life -------------------------------------------------------------------------------------------------------

    def serve(self, settings: Settings, environ: MutableMapping[str, str] | None = None) -> int:
        """Serve until a signal; return the exit code. `environ` is the process's, for systemd. Main thread."""
        return serve(self, settings, {} if environ is None else environ)

    def start(self) -> None:
        """Open the database, then start the services and schedules of every app."""
        self.database()
        _ = self.access  # makes the keys that are missing now: the first request may come on the loop
        for app in self.apps.values():
            app.start()
        if self.settings.beans:
            self._bare.start()

    def stop(self, timeout: float) -> None:
        """Stop services, schedules and runs, the app that was mounted last first. Blocks; never on the loop."""
        end = monotonic() + timeout
        ends: list[Automation | Atilite] = [self._bare] if self.settings.beans else []
        ends += [mounted.app for mounted in reversed(self.mounts) if mounted.loaded and mounted.app is not None]
        for left, one in zip(range(len(ends), 0, -1), ends, strict=True):
            one.stop(max(0.0, end - monotonic()) / left)  # what one leaves of its share is for those behind it

    def close(self) -> None:
        """Write what is queued and close the database, and those of aliases. Blocks; any number of times."""
        self.aliases.stop()
        if self._store is not None:
            self._store.close()

    # -- requests -----------------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI interface. Raises Park under atilite's server when the answer comes later."""
        host = environ.get("HTTP_HOST")
        if host is not None and not self._hosts.allows(host):
            return self._refuse(
                Error(400, "this Host name is not allowed; start with --allowed-host NAME"), environ, start_response
            )
        path = environ.get("PATH_INFO") or "/"
        mounted = self.find(path)
        if mounted is None or (path == "/" and self._is_bare(mounted, environ)):
            if path == "/" and not self.settings.no_console:
                target = environ.get("SCRIPT_NAME", "") + self.settings.console_path + "/"
                return self._refuse(Error(302, headers=[("Location", target)]), environ, start_response)
            return self._refuse(Error(404, f"nothing is mounted at {path}"), environ, start_response)
        if mounted.prefix:
            if path == mounted.prefix and mounted.app is not None and not mounted.app.serves("", host or ""):
                target = environ.get("SCRIPT_NAME", "") + path + "/"
                return self._refuse(Error(301, headers=[("Location", target)]), environ, start_response)
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + mounted.prefix
            environ["PATH_INFO"] = path[len(mounted.prefix) :]
        if mounted.app is not None:
            return mounted.wsgi(environ, start_response)
        return mounted.wsgi(environ, lambda status, headers, *rest: start_response(status, secure(headers), *rest))

    def find(self, path: str) -> Mounted | None:
        """What serves `path`: the longest prefix that has it. Any thread, the loop too."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        for mounted in self._by_first.get(first_segment(path), self._at_root):
            prefix = mounted.prefix
            if not prefix or (path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")):
                return mounted
        return None

    def _is_bare(self, mounted: Mounted, environ: dict[str, Any]) -> bool:
        reads = environ.get("REQUEST_METHOD") in ("GET", "HEAD")
        return reads and mounted.app is not None and not mounted.app.serves("/", environ.get("HTTP_HOST", ""))

    def policy(self, method: str, path: str) -> RequestPolicy | None:
        """How the server shall treat this request; None for the usual way."""
        mounted = self.find(path)
        if mounted is None or not mounted.loaded or mounted.app is None:
            return None
        return mounted.app.pipeline.policy(method, path[len(mounted.prefix) :] or "/")

    def _refuse(self, error: Error, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        status, headers, body = error_answer(error, environ.get("HTTP_ACCEPT", ""), path=path)
        start_response(status, secure(headers))
        return () if environ.get("REQUEST_METHOD") == "HEAD" else (body,)


def first_segment(path: str) -> str:
    """The path up to its second slash: "/a" of "/a/b"."""
    end = path.find("/", 1)
    return path if end < 0 else path[:end]
