"""What an app says about its templates: globals, filters, extensions, other delimiters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import bottle

from .lazily import LazyModule
from .web.templates import Templates

# Loaded with the first page that draws a chart.
charts = LazyModule("atilite.web.charts")

F = TypeVar("F", bound=Callable[..., Any])

# `app.skito_jinja()`: delimiters that an editor for HTML takes for text, tags and comments.
_SKITO = {
    "variable_start_string": "${",
    "variable_end_string": "}",
    "block_start_string": "<%",
    "block_end_string": "%>",
    "comment_start_string": "<!---",
    "comment_end_string": "--->",
}


class Templating(bottle.Bottle):  # type: ignore[misc]  # bottle is untyped
    """The part of an app that its templates are told by. `begin_templating` is called when the app is made.

    All of it belongs to the set-up, in one thread.
    """

    def begin_templating(self) -> None:
        """Make what the decorators need."""
        self.templates = Templates()
        self.templates.add_global("charts", charts)

    jinja_env = property(lambda self: self.templates.environment, doc="The app's Jinja environment.")

    def use_templates(self, folders: Iterable[Path], *, reload: bool, cache: Path | None = None) -> None:
        """Search these folders for templates, the first one first; one that is made later is found then."""
        self.templates.use(folders, reload=reload, cache=cache)

    def template_global(self, name: str | None = None) -> Callable[[F], F]:
        """Decorator: templates call the function by `name`; one whose first parameter is `was` is given the page's."""

        def register(function: F) -> F:
            self.templates.add_global(name or function.__name__, function)
            return function

        return register

    def template_filter(self, name: str | None = None) -> Callable[[F], F]:
        """Decorator: `{{ value | name }}` in templates; `was` is given before it if that is the first parameter."""

        def register(function: F) -> F:
            self.templates.add_filter(name or function.__name__, function)
            return function

        return register

    def add_jinja_ext(self, name: str) -> None:
        """Add a Jinja extension by its dotted name; `jinja2.ext.do` and `jinja2.ext.loopcontrols` are there.

        Raises ImportError or AttributeError if there is none of that name.
        """
        self.templates.add_extension(name)

    def jinja_overlay(self, *delimiters: str | None, **named: str | None) -> None:
        """Write this app's templates with other delimiters: `app.jinja_overlay("${", "}")`.

        In this order, or by Jinja's names: variable_start_string, variable_end_string, block_start_string,
        block_end_string, comment_start_string, comment_end_string, line_statement_prefix, line_comment_prefix. None
        switches line statements or line comments off. Raises SetupError for other names.
        """
        self.templates.overlay(*delimiters, **named)

    def skito_jinja(self) -> None:
        """Write this app's templates as `${value}`, `<% statement %>` and `<!--- comment --->`."""
        self.templates.overlay(**_SKITO)
