"""Operations that go on: each change of runs, services and keys, as a WebSocket or as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atilite.errors import Error
from atilite.lazily import LazyModule
from atilite.web import eventstream
from atilite.web.negotiate import wants_websocket
from atilite.web.response import Response

from .answers import empty
from .endpoints import Answer, Endpoint, Parameter
from .events import stream
from .feeds import KeyChanges, OneRun, RunChanges, ServiceChanges, Source
from .inputs import LARGEST, resume_after
from .schemas import ERROR, TEXT, WHOLE
from .site import catalogue, query

if TYPE_CHECKING:
    from . import sockets
else:
    # The protocol's library costs as much as all of this API; many boards never open a WebSocket.
    sockets = LazyModule("atilite.api.sockets")


def journal_updates(was: Any) -> Any:
    """Every change of every run."""
    return serve_updates(was, RunChanges(catalogue(was).journals, resume_after(was.request.env, query(was))))


def one_journal_updates(was: Any, id: str | int) -> Any:
    """The records of one run, stored ones first, and its changes until it has ended."""
    database = was.app.site.database()
    journals, run = catalogue(was).journals, int(id)
    after = resume_after(was.request.env, query(was))

    def stored(number: int) -> Any:
        return journals.headline_on(database.connection(), number)

    found = journals.headline(run) if 0 < run <= LARGEST else None
    if found is None:
        raise Error(404, f"there is no run {id}")
    if _all_seen(found, journals, run, after):
        # A browser takes this as the end; anything else would make it connect again for ever.
        return empty()
    return serve_updates(was, OneRun(journals, stored, run, after))


def _all_seen(found: Any, journals: Any, run: int, after: int | None) -> bool:
    if found.pending or not after:
        return False
    newest = journals.records(run, limit=1, newest_first=True)
    # The number of the newest record itself is no proof: the stream may have broken between it and the end.
    return not newest or after > int(newest[0].id)


def service_updates(was: Any) -> Any:
    """Every change of every service."""
    return serve_updates(was, ServiceChanges(catalogue(was).service_changed))


def key_updates(was: Any) -> Any:
    """Every change of the keys that were asked for."""
    asked = query(was)
    namespace, prefix = asked.text("namespace"), asked.text("prefix") or ""
    return serve_updates(was, KeyChanges(catalogue(was).kv.changed, namespace, prefix))


def serve_updates(was: Any, source: Source) -> Response | Any:
    """Answer with a stream of what `source` tells, in the way that was asked for. Raises Error 406 without one."""
    environ = was.request.env
    if wants_websocket(environ):
        sockets.upgrade(was, source)
    if eventstream.wanted(environ):
        return stream(was, source)
    raise Error(406, "ask with Accept: text/event-stream, or open a WebSocket")


RESUME = (
    Parameter("after", "The number of the last event that was seen.", WHOLE),
    Parameter("Last-Event-ID", "The same; browsers send it by themselves.", TEXT, "header"),
)
STREAMED = {
    101: Answer("A WebSocket; every text is one message."),
    200: Answer("Server-sent events; the data of each is one Message.", TEXT, eventstream.MEDIA),
    406: Answer("Neither a WebSocket nor server-sent events were asked for.", ERROR),
    426: Answer("A WebSocket handshake of another version.", ERROR),
    501: Answer("A WebSocket under a server that has none.", ERROR),
}
ON_THE_LOOP = {"start": "hub", "coroutine": True}

ENDPOINTS = (
    Endpoint(
        "GET", "/journals/updates", journal_updates, "watchJournals", "Each change of a run, as it happens",
        tag="runs", parameters=RESUME, answers=STREAMED, options=ON_THE_LOOP,
    ),
    Endpoint(
        "GET", "/journal/<id:int>/updates", one_journal_updates, "watchJournal", "The records of one run as they come",
        tag="runs", parameters=(Parameter("id", "The number of the run.", WHOLE, "path"), *RESUME),
        answers={
            **STREAMED,
            204: Answer("The run has ended and everything was seen."),
            404: Answer("There is no such run.", ERROR),
        },
        options=ON_THE_LOOP,
    ),
    Endpoint(
        "GET", "/services/updates", service_updates, "watchServices", "Each change of a service, as it happens",
        tag="services", answers=STREAMED, options=ON_THE_LOOP,
    ),
    Endpoint(
        "GET", "/kv/updates", key_updates, "watchKeys", "Each change of a key, as it happens",
        tag="keys",
        parameters=(
            Parameter("namespace", "Only keys of this namespace; else of all but those that begin with `_`."),
            Parameter("prefix", "Only keys that begin so."),
        ),
        answers=STREAMED, options=ON_THE_LOOP,
    ),
)
