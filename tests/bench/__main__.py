"""Run benchmarks: `python -m tests.bench [NAME ...] [--quick]`; without a name all of them.

Each module of this folder that has `NAME` and `run(quick) -> list[str]` is one. The lines that it returns end with the
verdict `NAME ratio goal OK|SHORT`.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from types import ModuleType

from tests import bench


def registry() -> dict[str, ModuleType]:
    """Return name -> module of every benchmark."""
    modules = (
        importlib.import_module(f"tests.bench.{found.name}")
        for found in pkgutil.iter_modules(bench.__path__)
        if not found.name.startswith("_")
    )
    return {module.NAME: module for module in modules if hasattr(module, "NAME")}


def main() -> int:
    known = registry()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(sorted(known))}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    options = parser.parse_args()
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    short = 0
    for name in options.names or sorted(known):
        for line in known[name].run(options.quick):
            print(line, flush=True)
            short += line.endswith(" SHORT")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
