"""Choices that are made when they are asked for, perhaps from the values of other parameters."""

from __future__ import annotations

import pytest

from atilite.automation.engine import Automation
from atilite.errors import ParameterError, SetupError

PATIENCE = 20.0
VALVES = {"north": ["n1", "n2"], "south": ["s1"]}


@pytest.fixture
def watering(automation: Automation) -> Automation:
    @automation.action(name="water", choices={"zone": lambda: list(VALVES), "valve": lambda zone: VALVES[zone]})
    def water(zone: str, valve: str | None = None, seconds: int = 5):
        return zone, valve

    return automation


def offered(automation: Automation, **raw: object) -> dict[str, tuple[str, ...]]:
    info = automation.action.get("water")
    return info.choices.offered(info.schema, raw)


@pytest.mark.row("M2")
def test_a_value_has_to_be_among_the_choices_of_the_moment(watering: Automation) -> None:
    assert watering.action.invoke("water", zone="north", valve="n2").fetch(PATIENCE) == ("north", "n2")
    assert watering.action.invoke("water", zone="south").fetch(PATIENCE) == ("south", None)
    with pytest.raises(ParameterError) as caught:
        watering.action.invoke("water", zone="south", valve="n2")
    assert caught.value.fields == {"valve": "must be one of s1"}
    VALVES["south"].append("s2")
    try:
        assert watering.action.invoke("water", zone="south", valve="s2").fetch(PATIENCE) == ("south", "s2")
    finally:
        VALVES["south"].remove("s2")


def test_a_form_is_offered_what_its_values_lead_to(watering: Automation) -> None:
    assert offered(watering) == {"zone": ("north", "south"), "valve": ()}
    assert offered(watering, zone="south") == {"zone": ("north", "south"), "valve": ("s1",)}
    assert watering.action.get("water").choices.dependent


def test_choices_that_cannot_be_made_are_a_fault_and_no_crash(watering: Automation) -> None:
    assert offered(watering, zone="west")["valve"] == ()
    with pytest.raises(ParameterError) as caught:
        watering.action.invoke("water", zone="west", valve="w1")
    assert caught.value.fields == {
        "zone": "must be one of north, south", "valve": "has no choices at the moment (KeyError: 'west')",
    }  # fmt: skip


def test_a_plain_list_works_for_numbers_and_for_lists_too(automation: Automation) -> None:
    @automation.action(name="pick", choices={"number": [1, 2], "all_of": ["a", "b"]})
    def pick(number: int = 1, all_of: list[str] | None = None):
        return number, all_of

    assert automation.action.invoke("pick", number="2", all_of=["b"]).fetch(PATIENCE) == (2, ["b"])
    assert not automation.action.get("pick").choices.dependent
    with pytest.raises(ParameterError) as caught:
        automation.action.invoke("pick", number=3, all_of=["a", "c"])
    assert caught.value.fields == {"number": "must be one of 1, 2", "all_of": "must be one of a, b"}


def test_many_choices_are_not_all_named(automation: Automation) -> None:
    automation.action(name="pick", choices={"number": range(100)})(_pick)

    with pytest.raises(ParameterError) as caught:
        automation.action.invoke("pick", number=100)
    assert caught.value.fields["number"].endswith("18, 19 and 80 more")


def _pick(number: int) -> int:
    return number


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"colour": ["red"]}, "choices has 'colour', which is no parameter; there are number"),
        ({"number": lambda other: []}, "depend on 'other', which is no parameter before it; there are none"),
    ],
)
def test_choices_that_do_not_fit_the_function_are_refused(automation: Automation, choices: dict, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        automation.action(name="pick", choices=choices)(_pick)
