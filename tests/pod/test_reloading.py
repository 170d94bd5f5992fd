"""A pod with another configuration: what has changed is found, and nothing else is touched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from atilite.errors import SetupError
from atilite.pod.bean import Bean
from atilite.pod.configuring import Config
from atilite.pod.pod import Pod
from atilite.pod.reloading import difference, reload
from atilite.pod.spec import BeanSpec

WAIT = 20.0


async def stays(**kwargs: Any) -> None:
    await asyncio.Event().wait()


class Fragile:
    def __init__(self, context: Any) -> None:
        raise OSError("broken on the way")

    async def __call__(self) -> None: ...


def spec(label: str, **keys: Any) -> BeanSpec:
    return BeanSpec.of({"core": stays, "label": label, **keys})


def names(beans: list[Bean]) -> list[tuple[int, str]]:
    return [(bean.id, bean.name) for bean in beans]


@pytest.mark.row("P11")
def test_beans_are_told_apart_by_their_names_and_then_by_their_order() -> None:
    pod = Pod()
    for one in (spec("a"), spec("a", port=2), spec("b"), spec("c")):
        pod.add_bean(one)

    found = difference(pod.beans, [spec("b"), spec("a"), spec("a", port=3), spec("d")])

    assert names(found.gone) == [(4, "c")]
    assert [(place, bean.id) for place, bean in found.changed.items()] == [(2, 2)]
    assert found.added == [3]
    assert str(found) == "1 restarted, 1 added, 1 removed"
    assert str(difference(pod.beans, [bean.spec for bean in pod.beans])) == "nothing has changed"


@pytest.mark.row("P11", "P6")
def test_what_is_the_same_runs_on_with_its_id_and_what_has_changed_comes_with_the_next() -> None:
    pod = Pod(config=Config({"PLACE": "old"}))
    same = pod.add_bean(spec("same"))
    for one in (spec("changed"), spec("gone")):
        pod.add_bean(one)
    pod.start().wait(WAIT)
    assert same is not None
    life = same.life

    told = reload(
        pod, Config({"PLACE": "new", "STOP_WAIT_TIME": 3.0}), [spec("same"), spec("changed", port=1), spec("new")]
    )

    assert told == "1 restarted, 1 added, 1 removed"
    assert names(pod.beans) == [(1, "same"), (4, "changed"), (5, "new")]
    assert same.life is life
    assert (same.context.config.PLACE, pod.stop_wait_time) == ("new", 3.0)
    pod.stop_wait_time = 0
    assert pod.stop().wait(WAIT) == 1


@pytest.mark.row("P11")
def test_beans_may_all_be_replaced_without_the_pod_ending_in_between() -> None:
    pod = Pod()
    pod.add_bean(spec("old"))
    pod.start().wait(WAIT)

    assert reload(pod, Config({}), [spec("new")]) == "1 added, 1 removed"

    assert not pod.done.done
    assert reload(pod, Config({}), []) == "1 removed"
    assert pod.done.wait(WAIT) == 0


@pytest.mark.row("P11")
def test_nothing_is_touched_when_a_bean_cannot_be_loaded(caplog: pytest.LogCaptureFixture) -> None:
    pod = Pod()
    pod.add_bean(spec("old"))
    pod.start().wait(WAIT)

    with pytest.raises(SetupError, match="there is no module nowhere"):
        reload(pod, Config({}), [BeanSpec.of({"core": "nowhere.bean", "label": "new"})])
    assert names(pod.beans) == [(1, "old")]

    told = reload(pod, Config({}), [spec("old"), BeanSpec.of({"core": Fragile, "label": "fragile"}), spec("new")])
    assert told == "2 added; not loaded: fragile"
    assert "broken on the way" in caplog.text
    assert names(pod.beans) == [(1, "old"), (2, "new")]
    pod.stop_wait_time = 0
    pod.stop().wait(WAIT)


@pytest.mark.row("P11", "pod-promise-7")
def test_who_needs_a_bean_that_changes_is_started_again_behind_it() -> None:
    pod = Pod()
    for one in (spec("well"), spec("pump", needs="well"), spec("hose", needs="pump"), spec("lamp")):
        pod.add_bean(one)
    pod.start().wait(WAIT)
    states: list[tuple[str, str]] = []
    pod.changed.listen(lambda change: states.append((change.bean.name, change.new)))

    # The order of the file is not that of the needs.
    fresh = [spec("hose", needs="pump"), spec("pump", needs="well"), spec("lamp"), spec("well", depth=2)]
    assert reload(pod, Config({}), fresh) == "3 restarted"

    assert sorted(names(pod.beans)) == [(4, "lamp"), (5, "well"), (6, "pump"), (7, "hose")]
    stopped = [name for name, state in states if state == "stopped"]
    assert stopped == ["hose", "pump", "well"]
    pod.bean(7).start().wait(WAIT)
    assert {bean.state for bean in pod.beans} == {"running"}
    pod.stop_wait_time = 0
    pod.stop().wait(WAIT)


@pytest.mark.row("P11")
@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([spec("old"), spec("pump", needs="none")], r"'bean 2 \(pump\)' needs 'none', which does not exist"),
        ([spec("a", needs="b"), spec("b", needs="a")], r"these wait for each other .*bean 1 \(a\) -> bean 2 \(b\)"),
    ],
)
def test_needs_that_cannot_be_met_are_refused_before_anything_is_touched(specs: list[BeanSpec], said: str) -> None:
    pod = Pod()
    old = pod.add_bean(spec("old"))
    pod.start().wait(WAIT)
    assert old is not None

    with pytest.raises(SetupError, match=said):
        reload(pod, Config({}), specs)

    assert (names(pod.beans), old.state) == ([(1, "old")], "running")
    pod.stop_wait_time = 0
    pod.stop().wait(WAIT)
