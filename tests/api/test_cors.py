"""With DEV=true the pages of a developer of BINP, served from elsewhere, call the internal API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import DEV_ORIGINS, Settings, load
from atilite.site import Site
from atilite.testing.client import Answer, Client

BROWSER = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}
EVIL = {**BROWSER, "Origin": "http://evil.example.org", "Sec-Fetch-Site": "cross-site"}


def opened(folder: Path, settings: Settings) -> Site:
    app = Atilite("sample")
    app.action(name="hello")(lambda: "hello")
    app.route("/mine", methods=["GET"])(lambda was: "mine")
    site = Site(folder)
    site.mount("/", app)
    site.open(settings)
    site.start()
    return site


@pytest.fixture(params=["true"])
def client(tmp_path: Path, request: Any) -> Iterator[Client]:
    site = opened(tmp_path, load({"devel": True}, {"DEV": request.param, "DB_URL": f"sqlite:///{tmp_path}/data.db"}))
    yield Client(site)
    site.stop(2)
    site.close()


def preflight(client: Client, path: str, headers: dict[str, str], method: str = "POST") -> Answer:
    return client.request("OPTIONS", path, headers={**headers, "Access-Control-Request-Method": method})


@pytest.mark.row("B38")
@pytest.mark.parametrize("origin", DEV_ORIGINS)
def test_each_of_binps_origins_may_read_and_run(client: Client, origin: str) -> None:
    page = {**BROWSER, "Origin": origin}

    asked = preflight(client, "/internal/action/hello", {**page, "Access-Control-Request-Headers": "content-type"})
    assert (asked.status_code, asked.header("Access-Control-Allow-Origin")) == (200, origin)
    assert asked.header("Access-Control-Allow-Headers") == "content-type"
    read = client.get("/internal/actions/", headers=page)
    assert (read.status_code, read.header("Access-Control-Allow-Origin")) == (200, origin)
    ran = client.post("/internal/action/hello", headers=page)
    assert (ran.json()["result"], ran.header("Access-Control-Allow-Credentials")) == ("hello", "true")


@pytest.mark.row("B38")
def test_there_is_no_console_beside_the_pages_of_the_developer(client: Client) -> None:
    assert [client.get(path).status_code for path in ("/", "/console/")] == [404, 404]


@pytest.mark.row("B38")
def test_another_origin_may_not_and_the_users_own_routes_are_as_they_were(client: Client) -> None:
    assert preflight(client, "/internal/action/hello", EVIL).status_code == 403
    assert client.post("/internal/action/hello", headers=EVIL).status_code == 403
    assert client.get("/mine", headers=BROWSER).header("Access-Control-Allow-Origin") is None


@pytest.mark.row("B38")
@pytest.mark.parametrize("client", ["1"], indirect=True)
def test_without_dev_true_there_is_no_cors(client: Client) -> None:
    assert preflight(client, "/internal/action/hello", BROWSER).status_code == 405
    assert client.get("/internal/actions/", headers=BROWSER).header("Access-Control-Allow-Origin") is None
    assert client.post("/internal/action/hello", headers=BROWSER).status_code == 403
