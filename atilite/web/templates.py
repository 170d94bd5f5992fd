"""Jinja2 as the manual describes it: line statements, and everything escaped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, ChoiceLoader, Environment, FileSystemBytecodeCache, FileSystemLoader, Template
from jinja2.exceptions import TemplateNotFound

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
        # One list object for the loader's whole life: folders put in later are searched as well.
        self._loader = FileSystemLoader([], followlinks=True)
        self._loader.searchpath = self.folders
        self.environment = Environment(
            loader=ChoiceLoader([self._loader]),
            autoescape=True,
            auto_reload=reload,
            line_statement_prefix="%",
            line_comment_prefix="##",
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=_EXTENSIONS,
            bytecode_cache=_bytecode_cache(cache),
        )

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
            if self.environment.cache is not None:
                self.environment.cache.clear()

    def add_global(self, name: str, value: Any) -> None:
        self.environment.globals[name] = value

    def add_filter(self, name: str, function: Callable[..., Any]) -> None:
        self.environment.filters[name] = function

    def add_extension(self, name: str) -> None:
        """Add a Jinja2 extension by its dotted name."""
        self.environment.add_extension(name)

    def get(self, name: str) -> Template:
        """Return a template. Raises jinja2.TemplateNotFound, whose text names the folders that were searched."""
        try:
            return self.environment.get_template(name)
        except TemplateNotFound as error:
            if error.name != name:  # it is another one, which this one includes
                raise
            places = ", ".join(self.folders) or "no folder at all"
            raise TemplateNotFound(name, f"no template {name!r} in {places}") from None

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """Return the text of a template with these names in it."""
        return self.get(name).render(context)


def _bytecode_cache(folder: Path | None) -> BytecodeCache | None:
    """Compiled templates are executed as they are found, so the folder must be nobody else's."""
    if folder is None:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.stat()
    if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        return None
    return FileSystemBytecodeCache(str(folder))
