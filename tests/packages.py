"""Makes packages in a temporary folder and takes them out of the interpreter again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import ModuleType


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files with their folders; the texts may be indented."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))


@contextmanager
def package(folder: Path, name: str, files: dict[str, str]) -> Iterator[ModuleType]:
    """Import the package `name`, made of these files below `folder`; afterwards nothing of it is left loaded."""
    write(folder, files)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for loaded in [one for one in sys.modules if one == name or one.startswith(name + ".")]:
            del sys.modules[loaded]
