"""Every route of the console and the API against everybody who might come: default deny, no route unlisted."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from atilite.clock import Clock
from atilite.testing.client import Answer, Client
from atilite.web.auth import SESSION_COOKIE, Identity
from tests.api.conftest import PASSWORD, World, sample

RANK = {None: 0, "view": 1, "run": 2, "admin": 3}

# What anybody may ask for. Everything else needs a role, which the table below states once more than the code does.
OPEN = {
    "GET /healthz", "GET /readyz", "GET /console/login", "POST /console/login", "GET /console/console.css",
    "GET /docs/console.css",
    # It asks for a signature in place of a person.
    "POST /internal/hook/<name:path>",
}  # fmt: skip

VIEW, RUN, ADMIN = "view", "run", "admin"
CHANGES = {
    # The role of an action is its own; the sample's is run.
    "POST /internal/action/<name:path>": RUN,
    "POST /internal/journals/search": VIEW,
    "POST /internal/journal/<id:int>/cancel": RUN,
    "POST /internal/journal/<id:int>/again": RUN,
    "POST /internal/channel/<name:path>/test": RUN,
    "POST /internal/event/<name:path>": RUN,
    "PUT /internal/service/<name:path>": RUN,
    "POST /internal/task/<id>/cancel": RUN,
    "POST /internal/schedule/<id:path>/pause": RUN,
    "POST /internal/schedule/<id:path>/resume": RUN,
    "PUT /internal/kv/<namespace:re:[^/]+>/<key:path>": ADMIN,
    "DELETE /internal/kv/<namespace:re:[^/]+>/<key:path>": ADMIN,
    "POST /internal/kv/<namespace:re:[^/]+>/<key:path>/incr": ADMIN,
    "POST /console/actions/<name:path>": RUN,
    "POST /console/runs/<number:int>/cancel": RUN,
    "POST /console/runs/<number:int>/again": RUN,
    "POST /console/services/<name:path>/<verb:re:start|stop|restart>": RUN,
    "POST /console/schedules/pause": RUN,
    "POST /console/schedules/<id>/<verb:re:pause|resume>": RUN,
    "POST /console/kv/<namespace>": ADMIN,
    "POST /console/kv/<namespace>/<key:path>": ADMIN,
    "POST /console/notices/<name>/test": RUN,
    "POST /console/tasks/<id>/cancel": RUN,
    "POST /internal/flow/<name:path>/bid": RUN,
    "PUT /internal/flow/<name:path>/share/<path:re:[^/]+>": RUN,
    "POST /internal/flow/<name:path>/<verb:re:pause|resume|step|start|stop|renew>": RUN,
    "POST /console/flow/<name:path>/bid": RUN,
    "POST /console/flow/<name:path>/share": RUN,
    "POST /console/flow/<name:path>/<verb:re:pause|resume|step|start|stop|renew>": RUN,
    "POST /console/settings/look": VIEW,
    "POST /console/logout": VIEW,
    # It only shows what a form would send.
    "POST /docs/try": VIEW,
}

# What is only read, but not by everybody with an account.
READS = {
    "GET /internal/audit/": ADMIN,
    "GET /console/audit": ADMIN,
    "GET /console/audit.json": ADMIN,
    # As the action itself, whose role is run.
    "GET /internal/action/<name:path>/choices": RUN,
}


@dataclass(frozen=True)
class Way:
    """One route of our own: its method, and a path that leads to it."""

    method: str
    rule: str
    path: str
    pages: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def role(self) -> str | None:
        if self.name in OPEN:
            return None
        return READS.get(self.name, VIEW) if self.method == "GET" else CHANGES[self.name]


class LateClock(Clock):
    """A clock that is ten days behind, for a token whose time is over."""

    def now(self) -> Any:
        return super().now() - timedelta(days=10)


@dataclass
class Door:
    world: World
    ways: list[Way]
    sessions: dict[str, str]
    expired: str
    run: int

    def ask(self, way: Way, headers: dict[str, str]) -> Answer:
        return Client(self.world.site, headers=headers).request(
            way.method, way.path, headers={"Accept": "application/json"}
        )

    def session(self, role: str, way: Way, *, token: bool = True) -> dict[str, str]:
        """The headers of a signed-in browser on one of our pages."""
        headers = {"Cookie": f"{SESSION_COOKIE}={self.sessions[role]}", "Origin": "http://localhost"}
        if token:
            environ = {"HTTP_COOKIE": headers["Cookie"]}
            identity = self.world.site.access.identify(environ)
            headers["X-CSRF-Token"] = self.world.site.access.form_token(environ, identity).value
        return headers

    def bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}


def hello(world: World) -> str:
    """The whole name of an action for the role run."""
    return next(info.name for info in world.site.catalogue.actions if info.name.endswith("hello"))


def filled(world: World, rule: str, run: int) -> str:
    """A path for `rule`, with things that are there."""
    values = {
        "name": world.site.catalogue.services[0].name if "service" in rule else hello(world),
        "id": str(run) if "journal" in rule else world.site.catalogue.schedules[0].id,
        "number": str(run), "namespace": "garden", "key": "valve",
        "verb": "start" if "service" in rule else "pause", "path": ".temp",
    }  # fmt: skip
    path = re.sub(r"<(\w+)[^>]*>", lambda found: values[found[1]], rule)
    return path.replace("<", "%3C").replace(">", "%3E")


def ways_of(world: World, run: int) -> list[Way]:
    found = []
    for mounted in world.site.mounts:
        if mounted.app is None or not mounted.name.startswith("atilite:"):
            continue
        for route in mounted.app.routes:
            rule = mounted.prefix + route.facts["rule"].text
            found.append(Way(route.method, rule, filled(world, rule, run), mounted.name == "atilite:console"))
    return found


def expired_token(world: World) -> str:
    database = world.site.database()
    clock, database.clock = database.clock, LateClock()
    try:
        return world.accounts.add_token("late-program", "admin", days=5)
    finally:
        database.clock = clock


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder: Path = tmp_path_factory.mktemp("site")
    gate = threading.Event()
    world = World(folder, sample(gate), gate)
    for role in ("view", "run", "admin"):
        world.accounts.add(role, PASSWORD, role)
    sessions = {role: world.site.access.login(role, PASSWORD, "10.0.0.9") for role in ("view", "run", "admin")}
    run, task = world.site.catalogue.start_action(hello(world), {}, "call")
    task.fetch(10)
    yield Door(world, ways_of(world, run), sessions, expired_token(world), run)
    world.close()


@pytest.mark.row("reliability-23")
def test_every_route_that_changes_something_is_listed_with_its_role(door: Door) -> None:
    names = {way.name for way in door.ways}
    assert len(names) > 50
    assert {name for name in names if not name.startswith("GET ")} - OPEN == set(CHANGES)
    assert names >= OPEN


def refused(door: Door, way: Way, headers: dict[str, str]) -> str:
    status = door.ask(way, headers).status_code
    return "" if status in (401, 403) else f"{way.name}: {status}"


def let_in(door: Door, way: Way, headers: dict[str, str]) -> str:
    answer = door.ask(way, headers)
    return f"{way.name}: {answer.status}" if answer.status_code in (401, 403, 500, 530) else ""


@pytest.mark.row("reliability-23")
@pytest.mark.parametrize("stranger", ["anonymous", "wrong token", "expired token", "no cookie of ours"])
def test_strangers_get_nothing_but_what_is_open(door: Door, stranger: str) -> None:
    headers = {
        "anonymous": {},
        "wrong token": door.bearer("atilite_wrong"),
        "expired token": door.bearer(door.expired),
        "no cookie of ours": {"Cookie": f"{SESSION_COOKIE}=abc.def"},
    }[stranger]
    faults = [refused(door, way, headers) for way in door.ways if way.role is not None]
    assert [fault for fault in faults if fault] == []


@pytest.mark.row("reliability-23")
@pytest.mark.parametrize("role", ["view", "run", "admin"])
def test_a_token_opens_the_api_as_far_as_its_role_goes_and_no_page(door: Door, role: str) -> None:
    headers, faults = door.bearer(door.world.tokens[role]), []
    for way in door.ways:
        if way.role is None:
            continue
        allowed = RANK[role] >= RANK[way.role] and not way.pages
        faults.append((let_in if allowed else refused)(door, way, headers))
    assert [fault for fault in faults if fault] == []


@pytest.mark.row("reliability-23")
@pytest.mark.parametrize("role", ["view", "run", "admin"])
def test_a_session_opens_pages_and_api_as_far_as_its_role_goes(door: Door, role: str) -> None:
    faults = []
    for way in door.ways:
        if way.role is None or way.rule == "/console/logout":
            continue
        headers = door.session(role, way)
        faults.append((let_in if RANK[role] >= RANK[way.role] else refused)(door, way, headers))
    assert [fault for fault in faults if fault] == []


@pytest.mark.row("reliability-23", "reliability-24")
@pytest.mark.parametrize(
    "trick",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": "guessed"},
        {"X-CSRF-Token": ""},
        {"X-HTTP-Method-Override": "GET", "X-CSRF-Token": ""},
    ],
)
def test_another_site_changes_nothing_with_the_session_of_an_admin(door: Door, trick: dict[str, str]) -> None:
    faults = [refused(door, way, {**door.session("admin", way), **trick}) for way in door.ways if way.method != "GET"]
    assert [fault for fault in faults if fault] == []


@pytest.mark.row("reliability-24")
def test_no_get_of_an_admin_changes_what_is_stored(door: Door) -> None:
    connection = door.world.site.database().connection()
    tables = ("journal", "record", "kv", '"user"', "token", "login", "secret", "audit", "notice")

    def state() -> list[Any]:
        door.world.site.database().writer.call(lambda connection: None)
        rows = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
        # When somebody was last seen may change; that is no state of theirs.
        return [[[cell for cell in row if not isinstance(cell, int) or cell < 10**15] for row in one] for one in rows]

    before = state()
    for way in door.ways:
        if way.method == "GET":
            door.ask(way, door.session("admin", way))
    assert state() == before


@pytest.mark.row("reliability-25")
def test_a_foreign_host_name_is_refused_everywhere(door: Door) -> None:
    for way in door.ways:
        answer = Client(door.world.site, host="evil.example").request(way.method, way.path)
        assert answer.status_code == 400, way.name


@pytest.mark.row("reliability-28")
def test_every_answer_has_the_security_headers_refusals_too(door: Door) -> None:
    for way in door.ways:
        for headers in ({}, door.session("view", way)):
            answer = door.ask(way, headers)
            assert answer.header("X-Content-Type-Options") == "nosniff", way.name
            assert answer.header("X-Frame-Options") == "DENY", way.name
            assert answer.header("Referrer-Policy"), way.name
            policy = answer.header("Content-Security-Policy") or ""
            assert "default-src" in policy, way.name
            assert "unsafe-inline" not in policy, way.name


@pytest.mark.row("reliability-23")
def test_nobody_is_devel_on_a_server_that_was_not_started_so(door: Door) -> None:
    site = door.world.site
    assert site.access.identify({"REMOTE_ADDR": "127.0.0.1"}) == Identity()
    # Not even the wish of the environment makes it one.
    assert site.access.identify({"REMOTE_ADDR": "127.0.0.1", "atilite.devel": True, "HTTP_X_DEVEL": "1"}).via is None


@pytest.mark.row("reliability-23", "reliability-24", "reliability-25")
def test_a_developers_server_lets_programs_in_and_keeps_other_sites_out(tmp_path: Path) -> None:
    gate = threading.Event()
    world = World(tmp_path, sample(gate), gate, devel=True)
    path = "/internal/action/" + hello(world).replace("<", "%3C").replace(">", "%3E")
    tried = {
        "a program": {},
        "another site": {"Origin": "http://evil.example"},
        "another site's form": {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
        "a name that leads here": {"Host": "evil.example", "Origin": "http://evil.example"},
        "a page without its token": {"Origin": "http://localhost"},
        "a wrong token": {"Authorization": "Bearer wrong"},
    }
    found = {name: Client(world.site).post(path, headers=headers).status_code for name, headers in tried.items()}
    page = Client(world.site).post("/console" + path.removeprefix("/internal").replace("action/", "actions/"))
    world.close()
    assert found == {
        "a program": 200,
        "another site": 403,
        "another site's form": 403,
        "a name that leads here": 400,
        "a page without its token": 403,
        "a wrong token": 401,
    }
    assert page.status_code == 403
