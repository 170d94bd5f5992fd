from __future__ import annotations

import dataclasses
from datetime import date

import pydantic
import pytest

from atilite.automation.values import MAX_RESULT, build, class_key, plain, stored_result


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Rates(pydantic.BaseModel):
    base: str = "USD"
    day: date


def test_models_at_any_depth_become_json():
    data = plain({"points": [Point(1, 2)], "rates": (Rates(day=date(2024, 1, 2)),)})

    assert data == {"points": [{"x": 1, "y": 2}], "rates": [{"base": "USD", "day": "2024-01-02"}]}


def test_keys_become_texts_as_json_has_them():
    assert plain({2: "a", True: "b", None: "c"}) == {"2": "a", "true": "b", "null": "c"}


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", float("nan"), float("inf"), {(1, 2): 3}, Point])
def test_what_json_does_not_have_is_a_type_error(value: object):
    with pytest.raises(TypeError):
        plain(value)


def test_a_model_is_built_again_from_its_data():
    rates = Rates(day=date(2024, 1, 2))

    assert build(plain(rates), Rates) == rates
    assert build(plain(Point(1, 2)), Point) == Point(1, 2)


def test_a_result_without_json_form_is_kept_as_its_repr():
    assert stored_result({"a": 1}) == {"a": 1}
    assert stored_result({1, 2}) == "{1, 2}"


def test_a_very_long_result_is_cut():
    kept = stored_result(["x"] * 100_000)

    assert isinstance(kept, str)
    assert MAX_RESULT < len(kept) < MAX_RESULT + 100
    assert stored_result(float("nan")) == "nan"


def test_classes_of_one_name_in_two_modules_have_two_keys():
    one = type("Rates", (), {"__module__": "one"})
    two = type("Rates", (), {"__module__": "two"})

    assert (class_key(one), class_key(two)) == ("one.Rates", "two.Rates")


def test_a_class_of_the_script_that_runs_has_the_key_of_the_imported_file(monkeypatch: pytest.MonkeyPatch):
    import __main__

    monkeypatch.setattr(__main__, "__file__", "/srv/garden/serve.py", raising=False)

    assert class_key(type("Rates", (), {"__module__": "__main__"})) == "serve.Rates"
