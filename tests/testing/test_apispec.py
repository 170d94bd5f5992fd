from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate

from atilite import Atilite
from atilite.api.paths import document
from atilite.description import describe_app
from atilite.testing.apispec import merged, routes_of, with_examples
from atilite.testing.examples import Body, Example, Shown, find


def shop() -> Atilite:
    app = Atilite("shop")

    @app.get("/pets/<int:id>")
    def pet(was: Any, id: int, limit: int = 3) -> dict[str, Any]:
        """One pet.

        With its toys.
        """
        return {"id": id}

    @app.post("/pets", role="run")
    def add(was: Any, name: str, tags: list[str] | None = None) -> dict[str, Any]:
        return {"name": name}

    return app


def examples() -> list[Shown]:
    routes = [route.plain for route in describe_app(shop())]
    got = Body("application/json", '{"id": 7}', {"id": 7})
    return [
        Shown(routes[0], (
            Example("GET", "/pets/7", None, "200 OK", got),
            Example("GET", "/pets/9", None, "410 Gone", Body("text/html", "<p>gone")),
        )),
        Shown(routes[1], (
            Example("POST", "/pets", Body("application/json", "", {"name": "Rex"}), "201 Created", got),
            Example("POST", "/pets", Body("application/json", "", {"name": 1}), "400 Bad Request", None),
        )),
    ]  # fmt: skip


@pytest.mark.row("A193")
def test_the_program_s_document_is_kept_and_gets_the_examples():
    original = document(describe_app(shop()), "shop", "1.0")
    made = with_examples(merged([original], "tests", "0"), examples())

    validate(made)
    pet, add = made["paths"]["/pets/{id}"]["get"], made["paths"]["/pets"]["post"]
    assert pet["responses"]["200"]["content"]["application/json"]["example"] == {"id": 7}
    assert pet["responses"]["410"] == {"description": "Gone", "content": {"text/html": {"example": "<p>gone"}}}
    assert pet["summary"] == "One pet."
    assert add["requestBody"]["content"]["application/json"]["example"] == {"name": "Rex"}
    assert made["info"]["title"] == "shop"
    assert "example" not in str(original)


@pytest.mark.row("A193")
def test_without_a_document_what_was_told_and_seen_makes_one():
    made = with_examples(merged([], "tests", "0"), examples())

    validate(made)
    pet = made["paths"]["/pets/{id}"]["get"]
    assert [one["name"] for one in pet["parameters"]] == ["id"]
    assert pet["description"].startswith("One pet.\n\nWith its toys.")
    assert list(pet["responses"]) == ["200", "410"]
    assert made["info"] == {"title": "tests", "version": "0"}


def test_documents_of_several_programs_are_one():
    other = Atilite("other")
    other.get("/pets/<int:id>")(lambda was, id: "other")
    other.get("/other")(lambda was: "other")
    first, second = (document(describe_app(app), name, "1") for app, name in ((shop(), "shop"), (other, "other")))
    made = merged([first, second], "tests", "0")

    validate(made)
    assert made["info"]["title"] == "shop"
    assert set(made["paths"]) == {"/pets/{id}", "/pets", "/other"}
    assert made["paths"]["/pets/{id}"] == first["paths"]["/pets/{id}"]


@pytest.mark.row("A193")
def test_routes_are_read_back_from_a_document():
    routes = list(routes_of(document(describe_app(shop()), "shop", "1.0")))
    pet, add = find(routes, "GET", "/pets/7"), find(routes, "POST", "/pets")

    assert pet is not None
    assert add is not None
    assert (pet["doc"], pet["access"]["words"]) == ("One pet.", "everybody")
    assert [(one["name"], one["place"], one["default"]) for one in pet["parameters"]] == [
        ("id", "path", None), ("limit", "query", 3),
    ]  # fmt: skip
    assert [(one["name"], one["required"]) for one in add["parameters"]] == [("name", True), ("tags", False)]
    assert add["access"]["words"] == "token or session"
