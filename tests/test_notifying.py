"""Channels that are aliases, and the address that leads to a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.config import Settings
from atilite.errors import SetupError
from atilite.resources.aliases import DB_REDIS, PROTO_HTTP, PROTO_SMTP
from atilite.site import Site
from atilite.web import webhooks

PATIENCE = 20.0


class Ears:
    """A server of somebody else that is told by webhooks."""

    def __init__(self) -> None:
        self.status = 204
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.called = threading.Semaphore(0)
        ears = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ears.heard.append((self.path, dict(self.headers), body))
                self.send_response(ears.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                ears.called.release()

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def ears() -> Iterator[Ears]:
    made = Ears()
    yield made
    made.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[[Atilite], Site]]:
    opened: list[Site] = []

    def open_site(app: Atilite) -> Site:
        one = Site(tmp_path)
        opened.append(one)
        one.mount("/", app)
        return one

    yield open_site
    for one in opened:
        one.stop(5)
        one.close()


def broken() -> Atilite:
    app = Atilite("garden")
    app.config.NOTICE_INTERVAL = 0
    app.notify("@ops")

    @app.action(name="Water")
    def water() -> None:
        raise ValueError("the pump is dry")

    return app


@pytest.mark.row("M11")
def test_a_webhook_gets_signed_json_that_leads_to_the_run(
    ears: Ears, site: Callable[[Atilite], Site], tmp_path: Path
) -> None:
    app = broken()
    here = site(app)
    here.aliases.add("@ops", PROTO_HTTP, f"{ears.address}/told/here")
    here.open(Settings(name="board", db=f"sqlite:///{tmp_path}/data.db", port=5123)).start()
    app.action.invoke("Water").dispatch()
    assert ears.called.acquire(timeout=PATIENCE)
    path, headers, body = ears.heard[0]
    told = json.loads(body)
    assert path == "/told/here"
    assert {name: told[name] for name in ("action", "status", "error", "run", "attempts", "url", "source")} == {
        "action": "Water", "status": "failed", "error": "ValueError: the pump is dry", "run": 1, "attempts": 1,
        "url": "http://127.0.0.1:5123/console/runs/1", "source": "board",
    }  # fmt: skip
    assert told["at"]
    secret = webhooks.secret_text(here.keys.secret("hook:@ops"))
    assert webhooks.check(headers["X-Signature"], secret, body, here.database().clock.time())
    assert headers["Content-Type"] == "application/json"


def test_a_webhook_that_answers_with_an_error_has_not_been_told(
    ears: Ears, site: Callable[[Atilite], Site], tmp_path: Path
) -> None:
    app = broken()
    here = site(app)
    ears.status = 500
    here.aliases.add("@ops", PROTO_HTTP, ears.address)
    here.open(Settings(db=f"sqlite:///{tmp_path}/data.db")).start()
    app.action.invoke("Water").dispatch()
    assert ears.called.acquire(timeout=PATIENCE)
    here.stop(5)
    (info,) = here.catalogue.notices.channels
    assert (info.waiting, info.sent) == (1, 0)
    assert "500" in (info.error or "")


def test_the_address_of_a_run_is_the_one_that_others_use(site: Callable[[Atilite], Site], tmp_path: Path) -> None:
    app = broken()
    site(app).open(Settings(db=f"sqlite:///{tmp_path}/data.db", unix="/run/x"))
    assert app._notice_url(5) is None
    app.config.PUBLIC_URL = "https://board.example.org/"
    assert app._notice_url(5) == "https://board.example.org/console/runs/5"


def test_the_address_of_a_run_has_the_port_that_the_server_was_given(
    site: Callable[[Atilite], Site], tmp_path: Path
) -> None:
    app = broken()
    here = site(app)
    here.open(Settings(db=f"sqlite:///{tmp_path}/data.db", port=0))
    assert app._notice_url(5) is None
    here.server = SimpleNamespace(urls=["unix:/run/board", "https://127.0.0.1:41234"])
    assert app._notice_url(5) == "https://127.0.0.1:41234/console/runs/5"
    here.server = SimpleNamespace(urls=["unix:/run/board"])
    assert app._notice_url(5) is None


def test_a_function_gets_was_if_it_takes_it(site: Callable[[Atilite], Site], tmp_path: Path) -> None:
    app = Atilite("garden")
    got: list[Any] = []

    @app.notifier("@phone")
    def ring(was: Any, message: Any) -> None:
        got.append((was.app, message.subject))

    site(app).open(Settings(name="board", db=f"sqlite:///{tmp_path}/data.db")).start()
    app.notify.test("@phone")
    assert got == [(app, "[board] This is a test")]


def test_what_cannot_be_told_is_said_in_words(site: Callable[[Atilite], Site], tmp_path: Path) -> None:
    app = Atilite("garden")
    here = site(app)
    here.aliases.add("@store", DB_REDIS, "127.0.0.1")
    here.aliases.add("@mail", PROTO_SMTP, "mail.example.org:587")
    here.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))
    for name, wrong, text in (
        ("@nobody", LookupError, "app.notifier"), ("@store", SetupError, "redis"), ("@mail", SetupError, "who gets"),
    ):  # fmt: skip
        with pytest.raises(wrong, match=text):
            app.notify.test(name)


@pytest.mark.parametrize("interval", [-1, "soon", True])
def test_an_interval_that_is_none_is_an_error_at_the_start(interval: object) -> None:
    app = Atilite("garden")
    app.config.NOTICE_INTERVAL = interval
    with pytest.raises(SetupError, match="NOTICE_INTERVAL"):
        app.freeze()
