from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from atilite import Atilite
from atilite.errors import ConfigError, SetupError
from atilite.mounting import Preference
from atilite.testing.clock import FakeClock
from atilite.testing.inside import local_site


def sample() -> Atilite:
    app = Atilite("sample")

    @app.get("/hello/<name>")
    def hello(was: Any, name: str) -> dict[str, str]:
        return {"hello": name}

    @app.get("/stream")
    def stream(was: Any) -> Iterator[str]:
        yield was.Sleep(0.001)
        yield "one "
        yield "two"

    @app.get("/coroutine")
    def coroutine(was: Any) -> Iterator[Any]:
        task = yield was.Thread(lambda: 21)
        return {"twice": task.fetch() * 2}

    @app.get("/async")
    async def later(was: Any) -> str:
        return str(await was.Thread(lambda: "later"))

    @app.get("/for-viewers", role="view")
    def viewers(was: Any) -> str:
        return "seen"

    @app.post("/count")
    def count(was: Any) -> dict[str, int]:
        was.session.set("n", was.session.get("n", 0) + 1)
        return {"n": was.session.get("n")}

    @app.schedule(every="5m")
    @app.action(name="water")
    def water() -> str:
        return str(app.clock.time())

    @app.schedule("0 12 * * *", timezone="UTC")
    @app.action(name="report")
    def report() -> None:
        return None

    app.securekey = "a key for tests" * 3  # type: ignore[attr-defined]
    return app


@pytest.mark.row("A192")
def test_an_app_is_served_in_the_process_with_all_its_kinds_of_handlers():
    app = sample()
    with app.test_client("/") as client:
        assert client.get("/hello/ana").json() == {"hello": "ana"}
        assert client.get("/stream").text == "one two"
        assert client.get("/coroutine").json() == {"twice": 42}
        assert client.get("/async").text == "later"
        assert [client.post("/count").json()["n"] for _ in range(3)] == [1, 2, 3]
        assert client.axios.get("/hello/bo").json() == {"hello": "bo"}
        assert (client.app, client.site.apps) == (app, {"sample": app})


@pytest.mark.row("A192")
def test_it_is_mounted_at_the_point_and_counts_paths_from_the_root(tmp_path: Path):
    app = sample()
    with app.test_client("/shop", tmp_path) as client:
        assert client.get("/shop/hello/ana").json() == {"hello": "ana"}
        assert client.get("/hello/ana").status_code == 404
        assert client.site.abspath("x") == tmp_path / "x"


@pytest.mark.row("A192")
def test_console_api_and_roles_are_there():
    with local_site(sample()) as site:
        paths = ("/console/", "/internal/actions/", "/healthz")
        assert [site.get(path).status_code for path in paths] == [401, 401, 200]
        assert site.get("/for-viewers").status_code == 401
        assert site.client("view").get("/for-viewers").text == "seen"
        assert site.client("view").post("/internal/action/water", json={}).status_code == 403
        answer = site.client("run").post("/internal/action/water", json={})
        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


@pytest.mark.row("A192")
def test_time_passes_when_it_is_told_and_schedules_run():
    clock = FakeClock()
    with local_site(sample(), clock=clock) as site:
        runs = site.advance(3600)
        assert [run.operation for run in runs] == ["water"] * 12
        assert {run.status for run in runs} == {"succeeded"}
        headlines = site.app.journal.search("water").fetch()
        assert headlines[0].created_at - headlines[-1].created_at == timedelta(minutes=55)
        assert headlines[0].result == str(headlines[0].created_at.timestamp())
        assert site.advance(60) == []

        day = site.advance(24 * 3600)
        assert [run.operation for run in day].count("report") == 1
        assert len(day) == 24 * 12 + 1


def test_without_a_fake_clock_time_does_not_obey():
    with local_site(sample()) as site, pytest.raises(SetupError, match="FakeClock"):
        site.advance(1)


@pytest.mark.row("A192")
def test_a_module_with_hooks_is_mounted_as_serve_py_does(tmp_path: Path):
    module = ModuleType("shop")
    module.__file__ = str(tmp_path / "shop.py")
    told: list[str] = []

    def config(pref: Preference) -> None:
        pref.config.GREETING = "hi"

    def mount(app: Atilite, mntopt: dict[str, Any]) -> None:
        @app.get("/greet")
        def greet(was: Any) -> str:
            return f"{app.config.GREETING} {app.who}"  # type: ignore[attr-defined]

    vars(module).update(__config__=config, __mount__=mount, __umount__=lambda app: told.append("umounted"))
    pref = Preference()
    pref.who = "ana"  # type: ignore[attr-defined]
    with local_site(module, "/shop", pref=pref, prepare=lambda site: site.mount("/files", tmp_path)) as site:
        assert site.get("/shop/greet").text == "hi ana"
        assert site.get("/files/nothing").status_code == 404
        (tmp_path / "a.txt").write_text("a file")
        assert site.get("/files/a.txt").text == "a file"
        assert site.site.root == tmp_path
        assert told == []
    assert told == ["umounted"]


def test_two_sites_in_one_process_know_nothing_of_each_other():
    with local_site(sample()) as first, local_site(sample()) as second:
        first.app.kv.set(a=1).commit()
        assert second.app.kv.get("a").fetch() is None
        assert first.database.path != second.database.path


def test_the_files_go_away_with_the_site():
    with local_site(sample()) as site:
        folder = site.database.path.parent
        assert folder.exists()
        site.stop()
        assert not folder.exists()


def test_an_app_is_in_one_site_only():
    app = sample()
    with app.test_client():
        pass
    with pytest.raises(SetupError, match="is or was in a site"):
        app.test_client()


def test_a_site_that_cannot_open_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SetupError):
        local_site(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="port"):
        local_site(sample(), prot=1)
    assert list(tmp_path.iterdir()) == []


def test_asking_for_the_app_of_a_folder_says_that_there_is_none(tmp_path: Path):
    with local_site(tmp_path) as site, pytest.raises(LookupError, match="no app is mounted"):
        _ = site.app


@pytest.mark.parametrize("module", ["atilite.testing.plugin", "atilite.pytest_hooks"])
def test_what_pytest_loads_does_not_load_the_framework(module: str):
    heavy = ("gevent", "bottle", "peewee", "atilite.app")
    program = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "[]\n"
