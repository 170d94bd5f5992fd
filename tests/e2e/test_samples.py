"""The samples of the original's manual, with the names changed and nothing else."""

from __future__ import annotations

import asyncio
import threading
from asyncio import sleep
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel

from atilite import Atilite, Emitter, current_journal
from atilite.store.database import Database
from atilite.testing.client import Client

PATIENCE = 20.0


class Rates(BaseModel):
    base: str = "USD"
    rates: dict[str, float] = {}
    date: date


class Author(BaseModel):
    name: str
    repo: str
    year: int


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Atilite]:
    """An app whose database is in a folder of its own."""
    with Database.open(f"sqlite:///{tmp_path / 'data.db'}") as database:
        app = Atilite("sample")
        app.automation.storage._open = lambda: database
        yield app
        app.stop()


@pytest.fixture
def bank() -> Iterator[str]:
    """A server on this machine that knows the rates; its URL."""
    started: list[Any] = []
    ready, done = threading.Event(), threading.Event()

    async def latest(request: web.Request) -> web.Response:
        return web.json_response({"base": request.query["base"], "rates": {"EUR": 0.8}, "date": "2021-02-12"})

    async def serve() -> None:
        application = web.Application()
        application.router.add_get("/latest", latest)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        started.append(runner.addresses[0][1])
        ready.set()
        await asyncio.to_thread(done.wait)
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(PATIENCE)
    yield f"http://127.0.0.1:{started[0]}"
    done.set()
    thread.join()


def run(app: Atilite, action: int = 0) -> Any:
    return app.action.invoke(app.action.actions[action].name).fetch(PATIENCE)


@pytest.mark.row("B2", "B5", "B6", "B7", "B11")
def test_hello_world(app: Atilite, capsys: pytest.CaptureFixture[str]):
    @app.action
    @app.journal
    async def hello():
        """
        Print hello world in console
        """
        print("hello world")

    run(app)
    (headline,) = app.journal.history().fetch()
    assert capsys.readouterr().out == "hello world\n"
    assert (headline.description, headline.status) == ("Print hello world in console", "succeeded")


@pytest.mark.row("B2", "B3", "B11")
def test_hello_world_with_api(app: Atilite):
    @app.get("/hello")
    @app.journal
    async def hello():
        """
        Return hello world
        """
        return {"message": "hello world"}

    answer = Client(app).request("GET", "/hello")
    assert (answer.status_code, answer.json()) == (200, {"message": "hello world"})
    assert [headline.description for headline in app.journal.history().fetch()] == ["Return hello world"]


@pytest.mark.row("B3", "B13", "B24", "B32")
def test_fetch_currencies_every_day_or_manually(app: Atilite, bank: str):
    @app.schedule("0 12 * * *")
    @app.action
    @app.journal
    async def currency_rates():
        """
        Fetch currency rates
        """
        async with aiohttp.ClientSession() as session:
            res = await session.get(f"{bank}/latest?base=USD")
            assert res.ok, f"result {res.status}"
            data = await res.json()
        rates = Rates.model_validate(data)
        await app.journal.record("current exchange rates", base_currency="USD", rates=rates)
        await app.kv.save(rates)

    run(app)
    (headline,) = app.journal.history().fetch()
    (record,) = app.journal.get(headline.id).fetch().records
    rates = {"base": "USD", "rates": {"EUR": 0.8}, "date": "2021-02-12"}
    assert (record.message, record.params) == ("current exchange rates", {"base_currency": "USD", "rates": rates})
    assert app.kv.load(Rates).fetch() == Rates.model_validate(rates)
    assert app.schedule.schedules[0].words == "daily at 12:00"


@pytest.mark.row("B5", "B6")
def test_actions_with_and_without_a_name(app: Atilite):
    @app.action
    async def invoke():
        """
        Do something
        """
        await sleep(0.001)
        print("done")

    @app.action(name="Do Something", description="Emulate some heavy work")
    async def work():
        await sleep(0.001)
        print("done")

    assert [info.description for info in app.action.actions] == ["Do something", "Emulate some heavy work"]
    run(app, 0)
    run(app, 1)


@pytest.mark.row("B23", "B24")
def test_key_value_storage(app: Atilite):
    @app.action
    async def save_something():
        await app.kv.set(name="reddec", repo="binp", year=2020)
        name = await app.kv.get("name")
        assert name == "reddec"

    @app.action
    async def save_model():
        value = Author(name="reddec", repo="binp", year=2020)
        await app.kv.save(value)
        saved_value = await app.kv.load(Author)
        assert value == saved_value

    run(app, 0)
    run(app, 1)


@pytest.mark.row("B11", "B13", "B15")
def test_journal(app: Atilite):
    @app.journal(operation="Do Something", description="Emulate some heavy work")
    async def invoke():
        await app.journal.record("begin work", source="http://example.com", by="reddec")
        await sleep(0.001)
        await app.journal.record("work done", status="success")
        print("Journal ID:", current_journal.get())
        return app.journal.current

    number = asyncio.run(invoke())
    journal = app.journal.get(number).fetch()
    assert journal.operation == "Do Something"
    assert [record.message for record in journal.records] == [f"Journal ID: {number}", "work done", "begin work"]


@pytest.mark.row("B26")
def test_service(app: Atilite):
    checked = threading.Event()

    @app.service
    async def check_messages():
        while True:
            await sleep(0.001)
            print("checks")
            checked.set()

    app.start()
    assert checked.wait(PATIENCE)
    assert [info.status for info in app.service.services] == ["running"]


@pytest.mark.row("B32")
def test_poll_something_every_five_minutes(app: Atilite):
    @app.schedule("*/5 * * * *")
    @app.journal
    async def poll_something():
        print("do something every 5 minutes...")

    assert app.schedule.schedules[0].words == "every 5 minutes"


def collected(count: int) -> tuple[list[str], Callable[[str], None], threading.Event]:
    seen: list[str] = []
    full = threading.Event()

    def note(payload: str) -> None:
        print("payload:", payload)
        seen.append(payload)
        if len(seen) == count:
            full.set()

    return seen, note, full


@pytest.mark.row("B35")
def test_emitter_as_decorator():
    seen, note, full = collected(2)
    on_something: Emitter[str] = Emitter()

    @on_something
    async def subscriber(payload: str):
        note(payload)

    on_something.emit("hello world")
    on_something.emit("hello again")
    assert full.wait(PATIENCE)
    assert seen == ["hello world", "hello again"]


@pytest.mark.row("B34")
def test_emitter_without_decorator(app: Atilite):
    seen, note, full = collected(2)
    subscribed = threading.Event()
    on_something: Emitter[str] = Emitter()

    @app.service
    async def subscriber():
        with on_something.subscribe() as queue:
            subscribed.set()
            while True:
                payload: str = await queue.get()
                note(payload)

    app.start()
    assert subscribed.wait(PATIENCE)
    on_something.emit("hello world")
    on_something.emit("hello again")
    assert full.wait(PATIENCE)
    assert seen == ["hello world", "hello again"]
