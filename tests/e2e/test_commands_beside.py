"""Commands beside a server that runs: two real processes on one folder."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.web import webhooks
from tests.running import Running

GARDEN = """
    import atilite

    app = atilite.Atilite("garden")


    @app.action(name="Deploy", hook=True)
    def deploy():
        return "deployed"


    atilite.mount("/", app)
    atilite.run()
"""


def typed(board: Running, *words: str) -> subprocess.CompletedProcess[str]:
    """`python serve.py WORDS` in the folder of the board."""
    return subprocess.run(
        [sys.executable, "serve.py", *words], cwd=board.folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def garden(tmp_path: Path) -> Iterator[Running]:
    board = Running(tmp_path, GARDEN)
    board.start()
    yield board
    board.close()


def hooked(board: Running, secret: str) -> int:
    """The status of a request that is signed with this secret."""
    connection: http.client.HTTPConnection = board.connect()
    try:
        body = b"{}"
        headers = {"Content-Type": "application/json", "X-Signature": webhooks.sign(secret, body, time.time())}
        connection.request("POST", "/internal/hook/Deploy", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.row("M19")
def test_a_renewed_secret_of_a_hook_counts_at_once(garden: Running) -> None:
    old = typed(garden, "hook", "secret", "Deploy").stdout.strip()
    assert hooked(garden, old) == 202
    renewed = typed(garden, "hook", "secret", "Deploy", "--new")
    assert renewed.returncode == 0, renewed.stderr
    assert hooked(garden, old) == 401
    assert hooked(garden, renewed.stdout.strip()) == 202
