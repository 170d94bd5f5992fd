"""WebSockets where they are used: by a script in a page of a browser."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running
from tests.websockets.peer import Peer

SERVE = """
    import atilite

    app = atilite.Atilite(__name__)
    app.securekey = "something that nobody guesses"

    PAGE = '''<!doctype html><title>Chat</title><ul id="said"></ul><script>
    function say(text) {
        const line = document.createElement("li");
        line.textContent = text;
        document.getElementById("said").append(line);
    }
    const socket = new WebSocket("ws://" + location.host + "/chat?name=Ann");
    socket.onmessage = event => say(event.data);
    socket.onclose = event => say("closed " + event.code + " " + event.reason);
    socket.onopen = () => socket.send("x".repeat(2000));
    </script>'''

    def onopen(was, name):
        was.session["name"] = name
        return f"welcome {name}"

    @app.route("/")
    def page(was):
        was.response.set_header("Content-Type", "text/html; charset=utf-8")
        was.response.set_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline'")
        return PAGE

    @app.route("/name")
    def name(was):
        return was.session.get("name", "nobody")

    @app.route("/chat")
    @app.websocket(
        atilite.WS_CHANNEL,
        onopen=lambda was: onopen(was, was.request.args["name"]),
        onclose=lambda was: print("closed with", was.websocket.code, flush=True),
    )
    def chat(was, message, name):
        return f"{name} said {len(message)} letters"

    atilite.mount("/", app)
    atilite.run()
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, SERVE, "--stop-timeout", "5")
    try:
        yield running.start()
    finally:
        running.close()


def said(page: Any, count: int) -> list[str]:
    """The lines on the page as soon as there are so many."""
    lines = page.locator("#said li")
    lines.nth(count - 1).wait_for(timeout=15_000)
    return list(lines.all_inner_texts())


@pytest.mark.row("A183", "A190", "D23")
def test_a_page_talks_with_its_server_keeps_the_cookie_and_hears_of_its_end(running: Running, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{running.port}/")
    assert said(page, 2) == ["welcome Ann", "Ann said 2000 letters"]
    other = context.new_page()
    other.goto(f"http://localhost:{running.port}/name")
    assert other.inner_text("body") == "Ann"

    assert running.process is not None
    running.process.send_signal(signal.SIGTERM)
    assert said(page, 3)[2:] == ["closed 1001 the server is stopping"]
    context.close()
    assert running.process.wait(10) == 0
    assert "closed with 1001" in running.log.read_text()


def test_a_stop_waits_no_longer_than_its_deadline_for_a_client_that_answers_nothing(running: Running) -> None:
    peer = Peer(running.port, "/chat?name=Bob")
    assert running.process is not None
    before = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0
    assert time.monotonic() - before < 8
    peer.vanish()


def test_a_page_of_another_site_is_refused(running: Running, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{running.port}/name")
    page.evaluate(
        f"""() => new Promise(done => {{
            window.foreign = new WebSocket("ws://127.0.0.1:{running.port}/chat?name=Eve");
            window.foreign.onopen = () => {{ window.result = "open"; done(); }};
            window.foreign.onerror = () => {{ window.result = "refused"; done(); }};
        }})"""
    )
    assert page.evaluate("window.result") == "refused"
    context.close()
