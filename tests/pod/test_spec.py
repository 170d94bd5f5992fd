"""What may be said of a bean."""

from __future__ import annotations

from typing import Any

import pytest

from atilite.errors import SetupError
from atilite.pod.spec import RULES, BeanSpec


@pytest.mark.row("P15")
def test_reserved_keys_are_the_beans_own_and_every_other_is_an_argument() -> None:
    spec = BeanSpec.of({
        "core": "rates.poll", "label": "rates", "needs": "db", "after": ["a", "b"], "restart": True,
        "max_restarts": None, "ready": "explicit", "url": "http://x", "count": 3,
    })  # fmt: skip

    assert (spec.core, spec.label, spec.needs, spec.after) == ("rates.poll", "rates", ("db",), ("a", "b"))
    assert (spec.restart, spec.max_restarts, spec.ready) == ("always", None, "explicit")
    assert spec.kwargs == {"url": "http://x", "count": 3}


@pytest.mark.row("P15")
def test_a_core_alone_has_the_defaults() -> None:
    spec = BeanSpec.of({"core": "a.b"})

    assert (spec.restart, spec.restart_delay, spec.max_restarts, spec.within) == ("never", 1.0, 3, 60.0)
    assert (spec.start_timeout, spec.stop_timeout, spec.ready, spec.processes) == (30.0, 10.0, "auto", 1)
    assert (spec.optional, spec.critical, spec.label, spec.kwargs) == (False, False, None, {})


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("label", 3),
        ("optional", 1),
        ("critical", "yes"),
        ("needs", 3),
        ("after", ["a", ""]),
        ("restart", "sometimes"),
        ("restart", 1),
        ("restart_delay", -1),
        ("restart_delay", True),
        ("max_restarts", -1),
        ("max_restarts", 1.5),
        ("within", 0),
        ("start_timeout", "3"),
        ("stop_timeout", float("inf")),
        ("ready", "soon"),
        ("ready", True),
        ("health", 5),
        ("processes", 0),
        ("processes", True),
        ("config_file", 1),
    ],
)
@pytest.mark.row("P15")
def test_a_value_that_is_not_allowed_is_refused_in_words(key: str, bad: Any) -> None:
    with pytest.raises(SetupError) as refused:
        BeanSpec.of({"core": "a.b", key: bad})

    assert str(refused.value) == f"{key} cannot be {bad!r} (it is {RULES[key].words})"


@pytest.mark.row("P15")
def test_all_faults_are_told_at_once_each_in_a_line() -> None:
    with pytest.raises(SetupError) as refused:
        BeanSpec.of({"label": 1, "processes": 0})

    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == ["core", "label", "processes"]


def test_two_that_say_the_same_are_equal() -> None:
    assert BeanSpec.of({"core": "a.b", "x": 1}) == BeanSpec.of({"core": "a.b", "x": 1})
    assert BeanSpec.of({"core": "a.b", "x": 1}) != BeanSpec.of({"core": "a.b", "x": 2})


def test_a_bean_is_recognised_by_its_label_or_by_its_core() -> None:
    assert BeanSpec("a.b", "x").key == "x"
    assert BeanSpec("a.b").key == "a.b"
    assert BeanSpec(BeanSpec.of).key.endswith("BeanSpec.of")
