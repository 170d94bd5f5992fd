"""Apps made of others: who serves what, whatever was said first."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atilite import Atilite
from atilite.config import Settings
from atilite.errors import SetupError
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package

BASE = {
    "base/__init__.py": """
        from atilite import Atilite

        told = []

        def __config__ (pref):
            told.append ('config')
            pref.config.COLOUR = 'grey'
            pref.config.SIZE = 'large'
            pref.securekey = 'key of base'
            pref.realm = 'realm of base'

        def __app__ ():
            raise AssertionError ('only the mounted module makes the app')

        def __setup__ (app, mntopt):
            from . import services
            app.mount ('/', services)

        def __umount__ (app):
            told.append ('umount')
        """,
    "base/services.py": """
        def __mount__ (app, mntopt):
            @app.route ('/')
            def index (was):
                return was.render ('index.j2')

            @app.route ('/about')
            def about (was):
                return f"about of base, {was.urlfor ('index')} {was.urlfor ('services.contact', 'a')}"

            @app.route ('/people/<int:id>')
            def person (was, id = 0):
                return f'base person {id}'

            @app.route ('/contact/<who>')
            def contact (was, who):
                return was.pipe ('services.index')

            @app.route ('/things', methods = ['GET', 'PUT'])
            def things (was):
                return f'base things {was.request.method}'

            @app.route ('/<path:rest>')
            def rest (was, rest):
                return f'base rest {rest}'
        """,
    "base/templates/index.j2": "base index: {% include 'part.j2' %}",
    "base/templates/part.j2": "base part",
    "base/static/logo.txt": "base logo",
    "base/static/base.txt": "base only",
}
MINE = {
    "mine/__init__.py": """
        from atilite import Atilite

        def __config__ (pref):
            pref.config.COLOUR = 'green'
            pref.realm = 'realm of mine'

        def __app__ ():
            return Atilite (__name__)

        def __setup__ (app):
            from . import services
            app.mount ('/', services)
        """,
    "mine/services.py": """
        def __mount__ (app):
            @app.route ('/about')
            def about (was):
                return 'about of mine'

            @app.route ('/things')
            def things (was):
                return f'my things {was.request.method}'

            @app.route ('/people/<int:number>', methods = ['GET'])
            def person (was, number):
                return f'my person {number}'

            @app.route ('/mine')
            def mine (was):
                return was.urlfor ('services.person', 3)
        """,
    "mine/templates/part.j2": "my part",
    "mine/static/logo.txt": "my logo",
}


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    with package(tmp_path, "base", BASE) as base, package(tmp_path, "mine", MINE) as mine:
        yield base, mine


@contextmanager
def mounted(
    folder: Path, target: Any, pref: Preference | None = None, **settings: Any
) -> Iterator[tuple[Site, Client]]:
    site = Site(folder)
    site.mount("/", target, pref)
    site.open(Settings(db=f"sqlite:///{folder}/data.db", **settings))
    yield site, Client(site)
    site.stop(1.0)
    site.close()


@pytest.mark.row("A31", "D3")
@pytest.mark.parametrize("order", ["extends first", "set_static first", "no set_static"])
def test_an_app_uses_what_it_extends_where_it_has_none_of_its_own(
    modules: tuple[Any, Any], tmp_path: Path, order: str
) -> None:
    base, mine = modules
    pref = Preference()
    if order == "set_static first":
        pref.set_static("/static", "mine/static")
    pref.extends(base)
    if order == "extends first":
        pref.set_static("/static", "mine/static")

    with mounted(tmp_path, mine, pref) as (site, client):
        assert client.get("/about").text == "about of mine"
        assert client.get("/").text == "base index: my part"
        assert client.get("/people/7").text == "my person 7"
        assert client.post("/people/7").text == "base person 7", "the app itself answers GET there, no more"
        assert [client.request(method, "/things").text for method in ("GET", "PUT")] == [
            "my things GET",
            "base things PUT",
        ]
        assert client.get("/mine").text == "/people/3", "a name is that of the app's own route"
        assert client.get("/contact/hans").text == "base index: my part"
        assert client.get("/any/thing").text == "base rest any/thing"
        where = "" if order == "no set_static" else "/static"
        assert client.get(f"{where}/base.txt").text == "base only"
        if where:
            assert client.get("/static/logo.txt").text == "my logo"
        app = site.apps["mine"]
        assert (app.config.COLOUR, app.config.SIZE) == ("green", "large")
        assert (app.realm, app.securekey) == ("realm of mine", "key of base")
    assert base.told == ["config", "umount"]


@pytest.mark.row("A32")
def test_what_overrides_an_app_wins_over_its_routes_templates_files_and_configuration(
    modules: tuple[Any, Any], tmp_path: Path
) -> None:
    base, mine = modules
    # Here the roles are changed: `mine` is what is served, `base` goes in front of it.
    pref = Preference()
    pref.overrides(base)
    pref.set_static("/static", "mine/static")

    with mounted(tmp_path, mine, pref) as (site, client):
        assert client.get("/about").text == "about of base, / /contact/a"
        assert client.get("/things").text == "base things GET"
        assert client.post("/things").text == "my things POST"
        assert client.get("/people/7").text == "base person 7"
        assert client.get("/people").text == "base person 0"
        assert client.get("/mine").text == "/people/3", "a route of a fixed path goes before one that takes all"
        assert client.get("/").text == "base index: base part"
        assert client.get("/static/logo.txt").text == "base logo"
        app = site.apps["mine"]
        assert (app.config.COLOUR, app.realm) == ("grey", "realm of base")


@pytest.mark.row("A33")
def test_a_function_may_stand_for_a_module_and_the_app_may_name_its_parts_itself(tmp_path: Path) -> None:
    files = {
        "named/__init__.py": """
            from atilite import Atilite

            def base (app, mntopt):
                @app.route ('/base')
                def of_base (was):
                    return 'base'

                @app.route ('/both')
                def both (was):
                    return 'base'

            def over (app):
                @app.route ('/both')
                def both (was):
                    return 'over'

            def __app__ ():
                app = Atilite (__name__)
                app.extends (base)
                return app

            def __setup__ (app):
                app.overrides (over)

            def __mount__ (app):
                @app.route ('/own')
                def own (was):
                    return was.urlfor ('both')

                @app.route ('/both')
                def both (was):
                    return 'own'
            """,
    }
    with package(tmp_path, "named", files) as named, mounted(tmp_path, named) as (_, client):
        assert [client.get(path).text for path in ("/base", "/both", "/own")] == ["base", "over", "/both"]


@pytest.mark.row("A33")
def test_of_several_parts_the_nearest_base_and_the_last_override_win(tmp_path: Path) -> None:
    def part(text: str) -> Any:
        def declare(app: Any) -> None:
            app.route("/x")(lambda: text)
            app.route(f"/{text}/<name>")(lambda name: f"{text} {name}")

        return declare

    app = Atilite("several")
    app.route("/own")(lambda: "own")
    pref = Preference()
    pref.extends(part("near"), part("far"))
    with mounted(tmp_path, app, pref) as (_, client):
        assert [client.get(path).text for path in ("/x", "/own", "/far/a")] == ["near", "own", "far a"]

    app = Atilite("several")
    app.route("/x")(lambda: "own")
    app.overrides(part("first"))
    app.overrides(part("second"))
    with mounted(tmp_path, app) as (_, client):
        assert [client.get(path).text for path in ("/x", "/first/a")] == ["second", "first a"]


@pytest.mark.row("A33")
def test_a_base_may_extend_another_one_and_the_operator_wins_over_all(tmp_path: Path) -> None:
    files = {
        "tip/__init__.py": """
            import tip.middle, tip.over

            def __config__ (pref):
                pref.extends (tip.middle)
                pref.overrides (tip.over)

            def __mount__ (app):
                app.route ('/tip') (lambda: 'tip')
                app.route ('/home', name = 'home') (lambda: 'tip')
                app.route ('/link') (lambda was: was.urlfor ('home'))
            """,
        "tip/middle.py": """
            import tip.root

            def __config__ (pref):
                pref.extends (tip.root)

            def __mount__ (app):
                app.route ('/x') (lambda: 'middle')
                app.route ('/middle/home', name = 'home') (lambda: 'middle')
            """,
        "tip/over.py": "def __config__ (pref):\n    pref.config.RATE = 'of over'\n    pref.config.PRICE = 'of over'",
        "tip/root.py": """
            def __config__ (pref):
                pref.config.LIMIT = 'of root'

            def __mount__ (app):
                app.route ('/x') (lambda: 'root')
                app.route ('/root') (lambda: 'root')
            """,
    }
    with (
        package(tmp_path, "tip", files) as tip,
        mounted(tmp_path, tip, config={"RATE": "of the operator"}) as (site, client),
    ):
        assert [client.get(path).text for path in ("/tip", "/x", "/root")] == ["tip", "middle", "root"]
        assert client.get("/link").text == "/home"
        config = site.apps["tip"].config
        assert (config.RATE, config.PRICE, config.LIMIT) == ("of the operator", "of over", "of root")


@pytest.mark.row("A33")
def test_what_answers_any_method_leaves_nothing_of_its_address_to_a_base(tmp_path: Path) -> None:
    def base(app: Any) -> None:
        app.route("/x", methods=["GET", "PUT"])(lambda: "base")

    app = Atilite("any")
    app.route("/x", methods=["ANY"])(lambda: "own")
    app.extends(base)
    with mounted(tmp_path, app) as (_, client):
        assert [client.request(method, "/x").text for method in ("GET", "PUT", "POST")] == ["own"] * 3


@pytest.mark.row("A12", "A28", "A33")
def test_an_app_without_a_site_is_put_together_when_it_begins_to_serve(tmp_path: Path) -> None:
    files = {
        "alone/__init__.py": "",
        "alone/part.py": "def __mount__ (app):\n    app.route ('') (lambda: 'part')",
    }
    told: list[str] = []
    with package(tmp_path, "alone", files):
        app = Atilite("alone")
        app.mount("/part", importlib.import_module("alone.part"))
        app.extends(lambda app: app.route("/base")(lambda: "base"))
        for name in ("before_mount", "mounted", "umounted"):
            app.on(name)(lambda was, name=name: told.append(name))
        client = Client(app)
        assert [client.get(path).text for path in ("/part", "/base")] == ["part", "base"]
        app.stop(1.0)
    assert told == ["before_mount", "mounted", "umounted"]


def test_what_the_server_is_told_of_a_request_is_what_the_winning_route_wants(tmp_path: Path) -> None:
    def base(app: Any) -> None:
        app.route("/up", methods=["POST"], max_body=5)(lambda: "base")
        app.route("/down", methods=["POST"], max_body=7)(lambda: "base")

    app = Atilite("policies")
    app.route("/up", methods=["POST"])(lambda: "own")
    app.extends(base)
    with mounted(tmp_path, app) as (site, client):
        assert client.post("/up").text == "own"
        assert site.policy("POST", "/up") is None
        policy = site.policy("POST", "/down")
        assert policy is not None
        assert policy.max_body == 7


def test_hooks_of_a_part_hold_for_the_whole_app_and_its_own_page_for_an_error_wins(tmp_path: Path) -> None:
    def base(app: Any) -> None:
        app.before_request(lambda was: was.response.set_header("X-Base", "1"))
        app.error_handler(404)(lambda was, error: "page of base")
        app.error_handler(403)(lambda was, error: "refused by base")

    files = {
        "paged/__init__.py": """
            def __mount__ (app):
                @app.route ('/')
                def index (was):
                    return 'index'

                @app.route ('/no')
                def no (was):
                    raise was.Error (403)

                @app.error_handler (404)
                def missing (was, error):
                    return 'my page'
            """,
    }
    pref = Preference()
    pref.extends(base)
    html = {"Accept": "text/html"}
    with package(tmp_path, "paged", files) as paged, mounted(tmp_path, paged, pref) as (_, client):
        assert client.get("/").header("X-Base") == "1"
        assert client.get("/none", headers=html).text == "my page"
        assert client.get("/no", headers=html).text == "refused by base"


PAGE = "def {} (app):\n    app.error_handler (404) (lambda was, error: '{}')\n"
NAMING = "def __setup__ (app):\n    import under\n    app.extends (under)\n"


@pytest.mark.parametrize(
    ("hook", "naming"), [("__setup__", ""), ("__mount__", ""), ("__mount__", NAMING)], ids=["set-up", "mount", "late"]
)
def test_of_what_there_can_be_one_only_the_app_keeps_its_own(tmp_path: Path, hook: str, naming: str) -> None:
    files = {"under/__init__.py": PAGE.format(hook, "under"), "upper/__init__.py": PAGE.format(hook, "own") + naming}
    with package(tmp_path, "under", files) as under, package(tmp_path, "upper", {}) as upper:
        pref = Preference()
        if not naming:
            pref.extends(under)
        with mounted(tmp_path, upper, pref) as (_, client):
            assert client.get("/none", headers={"Accept": "text/html"}).text == "own"


@pytest.mark.row("A33")
def test_of_several_bases_the_nearest_configures_and_of_several_overrides_the_last(tmp_path: Path) -> None:
    config = "def __config__ (pref):\n    pref.config.COLOUR = '{0}'\n    pref.config.{0} = 1\n"
    names = ("near", "far", "first", "last")
    files = {f"parts_of/{name}.py": config.format(name) for name in names}
    with package(tmp_path, "parts_of", {"parts_of/__init__.py": "", **files}):
        parts = {name: importlib.import_module(f"parts_of.{name}") for name in names}
        for naming, winner in ((("near", "far"), "near"), (("first", "last"), "last")):
            app = Atilite("configured")
            name_parts = app.extends if naming[0] == "near" else app.overrides
            name_parts(*(parts[name] for name in naming))
            with mounted(tmp_path, app):
                assert app.config["COLOUR"] == winner
                assert all(name in app.config for name in naming)


def test_static_files_of_a_base_are_left_to_the_proxy_as_well(modules: tuple[Any, Any], tmp_path: Path) -> None:
    base, _ = modules
    pref = Preference()
    pref.extends(base)
    with mounted(tmp_path, Atilite("bare"), pref, disable_static=True) as (_, client):
        assert client.get("/base.txt").text == "base rest base.txt"


@pytest.mark.parametrize(("wrong", "said"), [(5, "neither a module nor a function"), (pytest, "has nothing to extend")])
def test_what_cannot_be_extended_is_told(wrong: Any, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        Atilite("wrong").extends(wrong)


def test_extending_within_a_mount_hook_is_too_late_and_says_so(tmp_path: Path) -> None:
    files = {"late/__init__.py": "def __mount__ (app):\n    app.extends (lambda app: None)"}
    site = Site(tmp_path)
    with package(tmp_path, "late", files) as late:
        site.mount("/", late)
        with pytest.raises(SetupError, match="belong before __mount__"):
            site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))


PATHS = ("/a", "/b", "/c/<x>", "/c/<int:y>")
METHODS = ("GET", "POST", "PUT")
ROUTES = st.sets(st.tuples(st.sampled_from(PATHS), st.sampled_from(METHODS)), max_size=8)


@pytest.mark.row("A31", "A32", "A33")
@settings(max_examples=60, deadline=None)
@given(st.lists(ROUTES, min_size=3, max_size=5))
def test_whatever_is_put_together_the_one_before_all_others_answers(parts: list[set[tuple[str, str]]]) -> None:
    """Of the parts the first overrides the second, that the third, ...; the second is the app itself."""

    def declaring(number: int) -> Any:
        def declare(app: Any) -> None:
            for path, method in sorted(parts[number]):
                app.route(path, methods=[method], name=f"{number} {path} {method}")(
                    lambda path=path, **values: f"{number} {path}"
                )

        return declare

    app = Atilite("many")
    for number in range(2, len(parts)):
        app.extends(declaring(number))
    app.overrides(declaring(0))
    declaring(1)(app)
    client = Client(app)

    for path, method in itertools.product(PATHS, METHODS):
        having = [number for number, routes in enumerate(parts) if (path, method) in routes]
        answer = client.request(method, {"/c/<x>": "/c/word", "/c/<int:y>": "/c/5"}.get(path, path))
        if path == "/c/<int:y>":  # both rules fit it: who goes before answers, with either
            both = [number for number, routes in enumerate(parts) if {(one, method) for one in PATHS[2:]} & routes]
            assert answer.text.partition(" ")[0] == str(both[0]) if both else answer.status_code in (404, 405)
        elif having:
            assert answer.text == f"{having[0]} {path}"
        else:
            assert answer.status_code in (404, 405)
