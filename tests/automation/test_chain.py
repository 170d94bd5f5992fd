"""Actions that follow others: which end starts which, as whose child, and that they never go in circles."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from atilite.automation.chain import Chain, Rule
from atilite.automation.engine import Automation
from atilite.errors import SetupError

PATIENCE = 20.0


@pytest.fixture
def seen(automation: Automation) -> queue.SimpleQueue[Any]:
    """The ends of runs in their order."""
    ends: queue.SimpleQueue[Any] = queue.SimpleQueue()
    automation.runs.ended.listen(ends.put)
    return ends


@pytest.mark.row("M19")
@pytest.mark.parametrize(("fails", "follower"), [(False, "tell"), (True, "mend")])
def test_an_end_starts_what_follows_it_as_its_child(
    automation: Automation, seen: queue.SimpleQueue[Any], fails: bool, follower: str
) -> None:
    @automation.action(name="back up")
    def back_up():
        if fails:
            raise OSError("disk full")

    automation.action(name="tell", after="back up succeeded")(lambda: None)
    automation.action(name="mend", after=["back up failed"])(lambda: None)
    automation.freeze()
    first, _ = automation.action.start("back up", who="ana")

    assert seen.get(timeout=PATIENCE).id == first
    end = seen.get(timeout=PATIENCE)
    assert (end.operation, end.trigger, end.status) == (follower, "chain", "succeeded")
    assert automation.journal.headline(end.id).fetch().parent == first


def test_ended_means_whatever_the_end(automation: Automation, seen: queue.SimpleQueue[Any]) -> None:
    @automation.action(name="wait")
    def wait(was):
        was.run.wait(PATIENCE)

    automation.action(name="after all", after="wait ended")(lambda: None)
    run, _ = automation.action.start("wait")
    automation.action.cancel(run)

    assert [seen.get(timeout=PATIENCE).operation for _ in range(2)] == ["wait", "after all"]


def test_a_dry_run_starts_nothing(automation: Automation, seen: queue.SimpleQueue[Any]) -> None:
    @automation.action(name="back up")
    def back_up(dry_run: bool = False):
        return dry_run

    automation.action(name="tell", after="back up succeeded")(lambda: None)
    automation.action.invoke("back up", dry_run=True).fetch(PATIENCE)
    automation.action.invoke("back up").fetch(PATIENCE)

    operations = [seen.get(timeout=PATIENCE).operation for _ in range(3)]
    assert operations == ["back up", "back up", "tell"]


def test_a_follower_that_skips_is_no_error(automation: Automation, seen: queue.SimpleQueue[Any], caplog: Any) -> None:
    @automation.action(name="slow", overlap="skip", after="quick succeeded")
    def slow(was):
        was.run.wait(PATIENCE)

    automation.action(name="quick", choices={})(lambda: None)
    run, _ = automation.action.start("slow")
    automation.action.invoke("quick").fetch(PATIENCE)
    automation.storage.runtime.threads.submit(lambda: None).wait(PATIENCE)
    while "was not started after run" not in caplog.text:
        automation.action.invoke("quick").fetch(PATIENCE)

    assert {record.levelname for record in caplog.records if "was not started" in record.getMessage()} == {"WARNING"}
    assert [headline.id for headline in automation.journal.search(operation="slow").fetch()] == [run]
    automation.action.cancel(run)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ("back up", "write the name of an action and one of succeeded, failed, ended"),
        ("succeeded", "write the name"),
        ("back up won", "write the name"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(automation: Automation, after: str, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        automation.action(name="tell", after=after)(lambda: None)


def test_nobody_could_give_it_parameters(automation: Automation) -> None:
    with pytest.raises(SetupError, match="nobody would say colour"):

        @automation.action(name="tell", after="back up succeeded")
        def tell(colour: str, size: int = 1): ...


def test_an_action_that_is_not_there_is_refused_when_the_set_up_ends(automation: Automation) -> None:
    automation.action(name="tell", after="backup succeeded")(lambda: None)
    automation.action(name="back up")(lambda: None)

    with pytest.raises(SetupError, match="'tell' comes after 'backup', which is none; known: back up, tell"):
        automation.freeze()


def test_a_circle_is_refused_with_all_its_names(automation: Automation) -> None:
    automation.action(name="a", after="c failed")(lambda: None)
    automation.action(name="b", after="a ended")(lambda: None)
    automation.action(name="c", after="b succeeded")(lambda: None)

    with pytest.raises(SetupError, match="for ever: a -> b -> c -> a"):
        automation.freeze()


def test_of_several_rules_each_end_starts_a_follower_once() -> None:
    chain = Chain(print, lambda name, begin: begin())
    chain.put("c", [Rule("a", "succeeded"), Rule("a", "ended"), Rule("b", "failed")])

    assert list(chain.followers(["a"], "succeeded")) == ["c"]
    assert list(chain.followers(["b"], "timed_out")) == ["c"]
    assert list(chain.followers(["b"], "succeeded")) == []
    assert list(chain.followers(["a"], "interrupted")) == []
    chain.put("c", [])
    assert not chain
