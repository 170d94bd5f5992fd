"""The pages of the console over a long history: queries and milliseconds of this process's time, HTML and JSON.

A page is asked for as a server would ask for it, so signing in, finding the route and writing the HTML are in the time.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atilite import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.store.accounts import Accounts
from atilite.store.database import Database
from atilite.testing.client import Client
from tests.bench.store import fill

NAME = "history"

GOAL_MS = 5.0
# Two, the one that finds the session, and a second one for the run above its records.
GOAL_QUERIES = 4
PASSWORD = "a long enough password"
# The filters of the page of runs; `day` is one in the middle of the history.
FILTERS = {
    "nothing": "",
    "status": "status=failed",
    "not succeeded": "status=bad",
    "action": "action=action+7",
    "action, status": "action=action+0&status=cancelled",
    "trigger": "trigger=person",
    "label": "label=garden",
    "label, status": "label=garden&status=timed_out",
    "one day": "since={day}&until={day}",
    "text": "text=sensors",
    "text, status": "text=timeout&status=failed",
    "all of them": "status=bad&action=action+0&trigger=schedule&label=garden&text=zone&since={day}",
    "nothing found": "action=none&status=failed",
}


def run(quick: bool) -> list[str]:
    """Return the lines of the report; each kind of page ends with its verdicts."""
    lines: list[str] = []
    for count, every in ((20_000, 20.0),) if quick else ((100_000, 20.0), (1_000_000, 20.0), (100_000, 0.8)):
        lines += _measured(count, every, 7 if quick else 31)
    return lines


def _measured(count: int, every: float, rounds: int) -> list[str]:
    start = datetime.now(UTC) - timedelta(seconds=every * count)
    day = (start + timedelta(seconds=every * count / 2)).date().isoformat()
    paths = {f"runs, {name}": f"/runs{{}}?{query.format(day=day)}" for name, query in FILTERS.items()}
    paths["runs, in the middle"] = f"/runs{{}}?before={count // 2}"
    paths["a run"] = f"/runs/{count // 2}{{}}"
    paths |= {"overview": "/overview{}", "actions": "/actions{}", "an action": "/actions/action%200{}"}
    lines = [f"{count:,} runs, one every {every:g} s: queries and ms of a page as HTML | as JSON"]
    worst: dict[str, list[float]] = {"html": [0.0, 0.0], "json": [0.0, 0.0]}
    with _board(count, start, every) as (site, client):
        for name, path in paths.items():
            html = "/" if name == "overview" else path.format("")
            pages = {kind: _page(site, client, "/console" + one, rounds)
                     for kind, one in (("html", html), ("json", path.format(".json")))}  # fmt: skip
            for kind, figures in pages.items():
                counted = (figures[0] if "text" not in path else 0, figures[1])  # a text is asked for in steps
                worst[kind] = [max(pair) for pair in zip(worst[kind], counted, strict=True)]
            told = " | ".join(f"{queries:4.0f} {ms:6.2f}" for queries, ms in pages.values())
            lines.append(f"  {name:24s} {told}")
    for kind, (queries, ms) in worst.items():
        label = f"{count}_{every:g}s_{kind}"
        lines.append(f"slowest {kind}: {ms:.2f} ms; most queries: {queries:.0f}")
        lines.append(_verdict(f"{label}_{GOAL_MS:g}ms_to_slowest", GOAL_MS / ms))
        lines.append(_verdict(f"{label}_{GOAL_QUERIES}_queries_to_most", GOAL_QUERIES / queries))
    return lines


@contextmanager
def _board(count: int, start: datetime, every: float) -> Iterator[tuple[Site, Client]]:
    """A site with so many runs, and somebody who has signed in."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        with Database.open(url) as database:
            fill(database, count, start=start, every=every)
            Accounts(database).add("viewer", PASSWORD, "view")
        site = Site(Path(folder))
        site.mount("/", _app())
        site.open(Settings(name="bench", db=url))
        try:
            client = Client(site, headers={"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
            token = client.get("/console/login").text.partition('name="csrf" value="')[2].partition('"')[0]
            client.post("/console/login", form={"csrf": token, "user": "viewer", "password": PASSWORD})
            yield site, client
        finally:
            site.stop(5.0)


def _app() -> Atilite:
    """The actions whose runs the history has."""
    app = Atilite("bench")
    for number in range(30):

        @app.action(name=f"action {number}")
        def action(zone: str = "north") -> None:
            """reads the sensors"""

    return app


def _page(site: Site, client: Client, path: str, rounds: int) -> tuple[float, float]:
    """Return the queries of a page, that for the session among them, and its ms of processor time, a low quartile.

    The first visit is left out: it finds out which kinds of runs there are, and later ones are told of new ones.
    """
    connection = site.database().connection()
    times = []
    for _ in range(rounds + 1):
        start = time.thread_time()
        answer = client.get(path)
        times.append((time.thread_time() - start) * 1000)
        assert answer.status_code == 200, (path, answer.status)
    # A page of HTML counts its queries itself, after the one for the session.
    told = re.search(r"([0-9]+) quer", answer.text)
    # What others do on this machine makes a page slower, never faster.
    spent = statistics.quantiles(times[1:], n=4)[0]
    if told:
        return int(told[1]) + 1, spent
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    client.get(path)
    connection.set_trace_callback(None)
    return len(asked), spent


def _verdict(name: str, ratio: float) -> str:
    return f"{NAME} {name} {ratio:.2f} 1 {'OK' if ratio >= 1 else 'SHORT'}"
