"""How soon a site answers, and how much memory it takes while it has nothing to do.

START_PYTHON names the interpreter of an environment that has only requirements.txt; without it this one is used,
and whatever else is installed beside it may count too.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.server import verdict

NAME = "start"
ROOT = Path(__file__).parents[2]
GOAL_SECONDS = 0.35
GOAL_MIB = 42
LIMIT = 20.0  # seconds after which a server that does not answer is given up

# A page, an action and a schedule: what the smallest useful program has. Console and API are on.
PROGRAM = """\
import atilite
from atilite import Atilite

app = Atilite(__name__)


@app.get("/")
def index(was):
    return "Hello, world!"


@app.schedule(every="1m")
@app.action
def read():
    return 1


if __name__ == "__main__":
    atilite.mount("/", app)
    atilite.run()
"""


def python() -> str:
    """The interpreter that is measured."""
    return os.environ.get("START_PYTHON") or sys.executable


def compile_modules() -> None:
    """Compile what is not, as an installation does: a start that has to is another matter."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([python(), "-m", "compileall", "-q", ROOT / "atilite"], env=environ, check=True)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def ask(port: int, path: str) -> bytes:
    """The first bytes of the answer; b"" while nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), LIMIT) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            return sock.recv(65536)
    except (ConnectionRefusedError, ConnectionResetError):
        return b""


def visited(port: int) -> bool:
    """Look at the console's first page; whether it was there."""
    return ask(port, "/console/").startswith(b"HTTP/1.1 200")


def processor(pid: int) -> float:
    """Seconds that all threads of a process have spent on a processor; finer than the ticks of `stat`."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def resident(pid: int) -> float:
    """MiB of memory that a process occupies."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def started(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[bytes], int, float, float]]:
    """A running site: its process and port, and the seconds of wall clock and processor up to its first answer."""
    port = free_port()
    command = [python(), "serve.py", "--port", str(port), *flags]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.DEVNULL)
    try:
        while not ask(port, "/").startswith(b"HTTP/1.1 200"):
            assert process.poll() is None, "the server has ended"
            assert time.perf_counter() - begin < LIMIT, "the server does not answer"
            time.sleep(0.002)
        took = time.perf_counter() - begin
        yield process, port, took, processor(process.pid)
    finally:
        process.terminate()
        process.wait(10)


def run(quick: bool) -> list[str]:
    """Return the table and the verdicts. The first start makes the database and compiles the templates."""
    idle = 5.0
    compile_modules()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "serve.py").write_text(PROGRAM, encoding="utf-8")
        with started(folder, "--devel") as (_, port, _, _):
            assert visited(port)
        found = []
        for _ in range(5 if quick else 15):
            with started(folder) as (_, _, *figures):
                found.append(figures)
        wall, cpu = (statistics.median(column) for column in zip(*found, strict=True))
        # Without a login, which developer mode does not ask for, the console cannot be visited.
        with started(folder) as (process, port, _, _):
            time.sleep(idle)
            before = resident(process.pid)
        with started(folder, "--devel") as (process, port, _, _):
            assert visited(port)
            time.sleep(idle)
            after = resident(process.pid)
    return [
        f"start to first answer: {wall:.3f} s, {cpu:.3f} s of processor time (median of {len(found)})",
        f"idle: {before:.1f} MiB, {after:.1f} MiB once the console was visited",
        verdict("start-seconds", wall, GOAL_SECONDS),
        verdict("start-idle-mib", before, GOAL_MIB),
        verdict("start-idle-console-mib", after, GOAL_MIB),
    ]
