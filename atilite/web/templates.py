"""Jinja2 as the manual describes it: line statements, and everything escaped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from atilite.lazily import LazyModule
from atilite.runtime.functions import wants_was

if TYPE_CHECKING:
    import jinja2

    from atilite.web import compiled, dialect
else:
    # Loaded when the first template is asked for: an API for programs has none.
    jinja2 = LazyModule("jinja2")
    compiled = LazyModule("atilite.web.compiled")
    dialect = LazyModule("atilite.web.dialect")


class Templates:
    """The templates of an app: folders searched in order, the first file of a name wins.

    With a `cache` folder compiled templates are kept between starts. `reload` looks for changed files at every use.
    Set it up in one thread; rendering is open to any thread.
    """

    def __init__(
        self, folders: Iterable[str | os.PathLike[str]] = (), *, cache: Path | None = None, reload: bool = False
    ) -> None:
        self.folders: list[str] = [os.fspath(folder) for folder in folders]
        self._cache, self._reload = cache, reload
        self._environment: jinja2.Environment | None = None
        self._changes: list[Callable[[jinja2.Environment], object]] = []
        self._lock = Lock()

    @property
    def environment(self) -> jinja2.Environment:
        """The Jinja environment, made at first use. Any thread."""
        if self._environment is None:
            with self._lock:
                if self._environment is None:
                    made = dialect.environment(self.folders, self._reload, self._cache)
                    for change in self._changes:
                        change(made)
                    self._environment = made
        return self._environment

    def use(
        self, folders: Iterable[str | os.PathLike[str]], *, cache: Path | None = None, reload: bool = False
    ) -> None:
        """Search these folders from now on, and none of those before; what was added to the environment stays."""
        # One list object for the loader's whole life: folders put in later are searched as well.
        self.folders[:] = [os.fspath(folder) for folder in folders]
        self._cache, self._reload = cache, reload
        if self._environment is not None:
            self._environment.auto_reload = reload
            self._environment.bytecode_cache = compiled.bytecode_cache(cache)
            self._forget()

    def first(self, folder: str | os.PathLike[str]) -> None:
        """Search this folder before all others: its templates override."""
        self._put(0, folder)

    def last(self, folder: str | os.PathLike[str]) -> None:
        """Search this folder after all others: its templates are defaults."""
        self._put(len(self.folders), folder)

    def _put(self, place: int, folder: str | os.PathLike[str]) -> None:
        name = os.fspath(folder)
        if name not in self.folders:
            self.folders.insert(place, name)
            self._forget()

    def _forget(self) -> None:
        """Let what was compiled be compiled anew."""
        if self._environment is not None and self._environment.cache is not None:
            self._environment.cache.clear()

    def add_global(self, name: str, value: Any) -> None:
        """Let every template use `value` by this name; a function whose first parameter is `was` is given it."""
        self._change(lambda made: made.globals.update({name: dialect.given_was(value) if wants_was(value) else value}))

    def add_filter(self, name: str, function: Callable[..., Any]) -> None:
        """Add a filter; a function whose first parameter is `was` is given it."""
        self._change(lambda made: made.filters.update({name: dialect.given_was(function)}))

    def add_extension(self, name: str) -> None:
        """Add a Jinja2 extension by its dotted name. Raises ImportError or AttributeError if there is none."""
        self.environment.add_extension(name)
        self._forget()

    def overlay(self, *delimiters: str | None, **named: str | None) -> None:
        """Write the templates with other delimiters, in the order of `compiled.DELIMITERS` or by these names.

        None switches line statements or line comments off. Raises SetupError for another name.
        """
        dialect.change(self.environment, *delimiters, **named)
        self._forget()

    def _change(self, change: Callable[[jinja2.Environment], object]) -> None:
        """Change the environment, now or when it is made: an app that renders nothing does not load Jinja."""
        with self._lock:
            self._changes.append(change)
            if self._environment is not None:
                change(self._environment)
                self._forget()

    def get(self, name: str) -> jinja2.Template:
        """Return a template. Raises jinja2.TemplateNotFound, whose text names the folders that were searched."""
        try:
            return self.environment.get_template(name)
        except jinja2.TemplateNotFound as error:
            if error.name != name:  # it is another one, which this one includes
                raise
            places = ", ".join(self.folders) or "no folder at all"
            raise jinja2.TemplateNotFound(name, f"no template {name!r} in {places}") from None

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """Return the text of a template with these names in it."""
        return self.get(name).render(context)
