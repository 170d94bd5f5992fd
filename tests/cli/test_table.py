"""Lists on the terminal and for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from atilite.cli.table import lines, show, words

ROWS = [
    {"name": "water", "next": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "labels": ("garden", "pump"), "paused": False},
    {"name": "rates", "next": None, "labels": (), "paused": True, "hidden": "only in JSON"},
]


def test_columns_are_aligned() -> None:
    shown = lines(ROWS, ("name", "labels", "paused"), 80)

    assert shown == [
        "NAME   LABELS        PAUSED",
        "water  garden, pump  no",
        "rates  -             yes",
    ]


def test_a_line_ends_where_the_terminal_does() -> None:
    shown = lines([{"name": "x", "description": "a\nlong  text " * 20}], ("name", "description"), 30)

    assert shown[1] == "x     a long text a long text…"
    assert all(len(line) <= 30 for line in shown)


def test_json_has_every_field_and_times_with_their_zone(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, ("name",), as_json=True, empty="nothing")

    first, second = json.loads(capsys.readouterr().out)
    assert first["next"] == "2026-01-02T03:04:05+00:00"
    assert first["labels"] == ["garden", "pump"]
    assert second == {"name": "rates", "next": None, "labels": [], "paused": True, "hidden": "only in JSON"}


def test_an_empty_list_says_so_to_a_person_and_is_an_empty_array_for_a_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([], ("name",), as_json=False, empty="no accounts yet")
    assert capsys.readouterr().out == "no accounts yet\n"

    show([], ("name",), as_json=True, empty="no accounts yet")
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(("value", "word"), [(None, "-"), ("", "-"), (0, "0"), (True, "yes"), ([], "-"), (2.5, "2.5")])
def test_a_cell_is_never_empty(value: object, word: str) -> None:
    assert words(value) == word
