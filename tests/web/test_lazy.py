"""Attributes that are computed once."""

from __future__ import annotations

import pytest

from atilite.web.lazy import lazy


class Thing:
    def __init__(self) -> None:
        self.calls = 0

    @lazy
    def value(self) -> int:
        """The value."""
        self.calls += 1
        if self.calls == 1:
            raise ValueError("not yet")
        return self.calls


def test_a_value_is_computed_once_and_tried_again_after_an_error() -> None:
    thing = Thing()

    with pytest.raises(ValueError, match="not yet"):
        _ = thing.value

    assert (thing.value, thing.value, thing.calls) == (2, 2, 2)


def test_a_value_may_be_replaced_and_is_no_other_objects() -> None:
    thing = Thing()

    thing.value = 9

    assert thing.value == 9
    assert Thing().calls == 0
    assert Thing.value.__doc__ == "The value."
