"""A behaviour by itself: values in, values out."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from atilite.errors import FlowError
from atilite.flow import behavior, doify, outputs_of, until
from atilite.flow.library import standard
from atilite.runtime.promise import Promise


@behavior(inp=".sensor.temp", out=".fan.duty", gain=2.0)
def fan_control(inp: Any, out: Any, gain: float) -> None:
    out.value = min(100, max(0, (inp.value - 40) * gain))


@pytest.mark.row("I39")
def test_values_go_in_by_name_and_what_was_written_comes_out() -> None:
    assert outputs_of(fan_control, {"inp": 50}) == {"out": 20.0}
    assert outputs_of(fan_control, {"inp": 50}, gain=3.0) == {"out": 30.0}


@pytest.mark.row("I39")
def test_a_function_that_was_not_declared_has_inputs_and_outputs_for_parameters() -> None:
    def swap(one: Any, two: Any, times: int = 1) -> None:
        for _ in range(times):
            one.value, two.value = two.value, one.value

    assert outputs_of(swap, {"one": 1, "two": 2}) == {"one": 2, "two": 1}
    assert outputs_of(swap, {"one": 1, "two": 2}, times=2) == {"one": 1, "two": 2}


def test_fields_go_in_and_come_out_and_first_values_are_there() -> None:
    @doify("Mover", ioinits={"at": {"ipath": ".at", "ival": {"x": 0, "y": 5}, "iown": True}, "told": None})
    def move(self: Any, by: int = 1) -> None:
        self.at.update({"x": self.at["x"] + by})

    assert outputs_of(move, {"at": {"x": 3}}, by=4) == {"at": {"x": 7, "y": 5}}
    assert outputs_of(move, turns=3) == {"at": {"x": 3, "y": 5}}


@pytest.mark.row("I38")
def test_a_class_is_made_once_and_keeps_what_it_has_seen() -> None:
    @behavior(count=".count")
    class Counter:
        count: Any

        def __init__(self, start: int = 0) -> None:
            self.at = start

        def action(self, step: int = 1) -> None:
            self.at += step
            self.count.value = self.at

    assert outputs_of(Counter, turns=3, start=10, step=2) == {"count": 16}
    controlled = outputs_of(standard()["ControllerPidDepth"], {"input": 0.0, "rsp": 5.0}, turns=2)
    assert controlled["error"] == -5.0
    assert controlled["prsp"] == 5.0


def test_a_generator_runs_to_its_end_and_its_time_goes_on() -> None:
    ends: list[str] = []

    @behavior(inp=".inp", out=".out")
    def leg(self: Any) -> Iterator[Any]:
        try:
            yield until(elapsed=60)
            self.out.value = self.inp.value * 2
            yield until("inp.value > 0") if self.inp.value < 0 else None
            self.out.value += 1
        finally:
            ends.append("closed")

    assert outputs_of(leg, {"inp": 4}) == {"out": 9}
    assert outputs_of(leg, {"inp": 4}, turns=2) == {}
    assert ends == ["closed", "closed"]


def test_a_generator_s_task_is_waited_for() -> None:
    promise: Promise[int] = Promise()

    @behavior(out=".out")
    def asking(out: Any) -> Generator[Any, Any, None]:
        threading.Timer(0.01, promise.set, [42]).start()
        found = yield promise
        out.value = found.value

    @behavior
    def waiting() -> Generator[Any, Any, None]:
        yield Promise()

    assert outputs_of(asking) == {"out": 42}
    with pytest.raises(FlowError, match=r"Waiting has waited 0\.01 s for a task"):
        outputs_of(waiting, timeout=0.01)


@pytest.mark.row("I43")
def test_what_it_raises_is_raised_and_unknown_names_are_refused() -> None:
    @behavior(inp=".inp")
    def broken(inp: Any) -> None:
        raise ValueError(f"no {inp.value}")

    with pytest.raises(ValueError, match="no sensor"):
        outputs_of(broken, {"inp": "sensor"})
    with pytest.raises(FlowError, match="FanControl has no input or output ipn; did you mean inp"):
        outputs_of(fan_control, {"ipn": 50})
    with pytest.raises(FlowError, match="FanControl has no parameter gian; did you mean gain"):
        outputs_of(fan_control, {"inp": 50}, gian=2)
