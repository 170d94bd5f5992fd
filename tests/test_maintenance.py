"""Maintenance: on a timer of the loop, in task threads, never beside itself."""

from __future__ import annotations

import functools
import logging
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.errors import DuplicateName, Frozen, SetupError
from atilite.site import Site
from atilite.store.journals import Filter, Journals
from atilite.testing.client import Client


@pytest.fixture
def app() -> Atilite:
    made = Atilite("maintained")
    made.config.MAINTAIN_INTERVAL = 0.01
    return made


@pytest.fixture
def site(tmp_path: Path, app: Atilite) -> Iterator[Site]:
    made = Site(tmp_path)
    made.mount("/", app)
    made.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))
    yield made
    made.stop(2.0)
    made.close()


@pytest.mark.row("A18", "A45", "D4")
def test_jobs_run_at_every_nth_round_without_any_request(app: Atilite, site: Site) -> None:
    ran: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @app.maintain
    def each(was: Any, now: float, count: int) -> None:
        ran.put(("each", was.app is app, abs(now - app.clock.time()) < 60, count, threading.current_thread()))

    @app.maintain(3, threading=False)
    def third(was: Any, now: float, count: int) -> None:
        ran.put(("third", True, True, count, threading.current_thread()))

    site.start()
    got = [ran.get(timeout=10) for _ in range(8)]
    assert {(well, near) for _, well, near, _, _ in got} == {(True, True)}
    counts = {name: [count for one, _, _, count, _ in got if one == name] for name in ("each", "third")}
    assert counts["each"] == sorted(set(counts["each"]))
    assert counts["third"]
    assert all(count % 3 == 0 for count in counts["third"])
    assert app.runtime.loop._ident not in {thread.ident for *_, thread in got}, "a job would block everybody there"


@pytest.mark.row("A45")
def test_a_request_starts_no_round(app: Atilite, site: Site) -> None:
    app.config.MAINTAIN_INTERVAL = 3600
    ran: list[int] = []
    app.maintain(lambda was, now, count: ran.append(count))
    app.route("/")(lambda: "index")
    site.start()
    assert [Client(site).get("/").text for _ in range(3)] == ["index"] * 3
    assert ran == []


@pytest.mark.row("A45")
def test_a_job_never_runs_beside_itself_and_holds_up_no_other(
    app: Atilite, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    free, at_work, rounds = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    inside: list[int] = []

    @app.maintain
    def slow(count: int) -> None:
        inside.append(count)
        at_work.release()
        free.wait(20)

    @app.maintain(threading=True)
    def quick() -> None:
        rounds.release()

    with caplog.at_level(logging.WARNING, "atilite.maintenance"):
        site.start()
        assert at_work.acquire(timeout=10)
        for _ in range(4):
            assert rounds.acquire(timeout=10)
        assert len(inside) == 1
        said = caplog.text.count("maintenance job slow is still at work")
        assert said == 1, "told once each time, not at each round"
        free.set()
        assert at_work.acquire(timeout=10), "the rounds go on when it has ended"


@pytest.mark.row("A45")
def test_an_error_is_logged_and_kept_as_a_failed_run_and_the_next_round_comes(
    app: Atilite, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    stop_listening = site.database().part(Journals).updated.listen(told.put)

    @app.maintain
    def broken(was: Any, now: float, count: int) -> None:
        raise ValueError(f"round {count}")

    with caplog.at_level(logging.ERROR, "atilite.maintenance"):
        site.start()
        for _ in range(2):
            told.get(timeout=10)
        stop_listening()
    site.stop(2.0)
    runs = site.database().part(Journals).search(Filter(operation="maintain broken", failed=True))
    assert runs
    assert "ValueError: round" in str(runs[-1].error)
    assert "maintenance job broken failed" in caplog.text


@pytest.mark.row("A45")
def test_a_job_may_be_a_generator_or_a_coroutine(app: Atilite, site: Site) -> None:
    ran: queue.SimpleQueue[str] = queue.SimpleQueue()

    @app.maintain
    def generator(was: Any, now: float) -> Any:
        task = yield was.Thread(lambda: "generator")
        ran.put(task.fetch())

    @app.maintain
    async def coroutine(was: Any) -> None:
        ran.put("coroutine")

    site.start()
    assert {ran.get(timeout=10) for _ in range(20)} == {"generator", "coroutine"}


@pytest.mark.row("A45", "A49")
@pytest.mark.parametrize(
    ("function", "given"),
    [
        (lambda: (), 0),
        (lambda was: (was,), 1),
        (lambda now, count: (now, count), 2),
        (lambda now, was: (now, was), 2),
        (lambda was, now, count: (was, now, count), 3),
    ],
)
def test_a_job_gets_what_it_takes(app: Atilite, site: Site, function: Any, given: int) -> None:
    ran: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @functools.wraps(function)
    def job(*args: Any, **kwargs: Any) -> None:
        ran.put(function(*args, **kwargs))

    app.maintain(job)
    site.start()
    assert len(ran.get(timeout=10)) == given


@pytest.mark.row("A45")
def test_names_of_jobs_are_unique_unless_one_replaces_the_other(app: Atilite, site: Site) -> None:
    ran: queue.SimpleQueue[str] = queue.SimpleQueue()

    def tidy() -> None:
        ran.put("first")

    app.maintain(tidy)
    with pytest.raises(DuplicateName, match="maintenance job 'tidy' is defined by"):
        app.maintain(2)(tidy)

    def second() -> None:
        ran.put("second")

    second.__name__ = "tidy"
    app.maintain(replace=True)(second)
    site.start()
    assert ran.get(timeout=10) == "second"
    with pytest.raises(Frozen):
        app.maintain(lambda: None)


@pytest.mark.row("A45")
@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2"])
def test_a_job_must_be_due_at_some_rounds(app: Atilite, n: Any) -> None:
    with pytest.raises(SetupError, match="say at every how many rounds"):
        app.maintain(n)


@pytest.mark.row("A18")
@pytest.mark.parametrize("interval", [0, -1, "soon", None, float("inf"), float("nan")])
def test_an_interval_that_is_none_is_told_at_the_start(app: Atilite, site: Site, interval: Any) -> None:
    app.config.MAINTAIN_INTERVAL = interval
    app.maintain(lambda: None)
    with pytest.raises(SetupError, match="MAINTAIN_INTERVAL is"):
        site.start()


@pytest.mark.row("A45")
def test_the_end_waits_for_a_job_at_work_and_begins_no_other(app: Atilite, site: Site) -> None:
    begun, ended = threading.Event(), threading.Event()

    @app.maintain
    def job() -> None:
        begun.set()
        ended.wait(0.2)
        ended.set()

    site.start()
    assert begun.wait(10)
    site.stop(5.0)
    assert ended.is_set()
    begun.clear()
    assert not begun.wait(0.1)


def test_an_app_without_jobs_sets_no_timer(app: Atilite, site: Site) -> None:
    site.start()
    assert app._next_round is None
