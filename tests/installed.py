"""The installed program `atilite`, as pip writes it, for tests of a checkout that nobody has installed."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPT = """\
#!{python}
import sys

from atilite.cli.main import main

sys.exit(main())
"""


def installed(folder: Path) -> Path:
    """The program in a folder of its own, so that its folder is the first on the path as with any installed one."""
    program = folder / "installed" / "atilite"
    program.parent.mkdir(exist_ok=True)
    program.write_text(SCRIPT.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    return program
