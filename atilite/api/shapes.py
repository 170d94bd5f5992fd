"""Values of the program as the API shows them: BINP's field names first, ours after them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

# What is shown of these; their other attributes are the program's own business.
ACTION_FIELDS = (
    "confirm", "role", "labels", "timeout", "retries", "retry_delay", "retry_jitter", "overlap", "group", "keep",
    "process", "command", "after", "dry", "source",
)  # fmt: skip
SERVICE_FIELDS = (
    "name", "description", "status", "autostart", "restart", "restart_delay", "restarts", "since", "uptime", "error",
    "critical", "source", "run", "needs", "kind",
)  # fmt: skip
SCHEDULE_FIELDS = (
    "id", "action", "rule", "every", "timezone", "words", "next", "last", "paused", "missed", "window", "times",
    "missed_times", "last_missed",
    "at_start", "at", "jitter", "source",
)  # fmt: skip


def headline(run: Any) -> dict[str, Any]:
    """A run as listed."""
    return {
        "id": run.id,
        "operation": run.operation,
        "description": run.description,
        "started_at": run.started_at,
        "labels": list(run.labels),
        "finished_at": run.finished_at,
        "error": run.error,
        "duration": run.duration,
        "status": run.status,
        "kind": run.kind,
        "trigger": run.trigger,
        "who": run.who,
        "parameters": run.parameters,
        "parent": run.parent,
        "attempt": run.attempt,
        "change": run.change,
    }


def record(entry: Any) -> dict[str, Any]:
    """A message of a run."""
    return {
        "id": entry.id,
        "journal": entry.journal,
        "message": entry.message,
        "created_at": entry.created_at,
        "params": entry.params,
        "source": entry.source,
        "level": entry.level,
    }


def happened(event: Any) -> dict[str, Any]:
    """An event that an app has emitted, or somebody through this API."""
    return {
        "type": "event",
        "id": event.number,
        "name": event.name,
        "payload": json.loads(event.text),
        "app": event.app or None,
        "at": event.at,
    }


def journal(run: Any, records: Iterable[Any]) -> dict[str, Any]:
    """A run with its records, in the order given, its traceback and its result."""
    return {
        **headline(run),
        "traceback": run.traceback,
        "result": run.result,
        "records": [record(entry) for entry in records],
    }


def action(found: Any) -> dict[str, Any]:
    """An action with its parameters as JSON Schema."""
    return {
        "name": found.name,
        "description": found.description,
        "parameters": found.schema.json_schema(),
        "choices": {name: list(source.needs) for name, source in found.choices.sources.items()},
        **_given(found, ACTION_FIELDS),
    }


def service(info: Any, fault: str | None = None) -> dict[str, Any]:
    """A service and how it is; `health` is what is wrong with one that runs."""
    return {**_given(info, SERVICE_FIELDS), "health": fault if info.status in ("running", "degraded") else None}


def schedule(info: Any) -> dict[str, Any]:
    """A schedule, with its rule in words and its next firing."""
    return {**_given(info, SCHEDULE_FIELDS), "cron": info.rule}


def entry(item: Any) -> dict[str, Any]:
    """A key of the key-value store with its value."""
    return {
        "key": item.key,
        "value": item.value,
        "version": item.version,
        "updated": item.updated,
        "expires": item.expires,
    }


def _given(value: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}
