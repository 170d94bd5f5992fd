"""Every sample of the BINP manual's chapter "Sample usage", as it is printed but for the names.

`from binp import BINP; binp = BINP()` is `from atilite import Atilite; app = Atilite(__name__)`, `binp.` and
`binp.app.` are `app.`, and what came from `binp.journals` comes from `atilite`. Three things differ besides: the rates
come from a server of the test's own; `@crontab(...)` of aiocron is `@app.schedule(...)`, because aiocron waits for an
asyncio loop in the main thread, which here turns another one; and the Emitter samples, which the manual prints without
imports, import it.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from atilite import Database
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package, write
from tests.running import Running

PATIENCE = 20.0
RATES = {"base": "USD", "rates": {"EUR": 0.8, "JPY": 105.5}, "date": "2021-02-12"}

HELLO = """
    from atilite import Atilite

    app = Atilite(__name__)

    @app.action
    @app.journal
    async def hello():
        \"\"\"
        Print hello world in console
        \"\"\"
        print("hello world")
"""

HELLO_API = """
    from atilite import Atilite

    app = Atilite(__name__)

    @app.get("/hello")
    @app.journal
    async def hello():
        \"\"\"
        Return hello world
        \"\"\"
        return {"message": "hello world"}
"""

CURRENCY = """
    from datetime import date
    from typing import Dict

    from aiohttp import ClientSession
    from atilite import Atilite
    from pydantic import BaseModel

    app = Atilite(__name__)

    class Rates(BaseModel):
        base: str = 'USD'
        rates: Dict[str, float] = {}
        date: date

    @app.schedule('0 12 * * *')
    @app.action
    @app.journal
    async def currency_rates():
        \"\"\"
        Fetch currency rates
        \"\"\"
        # make basic HTTP API request
        async with ClientSession() as session:
            res = await session.get('SERVER/latest?base=USD')
            assert res.ok, f"result {res.status}"
            data = await res.json()
        # parse response data
        rates = Rates.parse_obj(data)
        # add record to journal about result
        await app.journal.record('current exchange rates', base_currency='USD', rates=rates)
        # save rates to default namespace
        await app.kv.save(rates)
"""

ACTION = """
    from atilite import Atilite
    from asyncio import sleep

    app = Atilite(__name__)

    @app.action
    async def invoke():
        '''
        Do something
        '''
        await sleep(3) # emulate some work
        print("done")
"""

NAMED_ACTION = """
    from atilite import Atilite
    from asyncio import sleep

    app = Atilite(__name__)

    @app.action(name='Do Something', description='Emulate some heavy work')
    async def invoke():
        await sleep(3)
        print("done")
"""

KV = """
    from atilite import Atilite

    app = Atilite(__name__)

    async def save_something():
        # save multiple values to storage
        await app.kv.set(name="reddec", repo="binp", year=2020)
        # get single value
        name = await app.kv.get('name')
        assert name == 'reddec'
"""

KV_MODEL = """
    from atilite import Atilite
    from pydantic.main import BaseModel

    app = Atilite(__name__)

    class Author(BaseModel):
        name: str
        repo: str
        year: int

    async def save_something():
        value = Author(name="reddec", repo="binp", year=2020)
        # save class with key name equal to fully-qualified class name
        await app.kv.save(value)
        # restore
        saved_value = await app.kv.load(Author)
        assert value == saved_value
"""

JOURNAL = ACTION.replace("@app.action", "@app.journal")

NAMED_JOURNAL = """
    from atilite import Atilite
    from asyncio import sleep

    app = Atilite(__name__)

    @app.journal(operation='Do Something', description='Emulate some heavy work')
    async def invoke():
        await sleep(3)
        print("done")
"""

RECORDS = """
    from atilite import Atilite
    from asyncio import sleep

    app = Atilite(__name__)

    @app.journal
    async def invoke():
        await app.journal.record("begin work", source="http://example.com", by="reddec")
        await sleep(3)
        await app.journal.record("work done", status="success")
"""

CURRENT = """
    from atilite import Atilite
    from atilite import current_journal

    app = Atilite(__name__)

    @app.journal
    async def invoke():
        print("Journal ID:", current_journal.get())
"""

SERVICE = """
    from atilite import Atilite
    from asyncio import sleep

    app = Atilite(__name__)

    @app.service
    async def check_messages():
        while True:
            await sleep(3)
            print("checks")
"""

CRON = """
    from atilite import Atilite

    app = Atilite(__name__)

    @app.schedule("*/5 * * * *")
    @app.journal
    async def poll_something():
        print("do something every 5 minutes...")
"""

EMITTER = """
    from atilite import Emitter

    on_something : Emitter[str] = Emitter()

    @on_something
    async def subscriber(payload: str):
        print("payload:", payload)

    def emitter():
        on_something.emit('hello world')
"""

EMITTER_QUEUE = """
    from atilite import Emitter

    on_something : Emitter[str] = Emitter()

    async def subscriber():
        with on_something.subscribe() as queue:
            while True:
                payload: str = await queue.get()
                print("payload:", payload)

    def emitter():
        on_something.emit('hello world')
"""

CUSTOM = """
    from atilite import Atilite
    from atilite import Journals

    my_custom_db = None # define custom database and apply migrations

    app = Atilite(__name__, journal=Journals(my_custom_db))

    @app.action
    @app.journal
    async def hello():
        \"\"\"
        Print hello world in console
        \"\"\"
        print("hello world")
"""

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Import a sample as the module `sample`. If it makes an app, that is served from a database of its own."""
    with ExitStack() as stack:

        def load_one(text: str) -> ModuleType:
            sample = stack.enter_context(package(tmp_path, "sample", {"sample.py": text}))
            if hasattr(sample, "app"):
                site = Site(tmp_path)
                site.mount("/", sample)
                sample.site = site.open(Settings(devel=True, db=f"sqlite:///{tmp_path}/data.db"))
                stack.callback(site.close)
                stack.callback(site.stop, 5.0)
            if hasattr(sample, "sleep"):
                sample.sleep = lambda seconds: asyncio.sleep(0.001)
            return sample

        yield load_one


def printed(sample: ModuleType) -> queue.SimpleQueue[tuple[Any, ...]]:
    """What the sample prints from now on."""
    told: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    sample.print = lambda *words: told.put(words)  # type: ignore[attr-defined]
    return told


@contextmanager
def rates_server(status: int = 200) -> Iterator[str]:
    """A server that knows the rates; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(RATES).encode() if self.path == "/latest?base=USD" else b"{}"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def headlines(sample: ModuleType) -> list[Any]:
    found: list[Any] = sample.app.journal.history().fetch()
    return found


@pytest.mark.row("B1", "B2", "B5", "B6", "B7", "B11", "B37")
def test_hello_world_has_a_button_and_a_journal(load: Load) -> None:
    sample = load(HELLO)
    told = printed(sample)

    answer = Client(sample.site).post("/internal/action/hello")

    assert (answer.status_code, answer.json()["name"]) == (200, "hello")
    assert told.get(timeout=PATIENCE) == ("hello world",)
    (listed,) = Client(sample.site).get("/internal/actions/").json()
    assert (listed["name"], listed["description"]) == ("hello", "Print hello world in console")
    (headline,) = headlines(sample)
    assert (headline.operation, headline.description) == ("hello", "Print hello world in console")
    assert (headline.error, headline.status) == (None, "succeeded")


@pytest.mark.row("B2", "B3", "B11")
def test_hello_world_with_api_answers_at_its_own_url(load: Load) -> None:
    sample = load(HELLO_API)

    answer = Client(sample.site).get("/hello")

    assert (answer.status_code, answer.json()) == (200, {"message": "hello world"})
    assert [(one.operation, one.description) for one in headlines(sample)] == [("hello", "Return hello world")]


@pytest.mark.row("B2", "B37")
def test_the_app_of_a_module_is_served_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, {"sample.py": HELLO_API})
    as_program = "import sys; from atilite.cli.main import main; sys.exit(main(['--app', 'sample:app', *sys.argv[1:]]))"
    program = Running(tmp_path, as_program, "--devel")
    try:
        program.start()
        assert program.json("/hello")["message"] == "hello world"
        (headline,) = program.json("/internal/journals/")
        assert headline["operation"] == "hello"
        assert headline["finished_at"]
    finally:
        program.close()


@pytest.mark.row("B3", "B5", "B6", "B11", "B13", "B24")
def test_currencies_are_fetched_every_day_or_manually(load: Load) -> None:
    with rates_server() as url:
        sample = load(CURRENCY.replace("SERVER", url))

        with pytest.warns(DeprecationWarning, match="parse_obj"):
            sample.app.action.invoke("currency_rates").fetch(PATIENCE)

    (headline,) = headlines(sample)
    assert (headline.operation, headline.status) == ("currency_rates", "succeeded")
    (record,) = sample.app.journal.get(headline.id).fetch().records
    assert (record.message, record.params) == ("current exchange rates", {"base_currency": "USD", "rates": RATES})
    assert sample.app.kv.load(sample.Rates).fetch() == sample.Rates.model_validate(RATES)
    (plan,) = sample.site.catalogue.schedules
    assert (plan.action, plan.rule, plan.words) == ("currency_rates", "0 12 * * *", "daily at 12:00")


@pytest.mark.row("B12")
def test_currencies_that_cannot_be_fetched_are_a_failed_run_with_its_reason(load: Load) -> None:
    with rates_server(503) as url:
        sample = load(CURRENCY.replace("SERVER", url))

        with pytest.raises(AssertionError, match="result 503"):
            sample.app.action.invoke("currency_rates").fetch(PATIENCE)

    (headline,) = headlines(sample)
    assert (headline.status, headline.error) == ("failed", "AssertionError: result 503")
    assert sample.app.kv.load(sample.Rates).fetch() is None


@pytest.mark.row("B5", "B6", "B9", "B10")
@pytest.mark.parametrize(
    ("text", "name", "description"),
    [(ACTION, "invoke", "Do something"), (NAMED_ACTION, "Do Something", "Emulate some heavy work")],
)
def test_an_action_is_invoked_by_its_name(text: str, name: str, description: str, load: Load) -> None:
    sample = load(text)
    told = printed(sample)

    assert [(one.name, one.description) for one in sample.app.action.actions] == [(name, description)]
    sample.app.action.invoke(name).fetch(PATIENCE)
    assert told.get_nowait() == ("done",)
    with pytest.raises(LookupError):
        sample.app.action.invoke("another")


@pytest.mark.row("B23", "B24")
@pytest.mark.parametrize("text", [KV, KV_MODEL])
def test_something_is_saved_and_found_again(text: str, load: Load) -> None:
    sample = load(text)

    asyncio.run(sample.save_something())

    stored = sample.app.kv.items().fetch()
    author = {"name": "reddec", "repo": "binp", "year": 2020}
    assert stored == (author if text is KV else {"sample.Author": author})


@pytest.mark.row("B23", "B25")
def test_another_namespace_is_apart(load: Load) -> None:
    sample = load(KV)
    asyncio.run(sample.save_something())

    async def use_another() -> Any:
        other = sample.app.kv.select("other")
        await other.set(name="somebody else")
        await other.remove("missing")
        return await other.get("name"), await sample.app.kv.get("name"), await sample.app.kv.namespaces()

    assert asyncio.run(use_another()) == ("somebody else", "reddec", ["default", "other"])


@pytest.mark.row("B6", "B11")
@pytest.mark.parametrize(
    ("text", "name", "description"),
    [(JOURNAL, "invoke", "Do something"), (NAMED_JOURNAL, "Do Something", "Emulate some heavy work")],
)
def test_every_call_of_a_journaled_function_is_traced(text: str, name: str, description: str, load: Load) -> None:
    sample = load(text)

    asyncio.run(sample.invoke())

    (headline,) = headlines(sample)
    assert (headline.operation, headline.description, headline.error) == (name, description, None)
    assert headline.duration > 0


@pytest.mark.row("B13", "B16")
def test_records_have_a_message_and_fields(load: Load) -> None:
    sample = load(RECORDS)

    asyncio.run(sample.invoke())

    journal = sample.app.journal.get(headlines(sample)[0].id).fetch()
    assert [(one.message, one.params) for one in journal.records] == [
        ("work done", {"status": "success"}),
        ("begin work", {"source": "http://example.com", "by": "reddec"}),
    ]


@pytest.mark.row("B15")
def test_the_current_journal_is_known_inside_and_none_outside(load: Load) -> None:
    sample = load(CURRENT)
    told = printed(sample)

    asyncio.run(sample.invoke())
    asyncio.run(sample.invoke())

    numbers = [told.get_nowait(), told.get_nowait()]
    assert numbers == [("Journal ID:", one.id) for one in reversed(headlines(sample))]
    assert sample.current_journal.get() is None


@pytest.mark.row("B26", "B27", "B28", "B29")
def test_a_service_runs_until_it_is_stopped(load: Load) -> None:
    sample = load(SERVICE)
    told = printed(sample)

    sample.site.start()

    assert told.get(timeout=PATIENCE) == ("checks",)
    (info,) = sample.app.service.services
    assert (info.name, info.status, info.autostart, info.restart) == ("check_messages", "running", True, True)
    sample.app.service.stop("check_messages").fetch(PATIENCE)
    assert [one.status for one in sample.app.service.services] == ["stopped"]


@pytest.mark.row("B3", "B32")
def test_something_is_polled_every_five_minutes(load: Load) -> None:
    sample = load(CRON)

    (plan,) = sample.site.catalogue.schedules

    assert (plan.rule, plan.words) == ("*/5 * * * *", "every 5 minutes")
    asyncio.run(sample.poll_something())
    assert [one.operation for one in headlines(sample)] == ["poll_something"]


@pytest.mark.row("B33", "B35")
def test_a_subscriber_by_decorator_gets_every_event(load: Load) -> None:
    sample = load(EMITTER)
    told = printed(sample)

    sample.emitter()
    sample.emitter()

    assert [told.get(timeout=PATIENCE) for _ in range(2)] == [("payload:", "hello world")] * 2
    sample.on_something.close()


@pytest.mark.row("B33", "B34")
def test_a_subscriber_with_a_queue_gets_every_event(load: Load) -> None:
    sample = load(EMITTER_QUEUE)
    told = printed(sample)

    async def scene() -> None:
        task = asyncio.create_task(sample.subscriber())
        await asyncio.sleep(0)  # it has subscribed, and waits
        sample.emitter()
        sample.emitter()
        got = [await asyncio.to_thread(told.get, timeout=PATIENCE) for _ in range(2)]
        assert got == [("payload:", "hello world")] * 2
        task.cancel()

    asyncio.run(scene())


@pytest.mark.row("B1", "B22", "B41")
def test_journals_may_be_given_when_the_app_is_made(load: Load, tmp_path: Path) -> None:
    plain = load(CUSTOM)
    plain.app.action.invoke("hello").fetch(PATIENCE)

    assert [one.operation for one in headlines(plain)] == ["hello"]


@pytest.mark.row("B1", "B22", "B41")
def test_journals_may_be_stored_in_another_database(load: Load, tmp_path: Path) -> None:
    own = f"Database.open('sqlite:///{tmp_path}/journals.db')"
    text = CUSTOM.replace("import Journals", "import Database, Journals").replace("= None #", f"= {own} #")
    sample = load(text)

    with sample.my_custom_db:
        sample.app.action.invoke("hello").fetch(PATIENCE)
        asyncio.run(sample.hello())
        shown = Client(sample.site).get("/internal/journals/").json()
        sample.site.stop(5.0)

    assert [one["operation"] for one in shown] == ["hello", "hello"]
    sample.site.close()
    with Database.open(f"sqlite:///{tmp_path}/journals.db") as again:
        assert again.connection().execute("SELECT count(*) FROM journal").fetchone() == (2,)
    with Database.open(f"sqlite:///{tmp_path}/data.db") as usual:
        assert usual.connection().execute("SELECT count(*) FROM journal").fetchone() == (0,)
