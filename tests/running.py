"""A program of a user's, running as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

START_SECONDS = 30
# The checkout, whether or not it is installed.
PATH = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))


class Running:
    """A serve.py in a folder. Starts it, asks it, ends it; whatever happens, `close` leaves nothing behind."""

    def __init__(self, folder: Path, script: str, *flags: str) -> None:
        self.folder, self.flags = folder, flags
        (folder / "serve.py").write_text(dedent(script))
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.trust: ssl.SSLContext | None = None  # for a program that speaks TLS
        self._starts = 0

    def start(self, **environ: str) -> Running:
        """Start the program and wait until it answers."""
        self._starts += 1
        words = [sys.executable, "serve.py", "--port", "0", *self.flags]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                words, cwd=self.folder, stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": PATH, **environ}
            )
        self.port = self._served_port()
        return self

    @property
    def log(self) -> Path:
        """What this start has written."""
        return self.folder / f"log-{self._starts}.txt"

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self.process is not None
        return self.process.pid

    def _served_port(self) -> int:
        end = time.monotonic() + START_SECONDS
        assert self.process is not None
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"served at https?://[^\s:]+:(\d+)", self.log.read_text())
            if found:
                return int(found[1])
            time.sleep(0.02)
        raise AssertionError(f"the program did not start:\n{self.log.read_text()}")

    def connect(self) -> http.client.HTTPConnection:
        """A connection to the program."""
        if self.trust is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.trust)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """Send one request on a connection of its own."""
        connection = self.connect()
        try:
            data = None if body is None else json.dumps(body).encode()
            if data is not None:
                headers = {"Content-Type": "application/json", **headers}
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """GET `path` as JSON."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return json.loads(body)

    def kill(self) -> None:
        """What a power cut does to a process."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def close(self) -> None:
        """End the process if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
