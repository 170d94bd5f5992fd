"""The Jinja environment of the manual: line statements, everything escaped, and results in place of tasks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from atilite.errors import SetupError
from atilite.runtime.functions import wants_was
from atilite.runtime.outcome import only
from atilite.web.compiled import DELIMITERS, bytecode_cache

_EXTENSIONS = ("jinja2.ext.do", "jinja2.ext.loopcontrols")
# A dictionary's own attributes come before its keys, as everywhere in Jinja.
_OF_DICT = frozenset(dir(dict))


class Environment(jinja2.Environment):
    """Jinja's environment in which the result of a task can be fetched once more: `context.task1.fetch()`."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute or an item of that name. A value that has none is what its `fetch` and `one` return."""
        # Asking a dict for an attribute that it has not takes longer than everything else here.
        if type(obj) is dict and attribute not in _OF_DICT and attribute in obj:
            return obj[attribute]
        try:
            return getattr(obj, attribute)
        except AttributeError:
            pass
        try:
            return obj[attribute]
        except (TypeError, LookupError, AttributeError):
            kind = Result if attribute in ("fetch", "one") else self.undefined
            return kind(obj=obj, name=attribute)


class Result(jinja2.Undefined):
    """`fetch` or `one` of a value that is the result already: blank as any missing name, but it can be called."""

    __slots__ = ()
    jinja_pass_arg = None  # asked for before it is called

    def __call__(self, timeout: float | None = None) -> Any:
        """Return the value; as `one` its only element."""
        return only(self._undefined_obj) if self._undefined_name == "one" else self._undefined_obj


def environment(folders: list[str], reload: bool, cache: Path | None) -> Environment:
    """Return a new environment that searches `folders`, also those that are put into the list later."""
    loader = jinja2.FileSystemLoader([], followlinks=True)
    loader.searchpath = folders
    return Environment(
        loader=jinja2.ChoiceLoader([loader]),
        autoescape=True,
        auto_reload=reload,
        line_statement_prefix="%",
        line_comment_prefix="##",
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=_EXTENSIONS,
        bytecode_cache=bytecode_cache(cache),
    )


def change(environment: jinja2.Environment, *delimiters: str | None, **named: str | None) -> None:
    """Set delimiters, in the order of DELIMITERS or by these names. Raises SetupError for another name."""
    wanted = {**dict(zip(DELIMITERS, delimiters, strict=False)), **named}
    unknown = set(wanted) - set(DELIMITERS)
    if unknown or len(delimiters) > len(DELIMITERS):
        raise SetupError(f"jinja_overlay takes {', '.join(DELIMITERS)}; not {', '.join(sorted(unknown)) or 'more'}")
    for name, value in wanted.items():
        setattr(environment, name, value)


def given_was(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or a global for templates that calls `function`, with the page's `was` first if it takes it.

    Jinja calls other filters of a constant already when it compiles, and the compiled template is kept between starts.
    """
    if hasattr(function, "jinja_pass_arg"):  # it says itself what it is given
        return function
    if wants_was(function):

        @jinja2.pass_context
        @functools.wraps(function)
        def call(context: jinja2.runtime.Context, /, *args: Any, **kwargs: Any) -> Any:
            return function(context.resolve("was"), *args, **kwargs)
    else:

        @jinja2.pass_context
        @functools.wraps(function)
        def call(context: jinja2.runtime.Context, /, *args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    return call
