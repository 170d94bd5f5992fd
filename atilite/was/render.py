"""The part of `was` that renders templates."""

from __future__ import annotations

from typing import Any


class Renderer:
    """Renders the app's templates with the names that the manual promises: context, request, response, app, was."""

    def __init__(self, was: Any) -> None:
        self._was = was

    def __call__(self, template: str, *contexts: dict[str, Any], **values: Any) -> str:
        """Return the text of `template` with these values, as `context.x` and as `x`. Tasks arrive as they are."""
        given: dict[str, Any] = {}
        for context in contexts:
            given.update(context)
        given.update(values)
        was = self._was
        # The fixed names win: a template can rely on them.
        names = {**given, "context": given, "was": was, "app": was.app, "request": was.__dict__.get("request")}
        names["response"] = was.response
        return str(was.app.templates.render(template, names))
