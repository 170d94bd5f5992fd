"""kill -9 around the end of a run that another one follows: what follows is started once, and only once."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from atilite.store.database import Database
from atilite.store.history import History
from atilite.store.runs import Filter, Headline
from tests.faults.program import Program, until

KILLS = 5
SCRIPT = """
    import os
    import signal
    import time
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.action(name="back up")
    def back_up() -> None:
        pass

    @app.action(name="tell", after="back up succeeded")
    def tell(was) -> None:
        with open("told.txt", "a", buffering=1) as told:
            told.write(f"{was.app.journal.headline(app.journal.current).fetch().parent}\\n")
        if os.environ.get("DIE") == "in what follows":
            os.kill(os.getpid(), signal.SIGKILL)

    if os.environ.get("DIE") == "before what follows":
        # The end is durable, and nothing has been done about what follows it.
        app.action._chain.ended = lambda *given: os.kill(os.getpid(), signal.SIGKILL)

    atilite.mount("/", app)
    atilite.run(name="killed", keep="1000000")
"""


def stored(folder: Path, operation: str) -> list[Headline]:
    """The runs of an action, newest first."""
    with Database.open(f"sqlite:///{folder}/data.db", readonly=True) as database:
        return History(database).search(Filter(operation=operation), limit=100_000)


def told(program: Program) -> list[int]:
    """Which runs the function that follows has been called for."""
    path = program.folder / "told.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def dies(program: Program, where: str) -> None:
    """Start the program, and the run in or after which it kills itself."""
    program.start(DIE=where)
    with contextlib.suppress(OSError, http.client.HTTPException):
        program.call("back up")
    assert program.process is not None
    assert program.process.wait(20) == -signal.SIGKILL


@pytest.mark.row("reliability-7", "M19")
def test_a_process_that_dies_between_an_end_and_what_follows_leaves_that_to_the_next(
    serve: Callable[..., Program],
) -> None:
    program = serve(SCRIPT)
    dies(program, "before what follows")
    (ended,) = stored(program.folder, "back up")
    assert (ended.status, stored(program.folder, "tell")) == ("succeeded", [])

    for _ in range(2):
        program.start()
        until(lambda: program.json("/internal/journals/?operation=tell&status=succeeded"))
        program.terminate()

    (follower,) = stored(program.folder, "tell")
    assert (follower.parent, follower.trigger, told(program)) == (ended.id, "chain", [ended.id])


@pytest.mark.row("reliability-7", "M19")
def test_what_follows_and_was_interrupted_is_not_started_again(serve: Callable[..., Program]) -> None:
    program = serve(SCRIPT)
    dies(program, "in what follows")
    program.start()
    until(lambda: program.json("/internal/journals/?operation=tell&status=interrupted"))
    program.terminate()

    (follower,) = stored(program.folder, "tell")
    assert (follower.status, told(program)) == ("interrupted", [follower.parent])


@pytest.mark.row("reliability-7", "M19")
def test_at_whatever_moment_it_dies_each_end_is_followed_once(serve: Callable[..., Program]) -> None:
    chance = random.Random(7)
    program = serve(SCRIPT)
    acknowledged: list[int] = []

    def work() -> None:
        connection = program.connect()
        try:
            while True:
                connection.request("POST", "/internal/action/back%20up", b"{}", {"Content-Type": "application/json"})
                acknowledged.append(json.loads(connection.getresponse().read())["run"])
        except (OSError, http.client.HTTPException, ValueError):
            return  # the program was killed: that is what it is about
        finally:
            connection.close()

    for _ in range(KILLS):
        program.start()
        clients = [threading.Thread(target=work) for _ in range(2)]
        answered = len(acknowledged)
        for client in clients:
            client.start()
        until(lambda before=answered: len(acknowledged) > before)
        time.sleep(chance.uniform(0.0, 0.4))
        program.kill()
        for client in clients:
            client.join(20)
    program.start()
    until(lambda: not program.json("/internal/journals/?pending=1"))
    program.terminate()

    ended = {run.id for run in stored(program.folder, "back up") if run.status == "succeeded"}
    followers = Counter(run.parent for run in stored(program.folder, "tell"))
    assert set(acknowledged) <= ended
    assert len(acknowledged) >= KILLS
    assert set(followers) == ended
    assert max(followers.values()) == 1 == max(Counter(told(program)).values())
    assert set(told(program)) <= ended
