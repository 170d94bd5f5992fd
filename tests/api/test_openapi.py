from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote, unquote

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from atilite import Atilite, Upload
from atilite.api import openapi
from atilite.api.actions import invocations
from atilite.api.routes import INTERNAL, ROOT
from tests.api.conftest import World

BINP = {
    ("GET", "/actions/"): "listActions",
    ("POST", "/action/{name}"): "invokeAction",
    ("GET", "/journals/"): "listJournals",
    ("POST", "/journals/search"): "searchJournals",
    ("GET", "/journal/{id}"): "getJournal",
    ("GET", "/services/"): "listServices",
    ("PUT", "/service/{name}"): "manageService",
}


@pytest.mark.row("B37")
def test_the_document_is_valid_openapi_3_1() -> None:
    document = openapi.document((*INTERNAL, *ROOT), "board", "1.0", "/internal")
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/internal"}]


@pytest.mark.row("B37")
def test_paths_and_operation_ids_of_binp_are_kept() -> None:
    paths = openapi.document(INTERNAL, "board", "1.0")["paths"]
    assert {key: paths[key[1]][key[0].lower()]["operationId"] for key in BINP} == BINP


def test_each_listed_action_is_an_operation_whose_body_is_its_signature(world: World) -> None:
    viewer = world.client("view")
    document = viewer.get("/internal/openapi.json").json()
    listed = {one["name"]: one["parameters"] for one in viewer.get("/internal/actions/").json()}
    told = {
        unquote(path.removeprefix("/action/")): methods["post"]["requestBody"]["content"]
        for path, methods in document["paths"].items()
        if path.startswith("/action/") and "{" not in path
    }

    OpenAPIV31SpecValidator(document).validate()
    assert {name: content["application/json"]["schema"] for name, content in told.items()} == listed
    path = f"/action/{quote('Open/the valve ä', safe='')}"
    assert document["paths"][path]["post"]["security"]
    page = viewer.get("/internal/docs").text
    assert f"/internal{path}" in page
    assert "<code>zone</code></dt><dd>body</dd>" in page
    assert world.client("run").post(f"/internal{path}", {"zone": "north"}).json()["result"] == ["north", 30, "none"]


def test_files_are_told_as_a_form_and_names_that_look_alike_stay_apart() -> None:
    app = Atilite("files")

    @app.action(name="Develop 1")
    def develop(title: str, photo: Upload | None = None) -> None:
        """Make a picture.

        It takes a while."""

    app.action(name="Develop-1")(lambda photo: None)
    app.action(name="Keep", hidden=True)(lambda: None)

    @app.action(name="Scan", role="admin")
    def scan(page: Upload) -> None: ...

    operations = {
        methods["post"]["operationId"]: methods["post"]
        for methods in openapi.document(invocations(app.action.actions), "board", "1.0")["paths"].values()
    }
    assert list(operations) == ["invoke_Develop_1", "invoke_Develop_1_", "invoke_Scan"]
    content = operations["invoke_Develop_1"]["requestBody"]["content"]
    assert list(content["application/json"]["schema"]["properties"]) == ["title"]
    assert list(content["multipart/form-data"]["schema"]["properties"]) == ["title", "photo"]
    assert operations["invoke_Develop_1"]["summary"] == "Make a picture."
    assert list(operations["invoke_Scan"]["requestBody"]["content"]) == ["multipart/form-data"]
    assert operations["invoke_Scan"]["description"] == "Role admin."


def test_operation_ids_are_unique_and_every_path_parameter_is_described() -> None:
    endpoints = (*INTERNAL, *ROOT)
    assert len({endpoint.operation for endpoint in endpoints}) == len(endpoints)
    for methods in openapi.document(endpoints, "board", "1.0")["paths"].values():
        for operation in methods.values():
            names = [(parameter["in"], parameter["name"]) for parameter in operation["parameters"]]
            assert len(names) == len(set(names))


def test_open_operations_are_the_ones_that_ask_for_no_role() -> None:
    assert {endpoint.path for endpoint in (*INTERNAL, *ROOT) if endpoint.role is None} == {
        "/healthz",
        "/readyz",
        "/hook/{name}",  # it asks for a signature
    }


def test_every_operation_that_changes_something_needs_more_than_view() -> None:
    # A search only reads; an action says itself which role it takes, see test_actions; a hook is signed.
    others = {"searchJournals", "invokeAction", "runAgain", "receiveHook"}
    changing = [one for one in INTERNAL if one.method != "GET" and one.operation not in others]
    assert changing
    assert {one.role for one in changing} <= {"run", "admin"}


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert "style" not in dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.row("B36")
def test_the_page_lists_every_operation_without_scripts_and_escapes_the_title() -> None:
    outline = Outline()
    outline.feed(openapi.page(INTERNAL, "<b>&board", "/internal"))
    assert "script" not in outline.tags
    assert outline.tags.count("h1") == 1
    assert "<b>&board" in outline.text
    for endpoint in INTERNAL:
        assert f"/internal{endpoint.path}" in outline.text
