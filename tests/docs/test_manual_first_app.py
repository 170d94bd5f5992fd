"""The samples of the Atila manual's first chapters: "First App" to "Cascaded Service Mount", hooks and preferences.

They run as they are printed, with `atilite` in place of `skitai`, `Atilite` in place of `Atila`. These typing errors of
the print are corrected: `__mame__`; `def __config (pref)` (without the underscores at its end); and, in the package
`sub2`, `app.mount ("/sub2/pages", pages)`, whose point is relative to `/sub2` as every other point is. The folder
`/mnt/data/media` is one of the test's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from atilite.config import Settings
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package, write
from tests.running import Running

HELLO = """
    # serve.py
    from atilite import Atilite

    app = Atilite (__name__)

    @app.route ("/")
    def index (was):
        return "Hello, World"

    if __name__ == "__main__":
        import atilite

        atilite.mount ("/", app)
        atilite.run (port = 5000)
"""

LAUNCH = """
    # serve.py
    import atilite
    import myapp

    if __name__ == '__main__':
        with atilite.preference () as pref:
            atilite.mount ('/', myapp, pref)
        atilite.run (port = 5000, name = 'mtapp')
"""

CREATE = """
    # myapp/__init__.py
    import atilite
    from atilite import Atilite

    def __config__ (pref):
        # mount / to myapp/static and app.STATIC_URL will be set to '/'
        # atilite.abspath () will join path with location of serve.py
        # DO NOT use os.path.abspath (__file__), it is not reliable
        pref.set_static ('/', atilite.abspath ('myapp/static'))

    def __app__ ():
        return Atilite (__name__)

    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return 'Index Page'

        @app.route ('/sub')
        def sub (was):
            return 'Sub Page'
"""

TEMPLATE = """
    <!-- myapp/templates/index.j2 -->
    <html>
        <head><title>My App</title></head>
        <body>
            <h1>Index Page</h1>
        </body>
    </html>
"""

RENDERING = """
    from atilite import Atilite

    def __app__ ():
        return Atilite (__name__)

    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return was.render ('index.j2')
"""

CASCADED = """
    # myapp/__init__.py
    # remove __mount__ ()
    import atilite
    from atilite import Atilite

    def __config__ (pref):
        pref.set_static ('/', atilite.abspath ('myapp/static'))

    def __app__ ():
        return Atilite (__name__)

    def __setup__ (app, mntopt):
        from . import services
        app.mount ('/', services)
"""

SERVICES = """
    # NEW myapp/services/__init__.py
    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return 'Index Page'

        @app.route ('/sub')
        def sub (was):
            return 'Sub Page'
"""

SEPARATED = """
    # modify myapp/services/__init__.py
    # add __setup__ hook
    def __setup__ (app, mntopt):
        from . import sub
        app.mount ('/sub', sub)

    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return 'Index Page'
"""

SUB = """
    # NEW myapp/services/sub.py
    def __mount__ (app, mntopt):
        # make sure blank path for accessing '/sub'
        # if '/', accessable URL become '/sub/'
        @app.route ('')
        def sub (was):
            return 'Sub Page'
"""

WITH_SUB2 = """
    # modify __setup__ of myapp/services/__init__.py
    def __setup__ (app, mntopt):
        from . import sub
        from . import sub2
        app.mount ('/sub', sub)
        app.mount ('/sub2', sub2)

    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return 'Index Page'
"""

SUB2 = """
    # NEW myapp/services/sub2/__init__.py
    def __setup__ (app, mntopt):
        from . import pages
        app.mount ("/pages", pages)
"""

PAGES = """
    # NEW myapp/services/sub2/pages.py
    def __mount__ (app, mntopt):
        @app.route ('') # /sub2/pages
        def pages (was):
            return 'Pages'

        @app.route ('/1') # /sub2/pages/1
        def page1 (was):
            return 'Page1'
"""

BYE = """
    def __umount__ (app): # NO mntopt argument
        print ('bye...')
"""

FINAL = {
    "myapp/__init__.py": CASCADED,
    "myapp/static/style.css": "body {}",
    "myapp/templates/index.j2": TEMPLATE,
    "myapp/services/__init__.py": dedent(WITH_SUB2) + dedent(BYE),
    "myapp/services/sub.py": SUB,
    "myapp/services/sub2/__init__.py": SUB2,
    "myapp/services/sub2/pages.py": PAGES,
}


@contextmanager
def launched(folder: Path, files: dict[str, str], pref: Preference | None = None) -> Iterator[Site]:
    """What the launch script makes of these files, in this process; the script would lie in `folder`."""
    with pytest.MonkeyPatch.context() as patch, package(folder, "myapp", files) as myapp:
        patch.setattr("atilite.launch.script_folder", lambda: folder)
        site = Site(folder)
        site.mount("/", myapp, pref)
        try:
            yield site.open(Settings(db=f"sqlite:///{folder}/data.db", devel=True))
        finally:
            site.stop(2.0)
            site.close()


@contextmanager
def started(folder: Path, script: str, *flags: str) -> Iterator[Running]:
    """`python serve.py --devel --port N` in `folder`."""
    program = Running(folder, script, "--devel", *flags)
    try:
        yield program.start(PYTHONUNBUFFERED="1")
    finally:
        program.close()


@pytest.mark.row("A1", "A2", "A4")
def test_a_single_file_is_a_program(tmp_path: Path) -> None:
    with started(tmp_path, HELLO) as program:
        assert program.ask("GET", "/") == (200, b"Hello, World")
        assert program.terminate() == 0


@pytest.mark.row("A3", "A5", "A7", "A8", "A10", "A15", "A20", "A22")
def test_the_first_app_is_served_by_its_launch_script(tmp_path: Path) -> None:
    write(tmp_path, {"myapp/__init__.py": CREATE, "myapp/static/style.css": "body {}"})

    with started(tmp_path, LAUNCH) as program:
        assert program.ask("GET", "/") == (200, b"Index Page")
        assert program.ask("GET", "/sub") == (200, b"Sub Page")
        assert program.ask("GET", "/style.css") == (200, b"body {}")
        assert "mtapp is served at" in program.log.read_text()


@pytest.mark.row("A11", "A12", "A13", "A14", "A21")
def test_the_final_structure_is_served_and_says_bye(tmp_path: Path) -> None:
    write(tmp_path, FINAL)

    with started(tmp_path, LAUNCH) as program:
        answers = {path: program.ask("GET", path) for path in ("/", "/sub", "/sub2/pages", "/sub2/pages/1")}
        assert program.terminate() == 0
        assert program.log.read_text().count("bye...") == 1
    assert answers == {
        "/": (200, b"Index Page"),
        "/sub": (200, b"Sub Page"),
        "/sub2/pages": (200, b"Pages"),
        "/sub2/pages/1": (200, b"Page1"),
    }


@pytest.mark.row("A15", "A24")
def test_an_index_page_among_the_static_files_has_the_higher_priority(tmp_path: Path) -> None:
    files = {"myapp/__init__.py": CREATE, "myapp/static/index.html": "<h1>static</h1>"}

    with launched(tmp_path, files) as site:
        assert Client(site).get("/").text == "<h1>static</h1>"
        assert Client(site).get("/sub").text == "Sub Page"
        assert site.apps["myapp"].config.STATIC_URL == "/"


@pytest.mark.row("A158")
def test_a_template_is_rendered(tmp_path: Path) -> None:
    files = {"myapp/__init__.py": RENDERING, "myapp/templates/index.j2": TEMPLATE}

    with launched(tmp_path, files) as site:
        answer = Client(site).get("/")
        assert "<h1>Index Page</h1>" in answer.text
        assert answer.header("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.row("A9", "A12")
@pytest.mark.parametrize(
    "files",
    [
        {"myapp/__init__.py": CASCADED, "myapp/services/__init__.py": SERVICES},
        {"myapp/__init__.py": CASCADED, "myapp/services/__init__.py": SEPARATED, "myapp/services/sub.py": SUB},
        FINAL,
    ],
    ids=["one module", "a sub-module", "a sub-package"],
)
def test_a_page_stays_where_it_is_while_the_app_is_cut_into_modules(files: dict[str, str], tmp_path: Path) -> None:
    with launched(tmp_path, files) as site:
        client = Client(site)
        assert client.get("/").text == "Index Page"
        assert client.get("/sub").text == "Sub Page"
        assert client.get("/nowhere").status_code == 404


@pytest.mark.row("A14")
def test_a_blank_rule_answers_without_the_slash_only(tmp_path: Path) -> None:
    slashed = SUB.replace("@app.route ('')", "@app.route ('/')")
    files = {"myapp/__init__.py": CASCADED, "myapp/services/__init__.py": SEPARATED, "myapp/services/sub.py": SUB}

    with launched(tmp_path, files) as site:
        assert Client(site).get("/sub/").status_code == 404
    with launched(tmp_path, {**files, "myapp/services/sub.py": slashed}) as site:
        assert Client(site).get("/sub/").text == "Sub Page"
        redirect = Client(site).get("/sub")
        assert (redirect.status_code, redirect.header("Location")) == (301, "/sub/")


PREFERENCES = """
    import atilite
    import myapp

    with atilite.preference () as pref:
        pref.set_static ('/static', 'myapp/static')
        pref.set_media ('/media', 'media')
        pref.config.MAX_UPLOAD_SIZE = 256 * 1024 * 1024
        pref.config.MAINTAIN_INTERVAL = 60
        pref.config.MY_OPTION = 'mine'
        pref.my_attribute = ['my own']
        atilite.mount ('/', myapp, pref)
    atilite.run (port = 5000, name = 'mtapp')
"""

READING = """
    from atilite import Atilite

    def __app__ ():
        return Atilite (__name__)

    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            config = {name: app.config [name] for name in app.config if name.isupper ()}
            return was.API (config = config, my_attribute = app.my_attribute)
"""


@pytest.mark.row("A5", "A6", "A16", "A17", "A18")
def test_preferences_are_found_in_the_app(tmp_path: Path) -> None:
    files = {"myapp/__init__.py": READING, "myapp/static/a.css": "a {}", "media/photo.txt": "a photo"}
    write(tmp_path, files)

    with started(tmp_path, PREFERENCES) as program:
        found: Any = program.json("/")
        assert program.ask("GET", "/static/a.css") == (200, b"a {}")
        assert program.ask("GET", "/media/photo.txt") == (200, b"a photo")
    assert found["my_attribute"] == ["my own"]
    assert found["config"] == {
        "STATIC_URL": "/static",
        "STATIC_ROOT": "myapp/static",
        "MEDIA_URL": "/media",
        "MEDIA_ROOT": "media",
        "MAX_UPLOAD_SIZE": 256 * 1024 * 1024,
        "MAINTAIN_INTERVAL": 60,
        "MY_OPTION": "mine",
    }
