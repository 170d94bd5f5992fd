"""`__spec__` in the JSON answers of a developer's server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from atilite.web.response import Response


def sample() -> Atilite:
    app = Atilite("sample")

    @app.route("/notes/<int:id>", methods=["GET", "PUT"], coroutine=False)
    @app.inspect(emails=["mail"])
    @app.permission_required(["staff"])
    def one(was: Any, id: int, mail: str = "", fail: bool = False) -> Any:
        """Read a note."""
        if fail:
            raise was.Error(409, "not now")
        return was.API(id=id, text="hällo")

    app.permission_handler(lambda was, permissions: None)

    @app.get("/empty")
    def empty(was: Any) -> dict[str, Any]:
        return {}

    @app.get("/list")
    def listing(was: Any) -> list[Any]:
        return [{"a": 1}]

    @app.get("/text")
    def text(was: Any) -> str:
        return "{}"

    @app.get("/waits")
    def waits(was: Any) -> Iterator[Any]:
        yield was.Sleep(0)
        return {"waited": True}

    @app.get("/pretty")
    def pretty(was: Any) -> Any:
        return was.response("200 OK", '{\n  "a": 1\n}\n', [("Content-Type", "application/json")])

    return app


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def open_site(app: Atilite | None = None, *, devel: bool = True) -> Site:
        site = Site(tmp_path)
        site.mount("/", app or sample())
        sites.append(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db", devel=devel)))
        return site

    yield open_site
    for site in sites:
        site.close()


def from_address(site: Site, address: str, **more: str) -> Client:
    return Client(lambda environ, start: site({**environ, "REMOTE_ADDR": address, **more}, start))


@pytest.mark.row("A201", "A22")
def test_a_developer_reads_in_a_json_answer_what_its_route_takes(opened: Callable[..., Site]) -> None:
    answer = Client(opened()).get("/notes/5")
    found = json.loads(answer.data)
    spec = found.pop("__spec__")
    assert found == {"id": 5, "text": "hällo"}
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert (spec["path"], spec["methods"], spec["doc"]) == ("/notes/<int:id>", ["GET", "PUT"], "Read a note.")
    assert spec["options"] == {"coroutine": False}
    assert spec["access"]["permissions"] == ["staff"]
    mail = {one["name"]: one for one in spec["parameters"]}["mail"]
    assert (mail["required"], mail["default"], mail["rules"]) == (False, "", ["must be an e-mail address"])


@pytest.mark.parametrize(("path", "rest"), [("/empty", {}), ("/waits", {"waited": True}), ("/pretty", {"a": 1})])
def test_every_object_has_it(opened: Callable[..., Site], path: str, rest: dict[str, Any]) -> None:
    found = json.loads(Client(opened()).get(path).data)
    assert found.pop("__spec__")["path"] == path
    assert found == rest


def test_an_error_tells_it_as_well(opened: Callable[..., Site]) -> None:
    answer = Client(opened()).get("/notes/5?fail=yes")
    assert (answer.status_code, answer.json()["message"]) == (409, "conflict")
    assert json.loads(answer.data)["__spec__"]["name"] == "one"


@pytest.mark.parametrize("path", ["/list", "/text"])
def test_lists_and_texts_are_left_as_they_are(opened: Callable[..., Site], path: str) -> None:
    assert "__spec__" not in Client(opened()).get(path).text


@pytest.mark.row("A201")
def test_there_is_none_in_production(opened: Callable[..., Site]) -> None:
    app = sample()
    app.expose_spec = True
    assert Client(opened(app, devel=False)).get("/empty").data == b"{}"


@pytest.mark.row("A201")
@pytest.mark.parametrize(
    ("address", "more"),
    [("192.0.2.7", {}), ("", {}), ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}), ("::ffff:192.0.2.7", {})],
)
def test_nobody_elsewhere_gets_it(opened: Callable[..., Site], address: str, more: dict[str, str]) -> None:
    assert from_address(opened(), address, **more).get("/empty").data == b"{}"


def test_it_can_be_turned_off(opened: Callable[..., Site]) -> None:
    app = sample()
    app.expose_spec = False
    assert Client(opened(app)).get("/empty").data == b"{}"


def test_the_platform_s_own_answers_are_as_they_are_documented(opened: Callable[..., Site]) -> None:
    client = Client(opened())
    for path in ("/healthz", "/openapi.json", "/console/overview.json"):
        assert "__spec__" not in client.get(path).text


def test_head_and_what_is_not_modified_have_no_body(opened: Callable[..., Site]) -> None:
    app = sample()

    @app.get("/same")
    def same(was: Any) -> Any:
        was.response.set_etag("1")
        return {"a": 1}

    client = Client(opened(app))
    whole = client.get("/same")
    head = client.request("HEAD", "/same")
    assert (head.data, head.headers["Content-Length"]) == (b"", whole.headers["Content-Length"])
    again = client.get("/same", headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_handler_s_own_response_object_is_not_changed(opened: Callable[..., Site]) -> None:
    app = Atilite("kept")
    kept = Response(status=200, body=b'{"a":1}', headers=[("Content-Type", "application/json")])
    app.get("/kept")(lambda was: kept)
    client = Client(opened(app))
    assert client.get("/kept").data == client.get("/kept").data
    assert kept.body == b'{"a":1}'
