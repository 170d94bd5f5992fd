"""check: is this installation sound, and with --deploy, is it fit to be seen by others?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..config import Settings
from ..errors import AtiliteError, ConfigError, StoreError
from ..lazily import function_of
from ..quickly import dataclass
from ..store.accounts import Accounts
from ..store.database import Database, path_of
from .call import Call
from .install import Systemd
from .lists import looked_at
from .parser import Commands
from .table import show

if TYPE_CHECKING:
    from ..serving import certificates_of
else:
    certificates_of = function_of("atilite.serving", "certificates_of")

ROOM = 64 * 1024 * 1024  # bytes of free disk below which something should be done
FAILED = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `found` is what is so, or what is wrong with its remedy."""

    what: str
    ok: bool
    found: str


def add(commands: Commands) -> None:
    parser = commands.add("check", check, "look at settings, mounts and data; the exit code tells")
    parser.add_argument("--deploy", action="store_true", help="also ask what matters when others can connect")
    parser.add_argument("--json", action="store_true", help="print JSON")


def check(call: Call) -> int:
    """Look at everything, print it all, and fail if something is not right."""
    findings = [*basics(call), *(deployment(call) if call.options.deploy else ())]
    rows = [{**asdict(finding), "ok": finding.ok} for finding in findings]
    show(rows, ("ok", "what", "found"), as_json=call.options.json, empty="")
    return 0 if all(finding.ok for finding in findings) else FAILED


def basics(call: Call) -> Iterator[Finding]:
    """What every installation needs. Settings that cannot be read have ended the program before."""
    yield Finding("settings", True, f"{call.program.folder / 'atilite.toml'}, environment and flags are understood")
    try:
        path = path_of(call.settings.db)
        if path.parent.is_dir() and not path.exists():
            yield Finding("data", True, f"{path}: none yet, the first start makes it")
        else:
            with Database.open(call.settings.db, readonly=True) as database:
                yield from data(call, database)
    except StoreError as error:
        yield Finding("data", False, str(error))
    yield mounts(call)
    if call.settings.tls_cert or call.settings.tls_key:
        yield certificate(call)


def data(call: Call, database: Database) -> Iterator[Finding]:
    """The file, the room around it, and who has an account."""
    (found,) = database.connection().execute("PRAGMA quick_check(1)").fetchone()
    yield Finding("data", found == "ok", f"{database.path}: {found}" + ("" if found == "ok" else " (restore a backup)"))
    mode = stat.S_IMODE(database.path.stat().st_mode)
    closed = not mode & 0o077
    yield Finding("data mode", closed, f"{mode:04o}" + ("" if closed else f" (chmod 600 {database.path})"))
    free = database.health().free
    roomy = free >= ROOM
    yield Finding("disk", roomy, f"{free // 2**20} MiB free" + ("" if roomy else " (make room, or run vacuum)"))
    if call.options.deploy:
        admins = [user.name for user in Accounts(database).users() if user.role == "admin"]
        remedy = call.remedy("user", "add", "NAME", "--role", "admin")
        yield Finding("accounts", bool(admins), ", ".join(admins) or f"no account with role admin ({remedy})")


def mounts(call: Call) -> Finding:
    """Whether the program's own code can be put together."""
    try:
        with looked_at(call) as site:
            found = f"apps: {len(site.apps)}, actions: {len(site.catalogue.actions)}"
            plans = site.catalogue.plans.build()
            found += f", plans: {plans}" if plans else ""
    except AtiliteError as error:
        return Finding("mounts", False, str(error))
    return Finding("mounts", True, found)


def certificate(call: Call) -> Finding:
    """Whether TLS can be spoken with what the settings name."""
    cert, key = call.settings.tls_cert, call.settings.tls_key
    try:
        certificates_of(call.settings)
    except ConfigError as error:
        return Finding("certificate", False, str(error))
    if os.stat(key).st_mode & stat.S_IROTH:
        return Finding("certificate", False, f"{key} can be read by everybody (chmod o= {key})")
    return Finding("certificate", True, f"{cert} and its key fit")


def deployment(call: Call) -> Iterator[Finding]:
    """What matters when others can connect."""
    settings = call.settings
    yield Finding("developer mode", not settings.devel, "off" if not settings.devel else "on (leave --devel out)")
    named = settings.loopback or bool(settings.allowed_host)
    hosts = ", ".join(settings.allowed_host) or ("this machine's" if named else "any (name them with --allowed-host)")
    yield Finding("host names", named, hosts)
    yield encryption(settings)
    yield Finding("cross-origin calls", not settings.dev, "none" if not settings.dev else "allowed (leave DEV out)")
    installed = Systemd().installed(settings.name)
    yield Finding("service", installed, f"{settings.name}.service" if installed else f"none ({call.remedy('install')})")


def encryption(settings: Settings) -> Finding:
    """Whether what others send and read is hidden on its way."""
    if settings.tls_cert:
        return Finding("encryption", True, "TLS, by the server itself")
    if settings.loopback or settings.behind_proxy:
        return Finding("encryption", True, "left to the proxy in front")
    remedy = "give it --tls-cert and --tls-key, or put a proxy in front: --behind-proxy 127.0.0.1"
    return Finding("encryption", False, f"{settings.host} without TLS ({remedy})")
