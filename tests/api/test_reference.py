"""/openapi.json and /docs: the user's routes, told to programs and to people."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from atilite.api import paths
from atilite.app import Atilite
from atilite.automation.parameters import Range, Upload
from atilite.config import Settings
from atilite.description import describe_app
from atilite.site import Site
from atilite.store.accounts import Accounts
from atilite.testing.client import Client

PASSWORD = "correct horse"


@dataclass
class Note:
    text: str
    stars: Annotated[int, Range(0, 5)] = 3


def notes() -> Atilite:
    """An app with a route of each sort."""
    app = Atilite("notes")
    app.users = {"ana": "secret"}

    @app.get("/notes")
    def search(was: Any, q: str = "", page: Annotated[int, Range(1)] = 1, tags: list[int] | None = None) -> list[Note]:
        """Search the notes.

        The newest come first.
        """
        return [Note(q, page % 5)]

    @app.post("/notes", answers={201: Note}, role="run")
    def add(was: Any, text: str, stars: int = 3) -> Any:
        """Add a note."""
        return was.API("201 Created", text=text, stars=stars)

    @app.route("/notes/<int:id>", methods=["GET", "PUT", "DELETE"], role="view")
    @app.permission_required([], DELETE=["admin"])
    def one(was: Any, id: int, note: Note | None = None) -> dict[str, Any]:
        return {"id": id}

    @app.post("/photo")
    def photo(was: Any, file: Upload, zone: Literal["north", "south"] = "north") -> dict[str, Any]:
        return {"size": 1}

    @app.get("/secret")
    @app.authorization_required("digest")
    def secret(was: Any) -> str:
        return "x"

    @app.post("/raw", content_types=["application/json"], bind=False)
    def raw(was: Any) -> dict[str, Any]:
        return {"got": was.request.JSON}

    app.permission_handler(lambda was, permissions: None)
    return app


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def open_site(*apps: tuple[str, Any], **settings: Any) -> Site:
        site = Site(tmp_path)
        for point, app in apps or (("/", notes()),):
            site.mount(point, app)
        sites.append(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db", name="board", **settings)))
        return site

    yield open_site
    for site in sites:
        site.close()


def token(site: Site, role: str = "view") -> dict[str, str]:
    return {"Authorization": f"Bearer {Accounts(site.database()).add_token('reader', role)}"}


def document(site: Site, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = Client(site, headers=token(site)).get("/openapi.json").json()
    return found


@pytest.mark.row("B36")
def test_the_document_is_valid_openapi_3_1_with_every_route_of_the_users(opened: Callable[..., Site]) -> None:
    found = document(opened())
    OpenAPIV31SpecValidator(found).validate()
    assert found["openapi"].startswith("3.1")
    assert {path: sorted(methods) for path, methods in found["paths"].items()} == {
        "/notes": ["get", "post"],
        "/notes/{id}": ["delete", "get", "put"],
        "/photo": ["post"],
        "/secret": ["get"],
        "/raw": ["post"],
    }


def test_it_tells_parameters_where_they_are_read(opened: Callable[..., Site]) -> None:
    found = document(opened())["paths"]
    search = {one["name"]: one for one in found["/notes"]["get"]["parameters"]}
    assert search["page"] == {
        "name": "page", "in": "query", "description": "must be at least 1",
        "schema": {"type": "integer", "minimum": 1, "default": 1},
    }  # fmt: skip
    assert search["tags"]["schema"] == {"type": "array", "items": {"type": "integer"}}
    body = found["/notes"]["post"]["requestBody"]
    assert body["required"]
    assert list(body["content"]) == ["application/json", "application/x-www-form-urlencoded"]
    assert body["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "pattern": "^[^\\u0000]*$"},
            "stars": {"type": "integer", "default": 3},
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    assert list(found["/photo"]["post"]["requestBody"]["content"]) == ["multipart/form-data"]
    one = {one["name"]: one for one in found["/notes/{id}"]["get"]["parameters"]}
    assert one["id"]["required"]
    assert one["note"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Note"}


def test_it_tells_who_may_call_and_what_is_refused(opened: Callable[..., Site]) -> None:
    found = document(opened())
    add, secret, delete = (
        found["paths"]["/notes"]["post"], found["paths"]["/secret"]["get"], found["paths"]["/notes/{id}"]["delete"],
    )  # fmt: skip
    assert add["security"] == [{"token": []}, {"session": []}]
    assert {"201", "400", "401", "403", "4XX", "5XX"} <= add["responses"].keys()
    assert add["responses"]["201"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Note"}
    assert secret["security"] == [{"digest": []}]
    assert found["components"]["securitySchemes"]["digest"]["scheme"] == "digest"
    assert "DELETE: permission admin" in delete["description"]
    assert found["paths"]["/notes"]["get"]["security"] == []
    assert "415" in found["paths"]["/raw"]["post"]["responses"]


def test_every_operation_has_a_name_of_its_own(opened: Callable[..., Site]) -> None:
    found = document(opened(("/a", notes()), ("/b", notes())))
    OpenAPIV31SpecValidator(found).validate()
    names = [operation["operationId"] for methods in found["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names)) == 16
    assert {"/a/notes", "/b/notes"} <= found["paths"].keys()


def test_two_classes_of_one_name_keep_apart() -> None:
    first, second = Atilite("a"), Atilite("b")

    def declare(app: Atilite, kind: Any) -> None:
        def handler(was: Any, it: Any) -> str:
            return ""

        handler.__annotations__["it"] = kind
        app.post("/" + app.import_name)(handler)

    declare(first, Note)
    declare(second, dataclass(type("Note", (), {"__annotations__": {"other": int}})))
    found = paths.document([*describe_app(first), *describe_app(second)], "x", "1")
    OpenAPIV31SpecValidator(found).validate()
    kinds = [
        found["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]["it"]["$ref"]
        for path in ("/a", "/b")
    ]
    assert kinds == ["#/components/schemas/Note", "#/components/schemas/Note_"]
    assert list(found["components"]["schemas"]["Note_"]["properties"]) == ["other"]


def test_a_stranger_may_not_read_it(opened: Callable[..., Site]) -> None:
    client = Client(opened())
    assert [client.get(path).status_code for path in ("/openapi.json", "/docs", "/docs/try")] == [401, 401, 401]


def test_a_setting_opens_it_to_everybody(opened: Callable[..., Site]) -> None:
    client = Client(opened(public_docs=True))
    assert [client.get(path).status_code for path in ("/openapi.json", "/docs", "/redoc")] == [200, 200, 200]


def test_a_person_who_is_not_signed_in_is_led_to_the_login_and_back(opened: Callable[..., Site]) -> None:
    answer = Client(opened(), headers={"Accept": "text/html"}).get("/docs")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/login?next=/docs")


def test_a_developer_on_this_machine_may_read_it_and_nobody_from_elsewhere(opened: Callable[..., Site]) -> None:
    site = opened(devel=True)
    assert Client(site).get("/openapi.json").status_code == 200
    elsewhere = Client(lambda environ, start: site({**environ, "REMOTE_ADDR": "192.0.2.7"}, start))
    assert elsewhere.get("/openapi.json").status_code == 401


def test_a_page_of_the_users_at_the_same_path_comes_first(opened: Callable[..., Site]) -> None:
    app = Atilite("mine")
    app.get("/docs")(lambda was: "my own")
    app.get("/<path:rest>")(lambda was, rest: "anything")
    site = opened(("/", app), devel=True)
    assert Client(site).get("/docs").text == "my own"
    assert "openapi" in Client(site).get("/openapi.json").json()


# -- the page


def test_the_jumps_to_the_parts_of_one_app_can_be_told_apart(opened: Callable[..., Site]) -> None:
    app = notes()
    part = types.ModuleType("part")
    part.__mount__ = lambda app: app.get("/x")(lambda was: "x")  # type: ignore[attr-defined]
    app.mount("/part", part)
    page = Client(opened(("/", app), devel=True), headers={"Accept": "text/html"}).get("/docs").text
    jumps = re.findall(r'class="chip" href="#[^"]+">([^<]+)<', page)
    assert len(set(jumps)) == len(jumps) > 1
    assert jumps[-1].strip().endswith("/part")


class Outline(HTMLParser):
    """The tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.tags if found == tag]

    def hidden(self) -> dict[str, str]:
        return {str(one["name"]): str(one["value"]) for one in self.all("input") if one.get("type") == "hidden"}


def developer(opened: Callable[..., Site], *apps: Any) -> Client:
    return Client(opened(*apps, devel=True), headers={"Accept": "text/html"})


@pytest.mark.row("B36")
def test_the_page_has_every_route_by_mount_and_needs_no_script(opened: Callable[..., Site]) -> None:
    answer = developer(opened, ("/", notes()), ("/b", notes())).get("/docs")
    page = Outline(answer.text)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "script" not in {tag for tag, _ in page.tags}
    assert not any("style" in attributes for _, attributes in page.tags)
    assert [one["id"] for one in page.all("section")] == ["mount-1", "mount-2", "values"]
    assert len([one for one in page.all("details") if "id" in one]) == 16
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for text in ("Search the notes.", "The newest come first.", "/notes/{id}", "must be at least 1", "role run",
                 "digest authentication", "Note", "Who may call: everybody"):  # fmt: skip
        assert text in page.text


def test_its_sheet_is_the_console_s_also_without_a_console(opened: Callable[..., Site]) -> None:
    client = Client(opened(no_console=True, public_docs=True))
    (sheet,) = [one for one in Outline(client.get("/docs").text).all("link") if one["rel"] == "stylesheet"]
    answer = client.get(str(sheet["href"]))
    assert answer.headers["Content-Type"].startswith("text/css")
    assert b"--paper" in answer.data


def test_what_a_browser_cannot_send_is_a_line_for_the_shell(opened: Callable[..., Site]) -> None:
    text = Outline(developer(opened).get("/docs").text).text
    assert 'curl -X DELETE -H "Authorization: Bearer $TOKEN" \'http://localhost/notes/{id}' in text
    assert "curl --digest -u NAME http://localhost/secret" in text
    assert "curl -X POST -F file=@FILE http://localhost/photo" in text


def test_a_get_is_sent_with_what_was_typed_and_without_what_was_left_blank(opened: Callable[..., Site]) -> None:
    client = developer(opened)
    answer = client.get("/docs/try?operation=search&p.q=a+%26+b&p.page=&p.tags=[1,2]")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/notes?q=a+%26+b&tags=%5B1%2C2%5D")
    assert client.get(answer.headers["Location"]).json() == [{"text": "a & b", "stars": 1}]
    answer = client.get("/docs/try?operation=get_one&p.id=5")
    assert answer.headers["Location"] == "/notes/5"


@pytest.mark.parametrize("typed", ["", "&p.id=", "&p.id=x%2Fy"])
def test_a_path_that_cannot_be_made_is_refused(opened: Callable[..., Site], typed: str) -> None:
    assert developer(opened).get(f"/docs/try?operation=get_one{typed}").status_code == 400


def test_a_post_is_shown_before_it_is_sent_and_carries_its_token(opened: Callable[..., Site]) -> None:
    client = developer(opened)
    token = Outline(client.get("/docs").text).hidden()["csrf"]
    form = {"operation": "add", "csrf": token, "p.text": "a <b>", "p.stars": " "}
    shown = Outline(client.post("/docs/try", form=form).text)
    assert shown.all("form")[0]["action"] == "/notes"
    assert shown.hidden() == {"csrf": token, "text": "a <b>"}
    answer = client.post("/notes", form=shown.hidden(), headers={"Origin": "http://localhost"})
    assert (answer.status_code, answer.json()["text"]) == (201, "a <b>")
    assert client.post("/notes", form={"text": "x"}, headers={"Origin": "http://localhost"}).status_code == 403


def test_files_are_asked_for_by_the_form_that_sends_them(opened: Callable[..., Site]) -> None:
    client = developer(opened)
    token = Outline(client.get("/docs").text).hidden()["csrf"]
    shown = Outline(client.post("/docs/try", form={"operation": "photo", "csrf": token, "p.zone": "south"}).text)
    (form,), files = shown.all("form"), [one for one in shown.all("input") if one.get("type") == "file"]
    assert form["enctype"] == "multipart/form-data"
    assert [one["name"] for one in files] == ["file"]
    assert shown.hidden() == {"csrf": token, "zone": "south"}


def test_only_what_has_a_form_can_be_tried(opened: Callable[..., Site]) -> None:
    client = developer(opened)
    assert [client.get(f"/docs/try?operation={name}").status_code for name in ("raw", "put_one", "nothing", "add")] == [
        404, 404, 404, 404,
    ]  # fmt: skip


def test_a_program_without_routes_reads_how_to_make_one(opened: Callable[..., Site]) -> None:
    page = Outline(developer(opened, ("/", Atilite("empty"))).get("/docs").text)
    assert "No route is declared" in page.text
    assert "@app.get" in page.text


def test_names_and_doc_strings_are_escaped(opened: Callable[..., Site]) -> None:
    app = Atilite("<i>")

    @app.get("/x")
    def x(was: Any, a: str = "<script>") -> str:
        """Say <b>hello</b> & "go"."""
        return ""

    page = Outline(developer(opened, ("/", app)).get("/docs").text)
    assert 'Say <b>hello</b> & "go".' in page.text
    assert not {"script", "i"} & {tag for tag, _ in page.tags}
