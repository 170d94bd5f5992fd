"""What `serve.py` says: mount this, alias that. It speaks to the one site of the process."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .mounting import Preference
from .resources.aliases import Aliases
from .site import Site, Target


@functools.cache
def default_site() -> Site:
    """The site that `mount` and `run` work on: there is one main thread, so there is one of it."""
    return Site(script_folder())


def mount(
    point: str,
    target: Target,
    pref: Preference | None = None,
    name: str | None = None,
    subscribe: Iterable[str] = (),
    host: str = "default",
) -> None:
    """Mount a module, an app, a folder of files or a WSGI app at `point`; see `Site.mount`. Before `run`."""
    default_site().mount(point, target, pref, name, subscribe, host)


def alias(name: str, kind: str, members: str | Iterable[str], **options: Any) -> None:
    """Declare an outside resource: `alias("@rates", PROTO_HTTPS, "rates.example.org/v1")`. Before `run`.

    A member is "user:pass@host:port/path weight". `ssl` (True, or a file of authorities) and `max_conns` hold for all
    drivers, further `options` are the driver's own; see docs/databases.md.
    """
    default_site().aliases.add(name, kind, members, **options)


def add_database_interface(kind: str, interface: type) -> None:
    """Make a type of database of one's own: an object of `interface` is one connection; see docs/databases.md.

    Call it before the `alias` that uses `kind`, which begins with "*".
    """
    default_site().aliases.add_interface(kind, interface)


def aliases() -> Aliases:
    """The declared aliases."""
    return default_site().aliases


def abspath(*parts: str) -> str:
    """A path relative to the folder of the script that was started, whatever the working directory is."""
    return str(Path(script_folder(), *parts))


def script_folder() -> Path:
    """The folder of the script that was started: what `abspath` counts from."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    folder = Path(path).resolve().parent if path else Path.cwd()
    # gunicorn is started in place of the script, then the folder in which that was done is the program's.
    installed = folder == Path(sys.executable).parent.resolve() or {"site-packages", "dist-packages"} & {*folder.parts}
    return Path.cwd() if installed else folder
