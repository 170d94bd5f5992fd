"""The samples of the Atila manual's chapters "RPC Response", "ThreadPass", "Threaded Data Streaming", "Coroutine",
"Map", "Mapped", "Couroutine Streaming", "Generator Based Coroutine", "Thread / Process / Subrocess", "Mask", "Tasks".

They run as they are printed, with `atilite` in place of `skitai` and the corrections that docs/from-atila.md lists:
handlers that are printed without `was` have it, `respond` is spelled alike everywhere, and a path stands where the
print has three dots. The database is SQLite with a few rows; names that the print does not define are the test's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atilite.config import Settings
from atilite.resources.aliases import DB_SQLITE3
from atilite.testing.client import Client
from tests.docs.test_manual_apps import app_of, loaded
from tests.packages import write

BEFORE = """
    import math, random, time
    from atilite import Q

    def some_synchronous_task ():
        return 16

    def hide_password (rows):
        for row in rows:
            row.password = '****'
        return rows
"""


@contextmanager
def client_of(folder: Path, inside: str, *before: str, **templates: str) -> Iterator[Client]:
    """A client of an app with these routes and templates, and with a small database behind three aliases."""
    with sqlite3.connect(folder / "rows.db") as rows:
        rows.execute("create table test (id integer primary key, name text)")
        rows.execute("create table user (id integer primary key, name text, password text)")
        rows.execute("create table foo (id integer primary key, from_wallet_id int, detail text, created_at int)")
        rows.execute("insert into test (name) values ('a'), ('b'), ('c')")
        rows.execute("insert into user (name, password) values ('hans', 'secret')")
        wallets = [(8, "x", 1), (1, "ReturnTx", 2), (1, "x", 3)]
        rows.executemany("insert into foo (from_wallet_id, detail, created_at) values (?, ?, ?)", wallets)
    rows.close()
    write(folder / "myapp", {f"templates/{name.replace('_j2', '.j2')}": text for name, text in templates.items()})
    with loaded(folder, myapp=app_of(BEFORE, *before, inside=inside)) as (site, (myapp,)):
        for name in ("@sqlite3", "@mydb"):
            site.aliases.add(name, DB_SQLITE3, [str(folder / "rows.db")])
        site.mount("/", myapp)
        yield Client(site.open(Settings(db=f"sqlite:///{site.root}/data.db")))


THEN = """
    def respond (was, task):
        return was.API (result = task.fetch (), a = task.meta.get ('a'))

    @app.route ('/1')
    def foo (was):
        task = was.db ("@sqlite3").execute ("select * from test")
        return task.then (respond)

    @app.route ('/2')
    def foo2 (was):
        return was.Process (math.sqrt, args = (4.0,), meta = {'a': 1}).then (respond)

    @app.route ('/3')
    def foo3 (was):
        def sqrt (a):
            return math.sqrt (a)
        return was.Thread (sqrt, args = (4.0,)).then (respond)
"""

ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]


@pytest.mark.row("A167")
def test_then(tmp_path: Path) -> None:
    with client_of(tmp_path, THEN) as client:
        assert client.get("/1").json() == {"result": ROWS, "a": None}
        assert client.get("/2").json() == {"result": 2.0, "a": 1}
        assert client.get("/3").json() == {"result": 2.0, "a": None}


PASSED = """
    @app.route ("/thread_future", methods = ['GET'])
    def thread_future_respond (was):
        def respond (was, a):
            a = some_synchronous_task ()
            # you can make corequest
            was.db ('@mydb').execute ("insert into test (name) values ('d')").commit ()
            return was.API (
                result = a
            )
        return was.ThreadPass (respond, args = (4.0,))
"""


@pytest.mark.row("A165")
def test_thread_pass(tmp_path: Path) -> None:
    with client_of(tmp_path, PASSED) as client:
        assert client.get("/thread_future").json() == {"result": 16}
        with sqlite3.connect(tmp_path / "rows.db") as rows:
            assert rows.execute("select count(*) from test").fetchone() == (4,)
        rows.close()


PRODUCED_BY = """
    class Producer:
        def __init__ (self):
            self.left = 3

        def get (self, n):
            self.left -= 1
            return [random.randrange (1000) for _ in range (n)] if self.left >= 0 else []

    def producing (producer):
        def produce (queue):
            while 1:
                items = producer.get (100)
                if not items:
                    queue.put (None) # end of stream
                    break
                queue.put (str (items))
        return produce
"""

PRODUCER = """
    @app.route ("/threaproducer")
    def threaproducer (was):
        return was.Queue (producing (Producer ()))
"""


@pytest.mark.row("A166")
def test_threaded_data_streaming(tmp_path: Path) -> None:
    with client_of(tmp_path, PRODUCER, PRODUCED_BY) as client:
        lists = client.get("/threaproducer").text.replace("][", "]\n[").splitlines()
        assert [len(json.loads(one)) for one in lists] == [100, 100, 100]


MAPS = """
    @app.route ('/datalist')
    def datalist (was):
        task = was.db ("@sqlite3").execute ("select * from test")
        return was.API (result = task.fetch ())

    @app.route ('/datalist2')
    def datalist2 (was):
        task = was.db ("@sqlite3").execute ("select * from test")
        return was.Map (result = task)

    @app.route ("/bench/sp", methods = ['GET'])
    def bench_sp (was):
        with was.db ('@mydb') as db:
            root = (db.select ("foo")
                        .order_by ("-created_at")
                        .limit (10)
                        .filter (Q (from_wallet_id = 8) | Q (detail = 'ReturnTx')))
            return was.Map (
                was.Thread (time.sleep, args = (0.03,)), # no need map
                files = was.Subprocess ('ls myapp'),
                result = root.clone ().execute (),
                record_count__one = root.clone ().aggregate ('count (id) as cnt').execute ()
            )

    @app.route ('/filtered')
    def filtered (was):
        return was.Map (
            files = was.Subprocess ('echo a b', filter = lambda x: x.replace (' ', '_')),
            result = was.db ('@mydb', filter = hide_password).execute ('select * from user')
        )

    @app.route ('/mapped')
    def mapped (was):
        tasks = was.Tasks (
            files = was.Subprocess ('echo a b', filter = lambda x: x.replace (' ', '_')),
            result = was.db ('@mydb', filter = hide_password).execute ('select * from user')
        )
        return was.Mapped (tasks)

    @app.route ('/index')
    def index (was):
        return was.render_or_Map ("index.j2", result = was.db ('@mydb').execute ('select * from test'))

    @app.route ('/index2')
    def index2 (was):
        tasks = was.Tasks (result = was.db ('@mydb').execute ('select * from test'))
        return was.render_or_Mapped ("index.j2", tasks)
"""


@pytest.mark.row("A168", "A169", "A171")
def test_map_and_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = "{% for row in context.result %}{{ row.name }}{% endfor %}"
    with client_of(tmp_path, MAPS, index_j2=page) as client:
        assert client.get("/datalist").json() == client.get("/datalist2").json() == {"result": ROWS}
        found = client.get("/bench/sp").json()
        assert (found["record_count"], [row["id"] for row in found["result"]]) == ({"cnt": 2}, [2, 1])
        assert "__init__.py" in found["files"]
        hidden = [{"id": 1, "name": "hans", "password": "****"}]
        assert client.get("/filtered").json() == {"files": "a_b\n", "result": hidden}
        assert client.get("/mapped").json() == {"files": "a_b\n", "result": hidden}
        for path in ("/index", "/index2"):
            assert client.get(path).text == "abc"
            assert client.get(path, headers={"Accept": "application/json"}).json() == {"result": ROWS}


STREAMED = """
    fetch_count = 2

    @app.route ("/download_csv", coroutine = True)
    def download_csv (was):
        yield "ID, NAME\\n"
        current_id = 0
        while 1:
            task = yield (was.db ('@mydb').select ('test')
                        .get ('id, name')
                        .filter (id__gt = current_id).
                        limit (fetch_count)).execute ()
            rows = task.fetch ()
            if not rows:
                break
            current_id += fetch_count
            yield '\\n'.join (['{}, "{}"'.format (row.id, row.name) for row in rows])

    @app.route ("/coroutine", coroutine = True)
    def coroutine (was):
        def wait_hello (timeout = 1.0):
            time.sleep (timeout)
            return 'mask'
        # do sync tasks in thread
        some_synchronous_task ()
        # swith to async event loop in main thread
        tasks = yield was.Tasks (
            a = was.Mask ("Example Domain"),
            b = was.Thread (wait_hello, args = (0.01,))
        )
        task3 = yield was.Thread (wait_hello, args = (0.01,))
        task4 = yield was.Subprocess ('echo files')
        # finally
        return was.API (d = task4.fetch (), c = task3.fetch (), **tasks.fetch ())
"""


@pytest.mark.row("A142", "A144", "A172")
def test_coroutines_and_their_streams(tmp_path: Path) -> None:
    with client_of(tmp_path, STREAMED) as client:
        assert client.get("/download_csv").text == 'ID, NAME\n1, "a"\n2, "b"3, "c"'
        assert client.get("/coroutine").json() == {"d": "files\n", "c": "mask", "a": "Example Domain", "b": "mask"}


MADE = """
    @app.route ("/tasks")
    def made (was):
        task1 = was.Thread (my_func, 1, 2)
        task2 = was.Subprocess ('echo top', timeout = 3)
        task3 = was.Process (my_func, 1, 2)
        tasks = was.Tasks ([task1, task2, task3])
        a, b, c = tasks.fetch () # got 3 results
        return [a, b, c]

    @app.route ("/mask")
    def mask (was):
        task = was.Mask (1)
        result = task.fetch () # 1
        tasks = was.Mask ([1, 2])
        result1, result2 = tasks.fetch () # 1, 2
        return [result, result1, result2]
"""

# From a module that stays: the process that calls it outlives the packages of the tests.
MY_FUNC = "from operator import add as my_func"


@pytest.mark.row("A138", "A139", "A140", "A141", "A142")
def test_tasks_are_made_and_fetched(tmp_path: Path) -> None:
    with client_of(tmp_path, MADE, MY_FUNC) as client:
        assert client.get("/tasks").json() == [3, "top\n", 3]
        assert client.get("/mask").json() == [1, 1, 2]


PROCEDURE = """
    # XML/JSONRPC
    @app.route ('/add')
    def add (was, a, b):
        return a + b # int is serailizable
"""


@pytest.mark.row("A163")
def test_rpc_response(tmp_path: Path) -> None:
    with client_of(tmp_path, PROCEDURE) as client:
        assert client.rpc("/rpc2").add(156, 952) == 1108
        assert client.jsonrpc("/rpc2").add(156, 952) == 1108
