"""The console: an ordinary mount. Each handler reads parameters, asks one thing of the site, renders or redirects.

What builds a page is loaded with the first visit of that page, as its template is: most people look at few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from atilite.automation.plans import SWITCHES
from atilite.console import sessions
from atilite.console.desk import Build, Desk, Visit
from atilite.console.plain import plain
from atilite.lazily import LazyModule, function_of
from atilite.store.export import FORMATS

if TYPE_CHECKING:
    from atilite.console import flow, flowlive, kv, live, run, runs
else:
    flow, flowlive, kv, live, run, runs = (
        LazyModule(f"atilite.console.{name}") for name in ("flow", "flowlive", "kv", "live", "run", "runs")
    )

CACHED = "public, max-age=31536000, immutable"


def __mount__(app: Any, mntopt: Any) -> None:
    desk = Desk(app)
    app.procedures = False
    app.programs = False  # pages take sessions only; tokens are for the APIs
    _lists(desk)
    _runs(desk)
    _exports(desk)
    _houses(desk)
    _changes(desk)
    sessions.declare(desk)
    desk.answer("/console.css", "GET", _sheet(desk))
    app.before_umount(lambda: desk.attempts.close())
    app.failed_request(sessions.refusals(desk))
    app.tells_missing = True


def _lists(desk: Desk) -> None:
    desk.page("/", "overview.html", _of("overview.build"), twin="/overview.json")
    desk.page("/actions", "actions.html", _of("actions.listing"))
    desk.page("/actions/<name:path>", "action.html", _of("actions.form"))
    desk.page("/runs", "runs.html", _of("runs.listing"))
    desk.page("/services", "services.html", _of("services.page"))
    desk.page("/schedules", "schedules.html", _of("schedules.page"))
    desk.page("/kv", "kv.html", _of("kv.listing"))
    desk.page("/kv/<namespace>", "kv.html", _of("kv.listing"))
    desk.answer("/kv/<namespace>/<key:path>.json", "GET", _key(desk), role="view")
    desk.answer("/kv/<namespace>/<key:path>", "GET", _html(desk, "kv.html", _of("kv.listing")), role="view")
    desk.page("/flow", "flow.html", _of("flow.listing"))
    desk.page("/api", "api.html", _of("api.page"))
    desk.page("/tasks", "tasks.html", _of("tasks.page"))
    desk.page("/settings", "settings.html", _of("settings.page"))
    desk.page("/notices", "notices.html", _of("notices.page"))
    desk.page("/audit", "audit.html", _of("audit.page"), role="admin")


def _runs(desk: Desk) -> None:
    """The page of a run: open while the run goes on, complete when it has ended."""

    def as_json(was: Any, **given: Any) -> Any:
        visit = Visit(desk, was)
        return plain(run.page(visit, *visit.reads.near(visit.path("number"), run.CHILDREN)))

    def as_text(was: Any, **given: Any) -> Any:
        visit = Visit(desk, was)
        headline = visit.reads.headline(visit.path("number"))
        was.response.set_header("Content-Type", "text/plain; charset=utf-8")
        return run.as_text(headline, visit.reads.journals.records(headline.id), visit.face)

    def as_html(was: Any, **given: Any) -> Generator[Any, Any, Any]:
        visit = Visit(desk, was)
        with visit.counted():
            headline, near = visit.reads.near(visit.path("number"), run.CHILDREN)
            if not headline.pending:
                return visit.render("run.html", run.page(visit, headline, near))
            feed = desk.feeds.open(headline.id) if _stays_open(visit) else None
            if feed is None:
                return live.snapshot(visit, headline, refresh=visit.arg("live") != "0")
        yield from live.stream(visit, headline, feed)
        return None

    desk.answer("/runs/<number:int>.json", "GET", as_json, role="view")
    desk.answer("/runs/<number:int>.txt", "GET", as_text, role="view")
    desk.answer("/runs/<number:int>", "GET", as_html, role="view", coroutine="thread")


def _exports(desk: Desk) -> None:
    """The files that the list of runs links to; a portion is read on a worker thread."""

    def file(format: str) -> Callable[..., Generator[Any, Any, None]]:
        def as_file(was: Any, **given: Any) -> Generator[Any, Any, None]:
            yield from runs.exported(Visit(desk, was), format)

        return as_file

    for format in FORMATS:
        desk.answer(f"/runs/export.{format}", "GET", file(format), role="view", coroutine="thread")


def _houses(desk: Desk) -> None:
    """The page of a house: open while its plan turns, complete otherwise."""

    def as_json(was: Any, **given: Any) -> Any:
        return plain(flow.page(Visit(desk, was)))

    def as_html(was: Any, **given: Any) -> Generator[Any, Any, Any]:
        visit = Visit(desk, was)
        with visit.counted():
            facts = flow.house_of(visit).plan.facts
            if visit.arg("live") != "1" or not facts.alive or was.request.method != "GET":
                return visit.render("house.html", flow.page(visit))
            feed = desk.feeds.open(facts.run or 0)
            if feed is None:
                return flowlive.snapshot(visit)
        yield from flowlive.stream(visit, feed)
        return None

    # The twin comes first: below a path variable the page would take its ending for part of the name.
    desk.answer("/flow/<name:path>.json", "GET", as_json, role="view")
    desk.answer("/flow/<name:path>", "GET", as_html, role="view", coroutine="thread")


def _changes(desk: Desk) -> None:
    desk.post("/actions/<name:path>", _of("changes.start"), role="view")  # each action names the role that it needs
    desk.post("/runs/<number:int>/cancel", _of("changes.cancel"))
    desk.post("/runs/<number:int>/again", _of("changes.again"), role="view")
    desk.post("/services/<name:path>/<verb:re:start|stop|restart>", _of("changes.service"))
    desk.post("/schedules/pause", _of("changes.pause_all"))
    desk.post("/schedules/<id>/<verb:re:pause|resume>", _of("changes.schedule"))
    desk.post("/kv/<namespace>", _of("changes.store_value"), role="admin")
    desk.post("/kv/<namespace>/<key:path>", _of("changes.store_value"), role="admin")
    desk.post("/flow/<name:path>/bid", _of("flowdeeds.bid"))
    desk.post("/flow/<name:path>/share", _of("flowdeeds.write"))
    desk.post(f"/flow/<name:path>/<verb:re:{'|'.join(SWITCHES)}>", _of("flowdeeds.switch"))
    desk.post("/notices/<name>/test", _of("notices.send_test"))
    desk.post("/tasks/<id>/cancel", _of("tasks.cancel"))
    desk.post("/settings/look", _of("settings.look"), role="view")


def _of(name: str) -> Build:
    """The function `module.function` of the console."""
    module, function = name.split(".")
    built: Build = function_of(f"atilite.console.{module}", function)
    return built


def _stays_open(visit: Visit) -> bool:
    return visit.arg("live") != "0" and visit.was.request.method == "GET"


def _html(desk: Desk, template: str, build: Callable[[Visit], Any]) -> Callable[..., Any]:
    def as_html(was: Any, **given: Any) -> Any:
        visit = Visit(desk, was)
        with visit.counted():
            return visit.render(template, build(visit))

    return as_html


def _key(desk: Desk) -> Callable[..., Any]:
    """One key as JSON."""

    def as_json(was: Any, **given: Any) -> Any:
        return plain(kv.one(Visit(desk, was)))

    return as_json


def _sheet(desk: Desk) -> Callable[..., Any]:
    """The sheet, under an address that changes with it, so browsers keep it for good."""

    def sheet(was: Any, **given: Any) -> Any:
        was.response.set_header("Content-Type", "text/css; charset=utf-8")
        was.response.set_header("Cache-Control", CACHED)
        return desk.sheet

    return sheet
