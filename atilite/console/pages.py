"""The console: an ordinary mount. Each handler reads parameters, asks one thing of the site, renders or redirects."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from atilite.console import (
    actions,
    api,
    audit,
    changes,
    flow,
    flowdeeds,
    flowlive,
    kv,
    live,
    notices,
    overview,
    run,
    runs,
    schedules,
    services,
    sessions,
    settings,
    tasks,
)
from atilite.console.desk import Desk, Visit
from atilite.console.plain import plain

CACHED = "public, max-age=31536000, immutable"


def __mount__(app: Any, mntopt: Any) -> None:
    desk = Desk(app)
    app.procedures = False
    app.programs = False  # pages take sessions only; tokens are for the APIs
    _lists(desk)
    _runs(desk)
    runs.declare(desk)
    flowlive.declare(desk)
    _changes(desk)
    sessions.declare(desk)
    desk.answer("/console.css", "GET", _sheet(desk))
    app.failed_request(sessions.refusals(desk))
    app.tells_missing = True


def _lists(desk: Desk) -> None:
    desk.page("/", "overview.html", overview.build, twin="/overview.json")
    desk.page("/actions", "actions.html", actions.listing)
    desk.page("/actions/<name:path>", "action.html", lambda visit: actions.form(visit, visit.path("name")))
    desk.page("/runs", "runs.html", runs.listing)
    desk.page("/services", "services.html", services.page)
    desk.page("/schedules", "schedules.html", schedules.page)
    desk.page("/kv", "kv.html", kv.listing)
    desk.page("/kv/<namespace>", "kv.html", kv.listing)
    desk.answer("/kv/<namespace>/<key:path>.json", "GET", _key(desk), role="view")
    desk.answer("/kv/<namespace>/<key:path>", "GET", _html(desk, "kv.html", kv.listing), role="view")
    desk.page("/flow", "flow.html", flow.listing)
    desk.page("/api", "api.html", api.page)
    desk.page("/tasks", "tasks.html", tasks.page)
    desk.page("/settings", "settings.html", settings.page)
    desk.page("/notices", "notices.html", notices.page)
    desk.page("/audit", "audit.html", audit.page, role="admin")


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


def _changes(desk: Desk) -> None:
    desk.post("/actions/<name:path>", changes.start, role="view")  # each action names the role that it needs
    desk.post("/runs/<number:int>/cancel", changes.cancel)
    desk.post("/runs/<number:int>/again", changes.again, role="view")
    desk.post("/services/<name:path>/<verb:re:start|stop|restart>", changes.service)
    desk.post("/schedules/pause", changes.pause_all)
    desk.post("/schedules/<id>/<verb:re:pause|resume>", changes.schedule)
    desk.post("/kv/<namespace>", changes.store_value, role="admin")
    desk.post("/kv/<namespace>/<key:path>", changes.store_value, role="admin")
    desk.post("/flow/<name:path>/bid", flowdeeds.bid)
    desk.post("/flow/<name:path>/share", flowdeeds.write)
    desk.post("/flow/<name:path>/<verb:re:pause|resume|step|start|stop|renew>", flowdeeds.switch)
    desk.post("/notices/<name>/test", notices.send_test)
    desk.post("/tasks/<id>/cancel", tasks.cancel)
    desk.post("/settings/look", settings.look, role="view")


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
