"""The plan that a file on the command line stands for: a script, or a plan that Python declares."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..errors import AtiliteError, ConfigError, FlowError
from ..flow.behaviors import Behaviors
from ..flow.lines import Problem
from ..flow.loading import read_plan
from ..flow.model import PlanDecl
from ..flow.plan import Plan


class PlanFile(NamedTuple):
    """What is declared, what was wrong in reading it, what it may name, and its period in seconds."""

    decl: PlanDecl
    problems: list[Problem]
    behaviors: Behaviors
    period: float = 0.125


def plan_file(file: str, behaviors: Behaviors) -> PlanFile:
    """Read a script, or load FILE.py or FILE.py:NAME.

    ConfigError if there is no plan, FlowError where a plan of Python cannot be declared. Main thread: it runs the file.
    """
    path, _, name = file.partition(".py:")
    if not name and not file.endswith(".py"):
        decl, problems = read_plan(file)
        return PlanFile(decl, problems, behaviors)
    plan = _declared(Path(path + ".py" if name else file), name)
    return PlanFile(plan.decl, [], Behaviors(behaviors, plan.behaviors), plan.period)


@contextmanager
def loading(what: str) -> Iterator[None]:
    """While Python of a user is loaded: ConfigError in one line for whatever it raises."""
    try:
        yield
    except (AtiliteError, SyntaxError):
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"{what}: {reason} (correct {last.filename}, line {last.lineno})") from error


def _declared(path: Path, name: str) -> Plan:
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"there is no file {path}")
    sys.path.insert(0, str(path.parent.resolve()))
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    try:
        with loading(str(path)):
            spec.loader.exec_module(module)
    except FlowError as error:
        whole = str(path.resolve())
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == whole]
        if whole in str(error) or not lines:
            raise
        raise FlowError(f"{path}:{lines[-1]}: {error}") from error
    plans = {key: value for key, value in vars(module).items() if isinstance(value, Plan)}
    if name:
        plans = {key: value for key, value in plans.items() if key == name}
    if len({id(plan.decl) for plan in plans.values()}) != 1:  # `house` gives the same plan another name
        several = f"there are {', '.join(plans)}; say which one, as in {path}:{next(iter(plans), '')}"
        raise ConfigError(several if plans else f"{path} declares no plan {name}".rstrip())
    return next(iter(plans.values()))
