"""kill -9 at random moments, and the account that is kept of what a program has acknowledged until then.

The whole two hundred moments are `python -m tests.bench kills`; the tests take a few of them.
"""

from __future__ import annotations

import http.client
import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atilite.store.database import Database
from atilite.store.history import History
from atilite.store.kv import KV
from atilite.store.runs import Filter, Headline
from tests.faults.program import Program, until

SCRIPT = """
    import time
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.action(name="quick")
    def quick(number: int) -> int:
        app.journal.record("did", number=number)
        return number

    @app.action(name="yielding")
    def yielding(was, number: int):
        yield was.kv.set(**{"mark": number})
        yield was.Sleep(0.01)
        return number

    @app.action(name="slow")
    def slow() -> None:
        time.sleep(600)

    @app.action(name="again and again", retries=1000, retry_delay=0.05)
    def again() -> None:
        raise ValueError("not yet")

    @app.schedule("* * * * * *", timezone="UTC", missed="all", window="1h")
    @app.action(name="each second")
    def each_second() -> None:
        pass

    @app.schedule("* * * * * *", timezone="UTC", missed="skip")
    @app.action(name="present only")
    def present_only() -> None:
        pass

    @app.schedule(every=1, missed="once")
    @app.action(name="interval")
    def interval() -> None:
        pass

    atilite.mount("/", app)
    atilite.run(name="killed", keep="10000000", keep_megabytes=0)
"""
# What a client is busy with; each worker does one of them over and over.
WORK = ("quick", "yielding", "set", "count", "quick", "yielding")
# Seconds within which a kill comes after the program has answered.
MOMENTS = (0.0, 1.2)


@dataclass
class Account:
    """What was acknowledged over all lives of a program, and what was asked for without an answer."""

    runs: dict[int, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    unanswered: int = 0
    begun: set[int] = field(default_factory=set)
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    kills: int = 0
    faults: list[str] = field(default_factory=list)


class Worker:
    """A client with one connection that does the same thing again and again until the program dies."""

    def __init__(self, name: str, kind: str, account: Account) -> None:
        self.name, self.kind, self.account = name, kind, account
        self.number = 0
        self.trying = False

    def work(self, program: Program) -> None:
        """Work until the connection breaks; then it is told what has had no answer."""
        connection = program.connect()
        try:
            while True:
                self.number, self.trying = self.number + 1, True
                getattr(self, f"_{self.kind}")(connection)
                self.trying = False
        except (OSError, http.client.HTTPException):
            return  # the program was killed: that is what it is about
        except AssertionError as refused:
            self.account.faults.append(f"{self.name}: {refused}")
        finally:
            connection.close()

    def _quick(self, connection: http.client.HTTPConnection) -> None:
        answer = ask(connection, "POST", f"/internal/action/{self.kind}", {"number": self.number})
        if answer["status"] != "succeeded":
            self.account.faults.append(f"{self.kind}: {answer}")
        self.account.runs[answer["run"]] = self.number

    _yielding = _quick

    def _set(self, connection: http.client.HTTPConnection) -> None:
        ask(connection, "PUT", f"/internal/kv/kills/{self.name}", self.number)
        self.account.values[self.name] = self.number

    def _count(self, connection: http.client.HTTPConnection) -> None:
        ask(connection, "POST", "/internal/kv/kills/counter/incr", None)
        self.account.counted += 1


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object) -> dict[str, Any]:
    """One request on a connection that stays; raises OSError or HTTPException when the program has died."""
    data = b"" if body is None else json.dumps(body).encode()
    connection.request(method, path, data, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, (answer.status, text)
    found: dict[str, Any] = json.loads(text)
    return found


def kill_at(moments: int, make: Callable[[], Program], chance: random.Random) -> Account:
    """Start a program, keep it busy and kill it, so many times; then look at everything that it has stored."""
    program, account = make(), Account()
    workers = [Worker(f"{kind}{number}", kind, account) for number, kind in enumerate(WORK)]
    for _ in range(moments):
        program.start()
        threads = [threading.Thread(target=worker.work, args=(program,)) for worker in workers]
        try:
            account.begun |= {program.begin("slow"), program.begin("again and again")}
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(*MOMENTS))
        finally:
            program.kill()
            for thread in threads:
                thread.join(20)
        account.kills += 1
        account.unanswered += sum(worker.trying and worker.kind == "count" for worker in workers)
    begin = time.monotonic()
    program.start()
    until(lambda: not older_pending(program, max(account.begun)), 5)
    account.faults += [f"took {time.monotonic() - begin:.1f} s to say what was interrupted"] * (
        time.monotonic() - begin > 20
    )
    program.terminate()
    account.faults += Verdict(program.folder, account).faults()
    return account


def older_pending(program: Program, newest: int) -> bool:
    """Whether a run of an earlier life is still said to go on."""
    pending = program.json("/internal/journals/?pending=1&limit=100")
    return any(run["id"] <= newest for run in pending)


class Verdict:
    """Compares what is stored with what was acknowledged. The program has ended."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.account = account
        with Database.open(f"sqlite:///{folder}/data.db", readonly=True) as database:
            self.runs = {run.id: run for run in everything(History(database))}
            kv = database.part(KV)
            self.values = {name: kv.get("kills", name) for name in (*account.values, "counter")}
            (self.intact,) = database.connection().execute("PRAGMA integrity_check").fetchone()

    def faults(self) -> list[str]:
        """Everything that should not be, in words; [] when all is well."""
        return [*self._lost(), *self._pending(), *self._values(), *self._schedules(), *self._structure()]

    def _lost(self) -> list[str]:
        wrong = []
        for number, result in self.account.runs.items():
            run = self.runs.get(number)
            if run is None or run.status != "succeeded" or run.result != result:
                wrong.append(f"run {number} was acknowledged with {result}, and is {run}")
        return wrong

    def _pending(self) -> list[str]:
        wrong = [f"run {run.id} still pends" for run in self.runs.values() if run.pending]
        for number in self.account.begun:
            run = self.runs.get(number)
            expected = ("interrupted",) if run is None or run.operation == "slow" else ("interrupted", "failed")
            if run is None or run.status not in expected:
                wrong.append(f"run {number} was begun and killed, and is {run and run.status}")
        return wrong

    def _values(self) -> list[str]:
        wrong = []
        for name, number in self.account.values.items():
            # One more may have been stored whose answer did not come.
            if self.values[name] not in (number, number + 1):
                wrong.append(f"{name} was acknowledged as {number}, and is {self.values[name]}")
        counter = self.values["counter"] or 0
        if not self.account.counted <= counter <= self.account.counted + self.account.unanswered:
            wrong.append(f"{self.account.counted} were counted (and up to {self.account.unanswered}), not {counter}")
        return wrong

    def _schedules(self) -> list[str]:
        each, present, interval = (
            sorted((run for run in self.runs.values() if run.operation == name), key=lambda run: run.id)
            for name in ("each second", "present only", "interval")
        )
        wrong = [ahead for runs in (each, present) for ahead in too_many(runs, self.account.since)]
        wrong += [f"{run.operation} caught up" for run in present if run.trigger == "catch-up"]
        # A due time may be lost at a kill that comes between its note and its run, never more.
        due = seconds(each[0].created_at, each[-1].created_at) + 1 if each else 0
        if len(each) < due - self.account.kills - 1:
            wrong.append(f"each second: {due} were due, {len(each)} ran, at {self.account.kills} kills")
        if interval and len(interval) > seconds(self.account.since, interval[-1].created_at) + 1:
            wrong.append(f"interval: {len(interval)} runs are too many")
        return wrong

    def _structure(self) -> list[str]:
        return [] if self.intact == "ok" else [f"the database is not intact: {self.intact}"]

    def statuses(self) -> Counter[str]:
        """How many runs have ended how."""
        return Counter(run.status for run in self.runs.values())


def too_many(runs: list[Headline], since: datetime) -> list[str]:
    """Where a schedule of each second has run more often than there were seconds from `since` until then."""
    return [
        f"{run.operation}: {count} runs until {run.created_at}"
        for count, run in enumerate(runs, 1)
        if count > seconds(since, run.created_at)
    ]


def seconds(first: datetime, last: datetime) -> int:
    """How many whole seconds begin after one moment and up to another."""
    return math.floor(last.timestamp()) - math.floor(first.timestamp())


def everything(history: History) -> list[Headline]:
    """All runs that are stored."""
    found: list[Headline] = []
    before = None
    while page := history.search(Filter(), before=before, limit=1000):
        found += page
        before = page[-1].id
    return found
