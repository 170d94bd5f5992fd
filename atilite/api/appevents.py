"""Operations on events by name: emit one, hear those that are emitted. So one board drives another."""

from __future__ import annotations

from typing import Any

from atilite.errors import Error
from atilite.hooks import EVENTS
from atilite.web.response import Response

from .answers import reply
from .endpoints import Answer, Endpoint, Parameter
from .feeds import AppEvents
from .inputs import json_value, resume_after
from .schemas import ANYTHING, ERROR, TEXT, WHOLE, shape
from .site import catalogue, identity, query
from .updates import ON_THE_LOOP, RESUME, STREAMED, serve_updates


def emit_event(was: Any, name: str) -> Response:
    """Tell an event to its subscribers in every app; the answer does not wait for what they do."""
    if name in EVENTS:
        raise Error(400, f"{name} is told by requests only (give the event another name)")
    for role in catalogue(was).events.roles(name):
        # The event starts an action, which is not for everybody.
        was.app.site.access.check(identity(was), role)
    # Without a body a subscriber gets nothing beside `was`.
    payload = (json_value(was.request),) if was.request.get_body().strip() else ()
    return reply({"subscribers": catalogue(was).events.emit(name, *payload)}, 202)


def app_events(was: Any) -> Any:
    """Every event that is emitted, or those of some names."""
    asked = query(was)
    names = frozenset(name for name in asked.fields.get("name", ()) if name)
    return serve_updates(was, AppEvents(catalogue(was).events.log, names, resume_after(was.request.env, asked)))


ENDPOINTS = (
    Endpoint(
        "POST", "/event/<name:path>", emit_event, "emitEvent", "Tell an event to all apps",
        role="run", tag="events",
        parameters=(Parameter("name", "The name of the event; a slash in it is no separator.", place="path"),),
        body={**ANYTHING, "description": "The payload: the one argument of the subscribers. Without it they get none."},
        body_required=False,
        answers={202: Answer("It was told to so many functions, perhaps to none.", shape({"subscribers": WHOLE})),
                 400: Answer("The body is no JSON, or the name is one of the events of requests.", ERROR),
                 403: Answer("The event starts an action that takes a greater role.", ERROR),
                 415: Answer("The body is not JSON.", ERROR)},
    ),
    Endpoint(
        "GET", "/events", app_events, "watchEvents", "Each event that an app emits, as it happens",
        tag="events",
        parameters=(
            Parameter("name", "Only events of this name; may be repeated.", {"type": "array", "items": TEXT}), *RESUME,
        ),
        answers=STREAMED, options=ON_THE_LOOP,
    ),
)  # fmt: skip
