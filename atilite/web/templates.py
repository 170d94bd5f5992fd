"""Jinja2 as the manual describes it: line statements, and everything escaped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from atilite.lazily import LazyModule

if TYPE_CHECKING:
    import jinja2

    from atilite.web import compiled
else:
    # Loaded when the first template is asked for: an API for programs has none.
    jinja2 = LazyModule("jinja2")
    compiled = LazyModule("atilite.web.compiled")

_EXTENSIONS = ("jinja2.ext.do", "jinja2.ext.loopcontrols")


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
        self._globals: dict[str, Any] = {}
        self._environment: jinja2.Environment | None = None
        self._lock = Lock()

    @property
    def environment(self) -> jinja2.Environment:
        """The Jinja environment, made at first use. Any thread."""
        if self._environment is None:
            with self._lock:
                if self._environment is None:
                    self._environment = self._made()
        return self._environment

    def _made(self) -> jinja2.Environment:
        # One list object for the loader's whole life: folders put in later are searched as well.
        loader = jinja2.FileSystemLoader([], followlinks=True)
        loader.searchpath = self.folders
        made = jinja2.Environment(
            loader=jinja2.ChoiceLoader([loader]),
            autoescape=True,
            auto_reload=self._reload,
            line_statement_prefix="%",
            line_comment_prefix="##",
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=_EXTENSIONS,
            bytecode_cache=compiled.bytecode_cache(self._cache),
        )
        made.globals.update(self._globals)
        return made

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
            if self._environment is not None and self._environment.cache is not None:
                self._environment.cache.clear()

    def add_global(self, name: str, value: Any) -> None:
        self._globals[name] = value
        if self._environment is not None:
            self._environment.globals[name] = value

    def add_filter(self, name: str, function: Callable[..., Any]) -> None:
        self.environment.filters[name] = function

    def add_extension(self, name: str) -> None:
        """Add a Jinja2 extension by its dotted name."""
        self.environment.add_extension(name)

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
