"""The samples of the Atila manual's chapter "App Overview", and those on requests that the other modules leave.

They run as they are printed, with `atilite` in place of `skitai`, `Atilite` in place of `Atila`, and the corrections
that docs/from-atila.md lists. Where the print has a function without a package around it, it stands in `__mount__`;
names that it does not define are the test's, and bodies that are `...` or break off answer with what they know.
"""

from __future__ import annotations

import queue
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent
from types import ModuleType
from typing import Any

import pytest

from atilite.config import Settings
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Client
from atilite.web.digest import hashed
from atilite.web.jwts import make_jwt
from tests.packages import package, write
from tests.running import Running

KEY = "rUxz4G0WkL8c5QeJ7sVn2bYt9HpA3fDm"

HEAD = """
    import atilite
    from atilite import Atilite

    def __app__ ():
        return Atilite (__name__)
"""


def app_of(*samples: str, inside: str = "") -> str:
    """A package: these samples, and `inside` as its `__mount__`."""
    texts = [dedent(HEAD), *(dedent(sample) for sample in samples)]
    if inside:
        texts.append("def __mount__ (app, mntopt):\n" + indent(dedent(inside), "    "))
    return "\n".join(texts)


@contextmanager
def loaded(folder: Path, **packages: str) -> Iterator[tuple[Site, list[ModuleType]]]:
    """A site that is not open yet, and packages that it has not mounted yet, of one file each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("atilite.launch.script_folder", lambda: folder)
        site = Site(folder)
        opened = [package(folder, name, {f"{name}/__init__.py": text}) for name, text in packages.items()]
        try:
            yield site, [one.__enter__() for one in opened]
        finally:
            site.stop(2.0)
            site.close()
            for one in opened:
                one.__exit__(None, None, None)


@contextmanager
def served(folder: Path, text: str, **preferences: Any) -> Iterator[tuple[Client, ModuleType]]:
    """A client of a site with this package at its root."""
    pref = Preference()
    vars(pref).update(preferences)
    with loaded(folder, myapp=text) as (site, (myapp,)):
        site.mount("/", myapp, pref)
        yield opened(site), myapp


def opened(site: Site) -> Client:
    return Client(site.open(Settings(db=f"sqlite:///{site.root}/data.db")))


EVENTS = """
    # wherever in your app package,
    def __setup__ (app, mntopt):
        @app.on ('custom-event')
        def on_cusom_event (was, detail):
            print ('I got custom-event with detail: {}'.format (detail))
"""

EMITTING = """
    # wherever in your app package,
    @app.route ('/make_event')
    def make_event (was):
        app.emit ('custom-event', 'a detail')
        return "OK"
"""


@pytest.mark.row("A25", "A26")
def test_the_event_bus(tmp_path: Path) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with served(tmp_path, app_of(EVENTS, inside=EMITTING)) as (client, myapp):
        vars(myapp)["print"] = told.put
        assert client.get("/make_event").text == "OK"
        assert told.get(timeout=10) == "I got custom-event with detail: a detail"


LIFE_CYCLE = """
    # wherever in your app package,
    def load_my_models ():
        ORDER.append ('models')

    def __setup__ (app, mntopt):
        @app.on ('before_mount')
        def on_before_mount (was):
            load_my_models ()

    ORDER = []
"""


@pytest.mark.row("A28", "D2")
def test_app_life_cycle_events(tmp_path: Path) -> None:
    with served(tmp_path, app_of(LIFE_CYCLE, inside="ORDER.append ('mounted')")) as (_, myapp):
        assert myapp.ORDER == ["models", "mounted"]


STATIC = """
    def __config__ (pref):
        pref.set_static ('/', atilite.abspath ('NAME/static'))
"""


def resources(name: str, text: str) -> dict[str, str]:
    """A package with pages, templates and static files of its own, and with some that others have, too.

    Each page says `text` and uses the template `page.j2`; with `?template=` it uses another one.
    """
    routes = "".join(
        f"@app.route ('{path}')\ndef page{number} (was, template = 'page.j2'):\n"
        f"    return '{text} ' + was.render (template)\n"
        for number, path in enumerate((f"/{name}", "/both"))
    )
    return {
        f"{name}/__init__.py": app_of(STATIC.replace("NAME", name), inside=routes),
        f"{name}/templates/page.j2": f"in the template of {name}",
        f"{name}/templates/{name}.j2": f"in another template of {name}",
        f"{name}/static/both.css": name,
        f"{name}/static/{name}.css": f"of {name} alone",
    }


EXTENDING = """
    import atilite
    import atila_vue
    import myapp

    if __name__ == '__main__':
        with atilite.preference () as pref:
            pref.extends (atila_vue)
            atilite.mount ('/', myapp, pref)
        atilite.run (port = 5000)
"""

OVERRIDING = """
    import atilite
    import tfserver
    import myapp

    if __name__ == '__main__':
        with atilite.preference () as pref:
            pref.overrides (myapp)
            atilite.mount ('/', tfserver, pref)
        atilite.run (port = 5000)
"""


@contextmanager
def launched(folder: Path, script: str, files: dict[str, str]) -> Iterator[Running]:
    write(folder, files)
    program = Running(folder, script)
    try:
        yield program.start()
    finally:
        program.close()


# What `myapp` has wins; what it has not is that of the other one.
TOGETHER = {
    "/both": "my page in the template of myapp",
    "/myapp": "my page in the template of myapp",
    "/{other}": "its page in the template of myapp",
    "/myapp?template={other}.j2": "my page in another template of {other}",
    "/{other}?template=myapp.j2": "its page in another template of myapp",
    "/both.css": "myapp",
    "/myapp.css": "of myapp alone",
    "/{other}.css": "of {other} alone",
}


@pytest.mark.row("A31", "A32", "D3")
@pytest.mark.parametrize(("script", "other"), [(EXTENDING, "atila_vue"), (OVERRIDING, "tfserver")])
def test_extending_and_overriding(tmp_path: Path, script: str, other: str) -> None:
    files = {**resources("myapp", "my page"), **resources(other, "its page")}
    with launched(tmp_path, script, files) as program:
        for path, told in TOGETHER.items():
            found = program.ask("GET", path.format(other=other))
            assert found == (200, told.format(other=other).encode()), path


MAINTAINING = """
    app.config.MAINTAIN_INTERVAL = 60 # seconds, default is 60
    app.store.set ("num-nodes", 0) # thread safe store

    @app.maintain (10, threading = False) # execute every 10 maintaining
    def maintain_num_nodes (was, now, count):
        num_nodes = was.getlu ("cluster.num-nodes")
        if app.g ["num-nodes"] != num_nodes:
            app.g ["num-nodes"] = num_nodes
            app.emit ("cluster:num_nodes", num_nodes)
"""

NODES = """
    TOLD = []

    def __config__ (pref):
        atilite.register_g ("cluster.num-nodes")

    def __setup__ (app, mntopt):
        @app.on ("cluster:num_nodes")
        def on_num_nodes (was, num_nodes):
            TOLD [0].put (num_nodes)
"""


@pytest.mark.row("A18", "A35", "A45", "D4")
def test_interval_based_app_maintenancing(tmp_path: Path) -> None:
    told: queue.SimpleQueue[float] = queue.SimpleQueue()
    with loaded(tmp_path, myapp=app_of(NODES, inside=MAINTAINING)) as (site, (myapp,)):
        site.mount("/", myapp)
        opened(site)
        myapp.TOLD.append(told)
        app = site.apps["myapp"]
        assert app.config.MAINTAIN_INTERVAL == 60
        app.config.MAINTAIN_INTERVAL = 0.01  # ten times a minute is too long for a test
        site.start()
        # Never set, it is the time at which this process began.
        assert time.time() - 3600 < told.get(timeout=20) <= time.time()
        assert app.store.get("num-nodes") == app.g["num-nodes"] > 0


SUBSCRIBING = """
    # serve.py
    import atilite
    import myapp
    import tfserver

    if __name__ == '__main__':
        with atilite.preference () as pref:
            atilite.mount ('/tf', tfserver, pref, name = 'tfserver')

        with atilite.preference () as pref:
            atilite.mount ('/', myapp, pref, subscribe = ['tfserver'])
        atilite.run (port = 5000)
"""

SUBSCRIBER = """
    # wherever in myapp,
    DONE = threading.Event ()
    NAMES = []

    def jobs_as_you_need (*names):
        NAMES.extend (names)
        DONE.set ()

    def __setup__ (app, mntopt):
        @app.on ('tfserver:model-reloaded')
        def on_tfserver_model_reloaded (was, model_name):
            jobs_as_you_need (model_name)
"""

ANSWERING = """
    @app.route ('/done')
    def done (was):
        DONE.wait (10)
        return '|'.join (NAMES)

    # wherever in myapp
    @app.route ('/')
    def index (was):
        return '|'.join (was.g ['LOADED_MODELS'])

    @app.route ('/direct')
    def direct (was):
        other_app = was.apps ['tfserver']
        return other_app.import_name
"""

PROVIDER = """
    # wherever in tfserver app
    @app.route ('/')
    def index (was):
        was.g ['LOADED_MODELS'] = ['a', 'b']
        return 'loaded'

    @app.route ('/reload')
    def reload (was):
        app.emit ('tfserver:model-reloaded', 'a')
        return 'reloaded'
"""


@pytest.mark.row("A37", "A46", "A47")
def test_working_with_multiple_apps(tmp_path: Path) -> None:
    files = {
        "myapp/__init__.py": "import threading\n" + app_of(SUBSCRIBER, inside=ANSWERING),
        "tfserver/__init__.py": app_of(inside=PROVIDER),
    }
    with launched(tmp_path, SUBSCRIBING, files) as program:
        paths = ("/tf/", "/", "/tf/reload", "/done", "/direct")
        assert [program.ask("GET", path)[1] for path in paths] == [b"loaded", b"a|b", b"reloaded", b"a", b"tfserver"]


# -- access, life cycle, and what outlives a request


METHODS = """
    @app.permission_handler
    def permission_handler (was, perms):
        claims = was.dejwt ()
        if "err" in claims:
            raise was.Error ("401 Unauthorized", claims ["err"])
        was.request.user = claims
        if not perms <= set (claims ['perms']):
            raise was.Error ("403 Permission Denied", ' '.join (sorted (perms)))

    @app.route ("/animals/<id>", methods = ["POST", "DELETE"])
    @app.permission_required (['user'], id = ["staff"], DELETE = ["admin"])
    def animals (was, id = None):
        id = id or was.request.user ['uid']
        return id
"""


@pytest.mark.row("A61", "A63", "D5")
def test_permissions_of_single_methods(tmp_path: Path) -> None:
    def ask(method: str, path: str, *perms: str) -> str:
        token = make_jwt(KEY, {"exp": time.time() + 60, "uid": "ana", "perms": perms})
        answer = client.request(method, path, headers={"Authorization": f"Bearer {token}"})
        return answer.text if answer.status_code == 200 else answer.json()["more_info"]

    with served(tmp_path, app_of(inside=METHODS), securekey=KEY) as (client, _):
        assert [ask("POST", path, "user") for path in ("/animals", "/animals/me")] == ["ana", "me"]
        assert ask("POST", "/animals/me") == "user"
        assert ask("POST", "/animals/100", "user") == "staff"
        assert ask("POST", "/animals/100", "staff") == "100"
        assert ask("DELETE", "/animals/100", "staff") == "admin staff"
        assert ask("DELETE", "/animals/100", "staff", "admin") == "100"
        assert ask("DELETE", "/animals/me", "user") == "admin user"


PROVIDED = """
    @app.route ("/hello/<name>", authenticate = "basic")
    def hello (was, name = "Hans Roh"):
        return "%s, %s" % (was.request.user.name, name)

    @app.authorization_handler
    def auth_handler (was, username):
        if username == 'hansroh':
            return ("1234", False)
"""

ENCRYPTED = """
    from hashlib import md5

    encrypted_password = md5 (
        ("%s:%s:%s" % (username, realm, password)).encode ("utf8")
    ).hexdigest ()
"""


@pytest.mark.row("A68", "A71")
def test_the_password_provider(tmp_path: Path) -> None:
    with served(tmp_path, app_of(inside=PROVIDED)) as (client, _):
        found = []
        for word in (b"hansroh:1234", b"hansroh:12345", b"other:1234"):
            sent = {"Authorization": f"Basic {b64encode(word).decode()}"}
            found.append(client.get("/hello/you", headers=sent).status_code)
        assert found == [200, 401, 401]


@pytest.mark.row("A69")
def test_an_encrypted_password(tmp_path: Path) -> None:
    names: dict[str, Any] = {"username": "hansroh", "realm": "here", "password": "1234"}
    exec(dedent(ENCRYPTED), names)
    users = {"hansroh": (names["encrypted_password"], True, {"role": "root"})}
    route = "@app.route ('/info', authenticate = 'digest')\ndef info (was):\n    return was.request.user.info"
    with served(tmp_path, app_of(inside=route), users=users, realm="here") as (client, _):
        asked = client.get("/info").all_headers("WWW-Authenticate")[-1]
        nonce = asked.split('nonce="')[1].split('"')[0]
        proof = hashed("MD5", "hansroh:here:1234") + f":{nonce}:00000001:x:auth:" + hashed("MD5", "GET:/info")
        fields = f'username="hansroh", realm="here", nonce="{nonce}", uri="/info", qop=auth, nc=00000001, cnonce="x"'
        sent = {"Authorization": f'Digest {fields}, response="{hashed("MD5", proof)}"'}
        assert client.get("/info", headers=sent).json() == {"role": "root"}


REQUEST_EVENTS = """
    TOLD = []

    def __setup__ (app, mntopt):
        @app.on ('before_request')
        def on_before_request (was):
            TOLD [0].put ('before')

        @app.on ('finish_request')
        def on_finish_request (was, response):
            TOLD [0].put ('finish')

        @app.on ('failed_request')
        def on_failed_request (was, expt):
            TOLD [0].put (expt [0].__name__)

        @app.on ('teardown_request')
        def on_teardown_request (was):
            TOLD [0].put ('teardown')
"""

PAGES = """
    @app.route ('/')
    def index (was):
        return 'index'

    @app.route ('/bug')
    def bug (was):
        return 1 / 0
"""


@pytest.mark.row("A80", "D9")
def test_request_life_cycle_events(tmp_path: Path) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with served(tmp_path, app_of(REQUEST_EVENTS, inside=PAGES)) as (client, myapp):
        myapp.TOLD.append(told)
        client.get("/")
        assert sorted(told.get(timeout=10) for _ in range(3)) == ["before", "finish", "teardown"]
        client.get("/bug")
        assert sorted(told.get(timeout=10) for _ in range(3)) == ["ZeroDivisionError", "before", "teardown"]


GLOBALS = """
    @app.before_request
    def before_request (was):
        app.g ['TOTAL_REQUEST'] = 0
        was.request.g ['START'] = time.time ()

    @app.teardown_request
    def teardown_request (was):
        app.g ['TOTAL_REQUEST'] += 1
        was.log ('processing time: {:.5f} seconds.'.format (
            time.time () - was.request.g ['START']
        ))

    @app.route ('/')
    def index (was):
        return str (app.g ['TOTAL_REQUEST'])
"""


@pytest.mark.row("A36", "A38", "A178")
def test_app_and_request_global(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with served(tmp_path, "import time\n" + app_of(inside=GLOBALS)) as (client, _):
        assert [client.get("/").text for _ in range(3)] == ["0", "0", "0"]
        assert client._app.apps["myapp"].g["TOTAL_REQUEST"] == 1  # type: ignore[attr-defined]
    assert len(re.findall(r"processing time: \d+\.\d{5} seconds\.", caplog.text)) == 3
