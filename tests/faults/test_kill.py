"""kill -9 in the middle of work: what was acknowledged is there at the next start, the rest says interrupted."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running

SCRIPT = """
    import time
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.action(name="quick")
    def quick(number: int) -> int:
        app.journal.record("did", number=number)
        return number

    @app.action(name="slow")
    def slow() -> None:
        print("begun")
        time.sleep(60)

    atilite.mount("/", app)
    atilite.run(name="faulty")
"""
WORKERS = 8


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path, SCRIPT, "--devel")
    yield made
    made.close()


class Acknowledged:
    """What the server has said is done, from several connections at once."""

    def __init__(self, program: Running, enough: int) -> None:
        self.program, self.enough = program, enough
        self.runs: dict[int, int] = {}
        self.values: dict[str, int] = {}
        self.reached = threading.Event()

    def work(self, worker: int) -> None:
        """Run actions and set values until the connection breaks."""
        connection = self.program.connect()
        number = worker
        try:
            while True:
                number += WORKERS
                run = self._post(connection, number)
                self.runs[run] = number
                self._put(connection, f"k{number}", number)
                self.values[f"k{number}"] = number
                if len(self.runs) + len(self.values) >= self.enough:
                    self.reached.set()
        except (OSError, http.client.HTTPException):
            return  # the server has been killed: that is what the test is about

    def _post(self, connection: http.client.HTTPConnection, number: int) -> int:
        connection.request(
            "POST", "/internal/action/quick", json.dumps({"number": number}), {"Content-Type": "application/json"}
        )
        answer = json.loads(connection.getresponse().read())
        assert answer["status"] == "succeeded", answer
        return int(answer["run"])

    def _put(self, connection: http.client.HTTPConnection, key: str, value: int) -> None:
        connection.request("PUT", f"/internal/kv/default/{key}", str(value), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 204), answer.status


def test_everything_acknowledged_survives_a_kill_and_the_rest_is_interrupted(program: Running) -> None:
    program.start()
    status, body = program.ask("POST", "/internal/action/slow?wait=0")
    assert status == 202
    slow = json.loads(body)["run"]
    acknowledged = Acknowledged(program, 500)
    threads = [threading.Thread(target=acknowledged.work, args=(worker,)) for worker in range(WORKERS)]
    for thread in threads:
        thread.start()
    assert acknowledged.reached.wait(60)
    program.kill()
    for thread in threads:
        thread.join(20)

    program.start()
    lost = []
    for run, number in acknowledged.runs.items():
        journal = program.json(f"/internal/journal/{run}")
        if journal["status"] != "succeeded" or journal["records"][0]["params"] != {"number": number}:
            lost.append((run, journal))
    assert lost == []
    wrong = {
        key: value for key, value in acknowledged.values.items() if program.json(f"/internal/kv/default/{key}") != value
    }
    assert wrong == {}
    assert len(acknowledged.runs) + len(acknowledged.values) >= 500
    interrupted = program.json(f"/internal/journal/{slow}")
    assert interrupted["status"] == "interrupted"
    assert interrupted["records"][0]["message"] == "begun"
    assert program.json("/internal/journals/?status=running") == []
    assert b"Interrupted" in program.ask("GET", f"/console/runs/{slow}", Accept="text/html")[1]


@pytest.mark.row("B19")
def test_a_second_live_process_on_the_same_file_is_refused_and_harms_nothing(program: Running, tmp_path: Path) -> None:
    program.start()
    second = Running(tmp_path, SCRIPT, "--devel")
    second._starts = 10
    with pytest.raises(AssertionError, match=f"{program.pid}"):
        second.start()
    assert second.process is not None
    assert second.process.wait(10) != 0
    assert "Traceback" not in second.log.read_text()
    assert program.ask("POST", "/internal/action/quick", {"number": 1})[0] == 200


def test_sigterm_with_open_pages_and_running_actions_ends_in_time_and_tells_the_truth(program: Running) -> None:
    program.start()
    runs = [json.loads(program.ask("POST", "/internal/action/slow?wait=0")[1])["run"] for _ in range(3)]
    pages = []
    for run in runs:
        connection = program.connect()
        connection.request("GET", f"/console/runs/{run}", headers={"Accept": "text/html"})
        page = connection.getresponse()
        assert page.status == 200
        page.read(1)
        pages.append((connection, page))
    begin = time.monotonic()
    code = program.terminate()
    took = time.monotonic() - begin
    for connection, _ in pages:
        connection.close()
    assert code == 0, program.log.read_text()
    assert took < 6, f"stopping took {took:.1f} s"
    program.start()
    assert {program.json(f"/internal/journal/{run}")["status"] for run in runs} <= {"interrupted", "cancelled"}
