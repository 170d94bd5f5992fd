from __future__ import annotations

from html.parser import HTMLParser

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from atilite.api import openapi
from atilite.api.routes import INTERNAL, ROOT

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
