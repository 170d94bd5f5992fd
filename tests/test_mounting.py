"""Mounted modules: their hooks, their order, where their routes go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.errors import SetupError
from atilite.mounting import Preference, clean_point
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package

SERVICES = {
    "cascade/__init__.py": """
        from atilite import Atilite

        def __app__ ():
            return Atilite (__name__)

        def __setup__ (app, mntopt):
            from . import services
            app.mount ('/', services)
        """,
    "cascade/services/__init__.py": """
        def __setup__ (app, mntopt):
            from . import sub
            from . import sub2
            app.mount ('/sub', sub)
            app.mount ('/sub2', sub2)

        def __mount__ (app, mntopt):
            @app.route ('/')
            def index (was):
                return 'Index Page'
        """,
    "cascade/services/sub.py": """
        def __mount__ (app):
            @app.route ('')
            def sub (was):
                return 'Sub Page'
        """,
    "cascade/services/sub2/__init__.py": """
        def __setup__ (app, mntopt):
            from . import pages
            app.mount ("/pages", pages)
            app.mount ("/sub2/pages", pages)
        """,
    "cascade/services/sub2/pages.py": """
        def __mount__ (app, mntopt):
            @app.route ('')
            def pages (was):
                return 'Pages'

            @app.route ('/1')
            def page1 (was):
                return was.urlfor ('pages.page1')
        """,
}


def opened(tmp_path: Path, target: Any, point: str = "/", pref: Preference | None = None, **settings: Any) -> Site:
    """A site with one mount, put together but not started."""
    site = Site(tmp_path)
    site.mount(point, target, pref)
    return site.open(Settings(db=f"sqlite:///{tmp_path}/data.db", **settings))


@pytest.mark.row("A7", "A8", "A9", "A10", "A12", "A13", "A14", "D1")
def test_cascaded_mounts_serve_below_their_parents(tmp_path: Path) -> None:
    with package(tmp_path, "cascade", SERVICES) as cascade:
        client = Client(opened(tmp_path, cascade))
        assert client.get("/").text == "Index Page"
        assert client.get("/sub").text == "Sub Page"
        assert client.get("/sub/").status_code == 404
        assert client.get("/sub2/pages").text == "Pages"
        assert client.get("/sub2/sub2/pages").text == "Pages"
        assert client.get("/sub2/pages/1").text == "/sub2/pages/1"


@pytest.mark.row("A3")
def test_a_prefix_of_the_app_goes_in_front_of_everything(tmp_path: Path) -> None:
    with package(tmp_path, "cascade", SERVICES) as cascade:
        client = Client(opened(tmp_path, cascade, "/tf"))
        assert client.get("/tf/sub").text == "Sub Page"
        assert client.get("/tf/sub2/pages/1").text == "/tf/sub2/pages/1"
        assert client.get("/sub").status_code == 404


@pytest.mark.row("A7", "A11", "A28")
def test_the_hooks_run_in_their_order(tmp_path: Path) -> None:
    files = {
        "ordered/__init__.py": """
            from atilite import Atilite
            told = []

            def __config__ (pref):
                told.append ('config')
                pref.config.COLOUR = 'green'

            def __app__ ():
                told.append ('app')
                return Atilite (__name__)

            def __setup__ (app, mntopt):
                from . import part
                told.append (f'setup {app.config.COLOUR}')
                app.mount ('/part', part)

                @app.on ('before_mount')
                def before (was):
                    told.append ('before_mount')

                @app.on ('mounted')
                def mounted ():
                    told.append ('mounted')

            def __mount__ (app):
                told.append ('mount')

            def __umount__ (app):
                told.append ('umount')
            """,
        "ordered/part.py": """
            from . import told

            def __setup__ ():
                told.append ('setup of part')

            def __mount__ (app, mntopt):
                told.append (f"mount of part at {mntopt ['point']}")

            def __umount__ (app):
                told.append ('umount of part')
            """,
    }
    with package(tmp_path, "ordered", files) as ordered:
        site = opened(tmp_path, ordered)
        assert ordered.told == [
            "config",
            "app",
            "setup green",
            "setup of part",
            "before_mount",
            "mount",
            "mount of part at /part",
            "mounted",
        ]
        ordered.told.clear()
        site.stop(1.0)
        assert ordered.told == ["umount of part", "umount"]


@pytest.mark.row("A5", "A6")
def test_preferences_land_on_the_app_and_in_its_configuration(tmp_path: Path) -> None:
    app = Atilite("preferred")
    pref = Preference()
    pref.config.MAX_UPLOAD_SIZE = 1000
    pref.my_attribute = ["anything"]  # type: ignore[attr-defined]
    opened(tmp_path, app, pref=pref)
    assert app.config.MAX_UPLOAD_SIZE == 1000
    assert app.my_attribute == ["anything"]
    with pytest.raises(AttributeError, match="no 'MISSING'"):
        _ = app.config.MISSING


@pytest.mark.row("A6")
def test_what_the_operator_configures_wins_over_what_the_program_prefers(tmp_path: Path) -> None:
    pref = Preference()
    pref.config.RATES_URL, pref.config.COLOUR = "http://127.0.0.1:1/", "green"
    app = Atilite("configured")
    opened(tmp_path, app, pref=pref, config={"RATES_URL": "http://127.0.0.1:2/"})
    assert (app.config.RATES_URL, app.config.COLOUR) == ("http://127.0.0.1:2/", "green")


@pytest.mark.row("A15")
def test_set_static_serves_a_folder_beside_the_script(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "x.css").write_text("body {}")
    pref = Preference()
    pref.set_static("/static", "assets")
    app = Atilite("static")
    client = Client(opened(tmp_path, app, pref=pref))
    assert client.get("/static/x.css").text == "body {}"
    assert app.config.STATIC_URL == "/static"
    assert client.get("/static/../mounting.db").status_code == 404


def test_static_files_are_left_to_the_proxy_when_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "x.css").write_text("body {}")
    pref = Preference()
    pref.set_static("/static", ".")
    assert (
        Client(opened(tmp_path, Atilite("a"), pref=pref, disable_static=True)).get("/static/x.css").status_code == 404
    )


@pytest.mark.row("A10")
def test_mounting_inside_the_mount_hook_is_refused(tmp_path: Path) -> None:
    files = {
        "wrong/__init__.py": """
            def __mount__ (app, mntopt):
                from . import part
                app.mount ('/part', part)
            """,
        "wrong/part.py": "def __mount__ (app): pass",
    }
    with package(tmp_path, "wrong", files) as wrong, pytest.raises(SetupError, match=r"cannot call app.mount \(\)"):
        opened(tmp_path, wrong)


@pytest.mark.row("A12")
def test_a_module_without_hooks_cannot_be_mounted(tmp_path: Path) -> None:
    files = {
        "bare/__init__.py": "def __setup__ (app):\n    from . import empty\n    app.mount ('/x', empty)",
        "bare/empty.py": "",
    }
    with package(tmp_path, "bare", files) as bare, pytest.raises(SetupError, match="neither __mount__ nor __setup__"):
        opened(tmp_path, bare)


@pytest.mark.row("A12")
@pytest.mark.parametrize(("given", "cleaned"), [("", ""), ("/", ""), ("/a/", "/a"), ("//a//b", "/a/b")])
def test_mount_points_are_folded(given: str, cleaned: str) -> None:
    assert clean_point(given) == cleaned


def test_a_mount_point_must_begin_with_a_slash() -> None:
    with pytest.raises(SetupError, match="must be blank or start with"):
        clean_point("a")


@pytest.mark.row("A12")
def test_a_debug_only_mount_is_there_in_devel_mode_only(tmp_path: Path) -> None:
    files = {
        "debugged/__init__.py": """
            def __setup__ (app):
                from . import tools
                app.mount ('/tools', tools, debug_only = True)
            """,
        "debugged/tools.py": """
            def __mount__ (app):
                @app.route ('')
                def tools (was):
                    return 'tools'
            """,
    }
    with package(tmp_path, "debugged", files) as debugged:
        assert Client(opened(tmp_path, debugged)).get("/tools").status_code == 404
        assert Client(opened(tmp_path, debugged, devel=True)).get("/tools").text == "tools"
