"""Routes as a client meets them: rules, methods, media types, subdomains, what was taken away."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.errors import Frozen, SetupError
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


@pytest.mark.row("A91", "D10")
def test_a_body_of_a_type_that_the_route_does_not_take_is_415(app: Atilite, client: Client) -> None:
    @app.route("/hello", content_types=["application/json", "image/*"])
    def hello(was: Any, **DATA: Any) -> str:
        return "taken"

    assert client.post("/hello", json={"a": 1}).text == "taken"
    assert client.post("/hello", body=b"x", headers={"Content-Type": "image/png"}).text == "taken"
    assert client.get("/hello").text == "taken"
    refused = client.post("/hello", form={"a": "1"})
    assert (refused.status_code, refused.header("Accept")) == (415, "application/json, image/*")
    assert client.post("/hello", body=b"x").status_code == 415
    assert client.get("/nowhere").status_code == 404


@pytest.mark.row("A92")
def test_one_function_may_have_several_routes_and_one_path_several_functions(app: Atilite, client: Client) -> None:
    @app.route("/a")
    @app.route("/b/<int:n>", methods=["GET"])
    def several(was: Any, n: int = 0) -> Any:
        return was.API(n=n)

    @app.route("/items", methods=["GET"])
    def listed(was: Any) -> str:
        return "list"

    @app.route("/items", methods=["POST"])
    def added(was: Any) -> str:
        return "add"

    assert client.get("/a").json() == {"n": 0}
    assert client.get("/b/5").json() == {"n": 5}
    assert client.post("/b/5").status_code == 405
    assert (client.get("/items").text, client.post("/items").text) == ("list", "add")


@pytest.mark.row("A93", "D11")
@pytest.mark.parametrize(
    ("path", "got"),
    [
        ("/s/a_b", "a_b"),
        ("/s/a%20b", "a b"),
        ("/s/a+b", "a b"),
        ("/s/a%2Bb", "a+b"),
        ("/s/%C3%B6", "ö"),
        ("/s/a/b", 404),
        ("/i/7", 7),
        ("/i/me", "me"),
        ("/i/notme", "notme"),
        ("/i/new", "new"),
        ("/i/-7", 404),
        ("/i/you", 404),
        ("/f/1.5", 1.5),
        ("/f/.5", 0.5),
        ("/f/me", "me"),
        ("/f/x", 404),
        ("/p/a/b%20c/d", "a/b c/d"),
    ],
)
def test_the_parts_of_a_path_are_converted(app: Atilite, client: Client, path: str, got: Any) -> None:
    for kind, rule in (("s", "<x>"), ("i", "<int:x>"), ("f", "<float:x>"), ("p", "<path:x>")):

        @app.route(f"/{kind}/{rule}", name=kind)
        def handler(was: Any, x: Any) -> Any:
            return was.API(x=x)

    answer = client.get(path)

    assert (answer.status_code if got == 404 else answer.json()["x"]) == got


@pytest.mark.row("A95", "A97")
def test_parameters_come_by_name_from_path_query_form_and_json(app: Atilite, client: Client) -> None:
    @app.route("/x/<int:id>", methods=["GET", "POST"])
    def handler(was: Any, id: Any, a: Any = None, **DATA: Any) -> Any:
        return was.API(id=id, a=a, DATA=DATA)

    assert client.get("/x/5?a=1&b=2&b=3").json() == {"id": 5, "a": "1", "DATA": {"b": ["2", "3"]}}
    assert client.get("/x/5?id=7").json()["id"] == [5, "7"]
    assert client.post("/x/5?a=1", form={"a": "2", "c": "3"}).json() == {"id": 5, "a": "2", "DATA": {"c": "3"}}
    assert client.post("/x/5?a=1", json={"a": {"b": [1]}}).json() == {"id": 5, "a": {"b": [1]}, "DATA": {}}


@pytest.mark.row("A95")
def test_a_handler_with_stars_is_refused_at_set_up(app: Atilite) -> None:
    def handler(was: Any, *args: Any) -> str:
        return "never"

    with pytest.raises(SetupError, match="args"):
        app.route("/x")(handler)


@pytest.mark.row("A96")
def test_a_part_of_the_path_that_the_handler_does_not_take_is_530(app: Atilite, client: Client) -> None:
    @app.route("/x/<id>")
    def handler(was: Any) -> str:
        return "never"

    assert client.get("/x/5").status_code == 530


@pytest.mark.row("A98", "D12")
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"a": 1}', "application/json", 200),
        (b'{"a": 1}', "application/json; charset=utf-8", 200),
        (b'{"a": 1}', "text/plain", 400),
        (b'{"a": ', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"", "application/json", 411),
    ],
)
def test_json_is_read_by_its_type_and_broken_json_is_400(
    app: Atilite, client: Client, body: bytes, kind: str, status: int
) -> None:
    @app.route("/x", methods=["POST"])
    def handler(was: Any, a: Any) -> Any:
        return was.API(a=a)

    assert client.post("/x", body=body, headers={"Content-Type": kind}).status_code == status


@pytest.mark.row("A86")
def test_a_request_knows_its_route(app: Atilite, client: Client) -> None:
    seen: list[Any] = []

    @app.route("/x/<int:id>", methods=["GET", "OPTIONS"], content_types=["text/xml"], colour="red")
    def handler(was: Any, id: Any = None, detail: str = "no") -> str:
        seen.append((was.request.routed, was.request.routable))
        return "ok"

    assert client.get("/x/5").text == client.get("/x").text == "ok"
    for routed, routable in seen:
        assert routed is handler
        assert routable == {
            "methods": ["GET", "OPTIONS"],
            "content_types": ["text/xml"],
            "colour": "red",
            "options": {"content_types": ["text/xml"], "colour": "red"},
            "args": ["id", "detail"],
            "defaults": {"id": None, "detail": "no"},
            "urlargs": ["id"],
            "route": "/x/<int:id>",
            "name": "handler",
            "func_id": f"{__name__}.{handler.__qualname__}",
            "mntopt": {},
        }


@pytest.mark.row("A89")
def test_a_subdomain_has_routes_of_its_own_and_those_of_all(app: Atilite) -> None:
    app.subdomain_base = "example.org"

    @app.route("/", subdomain="api")
    def api(was: Any) -> str:
        return "api"

    @app.route("/")
    def index(was: Any) -> str:
        return "index"

    @app.route("/only/<int:id>", subdomain="api", methods=["GET"])
    def only(was: Any, id: Any = None) -> str:
        return f"only {id}"

    @app.route("/shared")
    def shared(was: Any) -> str:
        return "shared"

    below, plain = Client(app, host="api.Example.org:5000"), Client(app, host="example.org")
    assert (below.get("/").text, plain.get("/").text) == ("api", "index")
    assert (below.get("/only/5").text, below.get("/only").text) == ("only 5", "only None")
    assert below.post("/only/5").status_code == 405
    assert below.get("/shared").text == plain.get("/shared").text == "shared"
    for host in ("example.org", "www.example.org", "api.example.com", "apiexample.org", "x.api.example.org", "[::1]"):
        assert Client(app, host=host).get("/only/5").status_code == 404


@pytest.mark.row("A89")
def test_a_subdomain_of_nothing_is_found_at_set_up(app: Atilite) -> None:
    app.route("/", subdomain="api")(lambda was: "never")

    with pytest.raises(SetupError, match="subdomain_base"):
        app.freeze()


@pytest.mark.row("A89")
def test_a_site_answers_to_the_subdomains_that_its_apps_wish_for(app: Atilite, tmp_path: Path) -> None:
    app.route("/", subdomain="api")(lambda was: "api")
    pref = Preference()
    pref.subdomain_base = "example.org"
    site = Site(tmp_path)
    site.mount("/", app, pref)
    site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))

    assert Client(site, host="api.example.org").get("/").text == "api"
    assert Client(site, host="api.localhost").get("/").status_code == 302
    assert Client(site, host="api.example.com").get("/").status_code == 400


@pytest.mark.row("A34")
def test_unroute_takes_routes_away_by_a_shell_pattern(app: Atilite, client: Client) -> None:
    app.unroute("/admin/*")
    app.unroute("/old", response_code=410)
    for rule in ("/admin/users/<int:id>", "/admin", "/old", "/new"):
        app.route(rule, name=rule)(lambda was, id=None: "there")

    assert client.get("/admin/users/5").status_code == 404
    assert client.get("/admin/users").status_code == 404
    assert client.get("/old").status_code == 410
    assert client.get("/admin").text == client.get("/new").text == "there"
    assert [route.rule for route in app.routes if route.rule.startswith(("/admin/", "/old"))] == []
    with pytest.raises(Frozen):
        app.unroute("/new")


NAMED = {
    "named/__init__.py": """
        from atilite import Atilite

        def __app__ ():
            return Atilite (__name__)

        def __setup__ (app):
            from . import sub
            app.mount ('/sub', sub, ns = 'library')
            app.mount ('/other', sub)

        def __mount__ (app):
            @app.route ('/')
            def index (was):
                return was.API (
                    names = [was.urlfor (name) for name in ('index', 'library.index', 'sub.index', 'library.toc')],
                    own = was.pipe ('library.name'), own2 = was.pipe ('sub.name')
                )

            @app.route ('/which')
            def which (was, name):
                try:
                    return was.urlfor (name)
                except NameError as error:
                    return str (error)
        """,
    "named/sub.py": """
        def __mount__ (app, mntopt):
            @app.route ('/index')
            def index (was):
                return was.request.routable ['name']

            @app.route ('/toc')
            def toc (was):
                return was.request.routable ['mntopt'] ['ns']

            @app.route ('/name')
            def name (was):
                return mntopt ['ns']
        """,
}


@pytest.mark.row("A12", "A123")
def test_a_mount_gives_its_routes_a_namespace(tmp_path: Path) -> None:
    with package(tmp_path, "named", NAMED) as named:
        site = Site(tmp_path)
        site.mount("/", named)
        client = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db")))

        assert client.get("/").json() == {
            "names": ["/", "/sub/index", "/other/index", "/sub/toc"],
            "own": "library",
            "own2": "sub",
        }
        assert client.get("/sub/index").text == "library.index"
        assert client.get("/other/toc").text == "sub"
        assert client.get("/which?name=toc").text == "several routes end in 'toc': library.toc, sub.toc"
        assert client.get("/which?name=nothing").text.startswith("no route is called 'nothing'")


@pytest.mark.row("A95")
@pytest.mark.parametrize("name", ["self", "function", "args", "app", "texts"])
@pytest.mark.parametrize("start", ["worker", "hub"])
def test_no_name_of_our_own_code_is_kept_from_a_client(app: Atilite, client: Client, name: str, start: str) -> None:
    @app.route("/x", start=start)
    def handler(was: Any, **DATA: Any) -> Any:
        return was.API(DATA)

    assert client.get(f"/x?{name}=1").json() == {name: "1"}
    loop = app.runtime.loop  # a server calls a handler with start="hub" through its watchdog
    assert loop.spawn(functools.partial(loop.watched, dict, **{name: "1"})).wait(5) == {name: "1"}


@pytest.mark.row("A200")
def test_coroutine_and_input_stream_are_also_decorators_of_their_own(app: Atilite, client: Client) -> None:
    @app.route("/up", methods=["POST"])
    @app.coroutine
    @app.input_stream
    def up(was: Any) -> Any:
        assert was.streams_input
        pieces = []
        while piece := (yield was.Input(4)):
            pieces.append(piece.decode())
        return was.API(pieces=pieces, routable=[was.request.routable[name] for name in ("coroutine", "input_stream")])

    @app.route("/usual", methods=["POST"], input_stream=False)
    @app.input_stream
    def usual(was: Any) -> Any:
        return was.API(streams=was.streams_input)

    policy = app.pipeline.policy("POST", "/up")
    assert policy is not None
    assert policy.stream_input
    assert client.post("/up", body=b"abcdefg").json() == {"pieces": ["abcd", "efg"], "routable": [True, True]}
    assert client.post("/usual").json() == {"streams": False}, "the option of a route wins"


@pytest.mark.row("A200")
def test_above_the_route_such_a_decorator_would_do_nothing_and_says_so(app: Atilite) -> None:
    handler = app.route("/x")(lambda was: "x")
    with pytest.raises(SetupError, match=r"@app\.input_stream must stand below @app.route"):
        app.input_stream(handler)


@pytest.mark.parametrize(
    ("rule", "options", "told"),
    [
        ("/<id:nokind>", {}, "'nokind' in <id:nokind> is no kind"),
        ("/<nokind:id>", {}, "is no kind of a path part; write <int:name>"),
        ("/x", {"role": "god"}, "role is 'god'; it may be 'view', 'run', 'admin'"),
        ("/x", {"start": "always"}, "start is 'always'; it may be 'worker', 'hub'"),
        ("/x", {"coroutine": "greenlet"}, "coroutine is 'greenlet'; it may be False, True, 'thread'"),
    ],
)
def test_what_a_route_cannot_be_is_told_where_it_is_declared(app: Atilite, rule: str, options: Any, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        app.route(rule, **options)(lambda **DATA: "")


def test_a_kind_of_path_part_of_the_apps_own_is_a_filter_of_bottle(app: Atilite, client: Client) -> None:
    app.router.add_filter("hex", lambda config: ("[0-9a-f]+", lambda text: int(text, 16), lambda number: f"{number:x}"))

    @app.get("/<number:hex>")
    def shown(number: int) -> str:
        return str(number)

    assert client.get("/ff").text == "255"
