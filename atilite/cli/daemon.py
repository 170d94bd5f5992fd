"""start, stop, restart, status: the program in the background, by systemd where it is installed, else by a pid file."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from ..config import as_flags
from ..errors import AtiliteError
from ..quickly import dataclass
from .call import Call
from .install import Systemd
from .parser import Commands

START_TIMEOUT = 30.0  # seconds until the new process must have said that it serves
STOP_MARGIN = 5.0  # seconds on top of the setting stop_timeout
NOT_RUNNING = 3  # exit code of status, as init scripts have it


def add(commands: Commands) -> None:
    commands.add("start", start, "serve in the background")
    commands.parser.add_argument("-d", dest="command", action="store_const", const=start, help="the same as start")
    commands.add("stop", stop, "stop what start began, or the installed service")
    commands.add("restart", restart, "stop and start")
    parser = commands.add("status", status, "say whether it runs; the exit code is 3 when it does not")
    parser.add_argument("--json", action="store_true", help="print JSON")


@dataclass(frozen=True, slots=True)
class PidFile:
    """Which process serves. The start time stands beside the pid: the number alone may belong to another one by now."""

    path: Path

    def write(self, pid: int) -> None:
        self.path.write_text(f"{pid} {started(pid)}\n", encoding="ascii")

    def running(self) -> int | None:
        """The pid of the live process, None when there is none. A stale file is removed."""
        try:
            pid, born = self.path.read_text(encoding="ascii").split()
        except (FileNotFoundError, ValueError):
            return None
        if started(int(pid)) == born:
            return int(pid)
        self.remove()
        return None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def started(pid: int) -> str:
    """When this process began, in the kernel's ticks since boot; empty when it does not live (or is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def pid_file(call: Call) -> PidFile:
    return PidFile(call.program.folder / f"{call.settings.name}.pid")


def start(call: Call) -> int:
    """Start it and wait until it serves. What it prints goes to <name>.log beside the program."""
    systemd, name = Systemd(), call.settings.name
    if systemd.installed(name):
        systemd.control("start", f"{name}.service")
        print(f"started {name}.service")
        return 0
    file = pid_file(call)
    if pid := file.running():
        raise AtiliteError(f"{name} runs already as process {pid} (use restart)")
    log = file.path.with_suffix(".log")
    try:
        process = launch(call, log)
        file.write(process.pid)
    except OSError as error:
        what = f"{error.filename} cannot be written: {error.strerror}"
        raise AtiliteError(f"{what} (make its folder writable for this user)") from None
    print(f"started {name} as process {process.pid}; its log is {log}")
    return 0


def launch(call: Call, log: Path) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own; it tells us over a socket that it serves, as it would tell systemd."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        address = str(Path(folder) / "ready")
        told.bind(address)
        with log.open("ab") as output:
            before = output.tell()
            process = subprocess.Popen(
                call.program.command(*as_flags(call.flags)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {"NOTIFY_SOCKET": address},
                start_new_session=True,
            )
        if not serves(process, told):
            process.kill()
            process.wait()
            raise AtiliteError(f"it did not start: {last_line(log, before)} (see {log})")
    return process


def serves(process: subprocess.Popen[bytes], told: socket.socket) -> bool:
    """Wait until the process has said READY=1; False when it ended or took too long."""
    ended, until = os.pidfd_open(process.pid), time.monotonic() + START_TIMEOUT
    try:
        while True:
            ready, _, _ = select.select([told.fileno(), ended], [], [], max(0.0, until - time.monotonic()))
            if told.fileno() not in ready:
                return False
            if b"READY=1" in told.recv(4096):
                return True
    finally:
        os.close(ended)


def last_line(log: Path, before: int) -> str:
    with log.open("rb") as text:
        text.seek(before)
        lines = text.read().decode(errors="replace").split("\n")
    said = [line for line in lines if line.strip()]
    return said[-1].removeprefix("atilite: ") if said else "it said nothing"


def stop(call: Call) -> int:
    """Ask it to stop and wait until it has. Stopping what does not run is no error."""
    systemd, name = Systemd(), call.settings.name
    if systemd.installed(name):
        systemd.control("stop", f"{name}.service")
        print(f"stopped {name}.service")
        return 0
    file = pid_file(call)
    pid = file.running()
    if pid is None:
        print(f"{name} does not run")
        return 0
    if not end(pid, call.settings.stop_timeout + STOP_MARGIN):
        raise AtiliteError(f"process {pid} goes on after the time it had (kill -9 {pid} ends it)")
    file.remove()
    print(f"stopped {name}, process {pid}")
    return 0


def end(pid: int, timeout: float) -> bool:
    """Send SIGTERM and wait; False when the process lives after `timeout` seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        ended, _, _ = select.select([process], [], [], timeout)
        return bool(ended)
    except PermissionError:
        raise AtiliteError(f"process {pid} belongs to another user (run it with sudo)") from None
    finally:
        os.close(process)


def restart(call: Call) -> int:
    """Stop it if it runs, then start it."""
    systemd, name = Systemd(), call.settings.name
    if systemd.installed(name):
        systemd.control("restart", f"{name}.service")
        print(f"restarted {name}.service")
        return 0
    stop(call)
    return start(call)


def status(call: Call) -> int:
    """Say whether it runs and how."""
    systemd, name = Systemd(), call.settings.name
    installed = systemd.installed(name)
    pid = None if installed else pid_file(call).running()
    running = systemd.active(name) if installed else pid is not None
    if call.options.json:
        print(json.dumps({"name": name, "running": running, "pid": pid, "installed": installed}))
    elif installed:
        doing = f"active, {systemd.told(name)}" if running else "not active"
        print(f"{name}.service is {doing.rstrip(', ')} (journalctl -u {name})")
    else:
        print(f"{name} runs as process {pid}" if running else f"{name} does not run")
    return 0 if running else NOT_RUNNING
