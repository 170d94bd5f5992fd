"""docs/http-tasks.md is true: its service is served, its examples ask it and get what the page says."""

from __future__ import annotations

from typing import Any

import pytest

from atilite import Atilite
from atilite.resources.aliases import PROTO_HTTP
from atilite.runtime.outcome import STA_NORMAL, STA_REQFAIL
from atilite.server.server import Server
from atilite.testing.client import Client
from tests.docs.test_state_pages import blocks, typed


@pytest.mark.row("A134", "A135", "A147", "A164", "A204", "D25")
def test_the_page_about_http_tasks_is_true() -> None:
    (_, name, shop), *rest = blocks("http-tasks.md")
    assert name == "shop.py"
    names: dict[str, Any] = {}
    exec(compile(shop, name, "exec"), names)
    served = names["app"]
    server = Server(served.wsgi, loop=served.runtime.loop, listeners=["127.0.0.1:0"], policy=served.pipeline.policy)
    server.bind()
    server.start()
    app = Atilite("asking")
    host = server.addresses[0]
    app.aliases.add("@shop", PROTO_HTTP, host)
    app.aliases.add("@shops", PROTO_HTTP, [f"{host} 20", f"{host} 10"])

    names = {"app": app, "client": Client(app), "STA_NORMAL": STA_NORMAL, "STA_REQFAIL": STA_REQFAIL}
    told = [pair for language, _, text in rest if language == "python" for pair in typed(text, names)]
    server.stop(0).wait(20)

    assert [was for was, _ in told] == [said for _, said in told]
    assert len(told) == 18
