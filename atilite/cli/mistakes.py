"""What people mistype, and code that cannot be loaded, told in one line with the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import BY_NAME
from ..errors import ConfigError, SetupError
from ..lazily import LazyModule
from ..logs import is_code, is_users

if TYPE_CHECKING:
    import difflib
    import traceback
else:
    # Most command lines are right.
    difflib = LazyModule("difflib")
    traceback = LazyModule("traceback")


def check_word(word: str, commands: Iterable[str], prog: str) -> None:
    """Raise ConfigError when `word`, where a command's name belongs, is none; with the nearest one."""
    known = list(commands)
    name = word.partition("=")[0]
    if name in known or name in ("-h", "--help", "--version"):
        return
    if name.startswith("-"):
        near = difflib.get_close_matches(name, [row.flag for row in BY_NAME.values()], n=1)
        behind = "" if near else "flags of a command stand behind its name; "
        what = f"there is no flag {name}"
    else:
        near = difflib.get_close_matches(name, [one for one in known if not one.startswith("-")], n=1)
        behind, what = "", f"there is no command {name!r}"
    hint = f"did you mean {near[0]}? " if near else behind
    raise ConfigError(f"{what} ({hint}see {prog} --help)")


def load_fault(error: ImportError | SyntaxError) -> SetupError | None:
    """A user's module that cannot be loaded, as an error of one line; None when the fault is in atilite itself."""
    if isinstance(error, SyntaxError):
        place = f"{shown(error.filename or '?')}, line {error.lineno}"
        return SetupError(f"{place}: {error.msg} (correct it)")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_code(frame.filename)]
    where = frames[-1] if frames else None
    if where is None or not is_users(where.filename):
        return None
    remedy = "install it, or correct its name" if isinstance(error, ModuleNotFoundError) else "correct it"
    return SetupError(f"{shown(where.filename)}, line {where.lineno}: {error.msg} ({remedy})")


def shown(filename: str) -> str:
    """A path as short as it is clear: below the working folder without that."""
    path, here = Path(filename), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else filename
