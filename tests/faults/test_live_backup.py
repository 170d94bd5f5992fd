"""A backup of a running server under writes, proved by starting on it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from atilite.store.backup import verify
from tests.faults.program import Program, until

SCRIPT = """
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.action(name="note")
    def note(text: str) -> str:
        app.journal.record(text)
        return text

    atilite.mount("/", app)
    atilite.run(name="kept")
"""
WRITERS = 4
A_SECOND = 120


class Writing:
    """Sets keys over several connections, about so many a second, and notes what was acknowledged."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.acknowledged: dict[str, int] = {}
        self.waits: list[float] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(WRITERS)]

    def __enter__(self) -> Writing:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _work(self, number: int) -> None:
        connection = self.program.connect()
        while not self._stop.wait(WRITERS / A_SECOND):
            number += WRITERS
            begin = time.monotonic()
            path = f"/internal/kv/default/k{number}"
            connection.request("PUT", path, str(number), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status in (200, 204):
                self.acknowledged[f"k{number}"] = number
                self.waits.append(time.monotonic() - begin)
        connection.close()


@pytest.mark.row("reliability-12", "B39")
def test_a_copy_made_under_writes_has_all_that_was_acknowledged_and_can_be_started_on(
    serve: Callable[..., Program], tmp_path: Path
) -> None:
    program = serve(SCRIPT).start()
    notes = [program.call("note", text=f"note {number}")["run"] for number in range(20)]
    with Writing(program) as writing:
        until(lambda: len(writing.acknowledged) > 20)
        before = dict(writing.acknowledged)
        copied = subprocess.run(
            [sys.executable, "serve.py", "backup", str(tmp_path / "copy.db")],
            cwd=program.folder, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        time.sleep(0.2)
    assert copied.returncode == 0, copied.stderr
    # Generous: it only tells waiting for the whole copy from not waiting.
    assert max(writing.waits) < 10
    verify(tmp_path / "copy.db")
    lost = {key for key, value in writing.acknowledged.items() if program.json(f"/internal/kv/default/{key}") != value}
    assert lost == set()
    assert program.terminate() == 0

    restored = serve(SCRIPT)
    taken = subprocess.run(
        [sys.executable, "serve.py", "restore", str(tmp_path / "copy.db")],
        cwd=restored.folder, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert taken.returncode == 0, taken.stderr
    restored.start()
    missing = {key for key, value in before.items() if restored.json(f"/internal/kv/default/{key}") != value}
    assert missing == set()
    for number, run in enumerate(notes):
        assert restored.journal(run)["records"][0]["message"] == f"note {number}"
    assert restored.call("note", text="and on")["run"] > max(notes)
