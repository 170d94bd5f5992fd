"""install, update, uninstall: the program as a systemd service."""

from __future__ import annotations

import grp
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Settings, as_flags
from ..errors import AtiliteError, ConfigError
from ..lazily import function_of
from ..quickly import dataclass
from .call import Call, Program
from .parser import Commands
from .serve import refuse_open_door
from .unit import Unit, device_nodes

if TYPE_CHECKING:
    from ..serving import certificates_of
else:
    certificates_of = function_of("atilite.serving", "certificates_of")

UNITS = Path("/etc/systemd/system")
STATE = Path("/var/lib")
CERTIFICATE = ("tls_cert", "tls_key")
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def add(commands: Commands) -> None:
    install_parser = commands.add("install", install, "write a systemd unit, enable it and start it")
    update_parser = commands.add("update", update, "write the systemd unit again and restart the service")
    for parser in (install_parser, update_parser):
        parser.add_argument("--user", default="", metavar="USER", help="run as this user instead of an invented one")
        parser.add_argument(
            "--device", action="append", default=[], metavar="NAME", help="gpio, i2c, spi, serial, ... or /dev/ttyUSB0"
        )
        parser.add_argument("--print", dest="only_print", action="store_true", help="print the unit, change nothing")
    commands.add("uninstall", uninstall, "stop the service and remove its unit; the data stays")
    commands.add("remove", uninstall, "the same as uninstall")


def run_program(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a short command of the system. Raises AtiliteError when it does not exist."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError:
        raise AtiliteError(f"there is no {command[0]} on this machine (use start and stop instead)") from None


@dataclass(frozen=True, slots=True)
class Systemd:
    """The units of this machine. `folder` and `run` are parameters so that a test can give its own."""

    folder: Path = UNITS
    run: Run = run_program

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.service"

    def installed(self, name: str) -> bool:
        return self.path(name).exists()

    def write(self, name: str, text: str) -> None:
        path = self.path(name)
        try:
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)
        except OSError as error:
            raise AtiliteError(f"cannot write {path}: {error.strerror} (run it with sudo)") from error

    def remove(self, name: str) -> None:
        try:
            self.path(name).unlink()
        except OSError as error:
            raise AtiliteError(f"cannot remove {self.path(name)}: {error.strerror} (run it with sudo)") from error

    def control(self, *words: str) -> None:
        """One call of systemctl. Raises AtiliteError with what systemctl said."""
        done = self.run(["systemctl", *words])
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            unit = next((word for word in words if word.endswith(".service")), "")
            look = f"journalctl -u {unit}" if unit else "systemctl status"
            raise AtiliteError(f"systemctl {' '.join(words)} failed: {said} (see {look})")

    def active(self, name: str) -> bool:
        return self.run(["systemctl", "is-active", "--quiet", f"{name}.service"]).returncode == 0

    def told(self, name: str) -> str:
        """What the service says of itself."""
        return self.run(["systemctl", "show", "--property=StatusText", "--value", f"{name}.service"]).stdout.strip()


def install(call: Call) -> int:
    """Write the unit and start the service. Refuses when there is one already."""
    systemd = Systemd()
    unit = wanted(call)
    if call.options.only_print:
        print(unit.text(), end="")
        return 0
    if systemd.installed(unit.name):
        raise AtiliteError(f"{systemd.path(unit.name)} exists already (use update, or another --name)")
    check_readable(call.program, unit)
    check_groups(unit)
    certificates_of(call.settings)
    refuse_open_door(as_service(call))
    systemd.write(unit.name, unit.text())
    try:
        systemd.control("daemon-reload")
    except AtiliteError:
        systemd.remove(unit.name)  # nobody has read it, and it would be in the way of the next install
        raise
    systemd.control("enable", "--now", f"{unit.name}.service")
    print(f"wrote {systemd.path(unit.name)}, enabled and started {unit.name}")
    place = as_service(call).settings.db
    print(f"data is in {STATE / unit.name}; for other commands: --db {place} in front of the command's name")
    return 0


def update(call: Call) -> int:
    """Write the unit again from the flags that are given now, and restart."""
    systemd = Systemd()
    unit = wanted(call)
    if call.options.only_print:
        print(unit.text(), end="")
        return 0
    require_installed(systemd, unit.name)
    check_readable(call.program, unit)
    check_groups(unit)
    certificates_of(call.settings)
    refuse_open_door(as_service(call))
    systemd.write(unit.name, unit.text())
    systemd.control("daemon-reload")
    systemd.control("restart", f"{unit.name}.service")
    print(f"wrote {systemd.path(unit.name)} and restarted {unit.name}")
    return 0


def uninstall(call: Call) -> int:
    """Stop, disable and remove. What the service has stored is left where it is."""
    systemd = Systemd()
    name = call.settings.name
    require_installed(systemd, name)
    systemd.control("disable", "--now", f"{name}.service")
    systemd.remove(name)
    systemd.control("daemon-reload")
    print(f"removed {systemd.path(name)}; the data in {STATE / name} is left (delete the folder to be rid of it)")
    return 0


def require_installed(systemd: Systemd, name: str) -> None:
    if not systemd.installed(name):
        raise AtiliteError(f"there is no {systemd.path(name)} (use install, or name it with --name)")


def wanted(call: Call) -> Unit:
    """The unit for this program and these flags. Raises ConfigError for what a service cannot be."""
    settings, options = call.settings, call.options
    if settings.devel:
        raise ConfigError("a service does not run in developer mode (leave --devel out)")
    for device in options.device:
        device_nodes(device)
    program = call.program
    flags, handed = with_certificate(call)
    used = [Path(sys.executable), program.script or program.folder]
    return Unit(
        name=settings.name,
        command=program.command(*as_flags(flags)),
        user=options.user,
        devices=tuple(options.device),
        home_readable=any(path.is_relative_to(home) for path in used for home in HOMES),
        low_port=not settings.unix and 0 < settings.port < 1024,
        python_path="" if program.script else str(program.folder),
        stop_timeout=settings.stop_timeout,
        credentials=handed,
    )


def with_certificate(call: Call) -> tuple[dict[str, object], tuple[tuple[str, str], ...]]:
    """The flags of the service, and the files that systemd has to hand it: an invented user could not read a key."""
    settings, flags = call.settings, as_service(call).flags
    files = {name: str(Path(getattr(settings, name)).absolute()) for name in CERTIFICATE if getattr(settings, name)}
    if call.options.user:
        return {**flags, **files}, ()
    return {**flags, **{name: f"/run/credentials/{settings.name}.service/{name}" for name in files}}, (*files.items(),)


def as_service(call: Call) -> Call:
    """The same call with the database where the service has it: in its own folder, unless one was named."""
    if call.settings.db != Settings().db:
        return call
    place = f"sqlite:///{STATE / call.settings.name}/data.db"
    return call._replace(settings=replace(call.settings, db=place), flags={**call.flags, "db": place})


def tell_of_service(call: Call) -> None:
    """Say on stderr that the installed service has other data than this command, when nobody named a database."""
    place, unit = as_service(call).settings.db, Systemd().path(call.settings.name)
    if place == call.settings.db or not unit.exists() or place not in unit.read_text(encoding="utf-8"):
        return
    print(f"note: the data of {unit.name} is elsewhere (put --db {place} in front of the command)", file=sys.stderr)


def check_groups(unit: Unit) -> None:
    """Refuse a kind of device whose group this machine does not have: systemd would start nothing."""
    for device in unit.devices:
        group, _ = device_nodes(device)
        try:
            if group:
                grp.getgrnam(group)
        except KeyError:
            what = f"there is no group {group} on this machine for --device {device}"
            raise AtiliteError(f"{what} (make it, and a rule of udev that gives it the device)") from None


def check_readable(program: Program, unit: Unit) -> None:
    """Refuse a place that the service's user cannot enter, with the folder that is in the way.

    Otherwise systemd would only say "permission denied" in a log, or worse, a late import would fail one day.
    """
    if unit.user:
        return
    for path in (Path(sys.executable), program.script or program.folder):
        for folder in reversed(path.parents):
            if not os.stat(folder).st_mode & 0o001:
                raise AtiliteError(
                    f"the service could not read {path}: {folder} is closed to other users "
                    f"(move the project to /opt/{unit.name}, or name its owner with --user)"
                )
