"""Routes as plain data: what they take, who may call them, where they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest

from atilite.app import Atilite
from atilite.automation.parameters import Pattern, Range
from atilite.config import Settings
from atilite.description import Route, describe_app, describe_site
from atilite.site import Site
from atilite.web.wanted import Parameter


@dataclass
class Note:
    text: str
    stars: int = 3


def only(app: Atilite) -> Route:
    (route,) = describe_app(app)
    return route


def taken(app: Atilite) -> dict[str, Parameter]:
    return {one.name: one for one in only(app).parameters}


def test_a_route_is_told_with_path_methods_name_doc_string_and_source() -> None:
    app = Atilite("notes")

    @app.route("/notes/<int:id>", methods=["GET", "DELETE"], content_types=["application/json"])
    def one(was: Any, id: int) -> dict[str, Any]:
        """Read or remove a note.

        It is gone then.
        """
        return {}

    route = only(app)
    assert (route.path, route.template, route.methods) == ("/notes/<int:id>", "/notes/{id}", ("GET", "DELETE"))
    assert (route.name, route.mount, route.summary) == ("one", "notes", "Read or remove a note.")
    assert route.doc == "Read or remove a note.\n\nIt is gone then."
    assert route.source == f"{__name__}:{one.__code__.co_firstlineno}"
    assert route.content_types == ("application/json",)
    assert [(answer.status, answer.schema, answer.media) for answer in route.answers] == [
        (200, {"type": "object"}, "application/json")
    ]


def test_parameters_come_from_the_signature_with_required_and_default() -> None:
    app = Atilite()

    @app.route("/x")
    def x(was: Any, a: str, b: int = 2, c=7, d: float | None = None, **more: Any) -> str:
        return ""

    found = taken(app)
    assert {name: (one.required, one.default, one.schema) for name, one in found.items()} == {
        "a": (True, None, {"type": "string"}),
        "b": (False, 2, {"type": "integer"}),
        "c": (False, 7, {}),
        "d": (False, None, {"anyOf": [{"type": "number"}, {"type": "null"}]}),
    }
    assert only(app).more


def test_annotations_tell_choices_bounds_patterns_and_classes() -> None:
    app = Atilite()

    @app.route("/x")
    def x(
        zone: Literal["north", "south"],
        seconds: Annotated[int, Range(1, 600), "how long"],
        code: Annotated[str, Pattern("[a-z]+", "small letters")],
        note: Note,
    ) -> str:
        return ""

    found = taken(app)
    assert found["zone"].schema == {"enum": ["north", "south"]}
    assert found["zone"].kind == "one of north, south"
    assert found["seconds"].schema == {"type": "integer", "minimum": 1, "maximum": 600, "description": "how long"}
    assert found["seconds"].rules == ("must be at least 1", "must be at most 600", "how long")
    assert found["code"].schema["pattern"] == "^(?:[a-z]+)$"
    assert found["note"].schema == {"$ref": "#/components/schemas/Note"}
    assert found["note"].kind == "Note"
    assert only(app).named["Note"]["required"] == ["text"]


def test_a_part_of_the_path_says_what_its_rule_takes() -> None:
    app = Atilite()

    @app.get("/<int:id>/<n:int>/<name>/<code:re:[A-Z]{2}>/<path:rest>")
    def x(was: Any, id, n, name, code, rest) -> str:
        return ""

    found = taken(app)
    assert {one.place for one in found.values()} == {"path"}
    assert all(one.required for one in found.values())
    words = {"enum": ["me", "notme", "new"]}
    assert found["id"].schema == {"anyOf": [{"type": "integer", "minimum": 0}, words]}
    assert found["n"].schema == {"type": "integer"}
    assert found["name"].schema == {"type": "string", "pattern": "^[^/]+$"}
    assert found["code"].schema["pattern"] == "^(?:[A-Z]{2})$"
    assert found["rest"].schema == {"type": "string", "minLength": 1}


def test_a_last_part_that_may_be_left_out_makes_a_second_path_without_it() -> None:
    app = Atilite()

    @app.get("/pages/<name>")
    def page(was: Any, name: str = "home", size: int = 1) -> str:
        return name

    whole, short = describe_app(app)
    assert (whole.template, [one.name for one in whole.parameters]) == ("/pages/{name}", ["name", "size"])
    assert (short.template, [one.name for one in short.parameters]) == ("/pages", ["size"])


def test_inspections_narrow_the_schema_and_are_told_in_words() -> None:
    app = Atilite()

    @app.route("/x")
    @app.inspect(
        emails=["mail"], ints=["age"], age__between=(1, 150), name__len__lte=64, kind__in=["a", "b"], note___stars__gt=2
    )
    @app.inspect("FORM", oneof=["mail", "phone"])
    @app.inspect("PUT", required=["name"])
    @app.inspect("JSON", required="note.text")
    def x(was: Any, mail=None, age=None, name="", kind="a", note=None, phone="") -> str:
        return ""

    found, route = taken(app), only(app)
    assert found["mail"].schema == {"type": "string", "format": "email"}
    assert found["mail"].rules == ("must be an e-mail address",)
    assert found["age"].schema == {"type": "integer", "minimum": 1, "maximum": 150}
    assert found["age"].rules == ("must be between 1 and 150",)
    assert found["name"].schema == {"maxLength": 64, "maxItems": 64}
    assert found["name"].rules == ("its length must be at most 64", "for PUT: is required")
    assert not found["name"].required
    assert found["kind"].schema == {"enum": ["a", "b"]}
    assert found["note"].rules == ("member stars: must be more than 2", "member text: is required")
    assert route.rules == ("exactly one of mail, phone",)


def test_what_only_an_inspection_names_is_a_parameter_too() -> None:
    app = Atilite()

    @app.route("/x")
    @app.inspect("URL", required=["q"], ints=["page"])
    def x(was: Any, **more: Any) -> str:
        return ""

    assert {one.name: (one.place, one.required) for one in only(app).parameters} == {
        "q": ("any", True), "page": ("query", False),
    }  # fmt: skip


def test_a_route_that_reads_its_parameters_itself_tells_those_of_its_path() -> None:
    app = Atilite()

    @app.post("/x/<name>", bind=False)
    def x(was: Any) -> str:
        return ""

    assert [one.name for one in only(app).parameters] == ["name"]
    assert only(app).more


def test_access_tells_role_authentication_permissions_login_and_csrf() -> None:
    app = Atilite()
    app.users = {}

    @app.get("/open")
    def everybody(was: Any) -> str: ...

    @app.get("/role", role="view")
    def role(was: Any) -> str: ...

    @app.get("/basic")
    @app.authorization_required("basic")
    def basic(was: Any) -> str: ...

    @app.route("/may/<id>")
    @app.permission_required(["staff", "boss"], id=["clerk"], DELETE=["admin"])
    def may(was: Any, id: str) -> str: ...

    @app.get("/known")
    @app.login_required
    def known(was: Any) -> str: ...

    @app.post("/form")
    @app.csrf_verification_required
    def form(was: Any) -> str: ...

    access = {route.name: route.access for route in describe_app(app)}
    assert {name: one.words for name, one in access.items()} == {
        "everybody": "everybody",
        "role": "role view",
        "basic": "basic authentication",
        "may": "permission boss, staff; DELETE: permission admin; with id: permission clerk",
        "known": "login",
        "form": "CSRF token",
    }
    assert [name for name, one in access.items() if one.open] == ["everybody"]


def test_the_option_answers_tells_statuses_beside_what_is_returned() -> None:
    app = Atilite()

    @app.post("/x", answers={201: Note, 409: "It is there already."})
    def x(was: Any) -> Any: ...

    @app.get("/y")
    def y(was: Any) -> list[Note]: ...

    made, listed = (route.answers for route in describe_app(app))
    assert [(one.status, one.text, one.media) for one in made] == [
        (201, "Created", "application/json"), (409, "It is there already.", ""),
    ]  # fmt: skip
    assert listed[0].schema == {"type": "array", "items": {"$ref": "#/components/schemas/Note"}}


def test_an_unrouted_route_is_not_told() -> None:
    app = Atilite()
    app.get("/admin/x")(lambda was: "")
    app.unroute("/admin/*")

    assert describe_app(app) == []


def test_an_application_of_another_framework_answers_every_method() -> None:
    app = Atilite()
    app.mount("/other", lambda environ, start: [])

    assert {route.methods for route in describe_app(app)} == {("*",)}


def test_everything_is_plain_for_json() -> None:
    app = Atilite()

    @app.route("/x/<int:id>", role="run")
    @app.permission_required(["staff"])
    def x(was: Any, id, note: Note | None = None, odd=object) -> list[Note]: ...

    plain = only(app).plain
    assert json.loads(json.dumps(plain)) == plain
    assert "default" not in plain["parameters"][0]
    assert plain["parameters"][1]["default"] is None
    assert plain["access"]["words"] == "role run; permission staff"
    assert "handler" not in plain


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "files").mkdir()
    app, sub = Atilite("shop"), ModuleType("shop.orders")
    app.get("/")(lambda was: "")

    def mount(app: Atilite) -> None:
        @app.get("/list")
        def listing(was: Any) -> str: ...

    sub.__mount__ = mount  # type: ignore[attr-defined]
    app.mounting.add("/orders", sub, {})
    site = Site(tmp_path)
    site.mount("/shop", app)
    site.mount("/files", tmp_path / "files", name="files")
    return site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))


def test_a_site_tells_every_mount_with_its_prefix_and_name(site: Site) -> None:
    found = [(route.path, route.template, route.mount, route.point, route.name) for route in describe_site(site)]
    assert found == [
        ("/shop/", "/shop/", "shop", "/shop", "<lambda>"),
        ("/shop/orders/list", "/shop/orders/list", "shop", "/shop/orders", "listing"),
        ("/files/*", "/files/*", "files", "/files", None),
    ]
    own = {route.path for route in describe_site(site, own=True)}
    assert {"/console/login", "/internal/actions/", "/healthz"} <= own
