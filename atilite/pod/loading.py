"""From a dotted path to the object that it names."""

from __future__ import annotations

import difflib
import importlib
from types import ModuleType
from typing import Any

from atilite.errors import AtiliteError, SetupError
from atilite.runtime.traces import line_of


def why(error: Exception) -> str:
    """What is told of an error that has kept a bean from being loaded, in a line.

    With its kind, unless atilite has put it into words: of a KeyError, the text alone is no more than "3".
    """
    return str(error) if isinstance(error, AtiliteError) else line_of(error)


def load(core: Any) -> Any:
    """Import what a dotted path such as "package.module.Class" names; anything but a text is returned as it is.

    SetupError says which part is missing, and what has nearly that name. An error inside of a module that is imported
    is its cause.
    """
    if not isinstance(core, str):
        return core
    first, *rest = core.split(".")
    if not rest or not all(part.isidentifier() for part in (first, *rest)):
        raise SetupError(f"{core!r} is no dotted path; write it as module.function")
    found = _imported(core, first)
    if found is None:
        raise SetupError(f"{core}: there is no module {first} (is its folder on the path?)")
    path = first
    for part in rest:
        inner = getattr(found, part, _MISSING)
        if inner is _MISSING and isinstance(found, ModuleType) and hasattr(found, "__path__"):
            inner = _imported(core, f"{path}.{part}") or _MISSING
        if inner is _MISSING:
            raise SetupError(f"{core}: {path} has no {part}{_nearest(part, found)}")
        found, path = inner, f"{path}.{part}"
    return found


_MISSING: Any = object()


def _imported(core: str, name: str) -> ModuleType | None:
    """Import a module; None if there is none of that name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise _broken(core, name, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(core, name, error) from error


def _broken(core: str, name: str, error: BaseException) -> SetupError:
    return SetupError(f"{core}: the module {name} cannot be imported: {type(error).__name__}: {error}")


def _nearest(name: str, owner: Any) -> str:
    near = difflib.get_close_matches(name, [one for one in dir(owner) if not one.startswith("__")], 1)
    return f"; did you mean {near[0]}?" if near else ""
