from __future__ import annotations

import pytest

from atilite.automation.duration import seconds_of, words_of
from atilite.errors import SetupError


@pytest.mark.parametrize(
    ("length", "seconds"),
    [(30, 30), (0.5, 0.5), ("30", 30), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1.5h", 5400),
     ("1h 5s", 3605), (None, None)],
)  # fmt: skip
def test_a_length_of_time_is_read_as_people_write_it(length: object, seconds: float | None):
    assert seconds_of(length, "every") == seconds


@pytest.mark.parametrize("length", ["", "m", "5x", "-5m", -1, True, float("inf"), "30m1h", [5]])
def test_anything_else_is_refused_with_an_example(length: object):
    with pytest.raises(SetupError, match=r'every is .*"5m"'):
        seconds_of(length, "every")


def test_words_leave_out_what_is_nothing():
    assert words_of(300) == "5 minutes"
    assert words_of(5400) == "1 hour 30 minutes"
    assert words_of(90061) == "1 day 1 hour 1 minute 1 second"
    assert words_of(0.25) == "0.25 seconds"
