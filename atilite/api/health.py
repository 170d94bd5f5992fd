"""Operations for whoever watches the program from outside: is it well, is it ready, what are its figures.

A mount of its own: whoever asks right after the start need not wait for the rest of the API to be loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atilite.errors import StoreError, TaskTimeout
from atilite.runtime.promise import Promise
from atilite.store.runs import Filter
from atilite.web.response import Response

from .answers import raw, reply
from .endpoints import Answer, Endpoint, declare
from .metrics import Metric, text
from .schemas import TEXT, many, shape
from .site import catalogue, monotonic

# Pending runs are counted no further than this: more than so many is the same news.
MOST_PENDING = 10_000

# Seconds after which a due time that waits is trouble; a timer looks at the clock once a minute at least.
LATE, TOO_LATE = 90.0, 300.0
# Seconds to wait for the loop.
PATIENCE = 5.0

PROC = Path("/proc/self")


def database_reasons(site: Any) -> list[str]:
    """Why nothing can be stored, in words for a person; [] when it can. Any thread but the loop."""
    try:
        health = site.database().health()
    except (StoreError, OSError) as error:
        return [f"database: {error}"]
    return [] if health.status == "ok" else [f"database: {health.status}, {health.explanation}"]


def healthz(was: Any) -> Response:
    """200 when all is well, else 503 with the reasons: the database, services that matter, schedules that stand."""
    site = was.app.site
    services = [f"service {name}: {why}" for name, why in site.catalogue.faults().items()]
    return _state(database_reasons(site) + services + late_reasons(site))


def late_reasons(site: Any) -> list[str]:
    """Which schedules have been due for long without a run; [] when the database cannot say it."""
    try:
        plans = site.catalogue.schedules
    except (StoreError, OSError):
        return []
    return [f"schedule {plan.id}: due {plan.late:.0f} s ago, and not started" for plan in plans if plan.late > TOO_LATE]


def readyz(was: Any) -> Response:
    """200 when requests can be served, else 503; a stopping server refuses this one like all others."""
    return _state(database_reasons(was.app.site))


def _state(found: list[str]) -> Response:
    status, headers = (503, [("Retry-After", "5")]) if found else (200, [])
    return reply({"status": "failing" if found else "ok", "reasons": found}, status, headers)


def metrics(was: Any) -> Response:
    """Figures in Prometheus' text format."""
    body = text([*_process(), *_store(was), *_services(was), *_schedules(was), *_loop(was)])
    return raw(body.encode(), "text/plain; version=0.0.4; charset=utf-8")


def _process() -> list[Metric]:
    if not PROC.exists():
        return []
    facts = dict(line.split(":", 1) for line in (PROC / "status").read_text().splitlines() if ":" in line)
    resident = int(facts.get("VmRSS", "0 kB").split()[0]) * 1024
    descriptors = sum(1 for _ in (PROC / "fd").iterdir())
    return [
        Metric("process_resident_memory_bytes", "gauge", "Memory in use.", resident),
        Metric("process_open_fds", "gauge", "Open files and sockets.", descriptors),
        Metric("process_threads", "gauge", "Threads.", int(facts.get("Threads", "0"))),
    ]


def _store(was: Any) -> list[Metric]:
    database, journals = was.app.site.database(), catalogue(was).journals
    health = database.health()
    newest = journals.search(limit=1)
    pending = journals.count(Filter(pending=True), limit=MOST_PENDING)
    return [
        Metric("atilite_runs_total", "counter", "Runs that were ever opened.", newest[0].id if newest else 0),
        Metric("atilite_runs_pending", "gauge", "Runs that wait or go on.", pending),
        *(
            Metric("atilite_runs_ended_total", "counter", "Runs ended since the start.", number, {"status": status})
            for status, number in journals.ends.items()
        ),
        Metric("atilite_keys", "gauge", "Keys of the key-value store.", sum(catalogue(was).kv.counts().values())),
        Metric("atilite_writes_waiting", "gauge", "Changes that are not written yet.", database.writer.waiting),
        Metric("atilite_commits_total", "counter", "Transactions since the start.", database.writer.commits),
        Metric("atilite_database_bytes", "gauge", "Size of the database file.", health.size),
        Metric("atilite_database_log_bytes", "gauge", "Size of what is not yet folded into it.", health.log_size),
        Metric("atilite_disk_free_bytes", "gauge", "Free space beside the database.", health.free),
        Metric("atilite_database_ok", "gauge", "1 when the last writes went well.", int(health.status == "ok")),
    ]


def _services(was: Any) -> list[Metric]:
    found: list[Metric] = []
    for info in catalogue(was).services:
        labels = {"service": info.name}
        up = int(info.status in ("running", "degraded"))
        found.append(Metric("atilite_service_up", "gauge", "1 when the service is running.", up, labels))
        restarts = info.restarts
        found.append(Metric("atilite_service_restarts_total", "counter", "Restarts of a service.", restarts, labels))
    return found


def _schedules(was: Any) -> list[Metric]:
    plans = catalogue(was).schedules
    late = [plan.late for plan in plans if plan.late > LATE]
    return [
        Metric("atilite_schedules", "gauge", "Schedules.", len(plans)),
        Metric("atilite_schedules_paused", "gauge", "Schedules that somebody has paused.",
               sum(plan.paused for plan in plans)),
        Metric("atilite_schedules_late", "gauge", "Schedules that are due and have not started.", len(late)),
        Metric("atilite_schedule_late_seconds", "gauge", "How long the latest of them waits.", max(late, default=0.0)),
    ]


def _lag(loop: Any) -> float:
    """Seconds until the loop does what is asked of it now."""
    if loop.inside():
        return 0.0
    began, answered = monotonic(), Promise[None]()
    loop.call_soon(answered.set, None)
    try:
        answered.wait(PATIENCE)
    except TaskTimeout:
        return PATIENCE
    return monotonic() - began


def _signals(was: Any) -> list[Metric]:
    """Subscribers of events that fail or lag, channels of notifications that do not take what they are told."""
    found: list[Metric] = []
    for one in catalogue(was).subscribers:
        labels = {"subscriber": one.name, "events": " ".join(one.events)}
        failures, waiting = "Events that a subscriber failed at.", "Events that a subscriber has not handled yet."
        found.append(Metric("atilite_event_failures_total", "counter", failures, one.failures, labels))
        found.append(Metric("atilite_events_waiting", "gauge", waiting, one.waiting, labels))
    for channel in catalogue(was).notices.channels:
        labels, told = {"channel": channel.name}, "Notices that a channel has not taken yet."
        found.append(Metric("atilite_notices_waiting", "gauge", told, channel.waiting, labels))
        well = "1 when the channel took the last notice."
        found.append(Metric("atilite_channel_ok", "gauge", well, int(channel.well), labels))
    return found


def _loop(was: Any) -> list[Metric]:
    loop = was.app.runtime.loop
    lag = loop.lag
    return [
        Metric("atilite_loop_lag_seconds", "gauge", "How long the loop takes to answer.", round(_lag(loop), 6)),
        Metric("atilite_loop_slow_steps_total", "counter", "Steps that kept the loop over 100 ms.", lag.slow_steps),
        Metric("atilite_loop_worst_step_seconds", "gauge", "The longest of them.", round(lag.worst, 6)),
    ]


STATE = shape({"status": TEXT, "reasons": many(TEXT)})

ENDPOINTS = (
    Endpoint(
        "GET", "/healthz", healthz, "getHealth", "Whether the program is well", role=None, tag="health",
        answers={200: Answer("All is well.", STATE), 503: Answer("It is not, and why.", STATE)},
    ),
    Endpoint(
        "GET", "/readyz", readyz, "getReadiness", "Whether it serves", role=None, tag="health",
        answers={200: Answer("It does.", STATE), 503: Answer("Not yet, or no more.", STATE)},
    ),
    Endpoint(
        "GET", "/metrics", metrics, "getMetrics", "Figures for Prometheus", tag="health",
        answers={200: Answer("Text format 0.0.4.", TEXT, "text/plain")},
    ),
)


def __mount__(app: Any, mntopt: dict[str, Any]) -> None:
    declare(app, ENDPOINTS)
