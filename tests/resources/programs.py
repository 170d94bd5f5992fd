"""Real databases for tests: private instances on free ports, ended with the tests."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.require import require

START_SECONDS = 30
PASSWORD = "sec:ret/pw"
# PASSWORD as it is written in a member.
ENCODED = "sec%3Aret%2Fpw"


def free_port() -> int:
    """A port that nobody uses just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def postgres_folder() -> Path | None:
    """Where Debian's package has the programs, that of the newest version."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.split("/")[4]))
    if found:
        return Path(found[-1]).parent
    other = shutil.which("initdb")
    return Path(other).parent if other else None


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then somebody else does it."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


def dying_with_parent() -> list[str]:
    """What makes a program end with the tests, even if those are killed."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []


class Program:
    """A server of somebody else's that a test starts, stops and starts again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="atilite-db-"))
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until somebody answers at the port."""
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [*dying_with_parent(), *self.command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_unprivileged(),
            )
        end, pause = time.monotonic() + START_SECONDS, threading.Event()
        while not self.ready():
            log_text = (self.folder / "log.txt").read_text(errors="replace")
            assert self.process.poll() is None, log_text
            assert time.monotonic() < end, log_text
            pause.wait(0.05)

    def ready(self) -> bool:
        raise NotImplementedError

    def stop(self) -> None:
        """End it at once; its clients see closed connections."""
        if self.process is not None:
            self.process.send_signal(self.end_signal)
            self.process.wait(START_SECONDS)
            self.process = None

    end_signal = 15

    def close(self) -> None:
        """End it for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresServer(Program):
    """One that listens on 127.0.0.1 and a Unix socket; user "tester" with PASSWORD, database "shop"."""

    end_signal = 2  # a fast shutdown: connections are ended

    def __init__(self) -> None:
        programs = postgres_folder()
        require(programs is not None, "no PostgreSQL here: apt-get install postgresql")
        assert programs is not None
        super().__init__()
        self.programs = programs
        who = _unprivileged()
        if who:
            os.chown(self.folder, who["user"], who["group"])
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        subprocess.run(
            [programs / "initdb", "-D", self.folder / "data", "-U", "tester", "-A", "scram-sha-256", "-N",
             "--pwfile", secret, "--no-locale", "-E", "UTF8"],
            check=True, cwd=self.folder, capture_output=True, timeout=60, **who,
        )  # fmt: skip
        self.start()
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as first:
            first.execute("create database shop")

    def command(self) -> list[str]:
        settings = [
            "fsync=off",
            "max_connections=40",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
        ]
        words = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        return words + [word for setting in settings for word in ("-c", setting)]

    def ready(self) -> bool:
        done = subprocess.run(
            [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], timeout=10, check=False
        )
        return done.returncode == 0

    def url(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=tester password='{PASSWORD}' dbname={database}"

    @property
    def member(self) -> str:
        return f"tester:{ENCODED}@127.0.0.1:{self.port}/shop"


class RedisServer(Program):
    """One that keeps nothing on the disk and wants PASSWORD."""

    def __init__(self) -> None:
        found = shutil.which("redis-server")
        require(found, "no Redis here: apt-get install redis-server")
        super().__init__()
        os.chmod(self.folder, 0o777)
        self._program = str(found)
        self.start()

    def command(self) -> list[str]:
        return [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--requirepass", PASSWORD, "--daemonize", "no"]  # fmt: skip

    def ready(self) -> bool:
        with socket.socket() as one:
            one.settimeout(1)
            if one.connect_ex(("127.0.0.1", self.port)):
                return False
            one.sendall(b"PING\r\n")
            return bool(one.recv(100))

    @property
    def member(self) -> str:
        return f":{ENCODED}@127.0.0.1:{self.port}/0"
