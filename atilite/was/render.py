"""The part of `was` that renders templates."""

from __future__ import annotations

from typing import Any

from ..runtime.task import Task
from ..web.answers import API
from ..web.minify import is_html, minified
from ..web.negotiate import wants_json


class Renderer:
    """Renders the app's templates with the names that the manual promises: context, request, response, app, was."""

    def __init__(self, was: Any) -> None:
        self._was = was

    def __call__(self, template: str, *contexts: dict[str, Any], **values: Any) -> str:
        """Return the text of `template` with these values, as `context.x` and as `x`.

        Tasks among them are waited for: the template gets their results. Raises what a task raised, and HubBlocked
        in an `async def` function, which awaits them before.
        """
        return self._text(template, _given(contexts, values))

    def or_api(self, template: str, *contexts: dict[str, Any], **values: Any) -> str | API:
        """`was.render_or_API`: these values as JSON for a client that names application/json, else as the page."""
        given = _given(contexts, values)
        if wants_json(self._was.request.accept):
            return API(given)
        self._was.response.add_header("Vary", "Accept")
        return self._text(template, given)

    def _text(self, template: str, given: dict[str, Any]) -> str:
        was = self._was
        # The fixed names win: a template can rely on them.
        names = {**given, "context": given, "was": was, "app": was.app, "request": was.__dict__.get("request")}
        names["response"] = was.response
        text: str = was.app.templates.render(template, names)
        way = was.app.config.get("MINIFY_HTML")
        return minified(text, way) if way and is_html(template) else text


def _given(contexts: tuple[dict[str, Any], ...], values: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for context in contexts:
        given.update(context)
    given.update(values)
    # All of them have been started: this takes as long as the slowest.
    return {name: value.fetch() if isinstance(value, Task) else value for name, value in given.items()}
