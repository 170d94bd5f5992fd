"""The API as a mount: operations on actions, runs, services, schedules and keys; health.py has the ones of the root.

An ordinary module with a `__mount__` hook; a program of one's own could mount the same functions elsewhere.
"""

from __future__ import annotations

from typing import Any

from atilite.version import VERSION
from atilite.web.response import Response

from . import actions, again, appevents, flows, health, hooks, journals, kv, openapi, services, tasks, trail, updates
from .answers import raw, reply
from .endpoints import Answer, Endpoint, declare
from .site import catalogue

HTML = "text/html; charset=utf-8"


def described(was: Any) -> tuple[Endpoint, ...]:
    """The operations of this API, and one for each action."""
    return (*INTERNAL, *actions.invocations(catalogue(was).actions))


def openapi_json(was: Any) -> Response:
    """The description of this API, with what each action takes."""
    return reply(openapi.document(described(was), was.app.site.settings.name, VERSION, was.app.prefix))


def docs(was: Any) -> Response:
    """The same as a page."""
    return raw(openapi.page(described(was), was.app.site.settings.name, was.app.prefix).encode(), HTML)


DESCRIPTION = (
    Endpoint(
        "GET", "/openapi.json", openapi_json, "getDescription", "This API as OpenAPI 3.1", tag="about",
        answers={200: Answer("The document.", {"type": "object"})},
    ),
    Endpoint(
        "GET", "/docs", docs, "getDocumentation", "This API as a page", tag="about",
        answers={200: Answer("HTML.", {"type": "string"}, "text/html")},
    ),
)

INTERNAL: tuple[Endpoint, ...] = (
    *again.ENDPOINTS, *actions.ENDPOINTS, *hooks.ENDPOINTS, *journals.ENDPOINTS, *updates.ENDPOINTS,
    *appevents.ENDPOINTS, *services.ENDPOINTS, *flows.ENDPOINTS, *tasks.ENDPOINTS, *kv.ENDPOINTS,
    *trail.ENDPOINTS, *DESCRIPTION,
)  # fmt: skip
ROOT: tuple[Endpoint, ...] = health.ENDPOINTS


def __mount__(app: Any, mntopt: dict[str, Any]) -> None:
    # With DEV=true pages that a developer serves from elsewhere may call.
    app.access_control_allow_origin = app.site.settings.origins
    app.procedures = False
    declare(app, INTERNAL)
    # Where BINP had a second page of the same content.
    app.route("/redoc", methods=["GET"], role="view", bind=False)(docs)
