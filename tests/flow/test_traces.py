"""Histories of the original engine, event by event."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.flow.playing import play, recorded, told

TRACES = sorted((Path(__file__).parent / "traces").glob("P*.txt"))
# What each of them is about.
ROWS = {
    "P02": ("I11", "I16", "I17"), "P03": ("I8", "I9", "I10", "I12"), "P05": ("I22",), "P07": ("I3", "I27"),
    "P10": ("I13",), "P11": ("I19",), "P12": ("I20", "I23", "I24"), "P14": ("I2", "I4", "I30"),
}  # fmt: skip


@pytest.mark.parametrize(
    "trace", [pytest.param(path, id=path.stem, marks=pytest.mark.row(*ROWS[path.stem])) for path in TRACES]
)
def test_a_plan_makes_the_history_of_the_original(trace: Path) -> None:
    script, _, history = trace.read_text().partition("\n---\n")
    expected = recorded(history)
    played = play(script)

    for turn, (stamp, events, shares) in zip(played.turns, expected, strict=False):
        assert (turn.stamp, told(turn.events)) == (stamp, events)
        for name, value in shares.items():
            assert repr(turn.shares["." + name]) == value, (stamp, name)
    turns = re.search(r"turns: (\d+)", history)
    assert turns is not None
    assert len(played.turns) == int(turns[1])
