"""The samples of the Atila manual's chapters "Routing", "Request Parameters", "Parameter and Validation", "Piping" and
"Making URL".

They run as they are printed. Corrected errors of the print: `@app_inspect` (it is `@app.inspect`); a content type
that is refused is 415, where the print has 406. Samples that stop at `...` or at a template have a body that answers
with what they got.
"""

from __future__ import annotations

import re
from datetime import datetime as dt
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package

ROUTING = """
    @app.route ("/get", methods = ["GET"]) #if not match response 405
    def get (was):
        return 'get'

    @app.route ("/json", content_types = ["application/json"]) #if not match response 415
    def json (was, **DATA):
        return 'json'
"""

PARAMETERS = """
    @app.route ("/hello", methods = ["POST", "OPTIONS"])
    def hello_world (was, name, birth_year, gender = None):
        return was.API (name = name, birth_year = birth_year, gender = gender)

    @app.route ("/hello2", methods = ["POST", "OPTIONS"])
    def hello_world2 (was, name, **DATA):
        return was.API (name = name, DATA = DATA)

    @app.route ("/strict/<int:id>", methods = ["GET"])
    def strict (was, id, detail = 'yes'):
        return was.API (id = id, detail = detail)

    @app.route ("/profiles/<int:id>", methods = ["GET"])
    def profiles (was, id = None, detail = 'yes'):
        assert was.request.args ['id'] == id
        assert was.request.args ['detail'] == detail
        return was.API (id = id, detail = detail)
"""

VALIDATION = """
    @app.route ("/profiles/<int:id>", methods = ["GET"])
    @app.inspect (ints = ['id'], booleans = ['detail'])
    def hello_world (was, id = None, detail = False):
        return was.API (id = id, detail = detail)

    @app.route ("/register", methods = ["POST"])
    @app.inspect (
        strings = ['name', 'gender'],
        notags = ['resume'],
        safes = ['resume'],
        nones = ['gender', 'birth_year'],
        booleans = ['detail'],
        oneof = ['email', 'mobile'],
        birth_year = int,
        mobile = re.compile ('[0-9]{3}-[0-9]{3}-[0-9]{4}'),
        birth_year__between = (1900, dt.now ().year),
        gender__in = ['male', 'female', 'not-determine'],
        name__len__lte = 64,
        name__len__gt = 3,
        name__len__between = (3, 64)
    )
    def register (
        was, name, birth_year = None, gender = None, resume = '', detail = False, email = None, mobile = None
    ):
        return was.API (birth_year = birth_year, gender = gender, resume = resume, detail = detail)
"""

PIPING = {
    "myapp/__init__.py": """
        from atilite import Atilite

        def __app__ ():
            return Atilite (__name__)

        def __setup__ (app, mntopt):
            from . import services
            app.mount ('/', services)
        """,
    "myapp/services/__init__.py": """
        def __setup__ (app, mntopt):
            from . import sub
            app.mount ('/sub', sub)

        # services/__init__.py
        def __mount__ (app, mntopt):
            @app.route ("/1")
            @app.inspect (offset = int)
            def index (was, offset = 1):
                return was.API (result = offset)

            @app.route ("/2")
            def index2 (was):
                return was.pipe (index)

            @app.route ("/3")
            def index3 (was):
                return was.pipe (index, offset = 4)

            @app.route ("/4")
            def index4 (was):
                return was.pipe ('index', offset = 't')

            @app.route ("/5")
            def index4 (was):
                return was.pipe ('sub.pages.toc', chapter = 5)

            @app.route ("/urls")
            def urls (was):
                return was.API (urls = [
                    was.static ('img/logo.png'),
                    was.urlfor ("index"),
                    was.urlfor ("sub.pages.toc", 1),
                    was.urlfor ("sub.pages.toc", chapter = 1),
                    was.urlfor ("/index.htm")
                ])
        """,
    "myapp/services/sub/__init__.py": """
        def __setup__ (app, mntopt):
            from . import pages
            app.mount ('/', pages)
        """,
    "myapp/services/sub/pages.py": """
        # services/sub/pages.py
        def __mount__ (app, mntopt):
            @app.route ("/pages/toc/<int:chapter>")
            def toc (was, chapter):
                return "Page tOC Chapter {}".format (chapter)
        """,
}


def served(sample: str) -> Client:
    app = Atilite("sample")
    exec(compile(dedent(sample), "manual", "exec", dont_inherit=True), {"app": app, "re": re, "dt": dt})
    return Client(app)


@pytest.mark.row("A90", "A91")
def test_routing() -> None:
    client = served(ROUTING)

    assert (client.get("/get").text, client.post("/get").status_code) == ("get", 405)
    assert client.post("/json", json={}).text == "json"
    assert client.post("/json", form={"a": "1"}).status_code == 415


@pytest.mark.row("A83", "A93", "A94", "A95", "A96")
def test_request_parameters() -> None:
    client = served(PARAMETERS)

    form = {"name": "Hans", "birth_year": "1980"}
    assert client.post("/hello", form=form).json() == {**form, "gender": None}
    assert client.post("/hello2", form=form).json() == {"name": "Hans", "DATA": {"birth_year": "1980"}}
    for path in ("123", "me", "notme", "new"):
        told = client.get(f"/strict/{path}?detail=no").json()
        assert told == {"id": 123 if path == "123" else path, "detail": "no"}
    assert client.get("/strict?detail=no").status_code == 404
    assert client.get("/profiles?detail=no").json() == {"id": None, "detail": "no"}
    assert client.get("/profiles/5").json() == {"id": 5, "detail": "yes"}
    # The latter has high priority.
    assert client.post("/hello?name=Ana", form=form).json()["name"] == "Hans"
    assert client.post("/hello?name=Ana", json=form).json()["name"] == "Hans"


@pytest.mark.row("A99", "A100", "A101", "A102", "A103", "A104", "A106", "A107", "A109")
def test_parameter_and_validation() -> None:
    client = served(VALIDATION)

    assert client.get("/profiles/5?detail=t").json() == {"id": 5, "detail": True}
    assert client.get("/profiles/5?detail=maybe").json()["code"] == 40050
    good = {"name": "Hans Roh", "birth_year": "1980", "gender": "male", "mobile": "010-123-4567", "resume": "1 < 2"}
    assert client.post("/register", form=good).json() == {
        "birth_year": 1980,
        "gender": "male",
        "resume": "1 &lt; 2",
        "detail": False,
    }
    blank: dict[str, Any] = {**good, "birth_year": "", "gender": ""}
    assert client.post("/register", form=blank).json()["gender"] is None
    bad = {
        "name": "Ha",
        "birth_year": "1800",
        "gender": "x",
        "mobile": "1",
        "email": "a@b.c",
        "resume": "<script>",
        "detail": "maybe",
    }
    refused = client.post("/register", form=bad).json()
    assert refused["message"] == "missing or bad parameter in ARGS"
    assert refused["fields"].keys() == bad.keys()


@pytest.mark.row("A122", "A123", "A124", "A125")
def test_piping_and_making_urls(tmp_path: Path) -> None:
    with package(tmp_path, "myapp", PIPING) as myapp:
        site = Site(tmp_path)
        site.mount("/", myapp)
        client = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db")))

        assert client.get("/1?offset=7").json() == {"result": 7}
        assert client.get("/2").json() == {"result": 1}
        assert client.get("/3").json() == {"result": 4}
        assert (client.get("/4").status_code, client.get("/4").json()["field"]) == (400, "offset")
        assert client.get("/5").text == "Page tOC Chapter 5"
        assert client.get("/urls").json()["urls"] == [
            "/img/logo.png",
            "/1",
            "/sub/pages/toc/1",
            "/sub/pages/toc/1",
            "/index.htm",
        ]
