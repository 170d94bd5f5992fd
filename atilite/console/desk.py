"""The desk: what all pages of one console share, and the visit: one person's look at one page."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from atilite.automation.family import Near
from atilite.automation.trail import note
from atilite.clock import Clock
from atilite.console import frame, vitals
from atilite.console.attempts import Attempts
from atilite.console.audit import audited
from atilite.console.feeds import Feeds
from atilite.console.flash import COOKIE, LIVES, Flash, Flashes
from atilite.console.frame import Frame
from atilite.console.plain import plain
from atilite.console.words import Clockface
from atilite.errors import Error
from atilite.lazily import LazyModule
from atilite.store.audit import FAILED_LOGIN
from atilite.store.daycount import Day
from atilite.store.newest import Glance
from atilite.store.runs import Filter, Headline
from atilite.version import VERSION

if TYPE_CHECKING:
    from atilite.console import attention
else:
    attention = LazyModule("atilite.console.attention")

HERE = Path(__file__).parent
LOOK = "atilite_look"
LOOKS = ("", "light", "dark")
# The pages have a sheet and forms, nothing else.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

# Seconds for which the vitals of the board are told again.
FRESH = 1.0

Build = Callable[["Visit"], Any]


class Desk:
    """What the pages share: the site they show, the sheet, the feeds of live pages. Any thread."""

    def __init__(self, app: Any, clock: Clock | None = None) -> None:
        self.app, self.site = app, app.site
        self.clock = clock or Clock()
        self.sheet = re.sub(rb"/\*.*?\*/\n", b"", (HERE / "static" / "console.css").read_bytes())
        self.sheet_mark = sha256(self.sheet).hexdigest()[:12]
        self.version = VERSION
        self._feeds = Feeds()
        self._board: tuple[float, vitals.Reading | None] = (0.0, None)
        self._latest: tuple[int, Mapping[str, str], Mapping[str, Headline]] = (-1, {}, {})

    @property
    def feeds(self) -> Feeds:
        """The live pages that are open; they hear of the runs of the apps that are served now."""
        self._feeds.follow(self.site.catalogue.journals)
        return self._feeds

    def latest(self, actions: Iterable[Any]) -> Mapping[str, Headline]:
        """The last run of each action that ever ran, by the action's name; read again only after a run changed."""
        names = {action.operation: action.name for action in actions}
        changes = self.feeds.changes
        known, asked, found = self._latest
        if known != changes or asked != names:
            runs = self.site.catalogue.journals.latest(names)
            found = {names[operation]: run for operation, run in runs.items()}
            self._latest = (changes, names, found)
        return found

    def board(self) -> vitals.Reading:
        """The vitals of the board, read at most once a second."""
        now, (read, reading) = self.clock.monotonic(), self._board
        if reading is None or not 0 <= now - read < FRESH:
            reading = vitals.read(self.file)
            self._board = (now, reading)
        return reading

    @cached_property
    def flashes(self) -> Flashes:
        """Signs the messages of POSTs."""
        return Flashes(self.site.keys.secret("flash"))

    @cached_property
    def attempts(self) -> Attempts:
        """Logins that failed, on their way to the audit trail."""
        return Attempts(self._tell_failed, self.app.runtime.loop.call_later)

    def _tell_failed(self, name: str, address: str, result: str, more: int) -> None:
        given = {"tries": more} if more else {}
        note(self.site.database(), FAILED_LOGIN, who=None, via="console", target=name, address=address,
             parameters=given, result=result)  # fmt: skip

    @property
    def file(self) -> Path:
        """The file of the database: its disk is the one to watch."""
        path: Path = self.site.database().path
        return path

    def page(self, path: str, template: str, build: Build, *, role: str | None = "view", twin: str = "") -> None:
        """Serve what `build` presents: as HTML at `path`, and as JSON with the same rows beside it."""

        def as_json(was: Any, **given: Any) -> Any:
            return plain(build(Visit(self, was)))

        def as_html(was: Any, **given: Any) -> Any:
            visit = Visit(self, was)
            with visit.counted():
                return visit.render(template, build(visit))

        # The twin comes first: below a path variable the page would take its ending for part of the name.
        self.answer(twin or path + ".json", "GET", as_json, role=role)
        self.answer(path, "GET", as_html, role=role)

    def post(self, path: str, act: Build, *, role: str | None = "run") -> None:
        """Do what `act` does for a POST to `path`; it returns where to go, or a page that says what was wrong.

        What came of it goes into the audit trail.
        """
        act = audited(path, act)

        def posted(was: Any, **given: Any) -> Any:
            visit = Visit(self, was)
            with visit.counted():
                return act(visit)

        self.answer(path, "POST", posted, role=role)

    def answer(self, path: str, method: str, handler: Callable[..., Any], **options: Any) -> None:
        """Declare a route under a name of its own."""
        handler.__name__ = f"{method} {path}"
        self.app.route(path, methods=[method], **options)(handler)


class Reads:
    """What a page reads of the site; what several parts of the page need is read once. One thread."""

    def __init__(self, desk: Desk, now: datetime) -> None:
        self._desk, self._now = desk, now

    @property
    def catalogue(self) -> Any:
        """The actions, services and schedules of all apps."""
        return self._desk.site.catalogue

    @property
    def journals(self) -> Any:
        """The stored runs."""
        return self.catalogue.journals

    @property
    def kv(self) -> Any:
        """The stored values."""
        return self.catalogue.kv

    def actions(self) -> list[Any]:
        """The actions that are shown, in the order in which they were declared."""
        return [action for action in self.catalogue.actions if not action.hidden]

    def action(self, name: str) -> Any:
        """The action of this name. Raises Error 404."""
        try:
            return self.catalogue.action(name)
        except LookupError as unknown:
            raise Error(404, str(unknown.args[0] if unknown.args else unknown)) from None

    def action_of(self, headline: Headline) -> Any | None:
        """The action that a run was one of; None for other functions and for what the program has no more."""
        found = (action for action in self.catalogue.actions if action.operation == headline.operation)
        return next(found, None)

    def headline(self, text: str) -> Headline:
        """The run of this number. Raises Error 404."""
        return _existing(self.stored(int(text)) if _is_number(text) else None, text)

    def near(self, text: str, most: int) -> tuple[Headline, Near]:
        """The run of this number, and those next to it, at most so many that it has started. Raises Error 404."""
        near = Near(self.journals, int(text) if _is_number(text) else 0, most)
        return _existing(near.run or (self.journals.headline(int(text)) if _is_number(text) else None), text), near

    def stored(self, number: int) -> Headline | None:
        """A run as it is on the disk, or in memory while it is only there.

        Memory knows of a run's end first. On the disk the records are there before the end is, so who reads the end
        there reads all records.
        """
        journals = self.journals
        found: Headline | None = journals.headline_on(self._desk.site.database().connection(), number)
        return found or journals.headline(number)

    def filter(self, **criteria: Any) -> Filter:
        """Criteria of a search. Raises Error 400 for values that cannot be."""
        try:
            return Filter(**criteria)
        except ValueError as fault:
            raise Error(400, str(fault)) from None

    def latest(self, actions: Iterable[Any]) -> Mapping[str, Headline]:
        """The last run of each action that ever ran, by the action's name."""
        return self._desk.latest(actions)

    def recent(self, operation: str, limit: int, before: int | None = None) -> Sequence[Headline]:
        """The last runs of an operation, newest first, those before a run if it is given."""
        found: Sequence[Headline] = self.journals.search(Filter(operation=operation), before=before, limit=limit)
        return found

    @cached_property
    def board(self) -> vitals.Reading:
        """The vitals of the board, the same on the whole page."""
        return self._desk.board()

    def glances(self, operations: Iterable[str]) -> Mapping[str, Sequence[Glance]]:
        """The ten newest runs of each operation, newest first."""
        found: Mapping[str, Sequence[Glance]] = self.journals.glances(operations)
        return found

    @cached_property
    def day(self) -> Day:
        """How many runs of the last 24 hours have each status, operation and trigger."""
        found: Day = self.journals.day()
        return found

    @cached_property
    def troubles(self) -> int:
        """How many things need attention."""
        count = attention.count(self.latest(self.actions()), self.catalogue.services)
        return count + sum(vital.high for vital in vitals.vitals(self.board))


def _is_number(text: str) -> bool:
    return text.isdigit() and len(text) < 19


def _existing(found: Headline | None, text: str) -> Headline:
    if found is None:
        raise Error(404, f"there is no run #{text}; finished runs are removed when they are old")
    return found


class Visit:
    """One request of one person. Belongs to the thread that serves it."""

    def __init__(self, desk: Desk, was: Any) -> None:
        self.desk, self.was = desk, was
        self.face = Clockface(desk.clock.now())
        self.reads = Reads(desk, self.face.now)
        # What a POST was about, where its address names it by a number that will be gone.
        self.acted_on = ""
        self.at: str = was.request.env.get("SCRIPT_NAME", "")
        self._began = desk.clock.monotonic()
        self._queries = 0

    # What the person may do.

    @cached_property
    def identity(self) -> Any:
        """Who asks."""
        known = getattr(self.was, "identity", None)
        return known or self.desk.site.access.identify(self.was.request.env, bearer=False)

    def may(self, role: str) -> bool:
        """Whether this person has the role."""
        return bool(self.identity.may(role))

    def may_start(self, action: Any) -> bool:
        """Whether this person may run the action."""
        return self.may(action.role or "run")

    def may_repeat(self, headline: Headline) -> bool:
        """Whether the run was one of an action that this person may run."""
        action = self.reads.action_of(headline)
        return action is not None and self.may_start(action)

    # What the request says.

    def arg(self, name: str) -> str:
        """A parameter of the query, the last one of several, "" when it is missing."""
        return _last(self.was.request.URL.get(name))

    def path(self, name: str) -> str:
        """A variable of the path, "" when this route has none of this name."""
        return str(self.was.request.PARAMS.get(name, ""))

    def field(self, name: str) -> str:
        """A text of the form, "" when it is missing."""
        return _last(self.was.request.FORM.get(name))

    # What goes out.

    @contextmanager
    def counted(self) -> Generator[None, None, None]:
        """Count the queries of this thread meanwhile: the foot of the page tells them."""
        connection: sqlite3.Connection = self.desk.site.database().connection()
        connection.set_trace_callback(self._count)
        try:
            yield
        finally:
            connection.set_trace_callback(None)

    def _count(self, statement: str) -> None:
        self._queries += statement not in ("BEGIN", "COMMIT")

    def render(
        self, template: str, page: Any, *, effort: str = "", bare: bool = False, twin: bool = True, **names: Any
    ) -> str:
        """The HTML of a page in its frame; a `bare` frame has no navigation, `twin` links the page as JSON."""
        self.was.response.set_header("Content-Security-Policy", POLICY)
        shown = self.frame(page.title, bare=bare, twin=twin, told=effort)
        text: str = self.desk.app.templates.render(template, {"page": page, "frame": shown, **names})
        return text

    def frame(self, title: str, *, bare: bool = False, twin: bool = True, told: str = "") -> Frame:
        """What surrounds a page with this title; takes the flash out of its cookie."""
        site, identity = self.desk.site, self.identity
        path = self.was.request.env.get("PATH_INFO") or "/"  # the console's own address may come without its slash
        places = () if bare else frame.places(path, self.reads.troubles)
        spent = self.desk.clock.monotonic() - self._began
        stranger = identity.role is None
        return Frame(
            title=title,
            at=self.at,
            board=site.settings.name,
            version=self.desk.version,
            sheet=self.desk.sheet_mark,
            rendered=self.face.stamp(self.face.now),
            effort=told or frame.effort(self._queries, spent),
            places=places,
            look=self.look,
            status="" if stranger else self._status(),
            person="" if stranger else f"{identity.name}, {identity.role}",
            devel=identity.via == "devel",
            csrf=self.was.form.value,
            flash=self._taken_flash(),
            problem="" if stranger else self._problem(),
            twin=self._twin(path) if twin and not bare and self.was.request.method != "POST" else "",
        )

    @property
    def look(self) -> str:
        """The colours that this person chose, "" for those of the device."""
        chosen = self.was.request.cookie.get(LOOK, "")
        return chosen if chosen in LOOKS else ""

    def _problem(self) -> str:
        database = self.desk.site.database()
        fault = database.writer.fault
        return "" if fault is None else f"Nothing can be stored: {str(fault).removeprefix(f'{database.path}: ')}"

    def _status(self) -> str:
        clock, celsius = f"{self.face.local(self.face.now):%H:%M}", self.reads.board.celsius
        return clock if celsius is None else f"{clock} \u00b7 {celsius:.0f} \u00b0C"

    def _twin(self, path: str) -> str:
        query = self.was.request.env.get("QUERY_STRING", "")
        where = self.at + ("/overview" if path == "/" else quote(path))
        return f"{where}.json" + (f"?{query}" if query else "")

    def _taken_flash(self) -> Flash | None:
        cookie = self.was.request.cookie
        sent = cookie.get(COOKIE)
        if not sent:
            return None
        cookie.remove(COOKIE)
        return self.desk.flashes.read(sent)

    def go(self, path: str, flash: Flash | None = None) -> Any:
        """The answer to a POST: see the page at `path` below the console, with a message shown there once."""
        if flash is not None:
            self.was.request.cookie.set(COOKIE, self.desk.flashes.write(flash), expires=LIVES)
        return self.was.redirect(self.at + path, "303 See Other")

    def refuse(self, template: str, page: Any, status: str = "400 Bad Request") -> Any:
        """The answer to a POST that could not be done: the page again with what was wrong."""
        return self.was.response(status, self.render(template, page))


def _last(value: Any) -> str:
    if isinstance(value, list):
        value = value[-1] if value else ""
    return value if isinstance(value, str) else ""
