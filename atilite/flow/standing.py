"""Shares that every house has as soon as its plan names them: times, and what is known of the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from atilite.flow.shares import LiveShare, Store


def offer(store: Store, meta: Mapping[str, Any], now: Callable[[], float]) -> None:
    """Offer `.time` (seconds of the plan), `.realtime` and `.datetime` (of the world) and `.meta.NAME`."""
    found: dict[str, Callable[[], Any]] = {
        "time": lambda: store.stamp or 0.0,
        "realtime": now,
        "datetime": lambda: _parts(datetime.fromtimestamp(now(), UTC)),
        **{f"meta.{name}": lambda name=name: meta[name] for name in meta},  # type: ignore[misc]
    }
    for path, read in found.items():
        store.offered[path] = lambda path, read=read: LiveShare(store, path, read)  # type: ignore[misc]


def _parts(moment: datetime) -> dict[str, Any]:
    fields = {name: getattr(moment, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    return {"iso": moment.isoformat(), **fields, "micro": moment.microsecond}
