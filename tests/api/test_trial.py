"""Forms and lines for the shell that try a route."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from atilite.api import trial
from atilite.app import Atilite
from atilite.automation.parameters import Range, Upload
from atilite.description import Route, describe_app
from atilite.errors import Error
from atilite.schema import Named, schema_of


def route(rule: str, handler: Any, methods: tuple[str, ...] = ("GET",), **options: Any) -> Route:
    app = Atilite("x")
    app.prefix = "/at"
    app.route(rule, methods=methods, **options)(handler)
    return describe_app(app)[0]


def all_sorts(id, n: int, zone: Literal["a", "b"], on: bool = False, at: Any = None, tags: list[str] | None = None): ...


def test_each_parameter_has_a_control() -> None:
    found = trial.fields(route("/<id>", all_sorts), "GET", "op") or ()

    assert [(one.name, one.id, one.kind, one.required, one.hint, one.choices) for one in found] == [
        ("p.id", "op-id", "text", True, "", ()),
        ("p.n", "op-n", "number", True, "", ()),
        ("p.zone", "op-zone", "choice", True, "", ("a", "b")),
        ("p.on", "op-on", "choice", False, "false if left blank", ("true", "false")),
        ("p.at", "op-at", "text", False, "", ()),
        ("p.tags", "op-tags", "json", False, "", ()),
    ]


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [(Upload | None, "file"), (dict, "json"), (int | str, "text"), (float | None, "number"), (str, "text")],
)
def test_a_control_fits_its_schema(annotation: Any, kind: str) -> None:
    assert trial.control(schema_of(annotation, Named()))[0] == kind


def test_what_a_browser_cannot_send_has_no_form() -> None:
    def handler(a: int = 1): ...

    assert trial.fields(route("/x", handler, ("PUT",)), "PUT", "op") is None
    assert trial.fields(route("/x", handler, ("POST",), content_types=["application/json"]), "POST", "op") is None
    assert trial.fields(route("/x", handler, ("POST",)), "POST", "op") is not None


def test_an_address_has_the_values_of_the_path_and_perhaps_the_others() -> None:
    found = route("/x/<name>", lambda name, q="": "")

    assert trial.address(found, {"name": "a b", "q": "c&d"}, query=True) == "/at/x/a%20b?q=c%26d"
    assert trial.address(found, {"name": "a b", "q": "c&d"}, query=False) == "/at/x/a%20b"
    for values in ({"q": "x"}, {"name": "a/b"}):
        with pytest.raises(Error, match="400"):
            trial.address(found, values, query=True)


def test_no_address_leads_to_another_server() -> None:
    app = Atilite("x")
    app.get("/<path:rest>")(lambda rest: "")
    (found,) = describe_app(app)

    assert trial.address(found, {"rest": "a//b"}, query=True) == "/a//b"
    with pytest.raises(Error, match="400"):
        trial.address(found, {"rest": "/elsewhere.example"}, query=True)


def test_blank_fields_and_those_of_nobody_are_not_sent() -> None:
    found = route("/x", lambda a="", b="", c="": "")

    assert trial.entered(found, {"p.a": " ", "p.b": "2", "p.z": "3", "c": "4", "p.c": ["x", "5"]}) == {
        "b": "2", "c": "5",
    }  # fmt: skip


def body(text: str, size: Annotated[int, Range(3)], more: str = ""): ...


@pytest.mark.parametrize(
    ("found", "method", "line"),
    [
        (route("/x", lambda a, b="": ""), "GET", "curl 'http://h/at/x?a=TEXT'"),
        (route("/x", body, ("PUT",)), "PUT",
         """curl -X PUT -H 'Content-Type: application/json' -d '{"text": "TEXT", "size": 3}' http://h/at/x"""),
        (route("/x/<id>", lambda id: "", ("DELETE",), role="run"), "DELETE",
         """curl -X DELETE -H "Authorization: Bearer $TOKEN" 'http://h/at/x/{id}'"""),
        (route("/x", lambda: "", ("PUT",), content_types=["image/png"], bind=False), "PUT",
         "curl -X PUT -H 'Content-Type: image/png' --data-binary @FILE http://h/at/x"),
    ],
)  # fmt: skip
def test_the_line_for_curl(found: Route, method: str, line: str) -> None:
    assert trial.curl(found, method, "http://h") == line
