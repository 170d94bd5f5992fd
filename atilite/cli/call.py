"""One use of the command line: what was asked, for which site, and how to say it again."""
from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..config import Settings, as_flags
from ..site import Site


class Program(NamedTuple):
    """How the program was started: by a script such as serve.py, or as `atilite` with or without `--app`.

    `folder` is where atilite.toml, the pid file and the log of a daemon are.
    """

    folder: Path
    script: Path | None = None
    app: str = ""

    def command(self, *words: str) -> list[str]:
        """The arguments that start the same program with other words."""
        if self.script is not None:
            return [sys.executable, str(self.script), *words]
        chosen = ["--app", self.app] if self.app else []
        return [sys.executable, "-m", "atilite", *chosen, *words]

    def text(self, *words: str) -> str:
        """The same for a person: what to type in the program's folder."""
        if self.script is not None:
            return shlex.join(["python", self.script.name, *words])
        return shlex.join(["atilite", *(["--app", self.app] if self.app else []), *words])


class Call(NamedTuple):
    """What a command's function gets. `flags` are the settings that stood on the command line."""

    program: Program
    site: Site
    settings: Settings
    options: argparse.Namespace
    flags: Mapping[str, object]

    def remedy(self, *words: str) -> str:
        """Another command for the same database, to be shown in an error message."""
        kept = {name: value for name, value in self.flags.items() if name == "db"}
        return self.program.text(*as_flags(kept), *words)


Command = Callable[[Call], int]
