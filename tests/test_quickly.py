"""Dataclasses whose methods are shared behave like those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from atilite.quickly import dataclass


@dataclass(frozen=True, slots=True)
class Pump:
    """A value."""

    name: str
    litres: float = 1.5
    notes: list[Any] = dataclasses.field(default_factory=list, repr=False, compare=False)


@dataclass(slots=True)
class Tank:
    """Something that changes."""

    level: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Lock:
    """Equal to itself alone."""

    name: str


@dataclass(frozen=True, slots=True)
class Door:
    """It has methods of its own."""

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Door)

    def __hash__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return f"the {self.name} door"


def test_values_are_equal_if_what_is_compared_is_equal() -> None:
    assert Pump("a", 2, [1]) == Pump("a", 2, [2])
    assert Pump("a") != Pump("b")
    assert Pump("a") != ("a", 1.5)
    assert Tank(1) == Tank(1) != Tank(2)


def test_equal_values_have_one_hash_and_what_changes_has_none() -> None:
    assert len({Pump("a", 2, [1]), Pump("a", 2), Pump("b")}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Tank())


def test_a_value_shows_the_fields_that_may_be_shown() -> None:
    assert repr(Pump("a", notes=["secret"])) == "Pump(name='a', litres=1.5)"


def test_a_value_that_holds_itself_is_shown_without_end_in_sight() -> None:
    tank: Any = Tank()
    tank.level = tank
    assert repr(tank) == "Tank(level=...)"


def test_a_value_cannot_be_changed_but_copied_replaced_and_pickled() -> None:
    pump: Any = Pump("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        pump.name = "b"
    assert dataclasses.replace(pump, litres=3) == Pump("a", 3)
    assert pickle.loads(pickle.dumps(pump)) == copy.deepcopy(pump) == pump


def test_without_comparison_every_value_is_itself() -> None:
    assert Lock("a") != Lock("a")
    assert len({Lock("a"), Lock("a")}) == 2


def test_the_methods_of_a_class_stay_its_own() -> None:
    assert Door("a") == Door("b")
    assert hash(Door("a")) == 7
    assert repr(Door("front")) == "the front door"
