"""The store: group commit beside one connection a thread, records beside raw executemany, KV, the history of many runs.

Every figure is taken in turns with the one it is compared to, and the median of the rounds counts.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.store.kv import KV
from atilite.store.live import LiveRuns
from atilite.store.runs import Filter, Headline

NAME = "store"

_CREATE = "CREATE TABLE row (id INTEGER PRIMARY KEY, at INTEGER, message TEXT, params TEXT)"
_INSERT = "INSERT INTO row(at, message, params) VALUES (?, ?, ?)"
_ROW = (1_790_000_000_000_000, "reading", '{"n":1}')


def run(quick: bool) -> list[str]:
    """Return the lines of the report; each comparison ends with its verdict."""
    rounds = 2 if quick else 5
    parts = (_writers, _records, _runs, _kv)
    return [*(line for part in parts for line in part(quick, rounds)), *_disk(quick), *_history(quick)]


@contextmanager
def _opened() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder, Database.open(f"sqlite:///{folder}/bench.db") as database:
        yield database


def _raw(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _rate(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def _by_threads(threads: int, count: int, one: Callable[[], object]) -> list[float]:
    """Call `one` `count` times in all, spread over threads; return the time that each call took, in seconds."""
    times: list[float] = []

    def work() -> None:
        own = []
        for _ in range(count // threads):
            start = time.perf_counter()
            one()
            own.append(time.perf_counter() - start)
        times.extend(own)

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)] * 1000


def _verdict(name: str, figure: float, goal: float) -> str:
    return f"{NAME} {name} {figure:.2f} {goal} {'OK' if figure >= goal else 'SHORT'}"


def _writers(quick: bool, rounds: int) -> list[str]:
    lines = ["appends a second, synchronous=FULL, every one waited for: group commit | own connections (p99 ms)"]
    for threads in (1, 16, 256):
        count = (1024 if quick else 4096) if threads > 1 else (500 if quick else 2000)
        ours, others, waits, other_waits = [], [], [], []
        for _ in range(rounds):
            with _opened() as database, tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "raw.db"
                first = _raw(path)
                first.execute(_CREATE)
                database.writer.call(lambda connection: connection.execute(_CREATE))
                append = lambda connection: connection.execute(_INSERT, _ROW)
                start = time.perf_counter()
                waits += _by_threads(threads, count, lambda append=append, d=database: d.writer.call(append))
                ours.append(count / (time.perf_counter() - start))
                local = threading.local()

                def alone(local: threading.local = local, path: Path = path) -> None:
                    if not hasattr(local, "connection"):
                        local.connection = _raw(path)
                    local.connection.execute(_INSERT, _ROW)

                start = time.perf_counter()
                other_waits += _by_threads(threads, count, alone)
                others.append(count / (time.perf_counter() - start))
                first.close()
        ratio = statistics.median(mine / other for mine, other in zip(ours, others, strict=True))
        lines.append(
            f"  {threads:3d} writers: {statistics.median(ours):8.0f} ({_p99(waits):.1f}) | "
            f"{statistics.median(others):8.0f} ({_p99(other_waits):.1f})"
        )
        if threads == 256:
            lines.append(_verdict("append_256_writers", ratio, 5))
            lines.append(_verdict("append_256_writers_50ms_to_p99", 50 / _p99(waits), 1))
    return lines


def _records(quick: bool, rounds: int) -> list[str]:
    count = 5_000 if quick else 20_000
    ours, raw = [], []
    for _ in range(rounds):
        with _opened() as database, tempfile.TemporaryDirectory() as folder:
            journals = database.part(Journals)
            number = journals.open("bench")

            def record(journals: Journals = journals, number: int = number, database: Database = database) -> None:
                for n in range(count):
                    journals.record(number, "reading", {"n": n})
                database.writer.flush()

            ours.append(_rate(count, record))
            connection = _raw(Path(folder) / "raw.db")
            connection.execute(_CREATE)

            def insert(connection: sqlite3.Connection = connection) -> None:
                connection.execute("BEGIN")
                connection.executemany(_INSERT, [_ROW] * count)
                connection.execute("COMMIT")

            raw.append(_rate(count, insert))
            connection.close()
    ratio = statistics.median(mine / other for mine, other in zip(ours, raw, strict=True))
    return [
        f"records of one run a second: {statistics.median(ours):.0f} | raw executemany {statistics.median(raw):.0f}",
        _verdict("records_to_executemany", ratio, 0.1),
    ]


def _runs(quick: bool, rounds: int) -> list[str]:
    lines = ["runs a second, opened and closed, every end waited for on the disk | raw autocommit inserts"]
    for threads in (1, 8, 32):
        count = 512 if quick else 2048
        ours, raw = [], []
        for _ in range(rounds):
            with _opened() as database, tempfile.TemporaryDirectory() as folder:
                journals = database.part(Journals)

                def one(journals: Journals = journals) -> None:
                    stored = threading.Lock()
                    stored.acquire()
                    number = journals.open("bench", description="a run", parameters={"zone": "north"})
                    journals.close(number, "succeeded", duration=0.001, done=lambda value, error: stored.release())
                    stored.acquire()

                start = time.perf_counter()
                _by_threads(threads, count, one)
                ours.append(count / (time.perf_counter() - start))
                connection = _raw(Path(folder) / "raw.db")
                connection.execute(_CREATE)

                def insert(connection: sqlite3.Connection = connection, count: int = count) -> None:
                    for _ in range(count):
                        connection.execute(_INSERT, _ROW)

                raw.append(_rate(count, insert))
                connection.close()
        ratio = statistics.median(mine / other for mine, other in zip(ours, raw, strict=True))
        lines.append(
            f"  {threads:3d} at once: {statistics.median(ours):8.0f} | {statistics.median(raw):8.0f} {ratio:.2f}"
        )
    return lines


def _kv(quick: bool, rounds: int) -> list[str]:
    count = 1000 if quick else 5000
    gets, sets = [], []
    for _ in range(rounds):
        with _opened() as database:
            kv = KV(database)

            def put(kv: KV = kv) -> None:
                stored = threading.Lock()
                stored.acquire()
                kv.set("bench", {"key": {"n": 1}}, done=lambda value, error: stored.release())
                stored.acquire()

            sets.append(_rate(count // 5, lambda put=put: [put() for _ in range(count // 5)]))
            gets.append(_rate(count, lambda kv=kv: [kv.get("bench", "key") for _ in range(count)]))
    return [f"kv a second: get {statistics.median(gets):.0f}, set (durable) {statistics.median(sets):.0f}"]


def _written() -> int:
    """Return the bytes that this process has given to disks."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def _disk(quick: bool) -> list[str]:
    count = 1000 if quick else 4000
    lines = ["KiB written to disk per 1,000 runs with one record each, folded into the file"]
    for threads in (1, 8, 32):
        with _opened() as database:
            journals = database.part(Journals)

            def one(journals: Journals = journals) -> None:
                stored = threading.Event()
                number = journals.open("bench", description="a run", parameters={"zone": "north"})
                journals.record(number, "did", {"n": number})
                journals.close(number, "succeeded", duration=0.001, done=lambda value, error: stored.set())
                stored.wait()

            before = _written()
            _by_threads(threads, count, one)
            database.checkpoint()
            lines.append(f"  {threads:3d} at once: {(_written() - before) / 1024 / count * 1000:.0f}")
    return lines


def fill(
    database: Database, count: int, *, start: datetime = datetime(2026, 1, 1, tzinfo=UTC), every: float = 20.0
) -> None:
    """Store so many runs of a board, one `every` so many seconds, as if it had worked for months."""
    chance = random.Random(1)
    live: LiveRuns = database.part(Journals)._live

    def store(connection: sqlite3.Connection) -> None:
        for number in range(1, count + 1):
            status = chance.choices(("succeeded", "failed", "cancelled", "timed_out"), (960, 30, 6, 4))[0]
            trigger = chance.choices(("schedule", "person", "api"), (90, 8, 2))[0]
            moment = start + timedelta(seconds=every * number)
            run = Headline(
                number,
                f"action {chance.choice([0] * 30 + list(range(1, 30)))}",
                "reads the sensors",
                "action",
                trigger,
                None if trigger == "schedule" else chance.choice(("ana", "ben")),
                {"zone": "north"},
                status,
                moment,
                moment,
                moment,
                1.5,
                "ReadTimeout: no answer" if status == "failed" else None,
                labels=("garden",) if chance.random() < 0.3 else (),
            )
            live.store(connection, run, None)

    database.writer.call(store)
    database.part(Journals)._text.catch_up()
    while database.part(Journals)._text._state[0] < count:
        time.sleep(0.05)


def _history(quick: bool) -> list[str]:
    """The slowest of all filters, first page and a page in the middle."""
    count = 20_000 if quick else 1_000_000
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=10 * count)
    filters = {
        "nothing": Filter(),
        "status": Filter(status="failed"),
        "operation": Filter(operation="action 7"),
        "operation, status": Filter(operation="action 0", status="cancelled"),
        "trigger, who": Filter(trigger="person", who="ana"),
        "label": Filter(labels="garden"),
        "label, status": Filter(labels="garden", status="timed_out"),
        "since, until": Filter(since=since, until=since + timedelta(hours=1)),
        "text": Filter(text="sensors"),
        "text, status": Filter(text="timeout", status="failed"),
        "nothing found": Filter(operation="none", status="failed"),
    }
    lines = [f"ms for a page of 20 of {count} runs: newest, in the middle"]
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        with Database.open(url) as database:
            fill(database, count)
        with Database.open(url) as database:
            journals = database.part(Journals)
            database.writer.flush()
            for name, filter in filters.items():
                pages = [_page(journals, filter, before) for before in (None, count // 2)]
                slowest = max(slowest, *pages)
                lines.append(f"  {name:20s} {pages[0]:6.2f} {pages[1]:6.2f}")
    return [*lines, _verdict("history_2ms_to_slowest_filter", 2 / slowest, 1)]


def _page(journals: Journals, filter: Filter, before: int | None) -> float:
    """Return the milliseconds that a page takes, as a median."""
    times = []
    for _ in range(20):
        start = time.perf_counter()
        journals.search(filter, before=before, limit=20)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)
