"""`atilite.test_client`: a program under test as a process of its own."""

from __future__ import annotations

import collections
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..config import as_flags, known
from ..errors import AtiliteError, ConfigError
from .answers import Answer
from .remote import Remote, attach

SERVED = re.compile(r"served at http://(\[[^\]]+\]|[^\s:/]+):(\d+)")
LINES_KEPT = 2000
DEFAULT_PORT = 5000
# Seconds that a server gets beyond its own stop_timeout before it is killed.
PATIENCE = 5.0


class ServerDied(AtiliteError):
    """The program under test has ended or did not begin to serve; the message shows what it wrote."""


class Output:
    """What a process writes, read in a thread of its own. Any thread may look at it."""

    def __init__(self, stream: IO[str], silent: bool) -> None:
        self._lines: collections.deque[str] = collections.deque(maxlen=LINES_KEPT)
        self._stream, self._silent = stream, silent
        self.address: tuple[str, int] | None = None
        self.told = threading.Event()  # it serves, or it will never
        self._thread = threading.Thread(target=self._read, name="atilite-test-output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream as stream:
            for line in stream:
                self._lines.append(line)
                if not self._silent:
                    sys.stderr.write(line)
                found = SERVED.search(line) if self.address is None else None
                if found:
                    self.address = (found[1].strip("[]"), int(found[2]))
                    self.told.set()
        self.told.set()

    @property
    def text(self) -> str:
        """The last lines, as far as they have come."""
        return "".join(list(self._lines))

    def ended(self) -> str:
        """Everything, once the process has ended."""
        self._thread.join(PATIENCE)
        return self.text


class Launched(Remote):
    """A client with a server process of its own, which `stop` or the end of a `with` block ends. One thread."""

    def __init__(self, command: list[str], folder: Path, silent: bool, patience: float, scrap: Path | None) -> None:
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace",
        )  # fmt: skip
        assert self.process.stdout is not None
        self._output = Output(self.process.stdout, silent)
        # A client that nobody stops leaves neither process nor files when the tests end.
        self._end = weakref.finalize(self, _end, self.process, scrap, PATIENCE)
        until = time.monotonic() + patience
        while not self._output.told.wait(0.05) and self.process.poll() is None and time.monotonic() < until:
            continue
        if self._output.address is None:
            # The end of its output is seen before its own end: on a busy machine long before.
            code = self._code(max(1.0, until - time.monotonic())) if self._output.told.is_set() else self.process.poll()
            self._end()
            how = f"did not serve within {patience:g} s" if code is None else f"ended with code {code}"
            raise ServerDied(f"{' '.join(command[1:])} {how}; it wrote:\n{self._output.ended()}")
        host, port = self._output.address
        super().__init__("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)

    @property
    def output(self) -> str:
        """The last 2000 lines that the server has written."""
        return self._output.text

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request. Raises ServerDied with the server's output when the server is no more."""
        try:
            return super().send(method, path, headers, body)
        except OSError as error:
            code = self._code(0.5)
            if code is None:
                raise
            raise ServerDied(
                f"the server ended with code {code} before it answered {method} {path}; it wrote:\n"
                f"{self._output.ended()}"
            ) from error

    def _code(self, seconds: float) -> int | None:
        """The exit code, waited for a moment; None while the process runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the server and take its files away. Any number of times. Blocks until it has ended."""
        self._end()
        self._output.ended()


def launch(
    script: str | Path | None = None,
    port: int | None = None,
    devel: bool = False,
    silent: bool = True,
    *,
    host: str = "127.0.0.1",
    timeout: float = 30.0,
    **options: Any,
) -> Remote:
    """A client of a running program: `with atilite.test_client("serve.py") as client: client.get("/")`.

    `script` is a serve.py (relative to the working directory or to the file of the caller) or "module:app"; it is
    started as a process, at a free port if none is given, on an empty database that goes away with it, and ends with
    `stop()` or the `with` block. `silent=False` shows what it writes. `timeout` is in seconds for its start. `options`
    are settings (`threads=8`, `no_console=True`); `db=None` leaves the database to the script. Without a script the
    client attaches to the server that listens at `port`, and lets it go on.

    Raises ServerDied with the program's output when it does not begin to serve, ConnectionError when nothing is
    there to attach to, ConfigError for an unknown option. Not on the loop.
    """
    if script is None:
        if options:
            raise ConfigError(f"{', '.join(options)}: a server that runs already has its settings")
        return attach(host, port or DEFAULT_PORT, timeout)
    command, folder = _program(script, sys._getframe(1).f_globals.get("__file__"))
    usual = {"log_level": "info", "tls_cert": "", "tls_key": ""}
    flags = _flags({**usual, **options, "devel": devel, "host": host, "port": port or 0})
    scrap = None
    if "db" not in options:
        scrap = Path(tempfile.mkdtemp(prefix="atilite-test-"))
        flags += ["--db", f"sqlite:///{scrap}/data.db"]
    return Launched([*command, *flags], folder, silent, timeout, scrap)


# The public name. Pytest would take it for a test where it is imported; testing/plugin.py tells it better.
test_client = launch


def _program(script: str | Path, caller: str | None) -> tuple[list[str], Path]:
    """The command that starts it, and where."""
    found = Path(script)
    if not found.exists() and caller is not None and not found.is_absolute():
        found = Path(caller).parent / found
    if found.is_file():
        found = found.resolve()
        return [sys.executable, "-u", str(found)], found.parent
    if isinstance(script, str) and re.fullmatch(r"[\w.]+:[\w.]+", script):
        return [sys.executable, "-u", "-m", "atilite", "--app", script], Path.cwd()
    raise FileNotFoundError(f"there is no {script} (give the path of a serve.py, or module:app)")


def _flags(options: Mapping[str, Any]) -> list[str]:
    given = {}
    for name, value in options.items():
        if value is not None:
            given[name] = known(name, "test_client").parse(value, "test_client")
    if given.get("log_level") in ("warning", "error"):
        raise ConfigError("test_client: log_level must be info or debug, the server's address is read from its log")
    if given.get("unix"):
        raise ConfigError("test_client: unix sockets are not supported (leave unix= out)")
    if given.get("tls_cert"):
        raise ConfigError("test_client: it asks without TLS (leave tls_cert= out)")
    return as_flags(given)


def _end(process: subprocess.Popen[str], scrap: Path | None, patience: float) -> None:
    """SIGTERM, some time for an orderly end, then SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience + PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if scrap is not None:
        shutil.rmtree(scrap, ignore_errors=True)
