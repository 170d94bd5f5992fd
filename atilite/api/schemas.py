"""The shapes of the API's bodies as JSON Schema, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out", "interrupted")

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
ANYTHING: Schema = {"description": "Any JSON value."}
STATUS: Schema = {"type": "string", "enum": list(STATUSES)}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """A list of it."""
    return {"type": "array", "items": schema}


def shape(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object; further fields may appear in later versions."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def ref(name: str) -> Schema:
    """A pointer to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


ERROR, HEADLINE, JOURNAL, ACTION = ref("Error"), ref("Headline"), ref("Journal"), ref("Action")
SERVICE, SCHEDULE, ENTRY, MESSAGE = ref("Service"), ref("Schedule"), ref("Entry"), ref("Message")
HOUSE = ref("House")

_HEADLINE: Mapping[str, Schema] = {
    "id": WHOLE,
    "operation": TEXT,
    "description": TEXT,
    "started_at": MOMENT,
    "labels": many(TEXT),
    "finished_at": maybe(MOMENT),
    "error": maybe(TEXT),
    "duration": maybe({"type": "number", "minimum": 0}),
    "status": STATUS,
    "kind": TEXT,
    "trigger": TEXT,
    "who": maybe(TEXT),
    "parameters": {"type": "object"},
    "parent": maybe(WHOLE),
    "attempt": WHOLE,
    "change": WHOLE,
}

SCHEMAS: Mapping[str, Schema] = {
    "Error": shape(
        {"code": {"type": "integer"}, "message": TEXT, "more_info": TEXT, "detail": TEXT},
        {
            "fields": {"type": "object", "additionalProperties": TEXT},
            "run": maybe(WHOLE),
            "status": TEXT,
        },
    ),
    "Headline": shape(_HEADLINE),
    "Record": shape(
        {
            "id": WHOLE,
            "journal": WHOLE,
            "message": TEXT,
            "created_at": MOMENT,
            "params": {"type": "object"},
            "source": {"type": "string", "enum": ["record", "print", "log", "progress"]},
            "level": maybe(TEXT),
        }
    ),
    "Journal": shape(
        {**_HEADLINE, "records": many(ref("Record"))}, {"result": ANYTHING, "traceback": maybe(TEXT)}
    ),
    "Message": {
        "description": "One change: a run's headline, a record, a service, a key or an event. `listening` tells where "
        "a stream of events begins, `missed` that some may be missing.",
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {
                "type": "string",
                "enum": ["journal", "record", "service", "key", "event", "listening", "missed"],
            }
        },
    },
    "Action": shape(
        {"name": TEXT, "description": TEXT},
        {"parameters": {"type": "object"}, "role": TEXT, "labels": many(TEXT), "confirm": maybe(TEXT)},
    ),
    "Invoked": shape(
        {"name": TEXT, "duration": {"type": "number"}, "run": maybe(WHOLE), "status": STATUS, "result": ANYTHING}
    ),
    "Service": shape(
        {"name": TEXT, "description": TEXT, "status": TEXT, "autostart": FLAG, "restart": FLAG,
         "restart_delay": {"type": "number"}},
        {"restarts": WHOLE, "since": maybe(MOMENT), "uptime": maybe({"type": "number"}), "error": maybe(TEXT),
         "run": maybe(WHOLE), "needs": many(TEXT), "health": maybe(TEXT), "critical": FLAG,
         "kind": {"type": "string", "enum": ["service", "bean"]}},
    ),
    "Schedule": shape(
        {"id": TEXT, "action": TEXT, "words": TEXT, "next": maybe(MOMENT), "last": maybe(MOMENT), "paused": FLAG},
        {"cron": maybe(TEXT), "every": maybe({"type": "number"}), "at": maybe(MOMENT), "missed": TEXT,
         "missed_times": WHOLE, "last_missed": maybe(MOMENT)},
    ),
    "Framer": shape(
        {"name": TEXT, "status": TEXT, "outline": many(TEXT), "elapsed": {"type": "number"}, "turns": WHOLE},
        {"period": {"type": "number"}, "schedule": TEXT, "fault": TEXT, "waits_for": many(TEXT)},
    ),
    "House": shape(
        {"name": TEXT, "plan": TEXT, "turn": WHOLE, "t": {"type": "number"}, "alive": FLAG, "paused": FLAG,
         "framers": many(ref("Framer"))},
        {"period": {"type": "number"}, "overruns": WHOLE, "missed": WHOLE, "failure": TEXT, "run": maybe(WHOLE),
         "shares": {"type": "object"}, "steps": many({"type": "object"})},
    ),
    "Entry": shape(
        {"key": TEXT, "value": ANYTHING, "version": WHOLE, "updated": MOMENT, "expires": maybe(MOMENT)}
    ),
}
