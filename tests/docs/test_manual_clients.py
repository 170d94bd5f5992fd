"""The samples of the Atila manual's chapters "Resource Aliasing", "HTTP Based Protocols", "Map / Load-Balancing",
"ProxyPass" and "Using Task In Template".

They run as they are printed, with `atilite` in place of `skitai`; lines that are printed without a function stand in
one, with a route, and what is printed as example.com is a server of the tests'. The sample of gRPC needs the messages
of another program: tests/resources/test_grpcclient.py calls one like it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atilite.config import Settings
from atilite.resources.aliases import PROTO_HTTP
from atilite.testing.client import Client
from tests.docs.test_manual_apps import app_of, loaded
from tests.packages import write
from tests.resources.webpeer import WebPeer


@pytest.fixture
def peer() -> Iterator[WebPeer]:
    peer = WebPeer()
    yield peer
    peer.close()


@contextmanager
def client_of(folder: Path, peer: WebPeer, inside: str, **templates: str) -> Iterator[Client]:
    """A client of an app with these routes; example.com and the manual's aliases lead to `peer`."""
    write(folder / "myapp", {f"templates/{name.replace('_j2', '.j2')}": text for name, text in templates.items()})
    text = app_of(inside=inside.replace("https://example.com", peer.url).replace("http://example.com", peer.url))
    with loaded(folder, myapp=text) as (site, (myapp,)):
        site.aliases.add("@myupstream", PROTO_HTTP, [peer.host])
        site.aliases.add("@myapi", PROTO_HTTP, [f"{peer.host} 20", f"{peer.host} 10"])
        site.mount("/", myapp)
        yield Client(site.open(Settings(db=f"sqlite:///{site.root}/data.db")))


PROTOCOLS = """
    @app.route ("/protocols")
    def protocols (was):
        with was.stub ('@myapi/api') as stub:
            task1 = stub.get ('/profiles/{}?limit={}', 100, 10)
            payload = dict (name = 'Hans Roh')
            task2 = stub.put ('/profiles/{}', 100, payload)
        with was.xmlrpc ('@myapi/rpc2') as stub:
            task3 = stub.add (156, 952)
        task1.fetch ()
        task2.fetch ()
        task3.fetch ()
        return was.API (a = task1.fetch (), b = task2.fetch (), c = task3.fetch ())
"""


@pytest.mark.row("A134", "A135")
def test_http_based_protocols(tmp_path: Path, peer: WebPeer) -> None:
    with client_of(tmp_path, peer, PROTOCOLS) as client:
        told = client.get("/protocols").json()

    assert told["a"]["target"] == "/api/profiles/100?limit=10"
    assert (told["b"]["method"], told["b"]["body"]) == ("PUT", '{"name": "Hans Roh"}')
    assert told["c"] == 1108


COROUTINE = """
    @app.route ("/coroutine/2", coroutine = True)
    def coroutine (was):
        with was.stub ("http://example.com") as stub:
            task = yield stub.get ("/")
        return task.fetch ()
"""


@pytest.mark.row("A134", "A144", "A204")
def test_a_coroutine_asks(tmp_path: Path, peer: WebPeer) -> None:
    with client_of(tmp_path, peer, COROUTINE) as client:
        assert client.get("/coroutine/2").json()["target"] == "/"


BALANCED = """
    import atilite

    @app.route ("/map")
    def map_merging (was):
        # map-merging
        with was.stub.map ('@myapi') as stub:
            task = stub.get ('@myapi/profiles/{}?limit={}', 100, 10)
        all_results = []
        for resp in task.dispatch ():
            if resp.status != atilite.STA_NORMAL:
                continue
            all_results.extend (resp.data)
        return all_results

    @app.route ("/lb")
    def load_balancing (was):
        # load-balancing is the very same as single call
        with was.stub.lb ('@myapi') as stub:
            task = stub.get ('@myapi/profiles/{}?limit={}', 100, 10)
        task.fetch ()
        return task.fetch ()
"""


@pytest.mark.row("A147")
def test_map_and_load_balancing(tmp_path: Path, peer: WebPeer) -> None:
    with client_of(tmp_path, peer, BALANCED) as client:
        assert client.get("/map").json() == ["method", "target", "headers", "body", "peer"] * 2
        assert client.get("/lb").json()["target"] == "/profiles/100?limit=10"


PROXY = """
    @app.route ("/<path:path>")
    def proxy (was, path = None):
        return was.ProxyPass ("@myupstream", path)
"""


@pytest.mark.row("A164", "D25")
def test_proxy_pass(tmp_path: Path, peer: WebPeer) -> None:
    with client_of(tmp_path, peer, PROXY) as client:
        assert client.get("/echo/a?not=declared").json()["target"] == "/echo/a?not=declared"
        assert client.get("/status/404").status_code == 404
        assert client.post("/echo/a", json={"a": 1}).json()["method"] == "POST"


TEMPLATE = """
    @app.route ("/")
    def intro (was):
        return was.render (
            'template.html',
            task1 = was.get ("https://example.com/echo/blar"),
            task2 = was.get ("https://example.com/echo/blar/foo"),
        )
"""
PAGE = """
{% set rows = context.task1.fetch () %}
{% for row in rows %}
<li>{{ row }}</li>
{% endfor %}
{% set profile = context.task2.one () %}
<p>{{ profile.target }}</p>
"""


@pytest.mark.row("A204")
def test_tasks_in_a_template(tmp_path: Path, peer: WebPeer) -> None:
    with client_of(tmp_path, peer, TEMPLATE, **{"template.html": PAGE}) as client:
        page = client.get("/").text

    assert "<li>target</li>" in page
    assert "<p>/echo/blar/foo</p>" in page
