"""The example within the memory of a small board, of which the system and others have their part."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MEGABYTE = 1 << 20
# A hard wall: memory that may be written to, the whole stacks of all threads with it.
WALL = 256 * MEGABYTE
# Of 512 MB a system takes about 100, and the program is not to be the only one. Measured: 45 to 60.
IDLE, WORKING = 80 * MEGABYTE, 112 * MEGABYTE
START_SECONDS = 30


class Small:
    """The example, served behind the wall."""

    def __init__(self, folder: Path) -> None:
        for name in ("services", "templates", "static"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "serve.py", folder)
        self._log = folder / "log.txt"
        with self._log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "serve.py", "--devel", "--port", "0"], cwd=folder, stdout=out, stderr=out,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (WALL, WALL)),
            )  # fmt: skip
        self.port = self._served_port()

    def _served_port(self) -> int:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"served at http://[^\s:]+:(\d+)", self.log())
            if found:
                return int(found[1])
            time.sleep(0.02)
        raise AssertionError(self.log())

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            found = answer.read()
            assert answer.status == 200, (path, found)
            return found
        finally:
            connection.close()

    def memory(self, what: str) -> int:
        """A figure of /proc in bytes: VmRSS now, VmHWM at most ever."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii", errors="replace")
        found = re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


def family(pid: int) -> list[int]:
    """The children of a process and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            children = [int(word) for word in (task / "children").read_text(encoding="ascii").split()]
            found += [*children, *(one for child in children for one in family(child))]
    return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    made = Small(tmp_path_factory.mktemp("small"))
    yield made
    made.process.terminate()
    try:
        made.process.wait(20)
    finally:
        made.process.kill()


@pytest.mark.row("B40")
def test_the_whole_example_is_one_process_of_a_few_ten_megabytes(small: Small) -> None:
    small.ask("GET", "/healthz")

    assert small.memory("VmRSS") < IDLE
    assert family(small.process.pid) == []


@pytest.mark.row("B40")
def test_it_does_its_work_within_the_memory_of_a_small_board(small: Small) -> None:
    for path in ("/", "/board", "/rates", "/notes", "/console/", "/console/actions", "/console/runs", "/console/kv",
                 "/console/services", "/console/schedules", "/console/api", "/docs", "/openapi.json"):  # fmt: skip
        small.ask("GET", path)
    for number in range(150):
        small.ask("POST", "/internal/action/Read%20the%20board", {})
        if number % 10 == 0:
            small.ask("POST", "/internal/action/Write%20a%20memo", {"title": f"memo {number}"})
            small.ask("GET", "/console/runs")
    now, most = (small.memory(what) / MEGABYTE for what in ("VmRSS", "VmHWM"))
    print(f"{now:.0f} MiB, {most:.0f} at most, {small.memory('VmData') / MEGABYTE:.0f} that may be written to")

    assert small.memory("VmHWM") < WORKING
    assert "MemoryError" not in small.log()
    assert "Traceback" not in small.log()
