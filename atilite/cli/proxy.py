"""--nginx-conf: collect the static files and write the configuration of an nginx in front."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import Settings, as_flags
from ..errors import AtiliteError, ConfigError
from ..quickly import dataclass
from ..site import Mounted, Site
from ..web.static import StaticFiles
from .call import Call
from .lists import looked_at
from .nginx import AUTHS, Proxy
from .parser import Commands

DOMAIN = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}")


def add(commands: Commands) -> None:
    group = commands.parser.add_argument_group("a proxy in front")
    group.add_argument(
        "--nginx-conf", dest="domain", metavar="DOMAIN", action=_Choose, default="",
        help="collect the static files, write the configuration of nginx for this host name",
    )  # fmt: skip
    group.add_argument(
        "--auth", choices=AUTHS, default="none",
        help="let nginx ask for a password too: basic everywhere, internal for the console and /internal/",
    )  # fmt: skip
    group.add_argument("--into", metavar="FOLDER", type=Path, help="where both go (default: nginx beside the program)")
    group.add_argument("--print", dest="only_print", action="store_true", help="print the configuration, write nothing")


class _Choose(argparse.Action):
    """The flag that is a command."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *rest: Any) -> None:
        namespace.domain, namespace.command = values, nginx_conf


@dataclass(frozen=True, slots=True)
class Files:
    """One folder of static files: its URL, and whether the program changes it while it runs."""

    url: str
    folder: Path
    live: bool


def nginx_conf(call: Call) -> int:
    """Write the configuration and what it needs, and say what to do with it."""
    domain, options = call.options.domain, call.options
    if not DOMAIN.fullmatch(domain):
        raise ConfigError(f"--nginx-conf cannot be {domain!r} (it is a host name such as board.example.org)")
    if call.settings.tls_cert:
        raise ConfigError("--nginx-conf does not go with tls_cert: nginx has the certificate then (leave it out here)")
    into = (options.into or call.program.folder / "nginx").absolute()
    # As if nothing was left to the proxy: what an app would serve is what has to be collected.
    with looked_at(call._replace(settings=replace(call.settings, disable_static=False))) as site:
        files = list(static_files(site))
        static = into / "static"
        if not options.only_print:
            collect(site, files, static)
        text = proxy(call, files, static).text()
    if options.only_print:
        print(text, end="")
        return 0
    path = into / f"{call.settings.name}.conf"
    write(path, text)
    tell(call, path, files)
    closed = closed_folder(static)
    if files and closed:
        print(f"atilite: nginx cannot read {static}: {closed} is closed to others (chmod o+x {closed}, or use "
              "--into /var/www/NAME)", file=sys.stderr)  # fmt: skip
    return 0


def static_files(site: Site) -> Iterator[Files]:
    """The folders of static files of all mounts; of two at one URL the one that wins comes first."""
    for mounted in site.mounts:
        if mounted.wanted is None:
            continue
        if isinstance(mounted.wsgi, StaticFiles):
            yield Files(f"{mounted.prefix}/", mounted.wsgi.root, live=False)
        for url, files in mounted.app.static_folders if mounted.app is not None else ():
            yield Files(mounted.prefix + url, files.root, live=files.root == media_of(site, mounted))


def media_of(site: Site, mounted: Mounted) -> Path | None:
    """The folder into which uploads go: a copy of it would be old at once."""
    assert mounted.app is not None
    folder = mounted.app.config.get("MEDIA_ROOT")
    return Path(site.abspath(folder)).resolve() if folder else None


def collect(site: Site, files: Sequence[Files], into: Path) -> None:
    """Copy what atilite would serve, under the path of its URL; what an earlier call has left goes."""
    try:
        if into.is_dir():
            shutil.rmtree(into)
        into.mkdir(parents=True)
        for one in reversed(files):  # the first one wins, as when atilite serves them
            served = StaticFiles(one.folder)
            for path in sorted(one.folder.rglob("*")) if not one.live else ():
                name = path.relative_to(one.folder).as_posix()
                if path.is_file() and served.find(name) is not None:
                    target = into / one.url.lstrip("/") / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
        for path in (into, *into.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    except OSError as error:
        raise AtiliteError(f"{error.filename}: {error.strerror} (name another folder with --into)") from error


def write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AtiliteError(f"{path}: {error.strerror} (name another folder with --into)") from error


def closed_folder(path: Path) -> Path | None:
    """The first folder on the way that nginx, which runs as a user of its own, cannot enter; None if it can all."""
    above = reversed(path.parents)
    return next((folder for folder in above if folder.is_dir() and not folder.stat().st_mode & 0o001), None)


def proxy(call: Call, files: Sequence[Files], static: Path) -> Proxy:
    """The configuration for what the settings say."""
    settings = call.settings
    copied = list(dict.fromkeys(one.url for one in files if not one.live))
    console = () if settings.no_console else (settings.console_path,)
    return Proxy(
        domain=call.options.domain,
        name=settings.name,
        upstream=upstream(settings),
        collected=str(static) if copied else "",
        prefixes=copied,
        live=list(dict.fromkeys((one.url, str(one.folder)) for one in files if one.live)),
        auth=call.options.auth,
        private=(*console, "/internal/"),
    )


def upstream(settings: Settings) -> str:
    """Where nginx finds the program."""
    if settings.unix:
        return f"unix:{Path(settings.unix).absolute()}"
    host = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host).strip("[]")
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


def tell(call: Call, path: Path, files: Sequence[Files]) -> None:
    """What was written, and the commands that put it to use."""
    settings, options = call.settings, call.options
    flags = {
        **call.flags,
        "behind_proxy": "unix" if settings.unix else "127.0.0.1",
        "allowed_host": [*dict.fromkeys((*settings.allowed_host, options.domain))],
    }
    if files:
        flags["disable_static"] = True
    print(f"wrote {path}" + (f" and copied {len(files)} folders of static files beside it" if files else ""))
    print(f"now: sudo ln -s {path} /etc/nginx/conf.d/ && sudo nginx -t && sudo systemctl reload nginx")
    if options.auth != "none":
        file = f"/etc/nginx/{settings.name}.htpasswd"
        print(f'passwords: printf "ana:%s\\n" "$(openssl passwd -apr1)" | sudo tee -a {file}')
    print(f"start the program with: {call.program.text(*as_flags(flags))}")
