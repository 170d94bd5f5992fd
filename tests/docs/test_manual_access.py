"""The samples of the Atila manual on access, request life cycle, conditional work and error pages, as they are printed.

With `atilite` in place of `skitai`, `Atilite` in place of `Atila`. Where the print has a function without a package
around it, it stands in `__mount__`. These typing errors of the print are corrected: `request.user` and `request.g`
without `was.`; `reutrn`. What the print leaves out is filled in: bodies that are `...` or break off return what they
know, `resource` is a list, `modify_profile` has a route, routes of several samples have paths of their own, the file
that is watched is one of the test's, and there is a `404.j2`.
"""

from __future__ import annotations

import json
import os
import queue
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from atilite.config import Settings
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Client
from atilite.web.digest import hashed
from atilite.web.jwts import make_jwt
from tests.packages import package

KEY = "rUxz4G0WkL8c5QeJ7sVn2bYt9HpA3fDm"

USERS = """
    class User:
        def __init__ (self, uid, lev, nick_name):
            self.uid = uid
            self.lev = lev
            self.nick_name = nick_name
            self.tuid = None

        def __str__ (self):
            return self.uid
"""

PERMISSIONS = """
    @app.permission_handler
    def permission_handler (was, perms):
        if was.request.get_header ('authorization'):
            was.request.user = None
            claims = was.dejwt ()
            if "err" in claims:
                raise was.Error ("401 Unauthorized", claims ["err"])
            was.request.user = User (claims ['uid'], claims ['lev'], claims ['nick_name'])

        if 'uid' in was.request.PARAMS:
            tuid = was.request.PARAMS ['uid']
            if 'owner' in perms and tuid != 'me':
                raise was.Error ("403 Permission Denied", "owners only operation")
            was.request.user.tuid = (tuid == 'me' and was.request.user.uid or (tuid != 'notme' and tuid or None))

        if not perms:
            return

        if was.request.user.lev == "staff":
            return # always vaild

        if "staff" in perms:
            raise was.Error ("403 Permission Denied")

    @app.route ("/identified/<id>")
    @app.identification_required
    def identified (was, id = None):
        if was.request.user is None:
            return "nobody"
        else:
            return str (was.request.user)

    @app.route ("/login/<id>")
    @app.login_required
    def login (was, id = None):
        id = id or was.request.user.uid
        return id

    @app.route ("/staff/<id>")
    @app.permission_required (["staff"])
    def staff (was, id = None):
        return id or was.request.user.uid

    @app.route ("/animals/<id>")
    @app.permission_required (id = ["staff"])
    def animals (was, id = None):
        return id or was.request.user.uid

    @app.route ("/owner/<uid>")
    @app.permission_required (["owner"])
    def owner (was, uid):
        return was.request.user.tuid
"""

CORS = """
    @app.route (
        "/post", methods = ["POST", "OPTIONS"],
        access_control_allow_origin = ["*"], access_control_max_age = 3600
    )
    def post (was):
        return 'hello'
"""

DIGEST = """
    @app.route ("/hello/<name>", authenticate = "digest")
    def hello (was, name = "Hans Roh"):
        return "Hello, %s" % name

    @app.route ("/hello2/<name>")
    @app.authorization_required ("digest")
    def hello2 (was, name = "Hans Roh"):
        return "Hello, %s" % name

    # users object shoukd have get(username) method
    app.users = {"hansroh": ("1234", False)}
"""

ENTIRE = """
    from atilite import Atilite

    def __app__ ():
        app = Atilite (__name__)
        app.authenticate = "digest"
        app.realm = "Partner App Area of mysite.com"
        app.users = {"app": ("iamyourpartnerapp", 0, {'role': 'root'})}
        return app

    def __mount__ (app, mntopt):
        @app.route ("/hello/<name>")
        def hello (was, name = "Hans Roh"):
            return "Hello, %s" % name
"""

BEARER = """
    @app.route ("/api/v1/predict")
    @app.authorization_required ("bearer")
    def predict (was):
        return was.API (was.request.user)
"""

BEARER_HANDLER = """
    def handle_token_yourself (token):
        return {'uid': token} if token == 'mine' else {'err': 'not mine'}

    @app.bearer_handler
    def bearer_handler (was, token):
        claims = handle_token_yourself (token)
        if 'err' in claims:
            raise was.Error ("401 Unauthorized", claims ["err"])
        was.request.user = claims
"""

HOOKS = """
    from atilite import Atilite

    def __app__ ():
        return Atilite (__name__)

    def __setup__ (app, mntopt):
        @app.on ('before_mount')
        def on_before_mount (was):
            app.g ['TOTAL_REQUEST'] = 0
            app.g ['FAILED_REQUEST'] = 0
            app.g ['SUCCES_REQUEST'] = 0

        @app.before_request
        def before_request (was):
            app.g ['TOTAL_REQUEST'] += 1
            was.request.g ['RESOURCE'] = ['open']

        @app.finish_request
        def finish_request (was, response): # response
            app.g ['SUCCES_REQUEST'] += 1
            # return new response or None

        @app.failed_request
        def failed_request (was, expt): # expt is sys.exc_info ()
            app.g ['FAILED_REQUEST'] += 1

        # called wahterver success or fail
        # clear resources
        @app.teardown_request
        def teardown_request (was): # no args
            was.request.g ['RESOURCE'].clear ()

    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return was.request.g ['RESOURCE'] [0]

        @app.route ('/bug')
        def bug (was):
            return 1 / 0
"""

COMPOSED = """
    from atilite import Atilite

    def __app__ ():
        return Atilite (__name__)

    def something_is_wrong ():
        return WRONG

    WRONG = []

    class PermissionHandler:
        def __call__ (self, was):
            return None

    class JWTTokenChecker:
        def __call__ (self, was):
            if something_is_wrong ():
                raise was.Error ("400 Bad Request")

    def __setup__ (app, mntopt):
        PREPROCESSORS = [
            JWTTokenChecker (),
            PermissionHandler ()
        ]

        @app.before_request
        def before_request (was):
            for p in PREPROCESSORS:
                response = p (was)
                if response:
                    return response

        @app.finish_request
        def finish_request (was, response):
            was.response.add_header ('X-Custom', 'some-value')
            return response + "--"

    def __mount__ (app, mntopt):
        @app.route ('/')
        def index (was):
            return 'index'
"""

HELPERS = """
    def is_superuser (was):
        if was.user.name not in ('admin', 'root'):
            return was.response ("403 Permission Denied")

    app.users = {'root': '1', 'ana': '2'}

    @app.route ('/profile', authenticate = 'basic')
    @app.testpass_required (is_superuser)
    def modify_profile (was):
        return was.user.name

    order = []

    def pre1 (was):
        order.append ('pre1')

    def pre2 (was):
        order.append ('pre2')

    def post1 (was):
        order.append ('post1')

    @app.route ('/chain')
    @app.run_before (pre1, pre2)
    @app.run_after (post1)
    def index (was):
        return '|'.join (order)

    @app.route ('/order')
    def told (was):
        return '|'.join (order)

    def reload_config (was, path):
        order.append ('reloaded')

    @app.route ('/config')
    @app.if_file_modified (CONFIG, reload_config, interval = 1)
    def config (was):
        return '|'.join (order)
"""

CACHE = """
    import atilite
    from atilite import Atilite
    from atilite.testing.clock import FakeClock

    CLOCK = FakeClock ()
    TOLD = []

    def __config__ (pref):
        atilite.register_g ('tables.users', 'table.photos')

    def __app__ ():
        app = Atilite (__name__)
        app.clock = CLOCK
        return app

    def __setup__ (app, mntopt):
        @app.on ("setlu:tables.users")
        def table_updated (was, *args, **kargs):
            TOLD [0].put (args)

    def __mount__ (app, mntopt):
        cleared = []

        @app.route ("/update")
        def update (was):
            was.setlu ('tables.users', 'something')
            return 'updated'

        def clear_memory (was, name):
            cleared.append (name)

        @app.route ('/query')
        @app.if_cache_updated (['tables.users', 'table.photos'], clear_memory, interval = 1)
        def query (was, q):
            return '|'.join (cleared)
"""

TEMPLATE = """
    <!-- errors/default.j2 -->
    <h1>{{ error.code }} {{ error.message }}</h1>
    <p>{{ error.detail }}</p>
    <hr>
    <div>URL: {{ error.url }}</div>
    <div>Time: {{ error.time }}</div>
"""

ERRORS = """
    @app.default_error_handler
    def default_error_handler (was, error):
        return was.render ("errors/default.j2", error = error)

    @app.error_handler (404)
    def not_found (was, error):
        return was.render ('404.j2', error = error)

    @app.route ('/refused')
    def refused (was):
        raise was.Error ("403 Permission Denied", "owners only operation")
"""


def app_of(*samples: str, before: str = "") -> str:
    """A package whose `__mount__` is these samples."""
    body = "\n".join(indent(dedent(sample), "    ") for sample in samples)
    return (
        f"from atilite import Atilite\n{dedent(before)}\n\ndef __app__ ():\n    return Atilite (__name__)\n\n"
        f"def __mount__ (app, mntopt):\n{body}"
    )


@contextmanager
def served(folder: Path, files: dict[str, str], **preferences: Any) -> Iterator[tuple[Client, Any]]:
    """A client of what the launch script makes of these files, and the package."""
    pref = Preference()
    vars(pref).update(preferences)
    with package(folder, "myapp", {f"myapp/{name}": text for name, text in files.items()}) as myapp:
        site = Site(folder)
        site.mount("/", myapp, pref)
        try:
            yield Client(site.open(Settings(db=f"sqlite:///{folder}/data.db"))), myapp
        finally:
            site.stop(2.0)
            site.close()


def bearer(**claims: Any) -> dict[str, str]:
    return {"Authorization": "Bearer " + make_jwt(KEY, {"exp": time.time() + 60, **claims})}


def digest(client: Client, path: str, name: str, password: str) -> dict[str, str]:
    """What a client sends after it was asked."""
    asked = client.get(path).all_headers("WWW-Authenticate")[-1]
    assert "algorithm=MD5" in asked
    realm, nonce = asked.split('realm="')[1].split('"')[0], asked.split('nonce="')[1].split('"')[0]
    proof = hashed("MD5", f"{name}:{realm}:{password}") + f":{nonce}:00000001:x:auth:" + hashed("MD5", f"GET:{path}")
    fields = f'username="{name}", realm="{realm}", nonce="{nonce}", uri="{path}", qop=auth, nc=00000001, cnonce="x"'
    return {"Authorization": f'Digest {fields}, response="{hashed("MD5", proof)}"'}


@pytest.mark.row("A57", "A58", "A59", "A60", "A61", "A74")
def test_custom_authentication(tmp_path: Path) -> None:
    staff = bearer(uid="ana", lev="staff", nick_name="A")
    user = bearer(uid="bob", lev="user", nick_name="B")
    with served(tmp_path, {"__init__.py": app_of(PERMISSIONS, before=USERS)}, securekey=KEY) as (client, _):

        def ask(path: str, headers: dict[str, str]) -> str:
            answer = client.get(path, headers=headers)
            return answer.text if answer.status_code == 200 else answer.status

        assert [ask("/identified/1", headers) for headers in ({}, user)] == ["nobody", "bob"]
        assert ask("/identified/1", {"Authorization": "Bearer x"}) == "nobody"
        assert ask("/login/1", {"Authorization": "Bearer x"}) == "401 Unauthorized"
        assert ask("/login", user) == "bob"
        assert [ask("/staff/1", headers) for headers in (user, staff)] == ["403 Permission Denied", "1"]
        assert [ask(f"/animals{path}", user) for path in ("", "/me", "/100")] == ["bob", "me", "403 Permission Denied"]
        assert ask("/animals/100", staff) == "100"
        assert [ask(f"/owner/{uid}", staff) for uid in ("me", "7")] == ["ana", "403 Permission Denied"]


@pytest.mark.row("A53", "A54", "A55")
@pytest.mark.parametrize("origins", [["*"], ["http://www.skitai.com:5001"]])
def test_cors_and_preflight(tmp_path: Path, origins: list[str]) -> None:
    files = {"__init__.py": app_of(CORS, "@app.route ('/')\ndef index (was):\n    return 'index'\n")}
    asked = {"Origin": "http://www.skitai.com:5001", "Access-Control-Request-Method": "POST"}
    wishes = {"access_control_allow_origin": origins, "access_control_max_age": 60}
    with served(tmp_path, files, **wishes) as (client, _):
        ages = [
            client.request("OPTIONS", path, headers=asked).header("Access-Control-Max-Age") for path in ("/", "/post")
        ]
        assert ages == ["60", "3600"]
        assert client.post("/post", headers=asked).header("Access-Control-Allow-Origin") == asked["Origin"]


@pytest.mark.row("A64", "A67", "A69")
def test_digest_on_specific_methods(tmp_path: Path) -> None:
    with served(tmp_path, {"__init__.py": app_of(DIGEST)}) as (client, _):
        for path in ("/hello/you", "/hello2/you"):
            headers = digest(client, path, "hansroh", "1234")
            assert client.get(path, headers=headers).text == "Hello, you"
            assert client.get(path, headers=digest(client, path, "hansroh", "12345")).status_code == 401


@pytest.mark.row("A65", "A71")
def test_digest_on_an_entire_app(tmp_path: Path) -> None:
    with served(tmp_path, {"__init__.py": ENTIRE}) as (client, _):
        headers = digest(client, "/hello/you", "app", "iamyourpartnerapp")
        assert client.get("/hello/you", headers=headers).text == "Hello, you"


@pytest.mark.row("A72", "D7")
def test_bearer_with_a_jwt(tmp_path: Path) -> None:
    with served(tmp_path, {"__init__.py": app_of(BEARER)}, securekey=KEY) as (client, _):
        assert client.get("/api/v1/predict").status_code == 401
        assert json.loads(client.get("/api/v1/predict", headers=bearer(uid="ana")).text)["uid"] == "ana"


@pytest.mark.row("A73")
def test_bearer_with_a_token_of_ones_own(tmp_path: Path) -> None:
    with served(tmp_path, {"__init__.py": app_of(BEARER, BEARER_HANDLER)}) as (client, _):
        found = [client.get("/api/v1/predict", headers={"Authorization": f"Bearer {token}"}) for token in ("mine", "x")]
        assert (found[0].json(), found[1].json()["more_info"]) == ({"uid": "mine"}, "not mine")


@pytest.mark.row("A75", "A76", "A77", "A78")
def test_life_cycle_hooks(tmp_path: Path) -> None:
    with served(tmp_path, {"__init__.py": HOOKS}) as (client, _):
        assert [client.get(path).status_code for path in ("/", "/bug", "/")] == [200, 500, 200]
        assert client.get("/").text == "open"
        counts = dict(client._app.apps["myapp"].g)  # type: ignore[attr-defined]
    assert counts == {"TOTAL_REQUEST": 4, "FAILED_REQUEST": 1, "SUCCES_REQUEST": 3}


@pytest.mark.row("A76", "A79", "D8")
def test_composed_processors(tmp_path: Path) -> None:
    with served(tmp_path, {"__init__.py": COMPOSED}) as (client, myapp):
        answer = client.get("/")
        assert (answer.text, answer.header("X-Custom")) == ("index--", "some-value")
        myapp.WRONG.append("something")
        assert client.get("/").status_code == 400


@pytest.mark.row("A127", "A128", "A130")
def test_helpers_before_and_after_handlers(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("old")
    before = f"from atilite.testing.clock import FakeClock\nCLOCK, CONFIG = FakeClock(), {str(config)!r}"
    with served(tmp_path, {"__init__.py": app_of("app.clock = CLOCK", HELPERS, before=before)}) as (client, myapp):
        found = []
        for name, password in (("root", "1"), ("ana", "2")):
            token = b64encode(f"{name}:{password}".encode()).decode()
            found.append(client.get("/profile", headers={"Authorization": f"Basic {token}"}).status)
        assert found == ["200 OK", "403 Permission Denied"]
        assert [client.get(path).text for path in ("/chain", "/order")] == ["pre1|pre2", "pre1|pre2|post1"]
        assert client.get("/config").text == "pre1|pre2|post1"
        os.utime(config, (time.time() + 5, time.time() + 5))
        assert client.get("/config").text == "pre1|pre2|post1"  # it is not yet time to look
        myapp.CLOCK.advance(1)
        assert [client.get("/config").text for _ in range(2)] == ["pre1|pre2|post1|reloaded"] * 2


@pytest.mark.row("A39", "A41", "A129", "D18")
def test_cache_control(tmp_path: Path) -> None:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with served(tmp_path, {"__init__.py": CACHE}) as (client, myapp):
        myapp.TOLD.append(told)
        assert [client.get(path).text for path in ("/query?q=1", "/update", "/query?q=1")] == ["", "updated", ""]
        myapp.CLOCK.advance(1)
        assert [client.get("/query?q=1").text for _ in range(2)] == ["tables.users"] * 2
        assert told.get(timeout=10) == ("something",)


@pytest.mark.row("A177", "D21")
def test_custom_error_templates(tmp_path: Path) -> None:
    pages = {"templates/errors/default.j2": TEMPLATE, "templates/404.j2": "no {{ error.url }}"}
    files = {"__init__.py": app_of(ERRORS), **pages}
    with served(tmp_path, files) as (client, _):
        page = {"Accept": "text/html"}
        told = client.get("/refused", headers=page).text
        assert "<h1>403 Permission Denied</h1>\n<p>owners only operation</p>" in told
        assert client.get("/none", headers=page).text == "no /none"
        assert client.get("/none").json()["code"] == 40400
