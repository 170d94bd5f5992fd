"""Plans: houses, framers and frames with shared data. The names are loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..errors import FlowError as FlowError
    from .behaviors import Behavior as Behavior
    from .behaviors import Behaviors as Behaviors
    from .checking import check as check
    from .classes import after as after
    from .classes import do as do
    from .classes import frame as frame
    from .classes import go as go
    from .declaring import behavior as behavior
    from .declaring import doify as doify
    from .lines import Problem as Problem
    from .loading import read_plan as read_plan
    from .plan import Plan as Plan
    from .routines import until as until
    from .running import Running as Running
    from .text import to_floscript as to_floscript
    from .trying import outputs_of as outputs_of

# Where each public name lives.
_HOME_OF = {
    "Behavior": ".behaviors",
    "Behaviors": ".behaviors",
    "FlowError": "..errors",
    "Plan": ".plan",
    "Problem": ".lines",
    "Running": ".running",
    "after": ".classes",
    "behavior": ".declaring",
    "check": ".checking",
    "do": ".classes",
    "doify": ".declaring",
    "frame": ".classes",
    "go": ".classes",
    "outputs_of": ".trying",
    "read_plan": ".loading",
    "to_floscript": ".text",
    "until": ".routines",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'atilite.flow' has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
