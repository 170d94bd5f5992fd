"""The samples of the Atila manual's chapters "Request Object", "File Upload", "Streaming Request Data", "Making
Response", "Template Engine" and "Logging and Traceback".

They run as they are printed, with `atilite` in place of `skitai`, `Atilite` in place of `Atila`, and the corrections
that docs/from-atila.md lists. Lines that are printed without a function stand in one, with a route; names that the
print does not define are the test's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from atilite.config import Settings
from atilite.mounting import Preference
from atilite.testing.client import Client
from tests.docs.test_manual_apps import app_of, launched, loaded, opened
from tests.packages import write

LAUNCH = """
    import atilite
    import myapp

    if __name__ == '__main__':
        with atilite.preference () as pref:
            pref.set_static ('/', 'myapp/static')
            atilite.mount ('/', myapp, pref)
        atilite.run (port = 5000)
"""


@contextmanager
def client_of(folder: Path, inside: str, *before: str, **files: str) -> Iterator[Client]:
    """A client of a package with these templates (`name_j2="..."` is templates/name.j2) and these routes."""
    write(folder / "myapp", {f"templates/{name.replace('_j2', '.j2')}": text for name, text in files.items()})
    with loaded(folder, myapp=app_of(*before, inside=inside)) as (site, (myapp,)):
        pref = Preference()
        pref.securekey = "ds8fdsflksdjf9879dsf;?<>Asda"
        site.mount("/", myapp, pref)
        yield opened(site)


# -- the request


MEMBERS = """
    @app.route ("/members/<int:id>", methods = ["GET", "POST", "OPTIONS"])
    def members (was, id, detail = 'yes', text = ''):
        was.request.g ['START'] = 1
        was.request.cookie ['c'] = '1'
        was.request.session ['s'] = 1
        was.request.mbox.send ('m')
        return was.API (
            method = was.request.method,                            # upper case GET, POST, ...
            uri = was.request.uri,
            version = was.request.version,                          # HTTP Version
            scheme = was.request.scheme,                            # http or https
            args = was.request.args,
            split = was.request.split_uri (),                       # (script, param, querystring, fragment)
            header = was.request.get_header ("content-type"),       # case insensitive
            headers = len (was.request.get_headers ()),             # return header all list
            body = was.request.get_body ().decode (),
            remote = was.request.get_remote_addr (),
            agent = was.request.get_user_agent (),
            types = [was.request.get_content_type (), was.request.get_main_type (), was.request.get_sub_type ()],
            routed = was.request.routed.__name__,                   # routed function
            methods = was.request.routable ['methods'],
            options = sorted (was.request.routable ['options']),
            mntopt = was.request.routable ['mntopt'] ['point'],
            env = was.request.env is was.env,
            agent2 = was.env.get ('HTTP_USER_AGENT', 'Unknown Agent')
        )
"""


@pytest.mark.row("A82", "A83", "A84", "A85", "A86", "A88")
def test_members_and_methods_of_the_request(tmp_path: Path) -> None:
    with client_of(tmp_path, MEMBERS) as client:
        sent = {"User-Agent": "a test"}
        told = client.post("/members/5?detail=no", form={"text": "a b"}, headers=sent).json()

    kind = "application/x-www-form-urlencoded"
    headers = told.pop("headers")
    assert headers >= 3
    assert told == {
        "method": "POST",
        "uri": "/members/5?detail=no",
        "version": "1.1",
        "scheme": "http",
        "args": {"id": 5, "detail": "no", "text": "a b"},
        "split": ["/members/5", None, "?detail=no", None],
        "header": kind,
        "body": "text=a+b",
        "remote": "127.0.0.1",
        "agent": "a test",
        "types": [kind, "application", "x-www-form-urlencoded"],
        "routed": "members",
        "methods": ["GET", "POST", "OPTIONS"],
        "options": [],
        "mntopt": "/",
        "env": True,
        "agent2": "a test",
    }


PROFILE = """
    @app.route ("/profiles/<int:id>", methods = ["GET"])
    def hello_world (was, id = None, detail = 'yes'):
        return was.render ("profile.j2", id = id, detail = detail)
"""


@pytest.mark.row("A110", "A158", "A173")
def test_parameters_in_the_template_engine(tmp_path: Path) -> None:
    page = "<li>{{ context.id }} is {{ request.args.id }}</li>"
    with client_of(tmp_path, PROFILE, profile_j2=page) as client:
        assert client.get("/profiles/5").text == "<li>5 is 5</li>"
        assert client.get("/profiles").text == "<li>None is None</li>"


UPLOAD = """
    @app.route ("/upload", methods = ['POST'])
    def upload (was, file):
        file.save (FOLDER, dup = "o")
        return was.API (
            temporary = bool (file.path), name = file.name, size = file.size, mimetype = file.mimetype, ext = file.ext
        )
"""


@pytest.mark.row("A111", "A112")
def test_file_upload(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    with client_of(tmp_path, UPLOAD, f"FOLDER = {str(tmp_path / 'saved')!r}") as client:
        for text in ("first", "second"):
            head = 'Content-Disposition: form-data; name="file"; filename="a b.txt"\r\nContent-Type: text/plain'
            part = f"{head}\r\n\r\n{text}"
            sent = {"Content-Type": "multipart/form-data; boundary=b"}
            told = client.post("/upload", body=f"--b\r\n{part}\r\n--b--\r\n".encode(), headers=sent).json()
    assert told == {"temporary": True, "name": "a b.txt", "size": 6, "mimetype": "text/plain", "ext": ".txt"}
    assert {path.name: path.read_text() for path in (tmp_path / "saved").iterdir()} == {"a b.txt": "second"}


STREAMING = """
    @app.route ("/bistreaming", methods = ['POST'], input_stream = True)
    def streaming (was):
        buf = []
        while 1:
            data = yield was.Input (4096)
            if not data:
                break
            buf.append (data)
        return b''.join (buf)

    @app.route ("/both", methods = ['POST'], coroutine = True, input_stream = True)
    def coroutine_streaming (was):
        while 1:
            data = yield was.Input (16184)
            if not data:
                break
            yield b':' + data
"""


@pytest.mark.row("A113", "A172", "D15")
@pytest.mark.parametrize("chunked", [True, False])
def test_streaming_request_data(tmp_path: Path, chunked: bool) -> None:
    files = {"myapp/__init__.py": app_of(inside=STREAMING)}
    pieces = [b"a" * 5000, b"b" * 5000]
    with launched(tmp_path, LAUNCH, files) as program:

        def sent(path: str) -> bytes:
            connection = program.connect()
            if chunked:
                connection.request("POST", path, iter(pieces), encode_chunked=True)
            else:
                connection.request("POST", path, b"".join(pieces))
            body = connection.getresponse().read()
            connection.close()
            return body

        assert sent("/bistreaming") == b"".join(pieces)
        answer = sent("/both")
    assert answer[:1] == b":"
    assert answer.replace(b":", b"") == b"".join(pieces)


# -- the response


RESPONSE = """
    @app.route ("/response")
    def response (was):
        was.response.set_status ("201 Created")
        # add header even name is duplicated
        was.response.add_header ('X-Server', "skitai")
        was.response.add_header ('X-Server', "twice")
        # if exists old, remote it and update new
        was.response.set_header ('X-Server', "skitai")
        was.response.set_header ('Accept', 'x')
        assert was.response.get_header ('Accept', '') == 'x'
        was.response.del_header ('Accept')
        assert was.response.get_header ('Accept', '') == ''
        # current response code and msg
        return "%d %s" % (was.response.status_code, was.response.reason)

    @app.route ("/primitive")
    def primitive (was):
        was.response.set_status ('200 OK')
        was.response.set_header ('X-Server', 'Skitai')
        return "hello"

    @app.route ("/etag")
    def etag (was):
        # etag based cache control
        # make sure CACHE_KEY is unique identifier for this resource
        was.response.set_etag ('CACHE_KEY', max_age = 3600)
        return "hello"

    @app.route ("/mtime")
    def mtime (was):
        # content modification time based cache control
        was.response.set_mtime (NOW, max_age = 3600)
        return "hello"

    @app.route ("/max_age")
    def max_age (was):
        # set cache header as HTTP versions
        was.response.set_max_age (3600)
        return "hello"

    @app.route ("/error/<int:number>")
    def error (was, number):
        if number == 1:
            raise was.Error ("400 Bad Request")
        if number == 2:
            raise was.Error ("400 Bad Request", "missing user ID")
        raise was.Error ("400 Bad Request", "missing user ID", 40011)

    @app.route ("/api/<int:number>")
    def api (was, number):
        if number == 1:
            return was.API ({'name': 'Hans Roh'})
        return was.API (name = 'Hans Roh')

    @app.route ("/render")
    def render (was):
        return was.render ("hello.j2", name = 'Hans Roh')

    @app.route ("/either")
    def either (was):
        return was.render_or_API ("hello.j2", name = 'Hans Roh')
"""


@pytest.mark.row("A150", "A151", "A152", "A153", "A155", "A156", "A158")
def test_making_responses(tmp_path: Path) -> None:
    page, now = "<h1>Hello {{ context.name }}</h1>", time.time()
    with client_of(tmp_path, RESPONSE, f"NOW = {now!r}", hello_j2=page) as client:
        made = client.get("/response")
        assert (made.status, made.text, made.all_headers("X-Server")) == ("201 Created", "201 Created", ["skitai"])
        assert (client.get("/primitive").text, client.get("/primitive").header("X-Server")) == ("hello", "Skitai")

        tagged = client.get("/etag")
        assert tagged.header("Cache-Control") == "max-age=3600"
        assert client.get("/etag", headers={"If-None-Match": tagged.header("ETag") or ""}).status_code == 304
        dated = client.get("/mtime")
        assert parsedate_to_datetime(dated.header("Last-Modified") or "").timestamp() == int(now)
        assert parsedate_to_datetime(dated.header("Expires") or "").timestamp() == int(now) + 3600
        since = {"If-Modified-Since": dated.header("Last-Modified") or ""}
        assert client.get("/mtime", headers=since).status_code == 304
        assert client.get("/max_age").header("Cache-Control") == "max-age=3600"

        errors = [client.get(f"/error/{number}") for number in (1, 2, 3)]
        assert [error.status for error in errors] == ["400 Bad Request"] * 3
        assert [error.json()["code"] for error in errors] == [40000, 40000, 40011]
        assert [error.json()["more_info"] for error in errors][1:] == ["missing user ID"] * 2

        for number in (1, 2):
            assert client.get(f"/api/{number}").json() == {"name": "Hans Roh"}
            xml = client.get(f"/api/{number}", headers={"Accept": "text/xml"})
            assert (xml.header("Content-Type") or "").startswith("text/xml")
            assert "Hans Roh" in xml.text
        assert client.get("/render").text == "<h1>Hello Hans Roh</h1>"
        assert client.get("/either", headers={"Accept": "text/html"}).text == "<h1>Hello Hans Roh</h1>"
        assert client.get("/either", headers={"Accept": "application/json"}).json() == {"name": "Hans Roh"}


FILES = """
    @app.route ("/file/<int:number>")
    def file (was, number):
        if number == 1:
            return was.File (PATH)
        return was.File (PATH, 'application/octet-stream', 'data.xlsx')

    @app.route ("/logo")
    def logo (was):
        # by static file URL
        # resolved into was.static ("img/logo.png")
        return was.Static ("img/logo.png")

    @app.route ("/robots.txt")
    def robots (was):
        if app.debug:
            was.response ['Content-Type'] = 'text/plain'
            return "User-Agent: *\\nDisallow: /\\n"
        return was.Static ('/robots.real.txt')

    @app.route ("/csv")
    def build_csv (was):
        def generate():
            for row in iter_all_rows():
                yield ','.join(row) + '\\n'
        return was.response ("200 OK", generate (), headers = [("Content-Type", "text/csv")])

    @app.route ("/showmsg")
    def showmsg (was, name):
        return name

    @app.route ("/redirect")
    def redirect (was):
        return was.redirect (
            was.urlfor ("showmsg", "Hans Roh"),
            status = "302 Object Moved"
        )

    @app.route ("/redirect2")
    def redirect2 (was):
        return was.redirect (
            was.static ("index.html"),
            status = "302 Object Moved"
        )
"""

ROWS = """
    def iter_all_rows ():
        return [['1', 'a'], ['2', 'b']]
"""


@pytest.mark.row("A159", "A160", "A161", "A162")
def test_files_generators_and_redirects(tmp_path: Path) -> None:
    path = tmp_path / "data.xlsx"
    path.write_bytes(b"no table")
    files = {
        "myapp/__init__.py": app_of(ROWS, f"PATH = {str(path)!r}", inside=FILES),
        "myapp/static/img/logo.png": "a picture",
        "myapp/static/robots.real.txt": "the real one\n",
        "myapp/static/index.html": "index",
    }
    with launched(tmp_path, LAUNCH, files) as program:

        def got(path: str) -> tuple[Any, bytes]:
            connection = program.connect()
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer, body

        plain, named = got("/file/1"), got("/file/2")
        assert (plain[1], plain[0].headers["Content-Length"]) == (b"no table", "8")
        assert named[0].headers["Content-Disposition"] == 'attachment; filename="data.xlsx"'
        logo, body = got("/logo")
        assert (body, logo.headers["Content-Type"], bool(logo.headers["ETag"])) == (b"a picture", "image/png", True)
        robots, body = got("/robots.txt")
        assert (robots.status, body) == (200, b"the real one\n")
        csv, body = got("/csv")
        assert (body, csv.headers["Content-Type"]) == (b"1,a\n2,b\n", "text/csv")
        assert csv.headers["Transfer-Encoding"] == "chunked"
        moved = got("/redirect")[0]
        assert (moved.status, moved.reason) == (302, "Object Moved")
        assert got(moved.headers["Location"])[1] == b"Hans Roh"
        assert got("/redirect2")[0].headers["Location"] == "/index.html"
    with loaded(tmp_path, myapp=files["myapp/__init__.py"]) as (site, (myapp,)):
        site.mount("/", myapp)
        debugged = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db", devel=True))).get("/robots.txt")
        assert (debugged.header("Content-Type"), debugged.text) == (
            "text/plain; charset=utf-8", "User-Agent: *\nDisallow: /\n",
        )  # fmt: skip


# -- templates


ENGINE = """
    @app.route ("/")
    def index (was, choice = None):
        return was.render ("index.j2", choice = 2, product = "Apples")

    @app.route ("/checkout/<int:choice>")
    def checkout (was, choice):
        return str (choice)
"""

ENGINE_PAGE = """\
{{ request.cookie.username }} choices item {{ request.args.get ("choice", "N/A") }}.
<a href="{{ was.urlfor ('checkout', context.choice) }}">Proceed</a>
"""

CUSTOM = """
    @app.template_global ('test_global')
    def generate_form_token ():
        return 'a token'

    @app.template_filter ("reverse")
    def reverse_filter (s):
        return s [::-1]

    app.add_jinja_ext ('jinja2.ext.i18n')

    @app.route ("/")
    def index (was):
        return was.render ("index.j2")
"""

CUSTOM_PAGE = """\
{{ test_global () }} {{ "Hello" | reverse }}
{% set found = [] %}{% do found.append (1) %}
{% for n in [1, 2, 3] %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}
{{ found }} {{ 'extensions' if 'jinja2.ext.InternationalizationExtension' in app.jinja_env.extensions }}
"""


@pytest.mark.row("A173", "A174", "A175")
def test_the_template_engine(tmp_path: Path) -> None:
    with client_of(tmp_path, ENGINE, index_j2=ENGINE_PAGE) as client:
        client.cookies["username"] = "hans"
        text = client.get("/?choice=7").text
        assert re.sub(r"\s+", " ", text).strip() == 'hans choices item 7. <a href="/checkout/2">Proceed</a>'


@pytest.mark.row("A175")
def test_customizing_jinja2(tmp_path: Path) -> None:
    with client_of(tmp_path, CUSTOM, index_j2=CUSTOM_PAGE) as client:
        assert client.get("/").text.split() == ["a", "token", "olleH", "1[1]", "extensions"]


TASKS = """
    @app.route ("/blur/blar")
    def blar (was):
        return ['a', 'b']

    @app.route ("/blur/blar/foo")
    def foo (was):
        return [{'name': 'hans'}]

    @app.route ("/")
    def intro (was):
        return was.render (
            'template.j2',
            task1 = was.get ("http://" + was.env ['HTTP_HOST'] + "/blur/blar"),
            task2 = was.get ("http://" + was.env ['HTTP_HOST'] + "/blur/blar/foo"),
        )
"""

TASK_PAGE = """
    {% set rows = context.task1.fetch () %}
    {% for row in rows %}{{ row }}{% endfor %}
    {% set profile = context.task2.one () %}
    {{ profile.name }}
"""


@pytest.mark.row("A176", "A204")
def test_using_tasks_in_a_template(tmp_path: Path) -> None:
    files = {"myapp/__init__.py": app_of(inside=TASKS), "myapp/templates/template.j2": TASK_PAGE}
    with launched(tmp_path, LAUNCH, files) as program:
        assert program.ask("GET", "/")[1].split() == [b"abhans"]


LOGGING = """
    @app.route ("/")
    def sum (was):
        was.log ("called index", "info")
        try:
            1 / 0
        except:
            was.log ("exception occured", "error")
            was.traceback ()
        was.log ("done index", "info")
        return "done"
"""


@pytest.mark.row("A178")
def test_logging_and_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with client_of(tmp_path, LOGGING) as client:
        assert client.get("/").text == "done"
    texts = caplog.text
    assert texts.index("called index") < texts.index("exception occured") < texts.index("ZeroDivisionError")
    assert texts.index("ZeroDivisionError") < texts.index("done index")
    assert [record.levelname for record in caplog.records if "exception occured" in record.message] == ["ERROR"]
    assert dedent(LOGGING).count("was.log") == 3
