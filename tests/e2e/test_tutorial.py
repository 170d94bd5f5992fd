"""The tutorial is followed step by step: files are saved, commands typed, and what they print is compared."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```([a-z]+)(?: file=(\S+))?\n(.+?)\n```$", TUTORIAL, re.MULTILINE | re.DOTALL)
PATIENCE = 20.0  # seconds until what was saved must be served


class Reader:
    """Somebody who follows the tutorial in a folder of their own, on a port of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "ATILITE_PORT": self.port}
        self.environment["PYTEST_ADDOPTS"] = "-p no:cacheprovider"
        self.server: subprocess.Popen[bytes] | None = None

    def save(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")

    def serve(self, command: str) -> None:
        output = (self.folder / "server.log").open("wb")
        words = shlex.split(command)
        self.server = subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=output, stderr=output)
        output.close()

    def stop(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            assert self.server.wait(20) == 0, self.log()
            self.server = None

    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def type(self, command: str, expected: str) -> None:
        """Type a command until it prints what is expected: the server takes a moment to see what was saved."""
        until = time.monotonic() + PATIENCE
        while not matches(expected, printed := self.output(command)):
            if self.server is None or time.monotonic() > until:
                pytest.fail(f"$ {command}\n{printed}\ninstead of\n{expected}\n" + self.log()[-2000:])
            time.sleep(0.2)

    def output(self, command: str) -> str:
        line = command.replace(":5000/", f":{self.port}/").replace("curl ", "curl -s ")
        done = subprocess.run(
            line, shell=True, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout


def matches(expected: str, printed: str) -> bool:
    """Whether it is the same but for the places where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block with what each of them prints."""
    parts = re.split(r"^\$ (.+)\n?", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.timeout(180)
def test_every_step_works_as_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    try:
        for kind, file, text in BLOCKS:
            if file:
                reader.save(file, text)
            elif kind == "serve":
                reader.serve(text)
            elif kind == "stop":
                reader.stop()
            elif kind == "console":
                for command, expected in commands(text):
                    reader.type(command, expected)
            else:
                assert kind == "shell", kind
    finally:
        if reader.server is not None:
            reader.server.kill()
            reader.server.wait()


def test_the_tutorial_is_seen_as_it_is_written() -> None:
    kinds = [kind for kind, _, _ in BLOCKS]

    assert kinds.count("console") >= 8
    assert {"serve", "stop", "python", "html"} <= set(kinds)
    assert TUTORIAL.count("\n```") == 2 * len(BLOCKS)
