"""Reloading in --devel: in place, or the old code goes on."""

from __future__ import annotations

import os
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.config import Settings
from atilite.mounting import Preference
from atilite.reload import Reloader
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package, write

FIRST = """
    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return '<body>first</body>'

        @app.route ('/old')
        def old (was):
            return 'old'

        @app.action
        def first ():
            return 1
    """
SECOND = """
    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return '<body>second</body>'

        @app.action
        def second ():
            return 2
    """
HTML = {"Accept": "text/html"}
PATIENCE = 20.0


class Reloaded:
    """A site whose package can be saved anew, with the one look of the reloader that would follow."""

    def __init__(self, folder: Path, module: Any) -> None:
        self.folder = folder
        self.site = Site(folder)
        self.site.mount("/", module)
        self.site.open(Settings(devel=True, db=f"sqlite:///{folder}/data.db"))
        self.client = Client(self.site)
        self.reloader = Reloader(self.site)
        self._saves = 0

    def save(self, text: str, name: str = "changing/pages.py") -> bool:
        """Save a file as an editor does, a moment later than before."""
        write(self.folder, {name: text})
        self._saves += 1
        later = (self.folder / name).stat().st_mtime + self._saves
        os.utime(self.folder / name, (later, later))
        return self.reloader.look()


@pytest.fixture
def reloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reloaded]:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    files = {
        "changing/__init__.py": """
            def __setup__ (app, mntopt):
                from . import pages
                app.mount ('/', pages)
            """,
        "changing/pages.py": FIRST,
    }
    with package(tmp_path, "changing", files) as changing:
        made = Reloaded(tmp_path, changing)
        yield made
        made.site.stop(1.0)
        made.site.close()


@pytest.mark.row("A23")
def test_a_saved_module_is_mounted_in_place_and_its_old_urls_go(reloaded: Reloaded) -> None:
    assert reloaded.client.get("/").text == "<body>first</body>"
    assert reloaded.client.get("/old").text == "old"
    assert reloaded.save(SECOND)
    assert reloaded.client.get("/").text == "<body>second</body>"
    assert reloaded.client.get("/old").status_code == 404
    assert [action["name"] for action in reloaded.client.get("/internal/actions/").json()] == [
        "__mount__.<locals>.second"
    ]


LISTENING = """
    import heard_here

    def __mount__ (app, mntopt):
        app.journal.record_added (heard_here.{name})

        @app.action
        def noted ():
            app.journal.record ('noted')
    """


@pytest.mark.row("A23")
def test_subscribers_of_the_code_before_are_told_no_more(reloaded: Reloaded, monkeypatch: pytest.MonkeyPatch) -> None:
    old: queue.SimpleQueue[int] = queue.SimpleQueue()
    new: queue.SimpleQueue[int] = queue.SimpleQueue()
    monkeypatch.setitem(sys.modules, "heard_here", SimpleNamespace(old=old.put, new=new.put))
    reloaded.save(LISTENING.format(name="old"))
    _, task = reloaded.site.catalogue.start_action("__mount__.<locals>.noted", {}, "api")
    task.fetch()
    assert old.get(timeout=PATIENCE)
    reloaded.save(LISTENING.format(name="new"))
    number, task = reloaded.site.catalogue.start_action("__mount__.<locals>.noted", {}, "api")
    task.fetch()
    assert new.get(timeout=PATIENCE) == number
    assert old.empty()


@pytest.mark.row("A23")
def test_however_often_a_package_is_saved_what_goes_on_has_no_more_listeners(reloaded: Reloaded) -> None:
    stays = Atilite("stays")
    reloaded.site.mount("/stays", stays)
    reloaded.site.mounts.append(reloaded.site.build(reloaded.site.wanted[-1]))
    reloaded.site.arrange()
    reloaded.site.start()
    reloaded.site.catalogue.events.log.begin()

    def listeners() -> list[int]:
        emitters = (stays.automation.service.service_changed, stays.automation.bus.emitted,
                    reloaded.site.catalogue.journals.updated, reloaded.site.catalogue.journals.recorded)  # fmt: skip
        return [len(emitter._listeners) for emitter in emitters]

    reloaded.save(SECOND)
    reloaded.client.get("/")
    before = listeners()
    for text in (FIRST, SECOND, FIRST):
        reloaded.save(text)
        reloaded.client.get("/")
    assert listeners() == before


@pytest.mark.row("A23")
def test_nothing_is_loaded_when_nothing_was_saved(reloaded: Reloaded) -> None:
    assert not reloaded.reloader.look()


@pytest.mark.parametrize("broken", ["def broken (:\n", "raise RuntimeError ('<no> luck')\n"])
def test_broken_code_keeps_the_old_serving_is_told_on_the_page_and_heals(reloaded: Reloaded, broken: str) -> None:
    reloaded.save(broken)
    page = reloaded.client.get("/", headers=HTML)
    assert "first" in page.text
    assert "The code on disk cannot be loaded" in page.text
    assert "pages.py" in page.text
    assert "<no>" not in page.text
    assert page.header("Content-Length") == str(len(page.data))
    assert "cannot be loaded" in reloaded.client.get("/console/", headers=HTML).text
    assert "cannot be loaded" not in reloaded.client.get("/old").text, "a program that asks for no HTML gets none"
    reloaded.save(SECOND)
    healed = reloaded.client.get("/", headers=HTML).text
    assert healed == "<body>second</body>"


@pytest.mark.row("A23")
@pytest.mark.parametrize(
    "wrong",
    [
        "app.config.MAINTAIN_INTERVAL = 0\n    app.maintain (lambda: None)",
        "app.route ('/x', subdomain = 'a') (lambda: '')",
    ],
)
def test_what_the_end_of_the_set_up_finds_keeps_the_old_serving_too(reloaded: Reloaded, wrong: str) -> None:
    reloaded.save("def __mount__ (app):\n    " + wrong)
    assert "first" in reloaded.client.get("/").text
    assert "cannot be loaded" in reloaded.client.get("/", headers=HTML).text
    assert [action.name for action in reloaded.site.catalogue.actions] == ["__mount__.<locals>.first"]
    reloaded.save(SECOND)
    assert "second" in reloaded.client.get("/").text


def test_services_of_the_old_code_stop_and_those_of_the_new_start(reloaded: Reloaded) -> None:
    service = """
        def __mount__ (app, mntopt):
            @app.service (name = '{name}')
            def run (was):
                while not was.cancelled:
                    was.Sleep (0.01).commit ()
        """
    reloaded.save(service.format(name="one"))
    old = reloaded.site.catalogue.service("one").info
    assert old.status in ("starting", "running")
    reloaded.save(service.format(name="two"))
    assert [info.name for info in reloaded.site.catalogue.services] == ["two"]


def test_a_saved_script_of_a_plan_is_mounted_anew_and_a_broken_one_keeps_the_plan_before(reloaded: Reloaded) -> None:
    script = "house box\nload more.flo\nframer f be active\nframe {frame}\n"
    write(reloaded.folder, {"changing/box.flo": script.format(frame="one"), "changing/more.flo": "init n to 1\n"})
    reloaded.save("def __mount__ (app, mntopt):\n    app.mount_plan ('box.flo', period = 0.01)\n")
    assert not reloaded.reloader.look()

    def frames() -> list[str]:
        return [node.name for node in reloaded.site.catalogue.plans.house("box").tree("f")]

    old = reloaded.site.catalogue.plans.house("box").plan
    assert reloaded.save(script.format(frame="two"), "changing/box.flo")
    assert frames() == ["two"]
    assert not old.alive
    assert reloaded.save(script.format(frame="three") + "go nowhere\n", "changing/box.flo")
    assert "framer f has no frame nowhere" in reloaded.site.problem
    assert frames() == ["two"]
    assert reloaded.save("init n to 2\n", "changing/more.flo")  # what it loads is looked at, too
    assert frames() == ["two"]
    assert reloaded.save(script.format(frame="three"), "changing/box.flo")
    assert (frames(), reloaded.site.problem) == (["three"], "")


def test_a_changed_module_beside_serve_py_restarts_the_process(
    reloaded: Reloaded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *args: started.append(args))
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", ""])
    with package(tmp_path, "beside_serve", {"beside_serve.py": "X = 1"}):
        reloaded.reloader.look()
        reloaded.save("X = 2", "beside_serve.py")
        assert len(started) == 1
        assert started[0][0] == sys.executable


def test_a_serve_py_that_could_not_start_leaves_the_process_serving(
    reloaded: Reloaded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *args: started.append(args))
    with package(tmp_path, "beside_serve", {"beside_serve.py": "X = 1"}):
        reloaded.reloader.look()
        monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", "import no_such_module"])
        reloaded.save("X = 2", "beside_serve.py")
        assert started == []
        assert "No module named 'no_such_module'" in reloaded.site.problem
        assert reloaded.client.get("/").text.startswith("<body>first")
        monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", ""])
        reloaded.save("X = 3", "beside_serve.py")
        assert len(started) == 1


EXTENDED = {
    "ground/__init__.py": "def __mount__ (app):\n    app.route ('/ground') (lambda: 'first')",
    "roof/__init__.py": "def __mount__ (app):\n    app.route ('/roof') (lambda: 'first')",
}


@pytest.mark.row("A23", "A31", "A32")
def test_a_saved_base_and_a_saved_override_are_remounted_in_place_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(os, "execv", lambda *args: pytest.fail("the process is not started again for that"))
    house = {"house/__init__.py": "import roof\n\ndef __app__ ():\n    from atilite import Atilite\n"}
    house["house/__init__.py"] += "    app = Atilite (__name__)\n    app.overrides (roof)\n    return app\n"
    house["house/__init__.py"] += "\ndef __mount__ (app):\n    app.route ('/') (lambda: 'house')\n"
    with package(tmp_path, "ground", EXTENDED) as ground, package(tmp_path, "roof", {}):
        with package(tmp_path, "house", house) as module:
            made = Reloaded(tmp_path, module)
            made.site.close()
            made.site = Site(tmp_path)
            pref = Preference()
            pref.extends(ground)
            made.site.mount("/", module, pref)
            made.client = Client(made.site.open(Settings(devel=True, db=f"sqlite:///{tmp_path}/data.db")))
            made.reloader = Reloader(made.site)

            def told() -> list[str]:
                return [made.client.get(path).text for path in ("/", "/ground", "/roof")]

            assert told() == ["house", "first", "first"]
            for name in ("ground", "roof"):
                file = f"{name}/__init__.py"
                assert made.save(EXTENDED[file].replace("first", "second"), file)
            assert told() == ["house", "second", "second"]
            assert made.save("def __mount__ (app:\n", "ground/__init__.py")
            assert told() == ["house", "second", "second"], "what cannot be loaded leaves everything as it was"
            assert made.save(EXTENDED["ground/__init__.py"].replace("first", "third"), "ground/__init__.py")
            assert told() == ["house", "third", "second"]
            made.site.stop(1.0)
            made.site.close()
