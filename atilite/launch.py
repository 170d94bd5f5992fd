"""What `serve.py` says: mount this, alias that. It speaks to the one site of the process."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from .mounting import Preference
from .resources.aliases import Aliases
from .site import Site, Target, script_folder


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


def alias(name: str, kind: str, members: str | Iterable[str]) -> None:
    """Declare an outside resource: `alias("@rates", PROTO_HTTPS, "rates.example.org/v1")`. Before `run`."""
    default_site().aliases.add(name, kind, members)


def aliases() -> Aliases:
    """The declared aliases."""
    return default_site().aliases


def abspath(*parts: str) -> str:
    """A path relative to the folder of the script that was started, whatever the working directory is."""
    return str(Path(script_folder(), *parts))
