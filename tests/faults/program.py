"""A program that is watched from outside, in tests of faults and in the long runs of `tests/bench/soak.py`."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.running import Running

# Seconds after which something that should happen soon is taken as never happening.
PATIENCE = 60.0


class Program(Running):
    """A serve.py that is watched from outside."""

    def resident(self) -> int:
        """Bytes of memory in use."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def sockets(self) -> int:
        """How many of them are sockets."""
        folder, found = f"/proc/{self.pid}/fd", 0
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found += os.readlink(f"{folder}/{name}").startswith("socket:")
        return found

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        # The name of the program, in brackets, may hold spaces.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Run an action and wait for its end; returns the answer."""
        return dict(json.loads(self.ask("POST", f"/internal/action/{quote(action)}", parameters)[1]))

    def begin(self, action: str, **parameters: Any) -> int:
        """Start an action; returns the number of its run."""
        status, body = self.ask("POST", f"/internal/action/{quote(action)}?wait=0", parameters)
        assert status == 202, body
        return int(json.loads(body)["run"])

    def journal(self, run: int) -> dict[str, Any]:
        """One run with its records."""
        return dict(self.json(f"/internal/journal/{run}"))

    def ended(self, run: int) -> dict[str, Any]:
        """Wait until a run has ended; returns its journal."""
        until(lambda: self.journal(run)["status"] not in ("queued", "running"))
        return self.journal(run)


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait until `condition` holds, and fail when it does not come to that."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
