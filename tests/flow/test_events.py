"""What happens in a plan, as objects and as lines for people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atilite.errors import FlowError
from atilite.flow.behaviors import Behaviors, described
from atilite.flow.events import Telling, line_of
from atilite.flow.running import Running
from atilite.flow.syntax import parse

AUX = """
house h
init .level with 0
init .two with x 1 y 2
framer m be active first work
  frame work
    recur
      inc .level with 1
    aux repair if .level >= 2
    go end if elapsed >= 0.5
  frame end
    ready helper
    start helper
    stop helper
    bid stop me
framer repair be aux first r
  frame r
    done
framer helper be slave first s
  frame s
    print "here"
"""


def told(script: str, watch: tuple[str, ...] = (), detailed: bool = True, until: float = 10.0) -> list[dict[str, Any]]:
    plan, problems = parse(script, "plan.flo")
    known = Behaviors()
    known.add(described(_broken, name="Broken"))
    known.add(described(_odd, name="Odd", ioinits={"out": ".odd"}))
    known.add(described(_grow, name="Grow", ioinits={"out": ".odd"}))
    assert problems == []
    running = Running(plan, known)
    found: list[dict[str, Any]] = []
    telling = Telling(list(running.houses.values()), found.append, watch=watch, detailed=detailed)
    running.after_turn(telling.turned)
    running.run(until)
    return found


def _grow(out: Any) -> None:
    out["c"].append(0)


def _broken(self: Any) -> None:
    raise ValueError("no")


def _odd(out: Any) -> None:
    out.update({"a": float("nan"), "b": {1, 2} - {1}, "c": [1]})


@pytest.mark.row("I48")
def test_every_transition_is_told_with_its_cause() -> None:
    found = [one for one in told(AUX) if one["event"] == "transition"]

    assert found == [
        {"t": 0.5, "event": "transition", "framer": "m", "from": ["work"], "to": ["end"], "by": "work",
         "cause": "go end if elapsed >= 0.5", "after": 0.5}
    ]  # fmt: skip


def test_conditional_auxiliaries_and_slaves_are_told() -> None:
    found = [{**one, "t": None} for one in told(AUX, detailed=False) if one["event"] not in ("transition", "print")]

    suspend = {"t": None, "framer": "m", "aux": "repair", "by": "work", "cause": "aux repair if .level >= 2"}
    assert found[0] == {"t": None, "event": "start", "framer": "m"}
    assert found[1] == {**suspend, "event": "suspend", "after": 0.25}
    assert {"t": None, "event": "done", "framer": "repair"} in found
    assert {**suspend, "event": "resume", "after": 0.25} in found
    assert [one["event"] for one in found if one["framer"] == "helper"] == ["ready", "start", "stop"]


def test_the_events_of_frames_are_told_in_their_order() -> None:
    script = "house h\nframer m be active first b\n  frame a\n    go c\n  frame b in a\n  frame c in a\n"
    script += "    bid stop me\n"

    found = [(one["t"], one["event"], one.get("frame")) for one in told(script)]

    assert found == [
        (0.0, "benter", "a"), (0.0, "benter", "b"), (0.0, "start", None), (0.0, "enter", "a"), (0.0, "enter", "b"),
        (0.0, "recur", "a"), (0.0, "recur", "b"),
        (0.125, "benter", "c"), (0.125, "transition", None), (0.125, "exit", "b"), (0.125, "rexit", "a"),
        (0.125, "renter", "a"), (0.125, "enter", "c"), (0.125, "recur", "a"), (0.125, "recur", "c"),
        (0.25, "stop", None), (0.25, "exit", "c"), (0.25, "exit", "a"),
    ]  # fmt: skip


def test_a_watched_share_is_told_first_and_whenever_it_has_changed() -> None:
    found = [one for one in told(AUX, watch=(".level", "two")) if one["event"] == "share"]

    assert found[:4] == [
        {"t": 0.0, "event": "share", "path": ".level", "value": 1},
        {"t": 0.0, "event": "share", "path": ".two", "value": {"x": 1, "y": 2}},
        {"t": 0.125, "event": "share", "path": ".level", "value": 2},
        {"t": 0.25, "event": "share", "path": ".level", "value": 3},
    ]
    assert [one["path"] for one in found].count(".two") == 1


def test_a_list_that_is_changed_in_its_place_has_changed() -> None:
    script = "house h\nframer m be active first a\n  frame a\n    do odd at enter\n    do grow\n"

    found = [one["value"]["c"] for one in told(script, watch=(".odd",), until=0.25) if one["event"] == "share"]

    assert len(found) == 3


def test_values_that_json_does_not_have_are_told_as_texts() -> None:
    script = "house h\nframer m be active first a\n  frame a\n    do odd\n    bid stop me\n"

    found = next(one for one in told(script, watch=(".odd",)) if one["event"] == "share")

    assert json.loads(json.dumps(found, allow_nan=False))["value"] == {"a": "nan", "b": "{2}", "c": [1]}


def test_two_houses_tell_which_it_was_and_a_share_of_both_is_watched_in_both() -> None:
    house = "house {0}\ninit .x with {1}\nframer m be active first a\n  frame a\n    bid stop me\n"
    found = told(house.format("one", 1) + house.format("two", 2), watch=(".x",))

    assert {one["house"] for one in found} == {"one", "two"}
    assert [(one["house"], one["value"]) for one in found if one["event"] == "share"] == [("one", 1), ("two", 2)]


def test_a_share_that_is_named_twice_is_told_once() -> None:
    script = "house h\ninit .x with 1\nframer m be active first a\n  frame a\n    bid stop me\n"
    found = told(script, watch=(".x", "x", ".x"))

    assert [one["path"] for one in found if one["event"] == "share"] == [".x"]


def test_a_share_that_is_not_there_cannot_be_watched() -> None:
    with pytest.raises(FlowError, match=r"there is no share .levle to watch; did you mean .level\?"):
        told(AUX, watch=(".levle",))


def test_a_fault_is_told_with_its_frame_and_its_line() -> None:
    script = "house h\nframer m be active first a\n  frame a\n    do broken\n"

    fault = {"t": 0.0, "event": "fault", "framer": "m", "frame": "a", "line": 4, "error": "ValueError: no"}
    assert fault in told(script)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"t": 0.5, "event": "transition", "framer": "m", "from": ["top", "a"], "to": ["top", "b"], "by": "a",
          "cause": "go b", "after": 0.25}, "     0.500  transition  m  top > a -> top > b  (go b, after 0.25 s)"),
        ({"t": 0.5, "event": "suspend", "framer": "m", "aux": "repair", "by": "work", "cause": "aux repair if .low",
          "after": 0.25}, "     0.500  suspend     m  repair in work  (aux repair if .low, after 0.25 s)"),
        ({"t": 1, "event": "print", "framer": "m", "text": "hello"}, "     1.000  print       m  hello"),
        ({"t": 1, "event": "share", "path": ".x", "value": "y"}, "     1.000  share         .x = 'y'"),
        ({"t": 1, "event": "start", "house": "h", "framer": "m"}, "     1.000  start       h.m"),
        ({"t": 1, "event": "enter", "framer": "m", "frame": "a"}, "     1.000  enter       m  a"),
        ({"t": 1, "event": "fault", "framer": "m", "frame": "a", "line": 4, "error": "ValueError: no"},
         "     1.000  fault       m  in a, line 4: ValueError: no"),
        ({"t": 1, "event": "fault", "framer": "m", "frame": "", "line": 4, "error": "ValueError: no\nfan"},
         "     1.000  fault       m  line 4: ValueError: no fan"),
        ({"event": "end", "turns": 3, "t": 0.25, "failure": ""}, "     0.250  end           3 turns"),
        ({"event": "end", "turns": 3, "t": 0.25, "failure": "m: no"}, "     0.250  end           3 turns: m: no"),
    ],
)  # fmt: skip
def test_an_event_is_one_line_for_people(event: dict[str, Any], line: str) -> None:
    assert line_of(event) == line
