"""flow check, run, test, show: plans from files, in a process without a site."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import NoReturn

from ..errors import ConfigError, FlowError
from ..flow.behaviors import Behavior, Behaviors
from ..flow.checking import Verdict, check
from ..flow.expecting import tried
from ..flow.library import standard
from ..flow.lines import Problem
from ..flow.model import Place
from ..flow.outlining import outline
from ..flow.text import to_floscript
from .flowrun import run
from .parser import Commands, Parser
from .planfiles import loading, plan_file

FAILED = 1
PLACED = re.compile(r".+?:\d+: ")  # FILE:LINE: before what is wrong there
FILE = "a script, or FILE.py or FILE.py:NAME for a plan that Python declares"


def add(commands: Commands) -> None:
    """Name the command in the help of all; `main` sees to it before anything of a site is looked at."""
    parser = commands.add("flow", _misplaced, "check, run and test plans of FloScript: flow check, flow run")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _misplaced(call: object) -> NoReturn:
    raise ConfigError("the settings of a site mean nothing to a plan (let `flow` be the first word)")


def main(arguments: Sequence[str], script: Path | None) -> int:
    """Do `flow ARGUMENTS`, for the user's `script` or alone; return the exit code. Raises AtiliteError. Main thread."""
    options = _parser(script.name if script else "atilite").parse_args(arguments)
    # The modules of a plan's behaviours are looked for where the user is, and beside the program.
    sys.path.insert(0, str(Path.cwd()))
    command: Callable[[argparse.Namespace, Behaviors], int] = options.command
    options.out = sys.stdout
    try:
        # With --json only events may stand on stdout; what the code of a behaviour prints goes to stderr.
        with redirect_stdout(sys.stderr) if getattr(options, "json", False) else nullcontext():
            return command(options, behaviors_of(options.behaviors))
    except FlowError as error:
        if not PLACED.match(str(error)):
            raise
        # One line for each thing that is wrong, as `flow check` tells them.
        print(error, file=sys.stderr)
        return FAILED


def _parser(prog: str) -> Parser:
    parser = Parser(prog=f"{prog} flow", description="Plans: check, run and test them.", allow_abbrev=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, does: Callable[[argparse.Namespace, Behaviors], int], help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", allow_abbrev=False)
        added.set_defaults(command=does)
        added.add_argument(
            "--behaviors", action="append", default=[], metavar="MODULE", help="whose behaviours a plan may name, too"
        )
        return added

    checks = command("check", _check, "tell all that is wrong with plans, without running them")
    checks.add_argument("files", nargs="+", metavar="FILE", help=FILE)
    runs = command("run", run, "run a plan")
    runs.add_argument("file", metavar="FILE", help=FILE)
    runs.add_argument("--period", type=_period, metavar="SECONDS", help="between turns (default 0.125)")
    runs.add_argument("--until", type=_seconds, metavar="SECONDS", help="end with the last turn at or before this time")
    runs.add_argument("--realtime", action="store_true", help="each turn at its time; else as fast as they go")
    runs.add_argument("--trace", action="store_true", help="tell each event, not only texts and transitions")
    runs.add_argument("--json", action="store_true", help="tell each event as an object in a line of its own")
    runs.add_argument("--watch", action="append", default=[], metavar="SHARE", help="tell when this share changes")
    either = runs.add_mutually_exclusive_group()
    either.add_argument("--record", metavar="FILE", help="write into this file what a replay needs")
    either.add_argument("--replay", metavar="FILE", help="run as it was recorded, and tell what differs")
    runs.add_argument("--log-dir", default=".", metavar="DIR", help="where the files of loggers go (default: here)")
    tests = command("test", _test, "run plans, and compare with what the files FILE.expect beside them say")
    tests.add_argument("files", nargs="+", metavar="FILE", help=FILE)
    shows = command("show", _show, "print the frames of a plan and where they go")
    shows.add_argument("file", metavar="FILE", help=FILE)
    shows.add_argument("--script", action="store_true", help="print it as a script instead, in one notation")
    return parser


def _period(text: str) -> float:
    seconds = _seconds(text)
    if seconds == 0:
        raise argparse.ArgumentTypeError("it is a number of seconds above 0, not 0")
    return seconds


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"it is a number of seconds, not {text}")
    return seconds


# -- behaviours -------------------------------------------------------------------------------------------------------


def behaviors_of(modules: Sequence[str]) -> Behaviors:
    """What every plan may name, and the behaviours of these modules. ConfigError for a module that cannot be loaded."""
    found = standard()
    for name in modules:
        with loading(f"--behaviors {name}"):
            try:
                module = importlib.import_module(name)
            except ModuleNotFoundError as error:
                hint = "start in its folder, or correct its name"
                raise ConfigError(f"--behaviors {name}: {error.msg} ({hint})") from None
            except FlowError as error:
                raise FlowError(f"--behaviors {name}: {error}") from error
        for behavior in _declared(module):
            found.add(behavior, replace=True)
    return found


def _declared(module: object) -> Iterator[Behavior]:
    for value in vars(module).values():
        behavior = getattr(value, "__behavior__", None)
        if isinstance(behavior, Behavior):
            yield behavior


# -- check ------------------------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace, behaviors: Behaviors) -> int:
    verdicts = [_verdict(file, behaviors) for file in options.files]
    return FAILED if any(verdict.errors for verdict in verdicts) else 0


def _verdict(file: str, behaviors: Behaviors) -> Verdict:
    """Check one file, and print what is wrong with it."""
    try:
        found = plan_file(file, behaviors)
    except FlowError as error:  # it is declared in Python, and does not come to its end
        print(error)
        return Verdict([Problem(Place(file, 0, ""), str(error))])
    verdict = check(found.decl, found.behaviors, found.problems)
    for problem in verdict.errors:
        print(problem)
    for problem in verdict.warnings:
        print(Problem(problem.place, f"warning: {problem.message}"), file=sys.stderr)
    if not verdict.errors:
        print(f"{file}: {verdict.size}, no errors")
    return verdict


# -- test -------------------------------------------------------------------------------------------------------------


def _test(options: argparse.Namespace, behaviors: Behaviors) -> int:
    found = {file: plan_file(file, behaviors) for file in options.files}
    reports = {file: tried(file, one.behaviors, one.decl, one.problems, one.period) for file, one in found.items()}
    for file, report in reports.items():
        for problem in report.problems:
            print(problem)
        if not report.problems:
            print(f"{file}: {report.expected} expectation{'' if report.expected == 1 else 's'} met")
    return FAILED if any(report.problems for report in reports.values()) else 0


# -- show -------------------------------------------------------------------------------------------------------------


def _show(options: argparse.Namespace, behaviors: Behaviors) -> int:
    found = plan_file(options.file, behaviors)
    if found.problems:
        raise FlowError("\n".join(map(str, check(found.decl, found.behaviors, found.problems).errors)))
    if options.script:
        print(to_floscript(found.decl), end="")
    else:
        print("\n".join(outline(found.decl)))
    return 0
