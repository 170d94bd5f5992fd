"""What an app says about its templates, and what they get."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import jinja2
import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.errors import ResourceError, SetupError
from atilite.mounting import Preference
from atilite.server.server import Server
from atilite.site import Site
from atilite.testing.client import Client


class Page:
    """An app with one template, at `/`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.values = folder, dict[str, Any]()
        self.app = Atilite("paged")
        self.app.use_templates([folder], reload=True)
        self.client = Client(self.app)

        @self.app.route("/")
        def index(was: Any, name: str = "page.j2") -> Any:
            return was.render(name, self.made(was))

        @self.app.route("/either")
        def either(was: Any) -> Any:
            return was.render_or_API("page.j2", self.made(was), more=1)

    def made(self, was: Any) -> dict[str, Any]:
        return {name: value(was) if callable(value) else value for name, value in self.values.items()}

    def write(self, text: str, name: str = "page.j2") -> None:
        (self.folder / name).write_text(dedent(text))

    def text(self) -> str:
        found = self.client.get("/")
        assert found.status_code == 200, found.text
        return found.text


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path)


@pytest.mark.row("A173")
def test_a_template_has_the_names_of_the_manual_and_the_given_values(page: Page) -> None:
    page.write(
        "{{ context.x }} {{ x }} {{ request.uri }} {{ response.status }} {{ app.import_name }} {{ was.request.method }}"
    )
    page.values = {"x": "<b>", "was": "of no use"}

    assert page.text() == "&lt;b&gt; &lt;b&gt; / 200 OK paged GET"


@pytest.mark.row("A175")
def test_globals_and_filters_are_registered_by_decorators(page: Page) -> None:
    @page.app.template_global("form_token")
    def generate_form_token() -> str:
        return "token"

    @page.app.template_global()
    def where(was: Any, sign: str = "!") -> str:
        return str(was.request.uri) + sign

    @page.app.template_filter("reverse")
    def reverse_filter(s: str) -> str:
        return s[::-1]

    @page.app.template_filter()
    def linked(was: Any, text: str, to: str = "/") -> str:
        return f"{text}@{was.app.import_name}{to}"

    page.write("{{ form_token() }} {{ where() }} {{ where('?') }} {{ 'Hello' | reverse }} {{ 'x' | linked(to='/y') }}")

    assert page.text() == "token /! /? olleH x@paged/y"


def test_a_filter_is_called_for_a_constant_each_time(page: Page) -> None:
    count = iter(range(10))

    @page.app.template_filter("numbered")
    def numbered(text: str) -> str:
        return f"{text}{next(count)}"

    page.write("{{ 'n' | numbered }}")

    assert [page.text(), page.text()] == ["n0", "n1"]


@pytest.mark.row("A175")
def test_a_function_that_asks_jinja_for_something_gets_that(page: Page) -> None:
    @page.app.template_filter("extended")
    @jinja2.pass_environment
    def extended(environment: jinja2.Environment, text: str) -> str:
        return f"{text} {len(environment.extensions)}"

    page.write("{{ 'x' | extended }}")

    assert page.text() == "x 2"


@pytest.mark.row("A175")
def test_extensions_are_added_by_name(page: Page) -> None:
    page.app.add_jinja_ext("jinja2.ext.i18n")
    page.app.jinja_env.install_null_translations()
    page.write("{% trans %}hello{% endtrans %}")

    assert page.text() == "hello"
    for name in ("jinja2.none.trans", "jinja2.ext.none"):
        with pytest.raises((ImportError, AttributeError)):
            page.app.add_jinja_ext(name)


@pytest.mark.row("A175")
def test_an_app_may_write_its_templates_with_other_delimiters(page: Page) -> None:
    page.write("{{ x }} ${ x }")
    page.values = {"x": 1}
    assert page.text() == "1 ${ x }"

    page.app.jinja_overlay("${", "}", line_statement_prefix=None)
    assert page.text() == "{{ x }} 1"

    page.app.skito_jinja()
    page.write("% <% if x %>${ x }<% endif %><!--- no --->")
    assert page.text() == "% 1"
    with pytest.raises(SetupError, match="variable_start_string"):
        page.app.jinja_overlay(start="(")


@pytest.mark.row("A175")
def test_what_was_compiled_with_other_delimiters_is_not_taken_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.j2").write_text("{{ x }} ${ x }")
    texts = []
    for delimiters in (("{{", "}}"), ("${", "}"), ("{{", "}}")):
        app = Atilite("kept")
        app.use_templates([tmp_path / "t"], reload=False, cache=tmp_path / "cache")
        app.jinja_overlay(*delimiters)
        texts.append(app.templates.render("a.j2", {"x": 1}))

    assert texts == ["1 ${ x }", "{{ x }} 1", "1 ${ x }"]


@pytest.mark.row("A175")
def test_what_an_app_said_before_it_was_mounted_holds(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.j2").write_text("{{ answer() }} {{ 'ab' | turned }} {{ late }}")
    app = Atilite("early")
    app.template_global("answer")(lambda: 42)
    app.template_filter("turned")(lambda text: text[::-1])
    app.jinja_env.globals["late"] = "too"

    @app.route("/")
    def index(was: Any) -> Any:
        return was.render("a.j2")

    site = Site(tmp_path)
    site.mount("/", app)

    assert Client(site.open(Settings(no_console=True, db=f"sqlite:///{tmp_path}/data.db"))).get("/").text == "42 ba too"


# -- tasks ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("A176")
def test_a_template_gets_results_in_place_of_tasks(page: Page) -> None:
    page.values = {
        "rows": lambda was: was.Thread(lambda: [1, 2]),
        "named": lambda was: was.Tasks(a=was.Mask("x"), b=was.Mask(["y"])),
        "plain": 5,
    }
    page.write(
        "{% for row in rows %}{{ row }},{% endfor %} {{ context.rows | sum }} {{named.a}} {{ named.b[0] }} {{plain}}"
    )

    assert page.text() == "1,2, 3 x y 5"


@pytest.mark.row("A176")
def test_the_template_of_the_manual_fetches_them_itself(page: Page) -> None:
    page.values = {
        "task1": lambda was: was.Thread(lambda: [{"n": 1}, {"n": 2}]),
        "task2": lambda was: was.Mask([{"name": "Ana"}]),
        "task3": lambda was: was.Mask(None),
    }
    page.write(
        """\
        {% set rows = context.task1.fetch () %}
        {% for row in rows %}
        {{ row.n }}
        {% endfor %}
        {% set profile = context.task2.one () %}
        {{ profile.name }} {{ context.task3.fetch () }} {{ task1.fetch(timeout=3) | length }}
        """
    )

    assert page.text().split() == ["1", "2", "Ana", "None", "2"]


@pytest.mark.row("A176")
def test_one_of_several_is_an_error_as_outside_of_templates(page: Page) -> None:
    for data, status in (([1, 2], 409), ([], 410)):
        page.values = {"task": lambda was, data=data: was.Mask(data)}
        page.write("{{ context.task.one() }}")

        assert page.client.get("/").status_code == status


@pytest.mark.row("A176")
def test_a_failed_task_fails_the_page_as_it_would_the_handler(page: Page) -> None:
    def unreachable() -> None:
        raise ResourceError("@rates", "refused")

    page.values = {"task": lambda was: was.Thread(unreachable)}
    page.write("never seen")

    assert page.client.get("/").status_code == 502


@pytest.mark.row("A176")
def test_a_coroutine_may_give_tasks_or_their_results(page: Page) -> None:
    page.write("{{ x }} {{ y.fetch() }}")

    @page.app.route("/later")
    def later(was: Any) -> Any:
        y = yield was.Thread(lambda: 6)
        return was.render("page.j2", x=was.Thread(lambda: 5), y=y)

    @page.app.route("/async")
    async def awaited(was: Any) -> Any:
        return was.render("page.j2", x=await was.Thread(lambda: 5), y=6)

    server = Server(page.app, loop=page.app.runtime.loop, listeners=["127.0.0.1:0"])
    server.bind()
    server.start()
    try:
        for path in ("/later", "/async"):
            connection = http.client.HTTPConnection(
                "127.0.0.1", int(server.addresses[0].rpartition(":")[2]), timeout=20
            )
            connection.request("GET", path)
            assert connection.getresponse().read() == b"5 6"
            connection.close()
    finally:
        server.stop(0).wait(20)


def test_a_value_that_has_no_fetch_prints_nothing_for_it(page: Page) -> None:
    page.values = {"x": {"fetch": "own", "other": 1}, "y": {"items": "key"}}
    page.write("[{{ x.fetch }}][{{ y.fetch }}][{{ y.one }}][{{ 'yes' if y.one }}][{{ y.items is callable }}]")
    assert page.text() == "[own][][][][True]"


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.row("A158")
def test_a_page_is_data_for_a_program_that_asks_for_json(page: Page) -> None:
    page.write("<b>{{ x }}</b>{{ context.more }}")
    page.values = {"x": lambda was: was.Mask([1])}

    for accept in ("", "*/*", "text/html"):
        found = page.client.get("/either", headers={"Accept": accept} if accept else {})
        assert (found.text, found.header("Vary")) == ("<b>[1]</b>1", "Accept")
        assert found.header("Content-Type") == "text/html; charset=utf-8"
    data = page.client.get("/either", headers={"Accept": "application/json"})
    assert (data.json(), data.header("Vary")) == ({"x": [1], "more": 1}, "Accept")


@pytest.mark.row("A19")
@pytest.mark.parametrize(
    ("way", "text"), [(None, "<p>\n\n  a  b\n</p>"), ("strip", "<p>\na  b\n</p>"), ("minify", "<p> a b </p>")]
)
def test_pages_are_made_smaller_when_the_app_says_so(page: Page, way: str | None, text: str) -> None:
    page.app.config.MINIFY_HTML = way
    page.write("<p>\n\n  a  b\n</p>")
    page.write("<p>\n\n  a  b\n</p>", "letter.txt")

    assert page.text() == text
    assert page.client.get("/?name=letter.txt").text == "<p>\n\n  a  b\n</p>"


@pytest.mark.row("A19")
@pytest.mark.parametrize(
    ("encoder", "value"),
    [
        (None, "2024-05-01 12:00:00+00"),
        ("str", "2024-05-01 12:00:00+00:00"),
        ("iso", "2024-05-01T12:00:00+00:00"),
        ("unixepoch", 1714564800.0),
        ("digit", "20240501120000"),
    ],
)
def test_the_app_says_how_moments_are_written(encoder: str | None, value: object) -> None:
    app = Atilite("dated")
    if encoder:
        app.config.JSON_ENCODER = encoder
    moment = datetime(2024, 5, 1, 12, tzinfo=UTC)

    @app.route("/api")
    def api(was: Any) -> Any:
        return was.API(at=moment)

    @app.route("/plain")
    def plain(was: Any) -> Any:
        return {"at": moment}

    for path in ("/api", "/plain"):
        assert Client(app).get(path).json() == {"at": value}


@pytest.mark.row("A19")
def test_json_is_indented_when_the_app_says_so() -> None:
    app = Atilite("pretty")
    app.config.PRETTY_JSON = True

    @app.route("/")
    def index(was: Any) -> Any:
        return was.API(a=[1])

    assert Client(app).get("/").text == json.dumps({"a": [1]}, indent=2)


@pytest.mark.row("A19")
def test_an_unknown_encoder_is_told_before_the_first_request() -> None:
    app = Atilite("wrong")
    app.config.JSON_ENCODER = "roman"

    with pytest.raises(SetupError, match="utcoffset, str, iso, unixepoch, digit"):
        app.freeze()


@pytest.mark.row("A19")
def test_more_folders_of_templates_are_searched_after_the_apps_own(tmp_path: Path) -> None:
    for folder, text in (("templates", "own"), ("more", "more"), ("most", "most")):
        (tmp_path / folder).mkdir()
        for name in {"templates": "a", "more": "ab", "most": "abc"}[folder]:
            (tmp_path / folder / f"{name}.j2").write_text(text)
    app = Atilite("searching")

    @app.route("/<name>")
    def index(was: Any, name: str) -> Any:
        return was.render(f"{name}.j2")

    site, pref = Site(tmp_path), Preference()
    pref.config.TEMPLATE_DIRS = ["more", str(tmp_path / "most")]
    site.mount("/", app, pref)
    client = Client(site.open(Settings(no_console=True, db=f"sqlite:///{tmp_path}/data.db")))

    assert [client.get(f"/{name}").text for name in "abc"] == ["own", "more", "most"]
