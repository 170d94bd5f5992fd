"""Reloading in --devel: mounted modules are replaced in place, a changed serve.py restarts the process."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .lazily import LazyModule

if TYPE_CHECKING:
    import subprocess
else:
    # Loaded with the first restart.
    subprocess = LazyModule("subprocess")

log = logging.getLogger("atilite")

INTERVAL = 0.5  # seconds between two looks at the files
STOP_SECONDS = 2.0  # what the services of the code before get to end
USAGE = 2  # the exit code for a command line that is not understood
MOST_TOLD = 4000  # characters of what a start has said

Stamp = tuple[int, int]


@functools.lru_cache(maxsize=4096)
def own_file(file: str, root: Path) -> Path | None:
    """The source file as one of the program's own below `root`, None for an installed package or a part of Python."""
    path = Path(file).resolve()
    if path.suffix != ".py" or not path.is_relative_to(root):
        return None
    return None if {"site-packages", ".venv", "atilite"} & set(path.relative_to(root).parts) else path


def own_files(root: Path) -> dict[Path, str]:
    """The program's own source files that are loaded, with the names of their modules."""
    found: dict[Path, str] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        path = own_file(file, root) if file else None
        if path is not None:
            found[path] = name
    return found


def script_files(mounts: Iterable[Any]) -> dict[Path, str]:
    """The scripts of mounted plans, each with the name of the module that is mounted, "" where there is none."""
    found: dict[Path, str] = {}
    for mounted in mounts:
        plans = mounted.app.automation.plans if mounted.loaded and mounted.app is not None else ()
        named = next((module.__name__ for module in mounted.modules), "")
        found |= {path.resolve(): named for plan in plans for path in map(Path, plan.files) if path.is_file()}
    return found


def stamps(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """When and how large each file is now; one that is gone is left out: an editor may be replacing it."""
    found: dict[Path, Stamp] = {}
    for path in paths:
        with suppress(OSError):
            facts = path.stat()
            found[path] = facts.st_mtime_ns, facts.st_size
    return found


def belongs(name: str, module: ModuleType) -> bool:
    """Whether the module called `name` is `module` or a part of its package."""
    return name == module.__name__ or name.startswith(module.__name__ + ".")


class Reloader:
    """Looks at the source files of one site twice a second, from a thread of its own."""

    def __init__(self, site: Any) -> None:
        self._site = site
        self._root = Path(site.root).resolve()
        self._seen = stamps(self._files())

    def start(self) -> None:
        """Begin to look."""
        # A compiled file is trusted by the second: two saves within one would load the first of them twice.
        sys.dont_write_bytecode = True
        threading.Thread(target=self._watch, name="atilite-reload", daemon=True).start()

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(INTERVAL):
            try:
                self.look()
            except Exception:
                # The server goes on with the code it has; the next save is looked at again.
                log.exception("reloading failed")

    def look(self) -> bool:
        """Look once; reload what has changed. Returns whether something had. Not on the loop."""
        files = self._files()
        now = stamps(files)
        changed = [path for path, stamp in now.items() if self._seen.get(path, stamp) != stamp]
        self._seen = {**self._seen, **now}
        if changed:
            self._reload(changed, files)
        return bool(changed)

    def _files(self) -> dict[Path, str]:
        return script_files(self._site.mounts) | own_files(self._root)

    def _reload(self, changed: list[Path], files: dict[Path, str]) -> None:
        for path in changed:
            problem = syntax_problem(path) if path.suffix == ".py" else ""
            if problem:
                return self._refuse(problem)
        names = [files[path] for path in changed]
        affected = [mounted for mounted in self._site.mounts if _is_affected(mounted, names)]
        covered = [name for name in names if any(belongs(name, one) for mounted in affected for one in mounted.modules)]
        if len(covered) < len(names):
            problem = start_problem()
            return self._refuse(problem) if problem else self._restart()
        for mounted in affected:
            self._replace(mounted)

    def _refuse(self, problem: str) -> None:
        log.error("the code on disk cannot be loaded; the one before still serves\n%s", problem)
        self._site.problem = problem

    def _replace(self, mounted: Any) -> None:
        """Load the packages of a mount anew; only when everything has worked does it take the old one's place."""
        target, *parts = mounted.modules
        # An installed package does not change; the mounted one makes the app, which cannot be set up twice.
        old = [target, *(part for part in parts if own_file(getattr(part, "__file__", None) or "", self._root))]
        removed = {name: sys.modules.pop(name) for name in list(sys.modules) if any(belongs(name, one) for one in old)}
        for module in removed.values():
            _forget_compiled(module)
        importlib.invalidate_caches()
        try:
            if mounted.app is not None:
                mounted.app.announce("before_reload")
            fresh = self._site.rebuild(mounted, lambda module: importlib.import_module(module.__name__))
        except Exception:
            sys.modules.update(removed)
            return self._refuse(traceback.format_exc().rstrip())
        self._site.swap(mounted, fresh, STOP_SECONDS)
        self._site.problem = ""
        log.info("reloaded %s", ", ".join(module.__name__ for module in old))

    def _restart(self) -> None:
        """Start the process again with the same arguments: what serve.py itself says cannot be replaced in place."""
        log.info("serve.py or a module beside it has changed; starting again")
        self._site.stop(STOP_SECONDS)
        self._site.close()
        os.execv(sys.executable, sys.orig_argv)


def syntax_problem(path: Path) -> str:
    """What the compiler says about a file, "" when it can be compiled."""
    try:
        compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        return "".join(traceback.format_exception_only(error)).rstrip()
    return ""


def start_problem() -> str:
    """What a process that is started with the code on disk says when it ends with an error, "" when it would serve.

    It is tried beforehand: a process that has given its place to one that cannot start never sees the next save.
    """
    # A command that sets everything up and serves nothing; beside another command it is a matter of usage.
    tried = subprocess.run([sys.executable, *sys.orig_argv[1:], "routes"], capture_output=True, text=True, check=False)
    return "" if tried.returncode in (0, USAGE) else tried.stderr.rstrip()[-MOST_TOLD:]


def _is_affected(mounted: Any, names: list[str]) -> bool:
    return any(belongs(name, module) for name in names for module in mounted.modules)


def _forget_compiled(module: ModuleType) -> None:
    file = getattr(module, "__file__", None)
    if file:
        with suppress(OSError, NotImplementedError):
            Path(importlib.util.cache_from_source(file)).unlink()
