"""Actions that follow others: which end starts which, as whose child, and that they never go in circles."""

from __future__ import annotations

import queue
import sqlite3
from typing import Any

import pytest

from atilite.automation.chain import Chain, Rule
from atilite.automation.engine import Automation
from atilite.automation.journal import Journals
from atilite.errors import SetupError, StoreUnavailable
from atilite.runtime.promise import Promise
from atilite.store.database import Database
from atilite.store.followers import Follower, Followers
from atilite.testing.clock import FakeClock

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
    chain = Chain(lambda follower: None, lambda follower, begin: begin(), lambda: None)  # type: ignore[arg-type,return-value]
    chain.put("c", [Rule("a", "succeeded"), Rule("a", "ended"), Rule("b", "failed")])

    assert list(chain.followers(["a"], "succeeded")) == ["c"]
    assert list(chain.followers(["b"], "timed_out")) == ["c"]
    assert list(chain.followers(["b"], "succeeded")) == []
    assert list(chain.followers(["a"], "interrupted")) == []
    chain.put("c", [])
    assert not chain


# -- over the death of the process


def chained(automation: Automation, **options: Any) -> Automation:
    automation.action(name="back up")(lambda: None)
    automation.action(name="tell", after="back up succeeded", **options)(lambda: None)
    automation.freeze()
    return automation


def tells(automation: Automation) -> list[Any]:
    return list(automation.journal.search(operation="tell").fetch())


def settled(automation: Automation) -> None:
    """Wait until what is to begin has begun and is on the disk."""
    looked: Promise[None] = Promise()
    automation.storage.runtime.loop.call_soon(looked.set, None)
    looked.wait(PATIENCE)
    automation.storage.database.writer.flush()


def dies_before_the_start(automation: Automation) -> int:
    """Run what is followed in an app that does not get to the start of what follows."""
    automation.action.hold()
    run, task = automation.action.start("back up")
    task.fetch(PATIENCE)
    return run


@pytest.mark.row("M19")
def test_what_was_not_begun_before_the_process_died_is_started_by_the_next_one_once(make: Any) -> None:
    run = dies_before_the_start(chained(make("app")))
    assert tells(make("look")) == []

    second = chained(make("app"))
    with second.runs.ended.subscribe() as ends:
        second.start()
        ends.get(timeout=PATIENCE)
    third = chained(make("app"))
    third.start()
    settled(third)

    assert [(one.parent, one.trigger, one.status) for one in tells(third)] == [(run, "chain", "succeeded")]
    assert third.storage.database.part(Followers).waiting("app") == []


def test_the_note_is_written_with_the_end_and_struck_out_with_the_opening(make: Any) -> None:
    automation = chained(make("app"))
    run = dies_before_the_start(automation)
    notes = automation.storage.database.part(Followers)
    assert [one for one, _ in notes.waiting("app")] == [Follower(run, "app", "tell")]

    begun, commits = [], automation.storage.database.writer
    automation.runs.opened.listen(lambda one: begun.append(commits.commits))
    with automation.runs.ended.subscribe() as ends:
        automation.action.resume()
        ends.get(timeout=PATIENCE)

    assert notes.waiting("app") == []
    assert len(begun) == 1


def test_what_follows_does_nothing_before_its_opening_is_durable(automation: Automation, tmp_path: Any) -> None:
    stored: queue.SimpleQueue[Any] = queue.SimpleQueue()
    automation.action(name="back up")(lambda: None)

    @automation.action(name="tell", after="back up succeeded")
    def tell() -> None:
        with sqlite3.connect(f"file:{tmp_path}/data.db?mode=ro", uri=True) as beside:
            stored.put(
                (
                    beside.execute("SELECT status FROM journal WHERE operation = 'tell'").fetchall(),
                    beside.execute("SELECT count(*) FROM follower").fetchone(),
                )
            )
        beside.close()

    automation.freeze()
    automation.action.invoke("back up").fetch(PATIENCE)

    assert stored.get(timeout=PATIENCE) == ([("running",)], (0,))


def test_nothing_is_noted_where_nothing_follows(automation: Automation, seen: queue.SimpleQueue[Any]) -> None:
    automation.action(name="alone")(lambda: None)
    assert automation.runs.leads is None
    automation.action(name="tell", after="back up failed")(lambda: None)
    automation.action(name="back up")(lambda: None)
    automation.action.hold()
    for name in ("alone", "back up"):
        automation.action.invoke(name).fetch(PATIENCE)

    assert automation.storage.database.part(Followers).waiting("app") == []


def test_what_was_noted_too_long_ago_is_started_no_more(make: Any, caplog: Any) -> None:
    clock = FakeClock()
    dies_before_the_start(chained(make("app", clock=clock)))
    clock.advance(24 * 3600 + 1)
    automation = chained(make("app", clock=clock))
    automation.action.resume()
    automation.storage.database.writer.flush()

    assert "'tell' is not started after run 1" in caplog.text
    assert tells(automation) == []
    assert automation.storage.database.part(Followers).waiting("app") == []


def test_a_note_of_a_rule_that_is_gone_is_forgotten_and_those_of_other_apps_stay(make: Any) -> None:
    dies_before_the_start(chained(make("app")))
    dies_before_the_start(chained(make("other")))
    changed = make("app")
    changed.action(name="back up")(lambda: None)
    changed.action(name="else", after="back up failed")(lambda: None)
    changed.freeze()
    changed.action.resume()
    notes = changed.storage.database.part(Followers)
    changed.storage.database.writer.flush()

    assert notes.waiting("app") == []
    assert len(notes.waiting("other")) == 1


def test_a_follower_that_was_skipped_is_not_started_later(make: Any) -> None:
    automation = make("app")
    automation.action(name="back up")(lambda: None)

    @automation.action(name="tell", overlap="skip", after="back up succeeded")
    def tell(was: Any) -> None:
        was.run.wait(PATIENCE)

    automation.freeze()
    run, _ = automation.action.start("tell")
    dies_before_the_start(automation)
    notes = automation.storage.database.part(Followers)
    automation.action.resume()
    settled(automation)

    assert notes.waiting("app") == []
    assert [one.id for one in tells(automation)] == [run]
    automation.action.cancel(run)


def test_a_follower_without_a_journal_is_struck_out_before_it_begins(make: Any) -> None:
    automation, begun = make("app"), queue.SimpleQueue()
    automation.action(name="back up")(lambda: None)
    notes = automation.storage.database.part(Followers)

    @automation.action(name="tell", journal=False, after="back up succeeded")
    def tell() -> None:
        begun.put(notes.waiting("app"))

    automation.freeze()
    automation.action.invoke("back up").fetch(PATIENCE)

    assert begun.get(timeout=PATIENCE) == []


def test_one_that_is_seen_to_is_not_started_a_second_time(make: Any) -> None:
    automation = chained(make("app"))
    run = dies_before_the_start(automation)
    notes = automation.storage.database.part(Followers)
    assert notes.claim(Follower(run, "app", "tell"))
    automation.action.resume()
    settled(automation)
    assert tells(automation) == []
    notes.release(Follower(run, "app", "tell"))

    with automation.runs.ended.subscribe() as ends:
        automation.action.resume()
        automation.action.resume()
        ends.get(timeout=PATIENCE)
    assert len(tells(automation)) == 1


def test_a_follower_that_was_cancelled_before_it_began_does_not_begin(automation: Automation) -> None:
    calls: list[str] = []
    automation.action(name="back up")(lambda: None)
    automation.action(name="tell", after="back up succeeded")(lambda: calls.append("told"))
    automation.freeze()
    automation.runs.opened.listen(lambda run: automation.runs.cancel(run.id) if run.job.operation == "tell" else None)
    with automation.runs.ended.subscribe() as ends:
        automation.action.invoke("back up").fetch(PATIENCE)
        while ends.get(timeout=PATIENCE).operation != "tell":
            continue

    assert (calls, tells(automation)[0].status) == ([], "cancelled")


def test_what_could_not_be_opened_is_tried_again(automation: Automation, monkeypatch: pytest.MonkeyPatch) -> None:
    chained(automation)
    run = dies_before_the_start(automation)

    def refuse(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("not now")

    with monkeypatch.context() as patched:
        patched.setattr(automation.runs, "open", refuse)
        automation.action.resume()
        settled(automation)
    assert tells(automation) == []

    with automation.runs.ended.subscribe() as ends:
        automation.action.resume()
        ends.get(timeout=PATIENCE)
    assert [one.parent for one in tells(automation)] == [run]


def test_where_the_journals_have_a_database_of_their_own_the_notes_are_with_them(make: Any, tmp_path: Any) -> None:
    with Database.open(f"sqlite:///{tmp_path}/journals.db") as database:
        automation = chained(make("app", journal=Journals(database)))
        run = dies_before_the_start(automation)
        notes = database.part(Followers)
        assert [one for one, _ in notes.waiting("app")] == [Follower(run, "app", "tell")]

        with automation.runs.ended.subscribe() as ends:
            automation.action.resume()
            assert ends.get(timeout=PATIENCE).operation == "tell"
        assert notes.waiting("app") == []
