"""kill -9 in the middle of writing: what was acknowledged is there, the rest says what became of it."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.store.backup import verify
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV
from atilite.store.runs import Filter

ROOT = Path(__file__).parents[2]
ROUNDS = 25

# Prints what is acknowledged, as soon as it is: a line is only written to the pipe after `done`.
WRITING = """
import sys, threading
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV

database = Database.open(sys.argv[1])
journals, kv = database.part(Journals), database.part(KV)
out = threading.Lock()

def tell(*words):
    with out:
        sys.stdout.write(" ".join(map(str, words)) + "\\n")
        sys.stdout.flush()

def acknowledged(*words):
    stored = threading.Event()
    def done(value, error):
        if error is None:
            tell(*words, *([] if value is None else [value]))
        stored.set()
    return stored, done

def work(name):
    # Goes on where the last process was, so that a value that was stored unacknowledged is never below an earlier one.
    number = kv.get("test", name) or 0
    while True:
        number += 1
        stored, done = acknowledged("kv", name, number)
        kv.set("test", {name: number}, done=done)
        stored.wait()
        run = journals.open("work", parameters={"n": number}, labels=[name])
        stored, done = acknowledged("record", run)
        journals.record(run, f"{name} {number}", done=done)
        stored.wait()
        stored, done = acknowledged("run", run)
        journals.close(run, "succeeded", duration=0.1, result=number, done=done)
        stored.wait()

tell("open", len(database.interrupted))
for name in "abcd":
    threading.Thread(target=work, args=(name,), daemon=True).start()
threading.Event().wait()
"""

# Migrates with a step of many statements, and says when it is in the middle.
MIGRATING = """
import sys
from peewee import TextField
from atilite.store import migrations
from atilite.store.database import Database

def long(migrator, database):
    migrator.migrate(migrator.add_column("kv", "colour", TextField(default="grey")))
    database.execute_sql("CREATE TABLE filler (text TEXT)")
    print("migrating", flush=True)
    for number in range(int(sys.argv[2])):
        database.execute_sql("INSERT INTO filler VALUES (?)", (str(number) * 100,))
    database.execute_sql("DROP TABLE filler")
    migrator.migrate(migrator.rename_column("kv", "colour", "tint"))

migrations.STEPS = (*migrations.STEPS, ("0009_long", long))
database = Database.open(sys.argv[1])
print("done", database.connection().execute("SELECT key, tint FROM kv").fetchall(), flush=True)
database.close()
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[str]:
    """Yield what the process says until it is killed so long after its first line."""
    assert process.stdout is not None
    first = process.stdout.readline()
    yield first.strip()
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    lines = process.stdout.read().split("\n")
    timer.join()
    process.stdout.close()
    process.wait(20)
    # The last piece may be half a line.
    yield from lines[:-1]


@pytest.mark.timeout(300)
@pytest.mark.row("reliability-7")
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    url, chance = f"sqlite:///{tmp_path}/data.db", random.Random(1)
    values: dict[str, int] = {}
    records: dict[int, int] = {}
    ended: set[int] = set()
    for _ in range(ROUNDS):
        for line in killed_after(start(WRITING, url), chance.uniform(0.02, 0.3)):
            match line.split():
                case ["kv", name, number]:
                    values[name] = int(number)
                case ["record", run, record]:
                    records[int(record)] = int(run)
                case ["run", run]:
                    ended.add(int(run))
        before = time.monotonic()
        with Database.open(url) as database:
            assert time.monotonic() - before < 20
            check(database, values, records, ended)
        verify(tmp_path / "data.db")
    assert len(ended) > ROUNDS


def check(database: Database, values: dict[str, int], records: dict[int, int], ended: set[int]) -> None:
    journals, kv = database.part(Journals), database.part(KV)
    for name, number in values.items():
        # The one that was under way may have reached the disk before its acknowledgement reached us.
        stored = kv.get("test", name)
        assert number <= stored <= number + 1
        values[name] = stored
    statuses = {run.id: run.status for run in journals.search(limit=1_000_000)}
    assert {run: statuses.get(run) for run in ended if statuses.get(run) != "succeeded"} == {}
    assert journals.search(Filter(pending=True)) == []
    assert set(statuses.values()) <= {"succeeded", "interrupted"}
    stored_records = database.connection().execute("SELECT id, journal FROM record").fetchall()
    assert {id: run for id, run in records.items() if (id, run) not in set(stored_records)} == {}
    assert len(stored_records) == len({id for id, _ in stored_records})
    # Every record has its run.
    assert {run for _, run in stored_records} <= set(statuses)


@pytest.mark.timeout(120)
@pytest.mark.row("reliability-7")
def test_a_run_in_flight_is_interrupted_at_the_next_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data.db"
    program = """
import sys
from atilite.store.database import Database
from atilite.store.journals import Journals
database = Database.open(sys.argv[1])
journals = database.part(Journals)
run = journals.open("mission")
journals.record(run, "half way", done=lambda value, error: print(run, flush=True))
sys.stdin.read()
"""
    command = [sys.executable, "-c", program, url]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    run = int(process.stdout.readline())
    process.kill()
    process.wait(20)
    process.stdout.close()
    process.stdin.close()

    with Database.open(url) as database:
        found = database.part(Journals).get(run)
        assert found is not None
        assert (found.status, [record.message for record in found.records]) == ("interrupted", ["half way"])
        assert found.finished_at is not None
        assert found.finished_at >= found.records[0].created_at
        assert database.interrupted == [run]


@pytest.mark.timeout(300)
@pytest.mark.row("reliability-8")
def test_kill_9_in_a_migration_leaves_the_old_or_the_new_schema(tmp_path: Path) -> None:
    path, chance = tmp_path / "data.db", random.Random(2)
    url = f"sqlite:///{path}"
    with Database.open(url) as database:
        database.part(KV).set("default", {"a": 1})
    for _ in range(20):
        process = start(MIGRATING, url, "3000000")
        said = list(killed_after(process, chance.uniform(0, 0.2)))
        assert said[0] == "migrating"
        assert not any(line.startswith("done") for line in said)
        connection = sqlite3.connect(path)
        columns = {row[1] for row in connection.execute("PRAGMA table_info(kv)")}
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        connection.close()
        assert not columns & {"colour", "tint"}
        assert "filler" not in tables
        verify(path)

    process = start(MIGRATING, url, "10")
    assert process.stdout is not None
    assert process.stdout.read().splitlines()[1:] == ["done [('a', 'grey')]"]
    process.stdout.close()
    assert process.wait(60) == 0
