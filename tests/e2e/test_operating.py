"""A day of operating it, typed as docs/operating.md says: start, accounts beside the server, backup, stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.cli.daemon import PidFile

ROOT = Path(__file__).parents[2]
GARDEN = """\
import atilite

app = atilite.Atilite(__name__)


@app.action(name="Water")
def water(seconds: int = 30):
    app.journal.record("watered", seconds=seconds)
    return seconds


atilite.mount("/", app)
atilite.run(name="garden")
"""


class Operator:
    """Somebody at a terminal in the program's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "serve.py").write_text(GARDEN, encoding="utf-8")

    def type(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "serve.py", *words], cwd=self.folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def address(self) -> str:
        log = (self.folder / "garden.log").read_text(encoding="utf-8")
        return str(re.findall(r"served at (http://\S+)", log)[-1])


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator(tmp_path)
    yield made
    pid = PidFile(tmp_path / "garden.pid").running()
    if pid:
        os.kill(pid, signal.SIGKILL)


def ask(address: str, token: str = "") -> int:
    request = urllib.request.Request(address)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.row("A194")
def test_a_day_of_operating_it(operator: Operator) -> None:
    started = operator.type("start", "--port", "0")
    assert (started.returncode, started.stderr) == (0, "")
    assert operator.type("status").stdout.startswith("garden runs as process ")
    address = operator.address()
    assert ask(f"{address}/internal/actions/") == 401

    # Accounts and tokens are made beside the running server, and count at once.
    token = operator.type("token", "add", "robot", "--role", "view").stdout.splitlines()[-1]
    assert ask(f"{address}/internal/actions/", token) == 200
    assert operator.type("token", "remove", "robot").returncode == 0
    assert ask(f"{address}/internal/actions/", token) == 401

    # Lists and backups do not disturb it, a second process on the same data is refused with the remedy.
    assert "Water" in operator.type("actions").stdout
    assert operator.type("backup", "copy.db").returncode == 0
    busy = operator.type("run", "Water")
    assert busy.returncode == 1
    assert re.fullmatch(r"atilite: .*data\.db is in use by process \d+ \(.*\)\n", busy.stderr)
    assert operator.type("restore", "copy.db").returncode == 1

    assert operator.type("stop").stdout.startswith("stopped garden, process ")
    assert operator.type("status").returncode == 3
    assert "stopping" in (operator.folder / "garden.log").read_text(encoding="utf-8")
    assert "WARNING" not in (operator.folder / "garden.log").read_text(encoding="utf-8")

    assert operator.type("run", "Water", "seconds=5").stdout.splitlines()[0] == "watered seconds=5"
    assert operator.type("restore", "copy.db").returncode == 0


@pytest.mark.row("reliability-30")
def test_no_open_door_before_the_first_account(operator: Operator) -> None:
    refused = operator.type("--host", "0.0.0.0", "start", "--port", "0")
    assert refused.returncode == 1
    assert "python serve.py user add NAME --role admin" in refused.stderr

    operator.type("user", "add", "ana", "--role", "admin", stdin="correct horse\n")
    assert operator.type("--host", "0.0.0.0", "start", "--port", "0").returncode == 0
    assert ask(operator.address().replace("0.0.0.0", "127.0.0.1") + "/console/") in (200, 401)
