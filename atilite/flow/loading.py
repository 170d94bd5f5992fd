"""Plans from files: what they load is looked for beside them."""

from __future__ import annotations

import os
from pathlib import Path

from atilite.flow.lines import Problem
from atilite.flow.model import Place, PlanDecl
from atilite.flow.syntax import parse

# A script is written by hand; anything larger is another file by mistake.
LARGEST = 4_000_000


def read_plan(path: str | os.PathLike[str]) -> tuple[PlanDecl, list[Problem]]:
    """Read the script of a file and those that it loads: what is declared, and what is wrong. Blocks for the files."""
    file = os.fspath(path)
    try:
        text = read_text(Path(file))
    except (OSError, UnicodeError) as error:
        line = error.object.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else 0
        return PlanDecl(), [Problem(Place(file, line, ""), f"the script cannot be read: {_reason(error)}")]
    plan, problems = parse(text, file, _beside)
    if not plan.houses and not problems:
        problems = [Problem(Place(file, 1, ""), "there is no house; begin with a line such as: house box1")]
    return plan, problems


def _beside(name: str, file: str) -> tuple[str, str]:
    """The name and the text of a file that `file` loads."""
    found = Path(file).parent / name
    if not found.suffix and not found.exists():
        found = found.with_suffix(".flo")
    return os.fspath(found), read_text(found)


def read_text(path: Path) -> str:
    """The text of a small file. OSError or UnicodeError if it is none."""
    with path.open("rb") as stream:
        found = stream.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise OSError(0, f"it is larger than {LARGEST // 1_000_000} MB")
    return found.decode("utf-8-sig")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "it is not text in UTF-8"
    return getattr(error, "strerror", None) or str(error)
