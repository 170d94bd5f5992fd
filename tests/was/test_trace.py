"""Ids and log lines of a request."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from atilite import Atilite
from atilite.testing.client import Client
from atilite.was.trace import make_uid
from tests.web.fakes import StepClock


@pytest.fixture
def app() -> Atilite:
    app = Atilite("traced")
    app.clock = StepClock()
    return app


@pytest.mark.row("A178")
@pytest.mark.parametrize(
    ("arguments", "level", "text"),
    [
        (("called index", "info"), logging.INFO, "called index"),
        (("called index",), logging.INFO, "called index"),
        (("broken", "error"), logging.ERROR, "broken"),
        (("100 % odd", "WARNING"), logging.WARNING, "100 % odd"),
        (("water", "garden"), logging.INFO, "[garden] water"),
        ((5, "debug"), logging.DEBUG, "5"),
    ],
)
def test_a_line_goes_to_the_log_at_its_level(
    app: Atilite, caplog: pytest.LogCaptureFixture, arguments: Any, level: int, text: str
) -> None:
    caplog.set_level(logging.DEBUG)

    app._was_for_run(None).log(*arguments)

    assert caplog.record_tuples == [("atilite.was", level, text)]


@pytest.mark.row("A178")
def test_a_traceback_is_found_by_the_id_of_its_request(app: Atilite, caplog: pytest.LogCaptureFixture) -> None:
    @app.route("/")
    def index(was: Any, id: str = "") -> str:
        try:
            raise LookupError("nothing there")
        except LookupError:
            was.traceback(id)
        return str(was.txnid())

    client = Client(app)
    number = client.get("/").text
    client.get("/?id=mine")
    assert client.get("/", headers={"X-Request-ID": "proxy-1"}).text.startswith("proxy-1/")

    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == [f"[{number}] traceback", "[mine] traceback"]
    assert lines[2].startswith("[proxy-1/")
    assert caplog.text.count("LookupError: nothing there") == 3


@pytest.mark.row("A178")
def test_a_traceback_without_an_exception_is_only_a_line(app: Atilite, caplog: pytest.LogCaptureFixture) -> None:
    app._was_for_run(None).traceback("x")

    assert (caplog.messages, bool(caplog.records[0].exc_info)) == (["[x] traceback"], False)


@pytest.mark.row("A52")
def test_ids_and_the_time_of_a_request_stay_the_same(app: Atilite) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        twice = [(was.uniqid, was.txnid(), was.timestamp) for _ in range(2)]
        app.clock.step(seconds=5)
        assert twice[0] == twice[1] == (was.uniqid, was.txnid(), was.timestamp)
        return was.API(id=was.uniqid, txn=was.txnid(), time=was.timestamp)

    start = app.clock.time()
    first, second = (Client(app).get("/").json() for _ in range(2))

    assert first["id"] != second["id"]
    assert first["txn"] != second["txn"]
    assert (first["time"], second["time"]) == (start, start + 5)
    assert re.fullmatch(r"[0-9a-f]{16}/[0-9a-f]{16}", first["txn"])


@pytest.mark.row("A52")
@pytest.mark.parametrize("sent", ["a b", "x" * 81, "[x] traceback", ""])
def test_an_id_that_could_deceive_a_reader_of_the_log_is_not_taken(app: Atilite, sent: str) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        return str(was.txnid())

    assert re.fullmatch(r"[0-9a-f]{16}/[0-9a-f]{16}", Client(app).get("/", headers={"X-Request-ID": sent}).text)


@pytest.mark.row("A52")
def test_made_ids_differ() -> None:
    made = {make_uid() for _ in range(1000)}

    assert len(made) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
