"""The site: several apps in one process, the console and the API beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from atilite import Atilite
from atilite.api.routes import ROOT
from atilite.config import Settings
from atilite.errors import SetupError
from atilite.rootpaths import HEALTH_PATHS
from atilite.site import Site
from atilite.store.audit import Audit
from atilite.testing.client import Client
from atilite.testing.clock import FakeClock
from atilite.web.exchange import MAX_BODY, RequestPolicy


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop(1.0)
    made.close()


def opened(site: Site, **settings: Any) -> Client:
    """Open the site as a developer's and return its client."""
    return Client(site.open(Settings(**{"devel": True, "db": f"sqlite:///{site.root}/data.db", **settings})))


def app_with(name: str, path: str, text: str) -> Atilite:
    """An app with one page."""
    app = Atilite(name)
    app.route(path, name="page")(lambda was: text)
    return app


@pytest.mark.row("A3", "A46")
def test_several_apps_are_served_by_the_longest_prefix(site: Site) -> None:
    site.mount("/", app_with("one", "/x", "root"))
    site.mount("/tf", app_with("two", "/x", "tf"))
    site.mount("/tf/deep", app_with("three", "/x", "deep"))
    client = opened(site)
    assert [client.get(path).text for path in ("/x", "/tf/x", "/tf/deep/x")] == ["root", "tf", "deep"]
    assert client.get("/tfx").status_code == 404
    assert client.get("/tf/none").json()["more_info"] == "there is nothing at /tf/none"


def test_the_root_leads_to_the_console_when_no_mount_serves_it(site: Site) -> None:
    site.mount("/", app_with("one", "/x", "root"))
    answer = opened(site).get("/")
    assert (answer.status_code, answer.header("Location")) == (302, "/console/")


def test_the_console_moves_and_goes_as_the_settings_say(site: Site) -> None:
    client = opened(site, console_path="/admin")
    assert client.get("/", headers={"Accept": "text/html"}).header("Location") == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert client.get("/console/").status_code == 404


def test_without_the_console_the_apis_stay(site: Site) -> None:
    client = opened(site, no_console=True)
    assert client.get("/").status_code == 404
    assert client.get("/console/").status_code == 404
    assert client.get("/internal/actions/").json() == []
    assert client.get("/healthz").status_code == 200


@pytest.mark.row("A3")
def test_a_folder_and_any_wsgi_callable_can_be_mounted(site: Site) -> None:
    (site.root / "files").mkdir()
    (site.root / "files" / "a.txt").write_text("a file")

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    site.mount("/files", "files")
    site.mount("/other", wsgi)
    client = opened(site)
    assert client.get("/files/a.txt").text == "a file"
    assert client.get("/files/b.txt").status_code == 404
    served = client.get("/other/x")
    assert (served.text, served.header("X-Frame-Options")) == ("/x", "SAMEORIGIN")


@pytest.mark.parametrize(("target", "said"), [("nothing", "no such folder"), (1, "1 cannot be mounted at /x \\(mount")])
def test_what_cannot_be_mounted_is_refused_with_what_can(site: Site, target: Any, said: str) -> None:
    site.mount("/x", target)

    with pytest.raises(SetupError, match=said):
        opened(site)


@pytest.mark.row("A46")
def test_a_subscriber_receives_the_events_of_the_app_it_names(site: Site) -> None:
    told: SimpleQueue[Any] = SimpleQueue()
    provider, subscriber = Atilite("provider"), Atilite("subscriber")
    subscriber.on("model-reloaded")(lambda was, name: told.put((was.app, name)))
    site.mount("/tf", provider, name="tfserver")
    site.mount("/", subscriber, subscribe=["tfserver"])
    opened(site)
    provider.emit("model-reloaded", "m1")
    assert told.get(timeout=5) == (subscriber, "m1")


def test_subscribing_to_an_app_that_is_not_mounted_is_refused(site: Site) -> None:
    site.mount("/", Atilite("subscriber"), subscribe="missing")
    with pytest.raises(SetupError, match="'missing', which is not mounted"):
        opened(site)


@pytest.mark.row("A37", "A47")
def test_apps_of_one_process_share_g_and_know_each_other(site: Site) -> None:
    one, two = Atilite("one"), Atilite("two")

    @one.route("/put")
    def put(was: Any) -> str:
        was.g["LOADED"] = ["a", "b"]
        return "put"

    @two.route("/get")
    def get(was: Any) -> str:
        return f"{'|'.join(was.g['LOADED'])} {was.apps['one'] is one}"

    site.mount("/one", one)
    site.mount("/two", two)
    client = opened(site)
    client.get("/one/put")
    assert client.get("/two/get").text == "a|b True"


def test_a_strangers_name_for_this_machine_is_refused(site: Site) -> None:
    site.mount("/", app_with("one", "/", "root"))
    client = opened(site, allowed_host=("board.local",))
    assert client.get("/", headers={"Host": "board.local:5000"}).status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    below = client.get("/internal/actions/", headers={"Host": "evil.example"}).json()
    assert set(below) == {"code", "message", "more_info", "detail"}


@pytest.mark.row("reliability-25")
def test_a_server_for_other_machines_is_called_as_they_like_until_an_app_names_itself(site: Site) -> None:
    app = app_with("one", "/", "root")
    site.mount("/", app)
    client = opened(site, host="0.0.0.0")
    assert client.get("/", headers={"Host": "board.lan:5000"}).status_code == 200
    assert client.get("/", headers={"Host": "a, b"}).status_code == 400
    vars(app)["allowed_hosts"] = ["board.lan"]
    client = Client(site.open(site.settings))
    assert client.get("/", headers={"Host": "board.lan:5000"}).status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_the_server_is_told_how_to_treat_special_routes(site: Site) -> None:
    app = Atilite("special")
    app.route("/hub", methods=["GET"], start="hub")(lambda was: "x")
    app.route("/in/<int:id>", methods=["POST"], input_stream=True, name="streamed")(lambda was, id: "x")
    app.route("/big", methods=["POST"], max_body=5, name="big")(lambda was: "x")
    site.mount("/app", app)
    opened(site)
    assert site.policy("GET", "/app/hub") == RequestPolicy(start="hub")
    assert site.policy("POST", "/app/in/5") == RequestPolicy(stream_input=True)
    assert site.policy("POST", "/app/big") == RequestPolicy(max_body=5)
    assert site.policy("GET", "/app/in/5") is None
    assert site.policy("GET", "/nowhere") is None


@pytest.mark.row("A17")
def test_an_app_has_its_own_largest_body(site: Site) -> None:
    app = app_with("small", "/x", "x")
    app.config.MAX_UPLOAD_SIZE = 10
    site.mount("/", app)
    opened(site)
    assert site.policy("POST", "/x") == RequestPolicy(max_body=10)
    assert RequestPolicy().max_body == MAX_BODY == 16 * 1024 * 1024


def test_two_sites_of_one_process_do_not_see_each_other(tmp_path: Path) -> None:
    sites = [Site(tmp_path / name) for name in ("a", "b")]
    clients = []
    for number, one in enumerate(sites):
        one.root.mkdir()
        app = Atilite(f"app{number}")
        app.action(name=f"action {number}")(lambda: None)
        one.mount("/", app)
        clients.append(opened(one))
    assert [[action["name"] for action in client.get("/internal/actions/").json()] for client in clients] == [
        ["action 0"],
        ["action 1"],
    ]
    for one in sites:
        one.close()


def test_the_paths_of_the_api_outside_its_prefix_are_the_ones_the_site_knows() -> None:
    assert sorted(endpoint.rule for endpoint in ROOT) == sorted(HEALTH_PATHS)


def test_the_console_and_the_api_are_loaded_at_first_use_or_when_warmed(site: Site) -> None:
    site.mount("/", app_with("one", "/", "root"))
    client = opened(site)
    own = {mounted.name: mounted for mounted in site.mounts if mounted.wanted is None}
    assert not any(mounted.loaded for mounted in own.values())
    assert client.get("/healthz").status_code == 200
    assert own["atilite:root"].loaded
    assert not own["atilite:console"].loaded
    site.warm()
    # The description of the apps is for who writes programs: that one waits a moment.
    assert [name for name, mounted in own.items() if not mounted.loaded] == ["atilite:docs"]


@pytest.mark.row("A200")
def test_app_run_mounts_the_app_and_does_what_the_command_line_says(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr("atilite.launch.default_site", lambda: site)
    monkeypatch.setattr("atilite.cli.entry.run", lambda **options: said.append(options))
    app = app_with("alone", "/", "alone")

    app.run(port=5001)

    assert said == [{"port": 5001}]
    assert [(wanted.point, wanted.target) for wanted in site.wanted] == [("/", app)]


@pytest.mark.row("M20")
def test_the_audit_trail_is_kept_as_long_as_the_setting_says(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.open(Settings(db=f"sqlite:///{tmp_path / 'data.db'}", audit_keep="30d,50"))
    trail = site.database().part(Audit)
    for number in range(102):
        trail.add("set key", who="ana", via="console", target=str(number))
    site.database().writer.flush()
    assert [entry.target for entry in trail.search(limit=200)] == [str(number) for number in range(101, 50, -1)]
    site.stop(1.0)
    site.close()


def test_what_an_app_writes_goes_beside_the_database(tmp_path: Path) -> None:
    site = Site(tmp_path / "program").open(Settings(db=f"sqlite:///{tmp_path}/state/data.db"))
    assert site.datapath("photos", "a.png") == tmp_path / "state/photos/a.png"
    assert site.abspath("photos") == tmp_path / "program/photos"


def test_one_app_that_takes_its_time_leaves_the_others_theirs_within_the_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps = [app_with(name, "/", name) for name in ("first", "second", "third")]
    for app in apps:
        site.mount(f"/{app.import_name}", app)
    opened(site)
    clock = FakeClock()
    monkeypatch.setattr("atilite.site.monotonic", clock.monotonic)
    given: list[float] = []

    def takes(part: float) -> Callable[[float], None]:
        def stop(timeout: float) -> None:
            given.append(timeout)
            clock.advance(timeout * part)

        return stop

    with monkeypatch.context() as patched:
        for app, part in zip(apps, (0.0, 1.0, 0.25), strict=True):
            patched.setattr(app, "stop", takes(part))
        site.stop(12.0)

    assert given == [4.0, 5.5, 5.5], "a third of all, half of what is left, and the rest"
