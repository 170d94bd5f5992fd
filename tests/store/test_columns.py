"""What a column holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.store.columns import clean, decode, encode, micros, moment, moment_or_none

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_every_json_value_survives_and_has_a_utf8_form(value: object) -> None:
    text = encode(value)
    text.encode()

    assert decode(text) == value


@given(st.text(st.characters(exclude_categories=())))
def test_cleaned_text_has_a_utf8_form_and_good_text_stays(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()

    assert cleaned == text or any("\ud800" <= letter <= "\udfff" for letter in text)


def test_a_value_of_endless_depth_is_a_type_error() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(TypeError, match="place must be JSON"):
        encode(value, "place")


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)))
def test_a_moment_survives_to_the_microsecond(naive: datetime) -> None:
    aware = naive.replace(tzinfo=UTC)

    assert moment(micros(aware)) == aware
    assert micros(aware.astimezone(timezone(timedelta(hours=9)))) == micros(aware)
    assert moment_or_none(None) is None
    with pytest.raises(ValueError, match="no time zone"):
        micros(naive)
