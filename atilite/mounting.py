"""Mounts: modules with hooks, put together under URL prefixes.

A module may define `__setup__(app, mntopt)` (mount sub-modules, register events), `__mount__(app, mntopt)` (declare
routes) and `__umount__(app)`; the module that makes the app also `__config__(pref)` and `__app__()`. All `__setup__`
hooks run first, then the `before_mount` event, then all `__mount__` hooks, parents before children.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

from .errors import SetupError
from .hooks import Lists

HOOKS = ("__setup__", "__mount__")


class Preference:
    """What `serve.py` wishes for one app: attributes are copied on to the app, `config.X` into `app.config`."""

    def __init__(self) -> None:
        self.config = SimpleNamespace()
        self.static: list[tuple[str, str]] = []
        self.media: tuple[str, str] | None = None

    def set_static(self, url: str, path: str) -> None:
        """Serve the files below `path` at `url`; they win over routes of the same path."""
        self.static.append((clean_point(url) or "/", path))
        self.config.STATIC_URL, self.config.STATIC_ROOT = url, path

    def set_media(self, url: str, path: str) -> None:
        """Serve the media files below `path` at `url`."""
        self.media = (clean_point(url) or "/", path)
        self.config.MEDIA_URL, self.config.MEDIA_ROOT = url, path

    def copy(self) -> Preference:
        """The same wishes, to be added to without changing these."""
        other = Preference()
        vars(other).update(vars(self))
        other.config, other.static = SimpleNamespace(**vars(self.config)), list(self.static)
        return other

    def attributes(self) -> dict[str, Any]:
        """The free attributes: everything set on the preference that is not part of it."""
        own = ("config", "static", "media")
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
    """One mounted module: its whole prefix inside the app, the name its routes get, its options (`mntopt`)."""

    module: ModuleType
    prefix: str
    namespace: str
    options: dict[str, Any]
    parent: Mount | None = field(default=None, repr=False, compare=False)
    children: list[Mount] = field(default_factory=list)
    hooks: Lists = field(default_factory=Lists, repr=False, compare=False)

    def walk(self) -> Iterator[Mount]:
        """This mount and all below it, parents first, in the order in which they were mounted."""
        yield self
        for child in self.children:
            yield from child.walk()


class Mounting:
    """Builds the tree of an app's mounts and runs their hooks. Used by the thread that sets the app up, only."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._phase = ""
        self.current: Mount | None = None
        self.roots: list[Mount] = []

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

    def _mount(self, point: str, module: ModuleType, options: dict[str, Any], parent: Mount | None) -> Mount:
        prefix = (parent.prefix if parent else "") + clean_point(point)
        name = options.get("ns") or module.__name__.rpartition(".")[2]
        inherited = parent.namespace if parent else ""
        # The root's own name would be in front of every route of the app, so it is left out.
        is_root = parent is None and not options.get("ns")
        namespace = "" if is_root else f"{inherited}{name}."
        mntopt = {"point": prefix or "/", "module": module, "ns": namespace.rstrip("."), **options}
        return Mount(module, prefix, namespace, mntopt, parent)

    def mount_all(self) -> None:
        """Run the `__mount__` hooks of the whole tree, parents before children."""
        for root in self.roots:
            for mount in root.walk():
                self._run("__mount__", mount)

    def unmount_all(self) -> None:
        """Run the `__umount__` hooks, children before parents."""
        mounts = [mount for root in self.roots for mount in root.walk()]
        for mount in reversed(mounts):
            hook = getattr(mount.module, "__umount__", None)
            if hook is not None:
                call_hook(hook, self._app)

    def _run(self, name: str, mount: Mount) -> None:
        hook = getattr(mount.module, name, None)
        if hook is None or (mount.options.get("debug_only") and not self._app.debug):
            return
        before = self._phase, self.current
        self._phase, self.current = name, mount
        try:
            call_hook(hook, self._app, mount.options)
        finally:
            self._phase, self.current = before
