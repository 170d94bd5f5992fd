from __future__ import annotations

import pytest

from atilite.automation.overlap import MAX_WAITING, Lanes
from atilite.errors import RunSkipped, SetupError


class One:
    def __init__(self, id: int) -> None:
        self.id = id


def enter(lanes: Lanes, run: One, names: tuple, policy: str = "queue"):
    return lanes.enter(run, "pump", names, policy, lambda goes: None)


def test_a_run_goes_when_its_lane_is_free_and_waits_its_turn_otherwise():
    lanes = Lanes()
    own = (lanes.lane("pump"),)
    first, second, third = One(1), One(2), One(3)

    assert enter(lanes, first, own).goes
    assert not enter(lanes, second, own).goes
    assert not enter(lanes, third, own).goes
    assert lanes.leave(first) == [second]
    assert lanes.leave(second) == [third]


def test_skip_names_the_run_in_the_way():
    lanes = Lanes()
    own = (lanes.lane("pump"),)
    enter(lanes, One(7), own)

    with pytest.raises(RunSkipped) as caught:
        enter(lanes, One(8), own, "skip")
    assert caught.value.running == 7


def test_replace_names_the_runs_that_have_to_end():
    lanes = Lanes()
    own = (lanes.lane("pump"),)
    first, second, third = One(1), One(2), One(3)
    enter(lanes, first, own, "replace")

    assert enter(lanes, second, own, "replace").replaced == (first,)
    assert enter(lanes, third, own, "replace").replaced == (first, second)
    assert lanes.leave(second) == []
    assert lanes.leave(first) == [third]


def test_a_group_lets_as_many_go_as_it_says():
    lanes = Lanes()
    group = (lanes.group("pump:2"),)
    runs = [One(number) for number in range(3)]

    assert [enter(lanes, run, group).goes for run in runs] == [True, True, False]
    assert lanes.leave(runs[0]) == [runs[2]]


def test_nobody_overtakes_in_a_lane_that_an_earlier_run_waits_for():
    lanes = Lanes()
    own, group = lanes.lane("pump"), lanes.group("water")
    running, both, late = One(1), One(2), One(3)
    enter(lanes, running, (own,))
    enter(lanes, both, (own, group))

    assert not enter(lanes, late, (group,)).goes
    assert lanes.leave(running) == [both]
    assert lanes.leave(both) == [late]


@pytest.mark.row("M8")
def test_the_queue_is_bounded():
    lanes = Lanes()
    own = (lanes.lane("pump"),)
    for number in range(MAX_WAITING + 1):
        enter(lanes, One(number), own)

    with pytest.raises(RunSkipped):
        enter(lanes, One(-1), own)


def test_a_run_has_its_number_before_another_one_can_meet_it():
    lanes = Lanes()
    seen = []
    lanes.enter(One(1), "pump", (lanes.lane("pump"),), "queue", seen.append)

    assert seen == [True]


@pytest.mark.parametrize("text", ["", ":2", "pump:0", "pump:two", "pump:-1"])
def test_a_group_that_cannot_be_read_is_refused(text: str):
    with pytest.raises(SetupError, match="pump:2"):
        Lanes().group(text)


def test_a_group_has_one_limit():
    lanes = Lanes()
    lanes.group("pump")

    with pytest.raises(SetupError, match="limits 1 and 2"):
        lanes.group("pump:2")
