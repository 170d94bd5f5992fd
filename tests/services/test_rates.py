"""Currency rates, against a server of the test's own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from atilite.errors import ParameterError, ResourceError
from atilite.testing.client import Client
from services.rates import checked
from tests.services.conftest import Open

ACTION = "Fetch currency rates"
TODAY = {"base": "USD", "date": "2030-01-31", "rates": {"EUR": 0.9, "JPY": 150}}
SENT = json.dumps(TODAY).encode()


@contextmanager
def upstream(status: int = 200, body: bytes = SENT, kind: str = "application/json") -> Iterator[Any]:
    """A rates server; `url` is where it is, `asked` what was asked for. With status 0 it never answers."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            if status == 0:
                ended.wait(30)
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.url = [], f"http://127.0.0.1:{server.server_port}/latest"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_todays_rates_are_fetched_kept_and_shown(opened: Open) -> None:
    with upstream() as server:
        site = opened(RATES_URL=server.url)
        app, client = site.apps["services"], Client(site)
        assert "No rates yet" in client.get("/rates").text
        assert client.get("/rates/latest.json").status_code == 404

        facts = app.action.invoke(ACTION, base="USD").fetch(20)

        assert facts == {"base": "USD", "date": "2030-01-31", "count": 2}
        assert server.asked == ["/latest?base=USD"]
        latest = client.get("/rates/latest.json").json()
        assert datetime.fromisoformat(latest.pop("fetched")) <= datetime.now(UTC)
        assert latest == TODAY
        page = client.get("/rates").text
        assert "for 1 USD" in page
        assert page.index("EUR</td>") < page.index("JPY</td>")
        (run,) = app.journal.search(ACTION).fetch()
        assert run.labels == ("rates",)
        (record,) = app.journal.get(run.id).fetch().records
        assert (record.message, record.params) == ("current exchange rates", facts)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"status": 500}, ResourceError, "answered 500"),
        ({"status": 404}, ResourceError, "answered 404"),
        ({"body": b"<html>busy</html>", "kind": "text/html"}, ValueError, "no rates"),
        ({"body": b"{", "kind": "application/json"}, ResourceError, "not JSON"),
        ({"body": b"[1]"}, ValueError, "no rates"),
        ({"body": b'{"rates": {"EUR": "one"}}'}, ValueError, "no rates"),
        # The task and its connection have the same time; whichever notices first says it.
        ({"status": 0}, (ResourceError, TimeoutError), "did not end within 0.3 s"),
    ],
)
def test_a_server_that_has_no_rates_fails_the_run_and_keeps_the_last_ones(
    answer: dict[str, Any], error: Any, words: str, opened: Open
) -> None:
    with upstream(**answer) as server:
        # Only the one that never answers is to be too late, however busy the machine is.
        site = opened(RATES_URL=server.url, RATES_TIMEOUT=0.3 if answer.get("status") == 0 else 20)
        app = site.apps["services"]
        app.kv.select("rates").set(latest={**TODAY, "fetched": "2030-01-31T12:00:00+00:00"}).commit()

        with pytest.raises(error, match=words):
            app.action.invoke(ACTION).fetch(20)

        (run,) = app.journal.search(ACTION).fetch()
        assert run.status == "failed"
        assert re.search(words, run.error)
        assert Client(site).get("/rates/latest.json").json()["rates"] == TODAY["rates"]


def test_a_server_that_is_not_there_fails_the_run(opened: Open) -> None:
    with upstream() as server:
        url = server.url
    app = opened(RATES_URL=url).apps["services"]

    with pytest.raises(ResourceError, match="no connection"):
        app.action.invoke(ACTION).fetch(20)


@pytest.mark.parametrize("base", ["eur", "EURO", "E R", "../", ""])
def test_a_base_that_is_no_currency_is_refused_before_anybody_is_asked(base: str, opened: Open) -> None:
    with upstream() as server:
        app = opened(RATES_URL=server.url).apps["services"]

        with pytest.raises(ParameterError, match="three capital letters"):
            app.action.invoke(ACTION, base=base)
        assert server.asked == []


def test_it_is_fetched_at_noon(opened: Open) -> None:
    (plan,) = [one for one in opened().catalogue.schedules if one.action == ACTION]

    assert plan.rule == "0 12 * * *"


def test_an_answer_without_base_has_the_one_that_was_asked_for() -> None:
    assert checked({"rates": {}}, "EUR") == {"base": "EUR", "date": "", "rates": {}}
