"""`atilite.run`: the last line of a serve.py."""

from __future__ import annotations

import sys
from typing import Any

from ..errors import ConfigError
from ..launch import default_site
from .main import main, refuse

# The manual's names for what the settings table calls otherwise.
OLD_NAMES = {"address": "host"}


def run(**options: Any) -> None:
    """Do what the command line says, by default serve: `atilite.run(port=5000, name="board")`.

    `options` are defaults for any setting; flags, environment and atilite.toml win over them. Main thread; ends the
    program with the command's exit code. In a child process that reads this file for a function in it, does nothing.
    """
    if in_child_process():
        return
    workers = options.pop("workers", 1)
    if workers != 1:
        sys.exit(refuse(ConfigError(f"workers={workers}: one process serves a site (use threads)"), 2))
    defaults = {OLD_NAMES.get(name, name): value for name, value in options.items()}
    sys.exit(main(site=default_site(), defaults=defaults))


def in_child_process() -> bool:
    """Whether another process of this program has started this one, to run a function."""
    # Such a process begins with multiprocessing; a server need not load it to learn that it is none.
    # `parent_process()` does not know it yet while the child reads its main file.
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and processes.current_process().name != "MainProcess"
