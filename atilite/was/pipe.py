"""The part of `was` that calls another resource of the program."""

from __future__ import annotations

from typing import Any

from .urls import Target, other_app


class Pipe:
    """`was.pipe(index, offset=4)`: calls a handler by itself, its name, or "app:name", and returns what it returns.

    Its parameters pass the same checks as those of a request, and its decorators run; the options of its route
    (methods, content types, role) do not count, and no hook runs again. The thread of the calling handler runs it.
    """

    def __init__(self, was: Any) -> None:
        self._was = was

    def __call__(self, target: Target, /, *args: Any, **params: Any) -> Any:
        """Raise NameError for an unknown or ambiguous name, Error 400 for parameters that do not fit."""
        was, name = self._was, target
        if isinstance(target, str) and ":" in target:
            app_name, _, name = target.partition(":")
            app = other_app(was.app, app_name)
            if app is None:
                raise NameError(f"no app is called {app_name!r}, which {target!r} is to be of")
            was = _inside(was, app)
        resource = was.app.pipeline.resources.find(name)
        given = resource.bind(args, params, was.app.restrict_parameter_count)
        return resource.function(was, **given) if resource.signature.takes_was else resource.function(**given)


def _inside(was: Any, app: Any) -> Any:
    """The same request and answer, seen by another app: its templates, its URLs."""
    other = type(was)(app, was.request_or_none, was.run)
    for name in ("identity", "exchange", "around"):
        if name in vars(was):
            vars(other)[name] = vars(was)[name]
    if was.request_or_none:
        other.response = was.response
    return other
