from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pydantic
import pytest

from atilite.automation.catalogue import Catalogue
from atilite.automation.engine import Automation
from atilite.automation.journal import Journals
from atilite.automation.runs import Run
from atilite.context import current_journal, current_run
from atilite.errors import RunFailed, StoreUnavailable
from atilite.runtime.kinds import run_function
from atilite.store.database import Database
from atilite.testing.clock import FakeClock

PATIENCE = 20.0


class Rates(pydantic.BaseModel):
    base: str = "USD"


@dataclasses.dataclass
class Point:
    x: int


def headlines(automation: Automation) -> list:
    return automation.journal.history().fetch()


@pytest.mark.row("B11")
def test_every_call_of_a_plain_function_has_a_journal(automation: Automation):
    @automation.journal
    def hello(name: str, *, mark: str = "!") -> str:
        """
        Say hello
          to somebody
        """
        return f"hello {name}{mark}"

    assert hello("you", mark="?") == "hello you?"
    assert hello.__name__ == "hello"
    (headline,) = headlines(automation)
    assert headline.operation.endswith("<locals>.hello")
    assert (headline.description, headline.status) == ("Say hello\nto somebody", "succeeded")


@pytest.mark.row("B11")
def test_operation_and_description_can_be_given(automation: Automation):
    @automation.journal(operation="Do Something", description="Emulate some heavy work")
    def work():
        """Not this."""

    work()
    (headline,) = headlines(automation)
    assert (headline.operation, headline.description) == ("Do Something", "Emulate some heavy work")


@pytest.mark.row("B11", "B15")
def test_an_async_function_has_a_journal(automation: Automation):
    @automation.journal
    async def hello(name: str) -> tuple[str, int | None]:
        await asyncio.sleep(0)
        return name, current_journal.get()

    name, inside = asyncio.run(hello("you"))
    (headline,) = headlines(automation)
    assert (name, inside) == ("you", headline.id)
    assert headline.status == "succeeded"


@pytest.mark.row("B11", "B15")
def test_a_generator_has_a_journal_and_only_its_own_steps_belong_to_it(automation: Automation):
    @automation.journal
    def steps():
        got = yield current_journal.get()
        try:
            yield got
        except ValueError:
            yield "caught"
        return current_journal.get()

    generator = steps()
    inside = next(generator)
    assert current_journal.get() is None
    assert generator.send("sent") == "sent"
    assert generator.throw(ValueError()) == "caught"
    with pytest.raises(StopIteration) as ended:
        next(generator)
    (headline,) = headlines(automation)
    assert inside == ended.value.value == headline.id
    assert headline.status == "succeeded"


@pytest.mark.row("B11")
def test_a_coroutine_that_yields_tasks_is_driven_with_its_journal(automation: Automation):
    @automation.journal
    def work():
        yield automation.kv.set(a=1)
        task = yield automation.kv.get("a")
        yield automation.journal.record("read", a=task.fetch())
        return task.fetch()

    assert run_function(work, runtime=automation.storage.runtime).wait(PATIENCE) == 1
    (headline,) = headlines(automation)
    assert [record.params for record in automation.journal.get(headline.id).fetch().records] == [{"a": 1}]


def test_a_generator_that_is_closed_is_journaled_as_cancelled(automation: Automation):
    @automation.journal
    def steps():
        yield 1

    generator = steps()
    next(generator)
    generator.close()
    automation.kv.set(barrier=1).fetch()

    assert headlines(automation)[0].status == "cancelled"


@pytest.mark.row("B12")
def test_an_error_is_recorded_with_its_traceback_and_raised_again(automation: Automation):
    @automation.journal
    def fail():
        raise ValueError("dry")

    with pytest.raises(ValueError, match="dry"):
        fail()
    (headline,) = headlines(automation)
    assert (headline.status, headline.error) == ("failed", "ValueError: dry")
    assert headline.traceback.startswith("Traceback")
    assert 'raise ValueError("dry")' in headline.traceback


@pytest.mark.row("B12", "B18")
def test_an_assertion_without_text_is_a_failure_like_any_other(automation: Automation):
    @automation.journal
    def fail():
        raise AssertionError  # what `assert False` raises

    with pytest.raises(AssertionError):
        fail()
    (headline,) = automation.journal.search(failed=True).fetch()
    assert (headline.status, headline.error) == ("failed", "AssertionError")


@pytest.mark.row("B12")
def test_a_cancelled_coroutine_is_journaled_as_cancelled(automation: Automation):
    @automation.journal
    async def wait() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    automation.kv.set(barrier=1).fetch()
    assert headlines(automation)[0].status == "cancelled"


@pytest.mark.row("B12", "B21")
def test_times_are_aware_and_the_duration_is_that_of_the_monotonic_clock(make: Callable[..., Automation]):
    clock = FakeClock()
    automation = make(clock=clock)

    @automation.journal
    def work():
        clock.advance(2.5)
        clock.set(clock.time() - 3600)

    work()
    (headline,) = headlines(automation)
    assert headline.duration == 2.5
    assert headline.started_at.utcoffset().total_seconds() == 0
    assert headline.started_at.microsecond == 0
    assert headline.finished_at is not None


@pytest.mark.row("B13", "B16")
def test_records_hold_a_message_and_any_fields_newest_first(automation: Automation):
    @automation.journal
    def work():
        automation.journal.record("begin work", source="http://example.com", by="reddec")
        automation.journal.record("rates", rates=Rates(), point=Point(1), message="a field of this name")
        return current_journal.get()

    newest, oldest = automation.journal.get(work()).fetch().records
    assert (oldest.message, oldest.params) == ("begin work", {"source": "http://example.com", "by": "reddec"})
    assert newest.params == {"rates": {"base": "USD"}, "point": {"x": 1}, "message": "a field of this name"}
    assert (newest.source, newest.created_at.utcoffset().total_seconds()) == ("record", 0)


@pytest.mark.row("B13")
def test_a_record_is_written_whether_or_not_anybody_waits(automation: Automation):
    @automation.journal
    async def work():
        number = await automation.journal.record("waited for")
        automation.journal.record("not waited for")
        return number

    number = asyncio.run(work())
    records = automation.journal.get(1).fetch().records
    assert [record.message for record in records] == ["not waited for", "waited for"]
    assert records[1].id == number


@pytest.mark.row("B13")
def test_many_records_at_once_from_one_coroutine_are_all_stored(automation: Automation):
    @automation.journal
    async def work():
        await asyncio.gather(*(automation.journal.record("one of many", n=n) for n in range(100)))

    asyncio.run(work())
    records = automation.journal.get(1).fetch().records
    assert sorted(record.params["n"] for record in records) == list(range(100))


@pytest.mark.row("B13")
def test_a_field_without_json_form_is_a_type_error_and_stores_nothing(automation: Automation):
    @automation.journal
    def work():
        with pytest.raises(TypeError, match="object"):
            automation.journal.record("bad", fine=1, bad=object())

    work()
    assert automation.journal.get(1).fetch().records == ()


@pytest.mark.row("B13", "B14")
def test_outside_of_a_run_there_is_a_warning_and_nothing_else(automation: Automation, caplog):
    assert automation.journal.record("lost").fetch() is None
    assert automation.journal.labels("lost").fetch() is None
    automation.journal.progress(1, 2)

    assert caplog.text.count("outside of any run") == 2
    assert headlines(automation) == []


@pytest.mark.row("B13")
def test_a_record_is_logged_and_yet_recorded_once(automation: Automation, caplog):
    @automation.journal
    def work():
        automation.journal.record("begin work")

    with caplog.at_level(logging.INFO):
        work()
    assert "begin work" in caplog.text
    assert len(automation.journal.get(1).fetch().records) == 1


@pytest.mark.row("B14")
def test_labels_are_assigned_once_each(automation: Automation):
    @automation.journal
    def work():
        automation.journal.labels("garden", "water", "garden")
        automation.journal.labels("water").fetch()

    work()
    assert headlines(automation)[0].labels == ("garden", "water")


@pytest.mark.row("B15")
def test_a_nested_journal_knows_the_outer_one_which_is_current_again_afterwards(automation: Automation):
    journal = automation.journal

    @journal(operation="inner")
    def inner():
        return journal.current

    @journal(operation="outer")
    def outer():
        return journal.current, inner(), journal.current

    before, within, after = outer()
    assert before == after != within
    assert journal.current is None
    assert journal.headline(within).fetch().parent == before


@pytest.mark.row("M5")
def test_the_runs_within_a_run_are_found(automation: Automation):
    @automation.action(name="inner")
    def inner():
        return None

    @automation.action(name="outer")
    def outer():
        automation.action.invoke("inner").fetch(PATIENCE)
        automation.action.invoke("inner").fetch(PATIENCE)

    automation.action.invoke("outer").fetch(PATIENCE)
    (run,) = automation.journal.search("outer").fetch()

    assert [one.operation for one in automation.journal.search(parent=run.id).fetch()] == ["inner", "inner"]
    assert automation.journal.search(parent=run.id, failed=True).fetch() == []


@pytest.mark.row("B15")
def test_a_function_that_calls_itself_has_a_journal_for_each_call(automation: Automation):
    @automation.journal
    def count(n: int) -> int:
        return n if n == 0 else count(n - 1)

    count(2)
    assert [headline.parent for headline in headlines(automation)] == [2, 1, None]


@pytest.mark.row("B15")
def test_coroutines_side_by_side_have_their_own_journals(automation: Automation):
    @automation.journal
    async def work(n: int):
        await asyncio.sleep(0)
        await automation.journal.record("n", n=n)
        return current_journal.get()

    async def main():
        return await asyncio.gather(*(work(n) for n in range(10)))

    for n, journal in enumerate(asyncio.run(main())):
        (record,) = automation.journal.get(journal).fetch().records
        assert record.params == {"n": n}


@pytest.mark.row("B16")
def test_an_unknown_journal_is_none(automation: Automation):
    assert automation.journal.get(99).fetch() is None
    assert automation.journal.headline(99).fetch() is None


@pytest.mark.row("B17", "B18")
def test_history_and_search_give_the_newest_first_with_and_without_conditions(automation: Automation):
    @automation.journal(operation="work")
    def work(fail: bool, *labels: str):
        automation.journal.labels(*labels)
        assert not fail

    for fail, labels in ((False, ("a",)), (True, ("b",)), (True, ("a", "b")), (False, ())):
        try:
            work(fail, *labels)
        except AssertionError:
            automation.kv.set(barrier=1).fetch()

    def found(**conditions) -> list[int]:
        return [headline.id for headline in automation.journal.search(**conditions).fetch()]

    assert [headline.id for headline in headlines(automation)] == [4, 3, 2, 1] == found()
    assert found(failed=True) == [3, 2]
    assert found(failed=False) == [4, 1]
    assert found(labels=["a"]) == [3, 1]
    assert found(labels=["a", "b"], failed=True) == [3, 2]
    assert found(operation="work", offset=1, limit=2) == [3, 2]
    assert found(operation="other") == []
    assert found(pending=True) == []
    assert found(status="succeeded", before=4) == [1]


@pytest.mark.row("B18")
def test_a_running_journal_is_pending(automation: Automation):
    @automation.journal
    def work():
        automation.journal.record("begun").fetch()
        return [headline.id for headline in automation.journal.search(pending=True).fetch()]

    assert work() == [1]
    assert automation.journal.search(pending=True).fetch() == []


@pytest.mark.row("B19")
def test_remove_dead_leaves_the_living_alone(automation: Automation):
    @automation.journal
    def work():
        automation.journal.record("begun").fetch()
        automation.journal.remove_dead().fetch()

    work()
    assert [headline.status for headline in headlines(automation)] == ["succeeded"]


@pytest.mark.row("B20")
def test_observers_are_told_of_journals_and_records_once_they_are_stored(automation: Automation):
    @automation.journal
    def work():
        automation.journal.record("one").fetch()
        automation.journal.labels("garden").fetch()

    journal = automation.journal
    with journal.journal_updated.subscribe() as updated, journal.record_added.subscribe() as added:
        work()
        assert added.get(PATIENCE) == 1
        assert {updated.get(PATIENCE) for _ in range(2)} == {1}


@pytest.mark.row("B1", "B22")
def test_journals_may_have_a_database_of_their_own(make: Callable[..., Automation], tmp_path: Path):
    with Database.open(f"sqlite:///{tmp_path / 'journals.db'}") as own:
        automation = make(journal=Journals(own))

        @automation.journal
        def hello():
            """Print hello world in console"""

        hello()
        assert len(headlines(automation)) == 1
        assert automation.storage.journals.latest(["hello"]) == {}


@pytest.mark.row("B1", "B22", "B41")
def test_all_runs_of_an_app_are_in_the_database_of_its_journals(make: Callable[..., Automation], tmp_path: Path):
    with Database.open(f"sqlite:///{tmp_path / 'journals.db'}") as own:
        automation = make(journal=Journals(own))
        shown = Catalogue([automation])

        @automation.action(name="hello")
        @automation.journal
        def hello():
            automation.journal.record("greeted", whom="world")

        number, task = automation.action.start("hello", trigger="console")
        task.fetch(PATIENCE)

        (headline,) = automation.journal.history().fetch()
        assert (headline.id, headline.trigger, headline.status) == (number, "console", "succeeded")
        assert [record.message for record in automation.journal.get(number).fetch().records] == ["greeted"]
        assert shown.journals is automation.journal.storage.journals
        assert automation.storage.journals.latest(["hello"]) == {}


@pytest.mark.row("B22")
def test_runs_in_another_database_are_waited_for_and_cancelled_like_all_others(
    make: Callable[..., Automation], tmp_path: Path
):
    with Database.open(f"sqlite:///{tmp_path / 'journals.db'}") as own:
        automation = make(journal=Journals(own))
        began, numbers = threading.Event(), []

        @automation.journal
        def wait_for_the_end():
            numbers.append(automation.journal.current)
            began.set()
            run = current_run.get()
            assert isinstance(run, Run)
            run.stopping.wait(PATIENCE)

        def call() -> None:
            with pytest.raises(RunFailed, match="was cancelled"):
                wait_for_the_end()
            began.clear()

        thread = threading.Thread(target=call)
        thread.start()
        assert began.wait(PATIENCE)

        assert Catalogue([automation]).cancel(numbers[0])
        thread.join(PATIENCE)
        assert not began.is_set()
        assert automation.journal.headline(numbers[0]).fetch().status == "cancelled"


@pytest.mark.row("B22")
def test_journals_without_database_say_what_to_do():
    with pytest.raises(StoreUnavailable, match="Atilite"):
        Journals().history().fetch()


def test_what_a_journaled_function_prints_is_in_its_journal(automation: Automation):
    @automation.journal
    def hello():
        print("hello", end="")

    hello()
    assert [record.message for record in automation.journal.get(1).fetch().records] == ["hello"]


def test_a_method_and_a_static_method_can_be_journaled(automation: Automation):
    class Pump:
        name = "pump"

        @automation.journal
        def start(self):
            return self.name

        @staticmethod
        @automation.journal
        def stop():
            return "stopped"

    assert (Pump().start(), Pump.stop()) == ("pump", "stopped")
    assert [headline.operation.rpartition(".")[2] for headline in headlines(automation)] == ["stop", "start"]
