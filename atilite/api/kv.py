"""Operations on keys: the body and the answer of a key are the JSON value itself, its ETag is the version."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any
from urllib.parse import urlencode

from atilite.errors import Error, ParameterError
from atilite.runtime.promise import Promise
from atilite.web.response import Response

from .answers import empty, reply
from .endpoints import Answer, Endpoint, Parameter
from .inputs import LARGEST, Query, json_value
from .schemas import ANYTHING, ENTRY, ERROR, TEXT, many
from .shapes import entry
from .site import catalogue, identity, query

PAGE, LARGEST_PAGE = 1000, 10_000
LONGEST_TTL = 100 * 365 * 86_400.0

Steps = Generator[Any, Any, Response]


def _tag(version: int) -> tuple[str, str]:
    return "ETag", f'"{version}"'


def versions(header: str) -> set[int] | None:
    """The versions that an If-Match or If-None-Match header names, None for `*`. Others match nothing."""
    if header.strip() == "*":
        return None
    named = (part.strip().removeprefix("W/").strip('"') for part in header.split(","))
    return {int(text) for text in named if text.isascii() and text.isdigit() and len(text) < 20}


def _item(was: Any, namespace: str, key: str) -> Any:
    found = catalogue(was).kv.item(namespace, key)
    if found is None:
        raise Error(404, f"there is no key {key!r} in {namespace!r}")
    return found


def list_keys(was: Any, namespace: str) -> Response:
    """The keys of a namespace with their values, sorted; a Link header leads to the next page."""
    asked = query(was)
    limit = asked.whole("limit", PAGE, 1, LARGEST_PAGE) or PAGE
    prefix = asked.text("prefix") or ""
    found = catalogue(was).kv.items(namespace, prefix, asked.text("after") or "", limit)
    more = len(found) == limit
    link = urlencode({"prefix": prefix, "limit": limit, "after": found[-1].key}) if more else ""
    return reply([entry(item) for item in found], headers=[("Link", f'<?{link}>; rel="next"')] if more else ())


def list_namespaces(was: Any) -> Response:
    """The namespaces that hold a key."""
    return reply(catalogue(was).kv.namespaces())


def get_key(was: Any, namespace: str, key: str) -> Response:
    """The value; 304 when the client has this version."""
    item = _item(was, namespace, key)
    known = was.request.env.get("HTTP_IF_NONE_MATCH")
    headers = [_tag(item.version), ("Cache-Control", "no-cache")]
    if known is not None:
        named = versions(known)
        if named is None or item.version in named:
            return empty(304, headers)
    return reply(item.value, headers=headers)


def put_key(was: Any, namespace: str, key: str) -> Steps:
    """Set the value; with If-Match only if it has that version still, with If-None-Match: * only if it is new."""
    value, ttl = json_value(was.request), _ttl(query(was))
    kv, who = catalogue(was).kv, identity(was).name
    expected = _expected(was, namespace, key)
    stored: Promise[Any] = Promise()
    if expected is None:
        kv.set(namespace, {key: value}, ttl=ttl, who=who, done=stored.settle)
    else:
        kv.replace(namespace, key, value, expected, ttl=ttl, who=who, done=stored.settle)
    yield stored
    if stored.result() is False:
        raise Error(412, "the value has changed meanwhile; read it again")
    if expected is not None:
        return reply(value, headers=[_tag(expected + 1)])
    item = kv.item(namespace, key)
    # Another writer may have been quicker than this line; then the version on hand is not that of our value.
    return reply(value, headers=[_tag(item.version)] if item is not None and item.value == value else ())


def _expected(was: Any, namespace: str, key: str) -> int | None:
    """The version that the client demands, None if it does not care. Raises Error 412 when it cannot be had."""
    environ, kv = was.request.env, catalogue(was).kv
    match, none_match = environ.get("HTTP_IF_MATCH"), environ.get("HTTP_IF_NONE_MATCH")
    if match is None and none_match is None:
        return None
    item = kv.item(namespace, key)
    current = item.version if item is not None else 0
    if match is not None:
        named = versions(match)
        if current == 0 or (named is not None and current not in named):
            raise Error(412, f"the value is in version {current}" if current else "there is no value")
    elif current and ((named := versions(none_match)) is None or current in named):
        raise Error(412, f"there is a value already, in version {current}")
    return current


def delete_key(was: Any, namespace: str, key: str) -> Steps:
    """Remove the key; with If-Match only if it has that version still."""
    _item(was, namespace, key)
    kv, removed = catalogue(was).kv, Promise[Any]()
    expected = _expected(was, namespace, key) if "HTTP_IF_MATCH" in was.request.env else None
    if expected is None:
        kv.remove(namespace, key, done=removed.settle)
    else:
        kv.withdraw(namespace, key, expected, done=removed.settle)
    yield removed
    if expected is not None and not removed.result():
        raise Error(412, "the value has changed meanwhile; read it again")
    if not removed.result():
        raise Error(404, f"there is no key {key!r} in {namespace!r}")
    return empty()


def increment_key(was: Any, namespace: str, key: str) -> Steps:
    """Add to a number, from 0 if there is none, and answer the sum."""
    added: Promise[Any] = Promise()
    catalogue(was).kv.incr(namespace, key, _by(query(was)), who=identity(was).name, done=added.settle)
    yield added
    if isinstance(added.error, TypeError):
        raise Error(409, str(added.error))
    return reply(added.result())


def _number(asked: Query, name: str) -> float | None:
    text = asked.text(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ParameterError({name: "must be a number"})
    return number


def _by(asked: Query) -> int | float:
    number = _number(asked, "by")
    if number is None:
        return 1
    if abs(number) > LARGEST:
        raise ParameterError({"by": f"must be between -{LARGEST} and {LARGEST}"})
    # A whole number stays one: 2**53 + 1 has no float.
    text = (asked.text("by") or "").strip()
    return int(text) if text.removeprefix("-").removeprefix("+").isdigit() and text.isascii() else number


def _ttl(asked: Query) -> float | None:
    seconds = _number(asked, "ttl")
    if seconds is not None and not 0 < seconds <= LONGEST_TTL:
        raise ParameterError({"ttl": f"must be above 0 and at most {LONGEST_TTL:.0f} seconds"})
    return seconds


KEY = "/kv/<namespace:re:[^/]+>/<key:path>"
# Writing waits for the writer thread only, so it begins on the loop; large values are parsed in a worker.
NO_KEY = {404: Answer("There is no such key, or no more.", ERROR)}
CHANGED = {412: Answer("It is not in the version that was demanded.", ERROR)}

ENDPOINTS = (
    Endpoint(
        "GET", "/kv/", list_namespaces, "listNamespaces", "The namespaces that hold a key",
        tag="keys", answers={200: Answer("Their names, sorted.", many(TEXT))},
    ),
    Endpoint(
        "GET", "/kv/<namespace:re:[^/]+>/", list_keys, "listKeys", "The keys of a namespace with their values",
        tag="keys",
        parameters=(
            Parameter("prefix", "Only keys that begin so."),
            Parameter("after", "Only keys that come after this one, for the next page."),
            Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}),
        ),
        answers={200: Answer("Sorted by key; a Link header leads to the next page.", many(ENTRY))},
    ),
    Endpoint(
        "GET", KEY, get_key, "getKey", "The value of a key", tag="keys",
        parameters=(Parameter("If-None-Match", "A version that the client has.", place="header"),),
        answers={200: Answer("The value; its version is the ETag.", ANYTHING),
                 304: Answer("The client has this version."), **NO_KEY},
    ),
    Endpoint(
        "PUT", KEY, put_key, "setKey", "Set the value of a key", role="admin", tag="keys", body=ANYTHING,
        parameters=(
            Parameter("ttl", "Seconds after which the key expires.", {"type": "number", "exclusiveMinimum": 0}),
            Parameter("If-Match", "The version that it must have now.", place="header"),
            Parameter("If-None-Match", "*: it must not be there.", place="header"),
        ),
        answers={200: Answer("It is stored; its version is the ETag.", ANYTHING),
                 413: Answer("The body is too large.", ERROR), 415: Answer("The body is not JSON.", ERROR), **CHANGED},
    ),
    Endpoint(
        "DELETE", KEY, delete_key, "removeKey", "Remove a key", role="admin", tag="keys",
        parameters=(Parameter("If-Match", "The version that it must have now.", place="header"),),
        answers={204: Answer("It is gone."), **NO_KEY, **CHANGED},
    ),
    Endpoint(
        "POST", KEY + "/incr", increment_key, "incrementKey", "Add to a number", role="admin", tag="keys",
        parameters=(Parameter("by", "What to add, 1 by default; may be negative.", {"type": "number"}),),
        answers={200: Answer("The sum.", {"type": "number"}), 409: Answer("The value is no number.", ERROR)},
        options={"start": "hub"},
    ),
)
