"""docs/databases.md is true: its blocks run in order at real databases, and give what they say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from tests.docs.test_state_pages import blocks, typed
from tests.resources.mongo_standin import mongo_stand_in
from tests.resources.peers import peer
from tests.resources.programs import PostgresServer, RedisServer


def echo(line: socket.socket) -> None:
    while data := line.recv(100):
        line.sendall(data)


@pytest.fixture
def members() -> Iterator[dict[str, str]]:
    """Where the resources of the manual's names are here."""
    with ExitStack() as running:
        postgres, redis = PostgresServer(), RedisServer()
        running.callback(postgres.close)
        running.callback(redis.close)
        mongo, words = running.enter_context(mongo_stand_in()), running.enter_context(peer(echo))
        yield {
            "@mypg": postgres.member,
            "@myredis": redis.member,
            "@mymongo": f"127.0.0.1:{mongo.port}/mycollection",
            "@words": f"127.0.0.1:{words}",
        }


@pytest.fixture
def site(tmp_path: Path, members: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The site that `atilite.alias` and `atilite.mount` speak to, whose aliases are at these members."""
    site = Site(tmp_path)
    monkeypatch.setattr("atilite.launch.default_site", lambda: site)
    declare = site.aliases.add

    def add(name: str, kind: str, given: Any, **options: Any) -> None:
        declare(name, kind, members.get(name, given), **options)

    monkeypatch.setattr(site.aliases, "add", add)
    atilite.register_g("tables.users", "table.photos")
    yield site
    site.close()


def open_site(site: Site, folder: Path) -> Client:
    site.open(Settings(no_console=True, db=f"sqlite:///{folder}/data.db"))
    site.start()
    return Client(site)


@pytest.mark.row("A131", "A136", "A137", "A147", "A148", "A149")
def test_the_page_about_databases_is_true(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ModuleType("page")
    names = vars(page)
    first, *others = [text for language, _, text in blocks("databases.md") if language == "python"]
    typed(first, names)
    names["app"].client = open_site(site, tmp_path)
    compared = 0
    for text in others:
        for was, said in typed(text, names):
            assert was == said
            compared += 1
    assert compared == 22
    assert app_answers(names["app"].client)
    site.stop(5)


def app_answers(client: Client) -> bool:
    return client.get("/users/nobody").status_code == 410


MANUAL = """
import math
import time
from functools import partial

import atilite
from atilite import Q

app = atilite.Atilite ("manual")

def hide_password (rows):
    for row in rows:
        row.password = '****'
    return rows

def respond (was, task):
    return was.API (result = task.fetch ())

@app.route ("/pg")
def pg (was):
    # PostgreSQL and SQLite3
    with was.db ('@mypg') as db:
        task = (db.select ('my_table')
            .filter (name = 'Hans')
            .with_ ('a', db.insert ('my_table').set (name = 'Hans'))
        ).execute ()
    return was.API (first = task.fetch (), then = was.db ('@mypg').select ('my_table').execute ().fetch ())

@app.route ("/mongo")
def mongo (was):
    with was.db('@mymongo') as db:
        task = db.find ({'city': 'New York'})
    return was.API (result = task.fetch ())

@app.route ("/redis")
def redis (was):
    with was.db ("@myredis") as db:
        task1 = db.set('foo', 'bar')
        task2 = db.get('foo')
    return was.API (set = task1.fetch (), get = task2.fetch ())

@app.route ("/tasks")
def tasks (was):
    db = was.db ('@mydb')
    tasks = was.Tasks (
        db.insert ('city').set (name = 'Hans').execute (),
        files = was.Subprocess ('echo my files', filter = lambda x: x.replace (' ', '_')),
        result = was.db ('@mydb', filter = hide_password).execute ('select * from user')
    )
    results = tasks.fetch ()
    return was.API (files = results ['files'], result = results ['result'])

@app.route ("/update")
def update (was):
    # update tables.users modification time
    was.db ('@mydb', rm_cache = 'tables.users').execute ("insert into user (id, password) values (2, 'x')").commit ()
    return was.API (ok = True)

@app.route ("/query")
def query (was):
    # use cache if tables.users modification time is older
    return was.API (n = was.db ('@mydb', use_cache = 'tables.users').execute ('select count(*) n from user').one ().n)

@app.route ("/query2")
def query2 (was):
    # check all times are older
    task = was.db ('@mydb', use_cache = ['tables.users', 'table.photos']).execute ('select count(*) n from user')
    return was.API (n = task.one ().n)

@app.route ("/then")
def then (was):
    return was.db ("@mydb").execute ("select * from city").then (respond)

@app.route ("/datalist")
def datalist (was):
    task = was.db ("@mydb").execute ("select * from city")
    return was.Map (result = task)

@app.route ("/bench/sp", methods = ['GET'])
def bench_sp (was):
    with was.db ('@mydb') as db:
        root = (db.select ("foo")
                    .order_by ("-created_at")
                    .limit (10)
                    .filter (Q (from_wallet_id = 8) | Q (detail = 'ReturnTx')))
    return was.Map (
        was.Thread (time.sleep, args = (0.01,)), # no need map
        files = was.Subprocess ('echo log'),
        result = root.clone ().execute (),
        record_count__one = root.clone ().aggregate ('count (id) as cnt').execute ()
    )

@app.route ("/download_csv", coroutine = True)
def download_csv (was):
    yield "ID, NAME\\n"
    current_id = 0
    fetch_count = 2
    while 1:
        task = yield (was.db ('@mydb').select ('tble')
            .get ('id, name')
            .filter (id__gt = current_id).
            limit (fetch_count)).execute ()
        rows = task.fetch ()
        if not rows:
            break
        current_id += fetch_count
        yield '\\n'.join (['{}, "{}"'.format (row.id, row.name) for row in rows])

atilite.alias ("@mypg", atilite.DB_PGSQL, ["user:pass@localhost/mydb"])
atilite.alias ("@mydb", atilite.DB_SQLITE3, ["./sqlite3.db"])
atilite.alias ("@mymongo", atilite.DB_MONGODB, ["localhost/mycollection"])
atilite.alias ("@myredis", atilite.DB_REDIS, ["localhost/0"])
atilite.mount ("/", app)
"""


@pytest.mark.row("A131", "A136", "A137", "A148")
def test_the_manual_s_samples_with_databases_do_what_they_say(site: Site, tmp_path: Path) -> None:
    """As they are printed, but: `.with_` after a point at the end of a line (two points), `lammda`, and `skitai`."""
    names: dict[str, Any] = {"__name__": "manual"}
    exec(compile(MANUAL, "manual", "exec"), names)
    client = open_site(site, tmp_path)
    db = names["app"].db
    db("@mypg").execute("create table my_table (name text)").commit()
    db("@mymongo").insert_one({"_id": 1, "city": "New York"}).commit()
    for statement in (
        "create table city (name text)",
        "create table user (id int, password text)",
        "insert into user values (1, 'geheim')",
        "create table foo (id int, from_wallet_id int, detail text, created_at int)",
        "insert into foo values (1, 8, 'a', 5), (2, 9, 'ReturnTx', 6), (3, 9, 'b', 7)",
        "create table tble (id int, name text)",
        "insert into tble values (1, 'a'), (2, 'b'), (3, 'c')",
    ):
        db("@mydb").execute(statement).commit()

    assert client.get("/pg").json() == {"first": [], "then": [{"name": "Hans"}]}
    assert client.get("/mongo").json() == {"result": [{"_id": 1, "city": "New York"}]}
    assert client.get("/redis").json() == {"set": True, "get": "bar"}
    assert client.get("/tasks").json() == {"files": "my_files\n", "result": [{"id": 1, "password": "****"}]}
    counts = [client.get(path).json()["n"] for path in ("/query", "/query2", "/query")]
    db("@mydb").execute("insert into user values (9, 'unseen')").commit()
    assert (counts, client.get("/query").json()["n"]) == ([1, 1, 1], 1)
    client.get("/update")
    assert (client.get("/query").json()["n"], client.get("/query2").json()["n"]) == (3, 3)
    assert client.get("/then").json() == client.get("/datalist").json() == {"result": [{"name": "Hans"}]}
    answer = client.get("/bench/sp").json()
    assert [row["id"] for row in answer["result"]] == [2, 1]
    assert (answer["record_count"], answer["files"]) == ({"cnt": 2}, "log\n")
    assert client.get("/download_csv").text == 'ID, NAME\n1, "a"\n2, "b"3, "c"'
    site.stop(5)
