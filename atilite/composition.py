"""Apps made of others: what an app extends serves where it has nothing itself, what overrides it goes before it.

Each part has a rank. The app itself has 0, what it extends -1, -2, ... in the order in which it was named, what
overrides it 1, 2, ...: the higher rank wins, whoever was named first and whatever was configured before.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import SetupError
from .mounting import HOOKS, Mounting, Preference, Source, call_hook, clean_point
from .quickly import dataclass
from .web.static import StaticFiles
from .web.templates import Templates

# What a module may have that makes it worth extending.
CONTENTS = (*HOOKS, "__config__")
FOLDERS = ("templates", "static")


@dataclass(frozen=True)
class Part:
    """What the app is put together of besides its own module."""

    source: Source
    rank: int

    @property
    def config(self) -> Callable[..., Any] | None:
        """Its `__config__` hook."""
        return getattr(self.source, "__config__", None)

    @property
    def folder(self) -> Path | None:
        """The folder of a package; None for a function, and for a module that shares its folder with others."""
        found = getattr(self.source, "__path__", None)
        return Path(next(iter(found))) if found else None


class Composition:
    """The part of an app that puts it together with others. `begin_composition` is called when the app is made."""

    mounting: Mounting
    templates: Templates
    config: Any
    site: Any
    static_folders: list[tuple[str, StaticFiles]]
    announce: Callable[[str], None]

    def begin_composition(self) -> None:
        """Make what the composition needs."""
        self._parts: list[Part] = []
        self._configured: list[Part] = []
        self._static_ranks: list[int] = []

    def extends(self, *sources: Source) -> None:
        """Use the routes, templates and static files of these modules where the app has none of its own.

        To be said before or in `__setup__`, or as `pref.extends`. A function stands for a `__mount__` hook. Raises
        SetupError later than that, and for a module that has nothing to use.
        """
        self._join(sources, -1)

    def overrides(self, *sources: Source) -> None:
        """Put the routes, templates and static files of these modules in place of the app's own of the same paths.

        The rest is as with `extends`.
        """
        self._join(sources, 1)

    @property
    def composed_of(self) -> list[ModuleType]:
        """The modules that it extends, and those that override it."""
        return [part.source for part in self._parts if isinstance(part.source, ModuleType)]

    def set_static(self, url: str, path: str | Path, *, rank: int | None = None) -> None:
        """Serve the files below `path` at `url` of this app, before those of a part with a lower rank."""
        own = self.mounting.rank if rank is None else rank
        place = sum(1 for other in self._static_ranks if other >= own)
        self._static_ranks.insert(place, own)
        self.static_folders.insert(place, (clean_point(url) + "/", StaticFiles(path)))

    def put_together(self, pref: Preference, own: ModuleType | None, *, again: bool = False) -> None:
        """Run the `__setup__` and `__mount__` hooks of the app's own module and of all parts, and find their files.

        The app has been made and has the preferences `pref`, to which the parts add. Once, by who mounts it, or when
        an app without a site begins to serve. With `again` somebody else tells that it is mounted.
        """
        self._compose(pref, own)
        self.announce("before_mount")
        self.mounting.mount_all()
        if not again:
            self.announce("mounted")
            self.announce("mounted_or_reloaded")

    def _compose(self, pref: Preference, own: ModuleType | None) -> None:
        self._join(pref.extending, -1)
        self._join(pref.overriding, 1)
        entire: list[Part] = [Part(own, 0)] if own is not None else []
        done: list[Part] = []
        # Each hook may name further parts.
        while len(done) < len(entire) + len(self._parts):
            self._configure_all(pref)
            waiting = [part for part in (*entire, *self._parts) if part not in done]
            for part in sorted(waiting, key=lambda part: part.rank):
                done.append(part)
                if part.rank or own is None:
                    self.mounting.join(part.source, part.rank)
                else:
                    self.mounting.add("", own, {})
        self._find_folders()

    def _configure_all(self, pref: Preference) -> None:
        """Run each `__config__` once: of what is extended the nearest first, of what overrides the first one."""
        while waiting := [part for part in self._parts if part not in self._configured]:
            part = min(waiting, key=lambda part: abs(part.rank))
            self._configured.append(part)
            self._configure(part, pref)

    def _join(self, sources: Any, sign: int) -> None:
        for source in sources:
            if self.mounting.mounted:
                raise SetupError("extends and overrides belong before __mount__: say them in __setup__ or serve.py")
            check_source(source)
            if all(part.source is not source for part in self._parts):
                beyond = 1 + sum(1 for part in self._parts if part.rank * sign > 0)
                self._parts.append(Part(source, sign * beyond))

    def _configure(self, part: Part, pref: Preference) -> None:
        """Run a part's `__config__` on a copy, and take over what it may decide."""
        if part.config is None:
            return
        asked = pref.copy()
        asked.static, asked.media, asked.extending, asked.overriding = [], None, [], []
        call_hook(part.config, asked)
        for name, value in vars(asked.config).items():
            if _decides(part, name, value, self.config, pref.config):
                setattr(pref.config, name, value)
                self.config[name] = value
        for name, value in asked.attributes().items():
            if _decides(part, name, value, vars(self), pref):
                setattr(pref, name, value)
                setattr(self, name, value)
        if self.site is not None:
            self.config.update(self.site.settings.config)  # the operator wins over every program
            for url, path in [*asked.static, *([asked.media] if asked.media else [])]:
                self._serve_files(url, self.site.abspath(path), part.rank)
        self._join(asked.extending, -1)
        self._join(asked.overriding, 1)

    def _find_folders(self) -> None:
        for part in sorted(self._parts, key=lambda part: abs(part.rank)):
            if part.folder is None:
                continue
            put = self.templates.first if part.rank > 0 else self.templates.last
            put(part.folder / "templates")
            if (part.folder / "static").is_dir():
                self._serve_files(self.config.get("STATIC_URL") or "/", part.folder / "static", part.rank)

    def _serve_files(self, url: str, path: Path, rank: int) -> None:
        if self.site is None or not self.site.settings.disable_static:
            self.set_static(url, path, rank=rank)


def _decides(part: Part, name: str, value: object, known: Container[str], before: object) -> bool:
    """Whether a part's preference holds: what is extended says what nobody has said, what overrides what it changed."""
    if part.rank < 0:
        return name not in known
    return not hasattr(before, name) or value is not getattr(before, name)


def check_source(source: Any) -> None:
    """Raise SetupError for what an app cannot be put together of."""
    if not isinstance(source, ModuleType):
        if not callable(source):
            raise SetupError(f"{source!r} cannot be extended: it is neither a module nor a function")
        return
    folder = Part(source, 1).folder
    has_files = folder is not None and any((folder / name).is_dir() for name in FOLDERS)
    if not has_files and not any(hasattr(source, name) for name in CONTENTS):
        wanted = ", ".join((*CONTENTS, *(f"{name}/" for name in FOLDERS)))
        raise SetupError(f"module {source.__name__!r} has nothing to extend: none of {wanted}")
