"""Mounts: modules with hooks, put together under URL prefixes.

A module may define `__setup__(app, mntopt)` (mount sub-modules, register events), `__mount__(app, mntopt)` (declare
routes) and `__umount__(app)`; the module that makes the app also `__config__(pref)` and `__app__()`. All `__setup__`
hooks run first, then the `before_mount` event, then all `__mount__` hooks, parents before children.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from types import ModuleType, SimpleNamespace
from typing import Any

from .errors import SetupError
from .hooks import Lists
from .quickly import dataclass

HOOKS = ("__setup__", "__mount__")

# What an app is put together of: a module with hooks, or a function that does what `__mount__` does.
Source = ModuleType | Callable[..., Any]

log = logging.getLogger("atilite")


class Preference:
    """What `serve.py` wishes for one app: attributes are copied on to the app, `config.X` into `app.config`."""

    def __init__(self) -> None:
        self.config = SimpleNamespace()
        self.static: list[tuple[str, str]] = []
        self.media: tuple[str, str] | None = None
        self.extending: list[Source] = []
        self.overriding: list[Source] = []

    def set_static(self, url: str, path: str) -> None:
        """Serve the files below `path` at `url`; they win over routes of the same path."""
        self.static.append((clean_point(url) or "/", path))
        self.config.STATIC_URL, self.config.STATIC_ROOT = url, path

    def set_media(self, url: str, path: str) -> None:
        """Serve the media files below `path` at `url`."""
        self.media = (clean_point(url) or "/", path)
        self.config.MEDIA_URL, self.config.MEDIA_ROOT = url, path

    def extends(self, *sources: Source) -> None:
        """Let the app use the routes, templates and static files of these modules where it has none of its own."""
        self.extending += sources

    def overrides(self, *sources: Source) -> None:
        """Put the routes, templates and static files of these modules in place of the app's own of the same paths."""
        self.overriding += sources

    def copy(self) -> Preference:
        """The same wishes, to be added to without changing these."""
        other = Preference()
        vars(other).update(vars(self))
        other.config, other.static = SimpleNamespace(**vars(self.config)), list(self.static)
        other.extending, other.overriding = list(self.extending), list(self.overriding)
        return other

    def attributes(self) -> dict[str, Any]:
        """The free attributes: everything set on the preference that is not part of it."""
        own = ("config", "static", "media", "extending", "overriding")
        return {name: value for name, value in vars(self).items() if name not in own}


@contextmanager
def preference() -> Iterator[Preference]:
    """Make a `Preference` to fill and hand to `mount`: `with atilite.preference() as pref: ...`."""
    yield Preference()


def clean_point(point: str) -> str:
    """Return a mount point without doubled or trailing slashes; the root is "". It must be blank or start with "/"."""
    if point and not point.startswith("/"):
        raise SetupError(f"mount point {point!r} must be blank or start with '/'")
    return re.sub(r"/{2,}", "/", point).rstrip("/")


def call_hook(hook: Callable[..., Any], *args: Any) -> Any:
    """Call a mount hook with as many of `args`, from the left, as it takes."""
    room = [
        p for p in inspect.signature(hook).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return hook(*args[: len(room)])


@dataclass
class Mount:
    """One mounted module: its whole prefix inside the app, the name its routes get, its options (`mntopt`).

    `rank` is 0 for what belongs to the app itself, below 0 for what it extends, above 0 for what overrides it.
    """

    module: Any
    prefix: str
    namespace: str
    options: dict[str, Any]
    rank: int = 0
    parent: Mount | None = field(default=None, repr=False, compare=False)
    children: list[Mount] = field(default_factory=list)
    hooks: Lists = field(default_factory=Lists, repr=False, compare=False)

    def walk(self) -> Iterator[Mount]:
        """This mount and all below it, parents first, in the order in which they were mounted."""
        yield self
        for child in self.children:
            yield from child.walk()

    def upwards(self) -> Iterator[Mount]:
        """This mount and those around it, the root last."""
        mount: Mount | None = self
        while mount is not None:
            yield mount
            mount = mount.parent


class Mounting:
    """Builds the tree of an app's mounts and runs their hooks. Used by the thread that sets the app up, only."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._phase = ""
        self.current: Mount | None = None
        self.roots: list[Mount] = []
        self.mounted = False  # from the first __mount__ hook to the last __umount__ hook

    @property
    def prefix(self) -> str:
        """Where a route that is declared now goes, "" outside of a mount hook."""
        return self.current.prefix if self.current and self._phase == "__mount__" else ""

    @property
    def namespace(self) -> str:
        """What the name of a route that is declared now begins with."""
        return self.current.namespace if self.current and self._phase == "__mount__" else ""

    @property
    def place(self) -> Mount | None:
        """The mount that sets itself up now; None outside of a mount hook and in the app's own package."""
        current = self.current
        return None if current is None or (current.parent is None and not current.prefix) else current

    @property
    def rank(self) -> int:
        """That of the mount whose hook is running; 0 outside of one."""
        return self.current.rank if self.current else 0

    def add(self, point: str, module: ModuleType, options: dict[str, Any]) -> None:
        """Mount `module` at `point`, which is relative to the mount whose `__setup__` is running.

        Raises SetupError inside a `__mount__` hook and for a module without hooks.
        """
        if self._phase == "__mount__":
            raise SetupError("cannot call app.mount () in __mount__ () hook; do it in __setup__ ()")
        if not any(hasattr(module, hook) for hook in HOOKS):
            raise SetupError(f"module {module.__name__!r} has neither __mount__ nor __setup__; it cannot be mounted")
        parent = self.current
        mount = self._mount(point, module, options, parent)
        (parent.children if parent else self.roots).append(mount)
        self._run("__setup__", mount)

    def join(self, source: Source, rank: int) -> None:
        """Make `source` a part of the app, at its root. A function stands for a `__mount__` hook."""
        module: Any = source
        if not isinstance(source, ModuleType):
            module = SimpleNamespace(__name__=getattr(source, "__name__", "function"), __mount__=source)
        mount = self._mount("", module, {}, None, rank)
        self.roots.append(mount)
        self._run("__setup__", mount)

    def _mount(self, point: str, module: Any, options: dict[str, Any], parent: Mount | None, rank: int = 0) -> Mount:
        prefix = (parent.prefix if parent else "") + clean_point(point)
        name = options.get("ns") or module.__name__.rpartition(".")[2]
        inherited = parent.namespace if parent else ""
        # The root's own name would be in front of every route of the app, so it is left out.
        is_root = parent is None and not options.get("ns")
        namespace = "" if is_root else f"{inherited}{name}."
        mntopt = {"point": prefix or "/", "module": module, "ns": namespace.rstrip("."), **options}
        return Mount(module, prefix, namespace, mntopt, parent.rank if parent else rank, parent)

    def mount_all(self) -> None:
        """Run the `__mount__` hooks of the whole tree: the rank below first, parents before children."""
        self.mounted = True
        for mount in self._in_order():
            self._run("__mount__", mount)

    def unmount_all(self) -> None:
        """Run the `__umount__` hooks, children before parents. An error in one is logged: the others run too."""
        self.mounted = False
        for mount in reversed(self._in_order()):
            hook = self._hook("__umount__", mount)
            try:
                if hook is not None:
                    call_hook(hook, self._app)
            except Exception:
                # The app ends in any case, and the other modules have something to give back as well.
                log.exception("__umount__ of %s failed", mount.module.__name__)

    def _in_order(self) -> list[Mount]:
        # Whoever comes later wins where there can be one only: a page for an error, a filter of templates.
        return [mount for root in sorted(self.roots, key=lambda root: root.rank) for mount in root.walk()]

    def _hook(self, name: str, mount: Mount) -> Callable[..., Any] | None:
        hidden = any(one.options.get("debug_only") for one in mount.upwards()) and not self._app.debug
        hook: Callable[..., Any] | None = None if hidden else getattr(mount.module, name, None)
        return hook

    def _run(self, name: str, mount: Mount) -> None:
        hook = self._hook(name, mount)
        if hook is None:
            return
        before = self._phase, self.current
        self._phase, self.current = name, mount
        try:
            call_hook(hook, self._app, mount.options)
        finally:
            self._phase, self.current = before
