"""What a client sends to the API: query, JSON bodies, numbers and moments, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from atilite.errors import Error, ParameterError
from atilite.web import eventstream
from atilite.web.body import parse_json

# SQLite's largest whole number: greater ones name nothing.
LARGEST = 2**63 - 1
# Enough for every form; what is larger is no form and no JSON document that a person's script sends.
MOST_FIELDS = 1000

TRUE_WORDS, FALSE_WORDS = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class Query:
    """The fields of a query string or of an urlencoded body. An empty value is the same as none."""

    def __init__(self, text: str) -> None:
        if not text:
            self.fields: dict[str, list[str]] = {}
            return
        try:
            self.fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise Error(400, f"the parameters cannot be read: {error}") from None

    def text(self, name: str) -> str | None:
        """The last value of this name."""
        values = self.fields.get(name)
        return values[-1] or None if values else None

    def many(self, name: str) -> tuple[str, ...]:
        """Every value of this name; commas inside separate as well."""
        return tuple(part for value in self.fields.get(name, ()) for part in value.split(",") if part)

    def whole(self, name: str, default: int | None = None, minimum: int = 0, maximum: int = LARGEST) -> int | None:
        """A whole number. Raises ParameterError outside of the bounds."""
        text = self.text(name)
        if text is None:
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and minimum <= int(text) <= maximum):
            bound = f"at least {minimum}" if maximum == LARGEST else f"from {minimum} to {maximum}"
            raise ParameterError({name: f"must be a whole number, {bound}"})
        return int(text)

    def flag(self, name: str) -> bool | None:
        """True or false, None when it was not given. Raises ParameterError for another word."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in TRUE_WORDS | FALSE_WORDS:
            raise ParameterError({name: "must be true or false"})
        return text.lower() in TRUE_WORDS

    def moment(self, name: str) -> datetime | None:
        """A moment in ISO 8601; without an offset it is UTC. Raises ParameterError for anything else."""
        text = self.text(name)
        if text is None:
            return None
        if "T" in text:
            # A plus sign of an offset that was not encoded arrives as a space.
            text = text.replace(" ", "+")
        try:
            return aware(datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            raise ParameterError({name: "must be a date and time such as 2026-11-21T14:32:07+00:00"}) from None


def aware(moment: datetime) -> datetime:
    """The moment in UTC; one without an offset is taken as UTC. Raises OverflowError at the ends of the calendar."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def content_type(environ: Mapping[str, Any]) -> str:
    """The media type of the body in lower case, without its parameters."""
    return str(environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()


def content_length(environ: Mapping[str, Any]) -> int:
    """The length of the body in bytes, 0 when none was sent."""
    text = str(environ.get("CONTENT_LENGTH") or "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def json_value(request: Any) -> Any:
    """The JSON value of the body. Raises Error 415 for another kind of body, 400 for an empty or broken one.

    A client that names no type is believed. Blocks until the body has arrived, which under our server it has.
    """
    kind = content_type(request.env)
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise Error(415, "send the body as application/json")
    body = request.get_body()
    if not body.strip():
        raise Error(400, "the body is empty; send a JSON value")
    # The request has parsed a body of exactly this type already, and keeps its value.
    value = request.JSON if kind == "application/json" else parse_json(body)
    if b"\\u" in body:
        refuse_halves(value)
    return value


def json_object(request: Any) -> dict[str, Any]:
    """The JSON object of the body, {} for none at all. Raises Error as `json_value` does, and 400 for another value."""
    if not request.get_body().strip():
        return {}
    value = json_value(request)
    if not isinstance(value, dict):
        raise Error(400, "the body must be a JSON object")
    return value


def refuse_halves(value: Any) -> None:
    """Raise Error 400 for a text with half of a surrogate pair: nothing could store it, and no answer contain it."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Error(400, "the body contains half of a surrogate pair, which is no text") from None


def resume_after(environ: Mapping[str, Any], query: Query) -> int | None:
    """The number after which a stream goes on: Last-Event-ID, or `?after=` for clients that cannot send headers."""
    sent = eventstream.last_event_id(environ)
    return query.whole("after") if sent is None else min(sent, LARGEST)
