"""The form of an action, made from its signature."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import pytest

from atilite.automation.parameters import Range, Schema, Secret
from atilite.console import forms


def water(
    zone: Literal["north", "south"],
    seconds: Annotated[int, Range(1, 600)] = 30,
    note: str = "",
    at: date | None = None,
    password: Secret | None = None,
    dry_run: bool = False,
    plan: dict[str, int] | None = None,
) -> None:
    """Open one valve."""


SCHEMA = Schema.of(water)


def entry(name: str, given: dict[str, Any] | None = None, faults: dict[str, str] | None = None) -> forms.Entry:
    return next(one for one in forms.entries(SCHEMA, given or {}, faults or {}) if one.name == name)


@pytest.mark.row("B45")
def test_each_parameter_becomes_a_field_of_its_kind() -> None:
    kinds = {one.name: one.kind for one in forms.entries(SCHEMA, {}, {})}

    assert kinds == {
        "zone": "choice", "seconds": "integer", "note": "text", "at": "date", "password": "secret",
        "dry_run": "boolean", "plan": "json",
    }  # fmt: skip


def test_a_field_begins_with_its_default_and_says_its_bounds() -> None:
    seconds = entry("seconds")

    assert seconds.value == "30"
    assert seconds.hint == "1 to 600"
    assert dict(seconds.extras) == {"min": "1", "max": "600", "inputmode": "numeric"}
    assert seconds.label == "Seconds"
    assert entry("zone").choices == ("north", "south")


def test_what_was_sent_is_shown_again_with_what_was_wrong() -> None:
    seconds = entry("seconds", {"seconds": "900"}, {"seconds": "must be at most 600"})

    assert seconds.value == "900"
    assert seconds.error == "Seconds must be at most 600"
    assert seconds.described == "p-seconds-h p-seconds-e"


def test_a_secret_is_never_refilled() -> None:
    assert entry("password", {"password": "hush"}).value == ""


@pytest.mark.parametrize(
    ("raw", "ticked"), [("true", True), (True, True), ("on", True), ("false", False), (None, False)]
)
def test_a_box_is_ticked_by_what_was_sent_or_stored(raw: object, ticked: bool) -> None:
    assert entry("dry_run", {"dry_run": raw}).value is ticked


def test_an_earlier_run_fills_json_and_dates() -> None:
    given = {"plan": {"a": 1}, "at": "2026-11-20"}

    assert entry("plan", given).value == '{\n  "a": 1\n}'
    assert entry("at", given).value == "2026-11-20"


def test_a_moment_is_cut_to_what_its_control_takes() -> None:
    def later(at: datetime) -> None: ...

    made = forms.entries(Schema.of(later), {"at": "2026-11-20T08:30:15.5"}, {})

    assert made[0].value == "2026-11-20T08:30"


def test_the_summary_lists_the_faults_in_the_order_of_the_fields() -> None:
    listed = forms.problems(SCHEMA, {"ghost": "is no parameter", "at": "must be a date", "zone": "is required"})

    assert [(one.text, one.field) for one in listed] == [
        ("Zone is required", "p-zone"), ("At must be a date", "p-at"), ("ghost is no parameter", ""),
    ]  # fmt: skip


def test_an_unticked_box_is_false_and_what_is_no_parameter_is_left_out() -> None:
    assert forms.sent(SCHEMA, {"zone": "north", "csrf": "x"}) == {"zone": "north", "dry_run": "false"}


def test_the_script_shows_the_same_run_for_a_shell_and_over_http() -> None:
    text = forms.script("Water it", SCHEMA)

    assert text.startswith('python serve.py run "Water it" zone=north seconds=30')
    assert "POST /internal/action/Water%20it" in text
    assert "hush" not in text
