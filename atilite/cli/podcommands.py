"""The commands that a project adds to `pod`: modules of its package `pod_commands`, entry points of `atilite.pod`."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

from ..errors import SetupError
from .mistakes import check_word, load_fault

PACKAGE = "pod_commands"
GROUP = "atilite.pod"
OURS = "run"


def run_added(parser: argparse.ArgumentParser, commands: Any, arguments: Sequence[str]) -> int:
    """Do `pod ARGUMENTS` that are not `run`, or show the help of all; return the exit code. Raises SetupError.

    `commands` are those of `parser`, as `add_subparsers` has returned them.
    """
    return Additions(commands, sources()).run(parser, arguments)


class Source(NamedTuple):
    """Where a command comes from: the name that it may have, the place for messages, how it is loaded."""

    name: str
    place: str
    load: Callable[[], Any]


def sources() -> Iterator[Source]:
    """All places of commands, in order: the package on the path of imports, then what is installed."""
    spec = find_spec(PACKAGE)
    folders = None if spec is None else spec.submodule_search_locations
    for _, name, _ in pkgutil.iter_modules(folders or []):
        if not name.startswith("_"):
            path = f"{PACKAGE}.{name}"
            yield Source(name.replace("_", "-"), path, partial(importlib.import_module, path))
    for entry in entry_points(group=GROUP):
        yield Source(entry.name, entry.value, entry.load)


class Additions:
    """Puts the commands of a project beside `pod run`. Main thread.

    `faults` says of those that cannot be used why not, by name.
    """

    def __init__(self, commands: Any, found: Iterable[Source]) -> None:
        """`commands` is what `add_subparsers` returned."""
        self._commands = commands
        self._functions: dict[str, Callable[[Sequence[str]], Any]] = {}
        self._places = {OURS: "atilite"}
        self._left = list(found)
        self.faults: dict[str, str] = {}

    def run(self, parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
        """Do what is asked for; return the exit code. Raises SetupError for a command that cannot be used."""
        word = next(iter(arguments), "")
        self._load(word)
        if word in self.faults:
            raise SetupError(self.faults[word])
        if word and not word.startswith("-"):
            check_word(word, self._commands.choices, parser.prog)
        if word in self._functions and arguments[1:2] not in (["--help"], ["-h"]):
            return _code(self._functions[word](list(arguments[1:])))
        if self.faults:
            parser.formatter_class = argparse.RawDescriptionHelpFormatter
            faults = [" ".join(fault.split()) for fault in self.faults.values()]
            parser.epilog = "\n  ".join(["cannot be used:", *faults])
        options = parser.parse_args(arguments)
        if not callable(getattr(options, "command", None)):
            raise SetupError(f"{self._places[word]}: {word} has no function (name it: set_defaults(command=function))")
        return _code(options.command(options))

    def _load(self, word: str) -> None:
        """Load what has this name, and everything else only if that does not make the command known."""
        named = [source for source in self._left if source.name == word]
        self._left = [source for source in self._left if source.name != word]
        for source in named:
            self._take(source)
        if not named or word not in self._commands.choices:
            for source in self._left:
                self._take(source)

    def _take(self, source: Source) -> None:
        before = set(self._commands.choices)
        try:
            self._add(source)
        except (Exception, SystemExit) as error:
            told = load_fault(error) if isinstance(error, (ImportError, SyntaxError)) else None
            kind = "" if isinstance(error, (SetupError, argparse.ArgumentError)) else f"{type(error).__name__}: "
            fault = str(told) if told is not None else f"{kind}{error}"
            self.faults.setdefault(source.name, f"{source.place}: {fault}")
        self._places |= dict.fromkeys(set(self._commands.choices) - before, source.place)

    def _add(self, source: Source) -> None:
        loaded = source.load()
        if isinstance(loaded, ModuleType):
            if hasattr(loaded, "add"):
                loaded.add(self._commands)
                return
            if not hasattr(loaded, "main"):
                raise SetupError("it has neither add(commands) nor main(argv) (write one of them)")
            function, text = loaded.main, inspect.getdoc(loaded.main) or inspect.getdoc(loaded)
        else:
            function, text = loaded, inspect.getdoc(loaded)
        if not callable(function):
            raise SetupError(f"{function!r} is no function")
        if source.name in self._places:
            raise SetupError(f"there is a command {source.name!r} of {self._places[source.name]} (take another name)")
        text = text or f"from {source.place}"
        self._commands.add_parser(
            source.name, help=text.splitlines()[0].replace("%", "%%"), description=text, usage="%(prog)s ...",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        self._functions[source.name] = function


def _code(value: object) -> int:
    """The exit code that a function's answer stands for: numbers do, and everything else is a good end."""
    return value if isinstance(value, int) else 0
