"""Operations on the audit trail and on notifications, triggers and the subscribers of events."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from atilite.errors import Error
from atilite.store.audit import Audit, Entry, Wanted
from atilite.web.response import Response

from .answers import reply
from .endpoints import Answer, Endpoint, Parameter
from .schemas import ERROR, MOMENT, TEXT, WHOLE, many, maybe, shape
from .site import catalogue, query

PAGE, LARGEST_PAGE = 50, 500


def list_changes(was: Any) -> Response:
    """The newest entries of the audit trail, or those before `before`."""
    asked = query(was)
    texts: Any = {name: asked.text(name) or "" for name in ("who", "via", "what", "text")}
    wanted = Wanted(**texts, since=asked.moment("since"), until=asked.moment("until"))
    limit = asked.whole("limit", PAGE, 1, LARGEST_PAGE) or PAGE
    trail = was.app.site.database().part(Audit)
    return reply([entry(one) for one in trail.search(wanted, before=asked.whole("before"), limit=limit)])


def entry(one: Entry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "id": one.id, "at": one.at, "who": one.who, "via": one.via, "address": one.address, "what": one.what,
        "target": one.target, "parameters": one.parameters, "result": one.result, "run": one.run,
    }  # fmt: skip


def list_channels(was: Any) -> Response:
    """The channels of notifications and how they are."""
    return reply([{**asdict(info), "well": info.well} for info in catalogue(was).notices.channels])


def list_notices(was: Any) -> Response:
    """The newest notifications, and what became of them."""
    limit = query(was).whole("limit", PAGE, 1, LARGEST_PAGE) or PAGE
    return reply([asdict(letter) for letter in catalogue(was).notices.recent(limit)])


def try_channel(was: Any, name: str) -> Response:
    """Send a test, and tell what the channel said to it."""
    try:
        catalogue(was).notices.test(name)
    except LookupError as unknown:
        raise Error(404, str(unknown.args[0])) from None
    except Exception as error:
        # Whatever it is: a refused connection, a wrong password, a bug in a function of the user's.
        raise Error(502, f"{name} did not take it: {type(error).__name__}: {error}") from error
    return reply(None)


def list_triggers(was: Any) -> Response:
    """What starts actions besides persons and the clock."""
    return reply([asdict(info) for info in catalogue(was).triggers])


def list_subscribers(was: Any) -> Response:
    """The functions that events are told to: how many wait, how many failed."""
    return reply([{**asdict(info), "well": info.well} for info in catalogue(was).subscribers])


_CHANGE = shape(
    {
        "id": WHOLE, "at": MOMENT, "who": TEXT, "via": TEXT, "address": TEXT, "what": TEXT, "target": TEXT,
        "parameters": {"type": "object"}, "result": TEXT, "run": maybe(WHOLE),
    }
)  # fmt: skip
_CHANNEL = shape(
    {
        "name": TEXT, "waiting": WHOLE, "sent": WHOLE, "given_up": WHOLE, "last": maybe(MOMENT),
        "next": maybe(MOMENT), "error": maybe(TEXT), "well": {"type": "boolean"},
    }
)  # fmt: skip
_LETTER = shape(
    {
        "id": WHOLE, "channel": TEXT, "content": {"type": "object"}, "created": MOMENT, "due": MOMENT,
        "attempts": WHOLE, "state": TEXT, "ended": maybe(MOMENT), "error": maybe(TEXT),
    }
)  # fmt: skip
_TRIGGER = shape(
    {
        "id": TEXT, "action": TEXT, "kind": TEXT, "source": TEXT, "fired": WHOLE, "last": maybe(MOMENT),
        "error": maybe(TEXT),
    }
)  # fmt: skip
_NUMBER = {"type": "number"}
_SUBSCRIBER = shape(
    {
        "name": TEXT, "events": many(TEXT), "waiting": WHOLE, "calls": WHOLE, "failures": WHOLE,
        "error": maybe(TEXT), "worst": _NUMBER, "since": maybe(_NUMBER), "well": {"type": "boolean"},
    }
)  # fmt: skip

ENDPOINTS = (
    Endpoint(
        "GET", "/audit/", list_changes, "listChanges", "Who changed what, newest first", role="admin", tag="audit",
        parameters=(
            Parameter("who", "The name of an account or a token."), Parameter("via", "console, api, cli or hook."),
            Parameter("what", "What was done, such as `run action`."), Parameter("text", "A part of the rest."),
            Parameter("since", "From this moment on.", MOMENT), Parameter("until", "Before this moment.", MOMENT),
            Parameter("before", "Entries with smaller numbers.", WHOLE), Parameter("limit", "At most 500.", WHOLE),
        ),
        answers={200: Answer("The entries.", many(_CHANGE)), 400: Answer("A parameter is wrong.", ERROR)},
    ),
    Endpoint(
        "GET", "/channels/", list_channels, "listChannels", "The channels of notifications", tag="notifications",
        answers={200: Answer("In the order of their first use.", many(_CHANNEL))},
    ),
    Endpoint(
        "POST", "/channel/<name:path>/test", try_channel, "testChannel", "Send a test to a channel", role="run",
        tag="notifications", parameters=(Parameter("name", "Such as @ops.", place="path"),),
        answers={200: Answer("It took the test.", {"type": "null"}), 404: Answer("There is no such channel.", ERROR),
                 502: Answer("It did not take the test, and why.", ERROR)},
    ),
    Endpoint(
        "GET", "/notices/", list_notices, "listNotices", "The newest notifications", tag="notifications",
        parameters=(Parameter("limit", "At most 500.", WHOLE),),
        answers={200: Answer("Newest first.", many(_LETTER))},
    ),
    Endpoint(
        "GET", "/triggers/", list_triggers, "listTriggers", "What starts actions by itself", tag="triggers",
        answers={200: Answer("In the order of definition.", many(_TRIGGER))},
    ),
    Endpoint(
        "GET", "/subscribers/", list_subscribers, "listSubscribers", "The subscribers of events", tag="triggers",
        answers={200: Answer("In the order of their subscription.", many(_SUBSCRIBER))},
    ),
)  # fmt: skip
