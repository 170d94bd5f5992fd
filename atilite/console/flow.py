"""The page of plans while none is mounted: what a plan is, and the lines that make the first one."""

from __future__ import annotations

from dataclasses import field

from atilite.console.desk import Visit
from atilite.console.lines import HTML_ONLY
from atilite.quickly import dataclass

PLAN = """house box

framer mission be active first leg

frame leg
  print heading out
  go done if elapsed >= 5

frame done
  print back again
  bid stop all"""
MOUNT = 'app.mount_plan("box.flo")'


@dataclass(frozen=True, slots=True)
class FlowPage:
    """No plan, and how to get one."""

    houses: tuple[str, ...] = ()
    title: str = field(default="Flow", metadata=HTML_ONLY)
    plan: str = field(default=PLAN, metadata=HTML_ONLY)
    mount: str = field(default=MOUNT, metadata=HTML_ONLY)


def page(visit: Visit) -> FlowPage:
    """The empty state."""
    return FlowPage()
