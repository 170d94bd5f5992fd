"""The original engine beside ours: the same script on both, event by event.

It runs in an interpreter of its own, which the environment variable FLOW_ORIGINAL names; it is needed to look for
differences only, as what was found is kept in `traces`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.flow.playing import Played, told

INTERPRETER = os.environ.get("FLOW_ORIGINAL", "")
MISSING = "the environment variable FLOW_ORIGINAL names no interpreter that has the original engine"
PLAYER = Path(__file__).parent / "original_player.py"
# What each engine keeps of its own among the shares.
OWN = (".meta.", ".time", ".realtime", ".datetime", ".ioflo.")


def originals(scripts: Iterable[str], limit: int, folder: Path) -> Iterator[dict[str, Any]]:
    """What the original makes of scripts: `problem`, or `turns` of [stamp, events, shares], at most `limit` of them."""
    listed = folder / "plans.json"
    listed.write_text(json.dumps(list(scripts)))
    done = subprocess.run(
        [INTERPRETER, str(PLAYER), str(listed), str(limit), str(folder)], capture_output=True, text=True, check=True,
        timeout=1200,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def turns_of(played: Played) -> list[list[Any]]:
    """Our history in the form of the original's."""
    return [[round(turn.stamp, 6), told(turn.events), _shown(turn.shares)] for turn in played.turns]


def difference(original: list[list[Any]], ours: list[list[Any]]) -> str:
    """The first difference of two histories as text, empty if they are the same."""
    for (stamp, events, shares), turn in zip(original, ours, strict=False):
        if [stamp, events] != turn[:2]:
            return f"original {stamp} {events}\nours     {turn[0]} {turn[1]}"
        kept = _shown(shares)
        if kept != turn[2]:
            odd = sorted(path for path in {*kept, *turn[2]} if kept.get(path, "-") != turn[2].get(path, "-"))
            return "\n".join(
                f"at {stamp} {path}: original {kept.get(path, '-')!r}, ours {turn[2].get(path, '-')!r}" for path in odd
            )
    if len(original) != len(ours):
        return f"original {len(original)} turns, ours {len(ours)}"
    return ""


def _shown(shares: dict[str, Any]) -> dict[str, Any]:
    """What a script has put into shares; what was never given a value is the same as what is not there."""
    return {
        path: json.loads(json.dumps(value, default=repr))
        for path, value in shares.items()
        if not path.startswith(OWN) and ".state." not in path and value is not None and value != {}
    }
