from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest

from atilite.automation.actions import ActionInfo, Actions
from atilite.automation.engine import Automation
from atilite.automation.parameters import Pattern, Range, Secret
from atilite.automation.services import Services
from atilite.context import current_journal
from atilite.errors import DuplicateName, Frozen, ParameterError, RunFailed, RunSkipped, SetupError

PATIENCE = 20.0


class Valve:
    """An action's function that waits until it is told to go on."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()

    def pass_through(self) -> None:
        self.entered.release()
        assert self.open.wait(PATIENCE)

    def was_entered(self) -> bool:
        return self.entered.acquire(timeout=PATIENCE)


def status(automation: Automation, run: int) -> str:
    return automation.journal.headline(run).fetch().status


@pytest.mark.row("B3", "B5", "B6")
def test_a_bare_decorator_registers_the_function_and_returns_it(automation: Automation):
    def hello():
        """
        Print hello world
          in console
        """
        return 5

    assert automation.action(hello) is hello
    (info,) = automation.action.actions
    assert info.name.endswith("<locals>.hello")
    assert info.description == "Print hello world\nin console"
    assert automation.action.invoke(info.name).fetch(PATIENCE) == 5


@pytest.mark.row("B5", "B9")
def test_name_and_description_can_be_given(automation: Automation):
    @automation.action(name="Do Something", description="Emulate some heavy work")
    def invoke():
        """Not this."""

    (info,) = automation.action.actions
    assert (info.name, info.description) == ("Do Something", "Emulate some heavy work")
    automation.action.actions.clear()
    assert automation.action.get("Do Something") == info


@pytest.mark.row("B5", "B10")
def test_functions_of_every_kind_can_be_actions(automation: Automation):
    @automation.action(name="plain")
    def plain(n: int):
        return n

    @automation.action(name="generator")
    def generator(n: int):
        task = yield automation.kv.get("missing", n)
        return task.fetch()

    @automation.action(name="async")
    async def coroutine(n: int):
        await asyncio.sleep(0)
        return await automation.kv.get("missing", n)

    @automation.action(name="returns a task")
    def task(n: int):
        return automation.kv.get("missing", n)

    for number, action in enumerate(automation.action.actions):
        assert automation.action.invoke(action.name, n=str(number)).fetch(PATIENCE) == number
    assert [action.kind for action in automation.action.actions] == ["plain", "generator", "async", "plain"]


@pytest.mark.row("B8")
def test_a_second_action_of_a_name_is_refused_unless_it_replaces(automation: Automation):
    @automation.action(name="hello")
    def first():
        return 1

    automation.action(name="other")(first)
    with pytest.raises(DuplicateName, match=r"hello.*replace=True"):
        automation.action(name="hello")(lambda: 2)
    automation.action(name="hello", replace=True)(lambda: 3)

    assert automation.action.invoke("hello").fetch(PATIENCE) == 3
    assert automation.action.names == ["hello", "other"]


def test_a_registration_after_the_start_is_refused(automation: Automation):
    automation.freeze()

    with pytest.raises(Frozen, match="late"):
        automation.action(name="late")(lambda: None)


@pytest.mark.row("B10")
def test_an_unknown_name_is_a_lookup_error_that_names_the_known_ones(automation: Automation):
    automation.action(name="hello")(lambda: None)

    with pytest.raises(LookupError, match=r"helo.*hello"):
        automation.action.invoke("helo")


@pytest.mark.row("B10", "B12")
def test_the_error_of_the_function_is_raised_by_fetch_and_journaled(automation: Automation):
    @automation.action(name="fail")
    def fail():
        raise ValueError("dry")

    run, task = automation.action.start("fail")
    with pytest.raises(ValueError, match="dry"):
        task.fetch(PATIENCE)
    headline = automation.journal.headline(run).fetch()
    assert (headline.status, headline.error) == ("failed", "ValueError: dry")


def test_a_name_with_a_slash_is_a_name_like_any_other(automation: Automation):
    automation.action(name="garden/water now")(lambda: "wet")

    assert automation.action.invoke("garden/water now").fetch(PATIENCE) == "wet"


@pytest.mark.row("B5")
def test_parameters_are_checked_before_anything_runs(automation: Automation):
    @automation.action(name="water")
    def water(zone: Literal["north", "south"], seconds: Annotated[int, Range(1, 600)] = 30):
        return zone, seconds

    with pytest.raises(ParameterError) as caught:
        automation.action.invoke("water", seconds=0, other=1)
    assert set(caught.value.fields) == {"zone", "seconds", "other"}
    assert automation.journal.history().fetch() == []
    assert automation.action.invoke("water", zone="north").fetch(PATIENCE) == ("north", 30)


def test_an_action_may_want_was(automation: Automation):
    @automation.action(name="who")
    def who(was, greeting: str):
        return f"{greeting} {was.run.who}"

    run, task = automation.action.start("who", {"greeting": "hi"}, trigger="console", who="ann")
    assert task.fetch(PATIENCE) == "hi ann"
    headline = automation.journal.headline(run).fetch()
    assert (headline.trigger, headline.who, headline.parameters) == ("console", "ann", {"greeting": "hi"})
    assert (headline.kind, headline.result) == ("action", "hi ann")


@pytest.mark.row("B7")
@pytest.mark.parametrize("kind", ["plain", "generator", "async"])
@pytest.mark.parametrize("action_outside", [True, False])
def test_one_click_is_one_journal_in_whatever_order_the_decorators_stand(
    automation: Automation, kind: str, action_outside: bool
):
    def plain():
        return current_journal.get()

    def generator():
        yield automation.kv.get("x")
        return current_journal.get()

    async def coroutine():
        return current_journal.get()

    function: Any = {"plain": plain, "generator": generator, "async": coroutine}[kind]
    if action_outside:
        automation.action(name="hello")(automation.journal(function))
    else:
        automation.journal(automation.action(name="hello")(function))
    run, task = automation.action.start("hello")

    assert task.fetch(PATIENCE) == run
    assert [headline.id for headline in automation.journal.history().fetch()] == [run]


@pytest.mark.row("B3", "B7")
def test_a_decorator_in_between_changes_nothing_of_that(automation: Automation):
    def loud(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return str(function(*args, **kwargs)) + "!"

        return wrapper

    @automation.action(name="hello")
    @loud
    @automation.journal
    def hello(name: str):
        return name

    assert automation.action.invoke("hello", name="you").fetch(PATIENCE) == "you!"
    assert len(automation.journal.history().fetch()) == 1


@pytest.mark.row("B7", "B15")
def test_another_journaled_function_inside_an_action_has_its_own_journal(automation: Automation):
    @automation.journal(operation="part")
    def part():
        return current_journal.get()

    automation.action(name="whole")(lambda: part())
    run, task = automation.action.start("whole")
    inner = task.fetch(PATIENCE)

    assert inner != run
    assert automation.journal.headline(inner).fetch().parent == run


@pytest.mark.row("B11")
def test_the_operation_that_a_journal_names_is_that_of_the_actions_runs(automation: Automation):
    @automation.action
    @automation.journal(operation="Do Something")
    def work():
        return None

    (info,) = automation.action.actions
    automation.action.invoke(info.name).fetch(PATIENCE)
    assert info.operation == "Do Something"
    assert automation.journal.history().fetch()[0].operation == "Do Something"


def test_an_action_without_journal_leaves_no_trace(automation: Automation):
    @automation.action(name="quiet", journal=False)
    def quiet():
        print("nobody reads this")
        automation.journal.record("nor this")
        return 1

    run, task = automation.action.start("quiet")
    assert task.fetch(PATIENCE) == 1
    assert run < 0
    assert automation.journal.history().fetch() == []


def test_labels_of_the_action_are_on_its_runs(automation: Automation):
    automation.action(name="water", label="garden", labels=["wet"])(lambda: None)
    automation.action.invoke("water").fetch(PATIENCE)

    assert automation.journal.search(labels=["garden"]).fetch()[0].labels == ("garden", "wet")


def test_what_a_later_part_acts_on_is_checked_and_listed(automation: Automation):
    automation.action(
        name="water", confirm="Open the valve?", role="admin", hidden=True, notify=["@ops"], keep="30d,1000", hook=True
    )(lambda: None)

    info = automation.action.get("water")
    assert isinstance(info, ActionInfo)
    assert (info.confirm, info.role, info.hidden, info.notify, info.keep, info.hook) == (
        "Open the valve?", "admin", True, ("@ops",), "30d,1000", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"overlap": "never"}, "overlap"), ({"role": "god"}, "role"), ({"retries": -1}, "retries"),
        ({"timeout": 0}, "timeout"), ({"timeout": "soon"}, "timeout"), ({"group": "pump:0"}, "group"),
        ({"colour": "red"}, "colour"), ({"keep": "for ever"}, "keep"), ({"retry_jitter": "some"}, "retry_jitter"),
        ({"keep": 100}, "keep is 100; it must be a text"), ({"confirm": True}, "confirm is True"),
        ({"description": 5}, "description is 5"), ({"group": 2}, "group is 2"),
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_is_refused_at_set_up(automation: Automation, options: dict, told: str):
    with pytest.raises(SetupError, match=told):
        automation.action(name="x", **options)(lambda: None)


@pytest.mark.parametrize(("decorator", "option"), [("action", "name"), ("journal", "operation")])
def test_a_name_without_a_keyword_is_told_where_it_belongs(automation: Automation, decorator: str, option: str):
    with pytest.raises(SetupError, match=rf"'Water'; .*@app.{decorator}\({option}=...\)"):
        getattr(automation, decorator)("Water")


def test_a_name_is_a_text(automation: Automation):
    with pytest.raises(SetupError, match="name is 5; it must be a text"):
        automation.action(name=5)(lambda: None)  # type: ignore[call-overload]


def test_secrets_are_masked_wherever_they_could_show(automation: Automation):
    @automation.action(name="login")
    def login(password: Secret, pin: Annotated[Secret, Pattern(r"\d+")] = "0000"):
        print(f"trying {password}")
        print("with", pin)
        automation.journal.record(f"sent {password}", body={"password": password})
        raise ValueError(f"{password} is wrong")

    run, task = automation.action.start("login", {"password": "hunter2", "pin": "1234"})
    with pytest.raises(ValueError, match="hunter2"):
        task.fetch(PATIENCE)
    stored = automation.journal.get(run).fetch()
    assert stored.parameters == {"password": "••••", "pin": "••••"}
    assert stored.error == "ValueError: •••• is wrong"
    assert "hunter2" not in repr(stored)
    assert "1234" not in repr([record.message for record in stored.records])
    assert "sent ••••" in [record.message for record in stored.records]


def test_secrets_are_masked_in_labels_and_in_the_progress_as_well(automation: Automation):
    seen: list[Any] = []

    def look() -> None:
        seen.append(automation.journal.storage.journals.progress(automation.journal.current).text)

    @automation.action(name="login")
    def login(was, password: Secret):
        automation.journal.labels(f"user {password}", "plain")
        automation.journal.progress(1, 2, f"with {password}")
        look()
        was.run.progress(2, 2, f"again {password}")
        look()

    run, task = automation.action.start("login", {"password": "hunter2"})
    task.fetch(PATIENCE)
    assert seen == ["with ••••", "again ••••"]
    assert automation.journal.headline(run).fetch().labels == ("user ••••", "plain")


# -- runs side by side


def busy(automation: Automation, **options: Any) -> Valve:
    valve = Valve()
    automation.action(name="pump", **options)(valve.pass_through)
    return valve


@pytest.mark.row("M8")
def test_runs_overlap_unless_somebody_says_otherwise(automation: Automation):
    valve = busy(automation)
    tasks = [automation.action.invoke("pump") for _ in range(3)]

    assert all(valve.was_entered() for _ in tasks)
    valve.open.set()
    for task in tasks:
        task.fetch(PATIENCE)


@pytest.mark.row("M8")
def test_an_action_that_skips_names_the_run_in_the_way(automation: Automation):
    valve = busy(automation, overlap="skip")
    run, task = automation.action.start("pump")
    assert valve.was_entered()

    with pytest.raises(RunSkipped) as caught:
        automation.action.invoke("pump")
    assert caught.value.running == run
    valve.open.set()
    task.fetch(PATIENCE)
    automation.action.invoke("pump").fetch(PATIENCE)
    assert len(automation.journal.history().fetch()) == 2


@pytest.mark.row("M8")
def test_an_action_that_queues_runs_one_after_the_other(automation: Automation):
    valve = busy(automation, overlap="queue")
    first, _ = automation.action.start("pump")
    second, task = automation.action.start("pump")
    assert valve.was_entered()

    assert (status(automation, first), status(automation, second)) == ("running", "queued")
    assert not valve.entered.acquire(blocking=False)
    valve.open.set()
    task.fetch(PATIENCE)
    assert (status(automation, first), status(automation, second)) == ("succeeded", "succeeded")


@pytest.mark.row("M8")
def test_an_action_that_replaces_ends_the_old_run_first(automation: Automation):
    entered = threading.Semaphore(0)
    go_on = threading.Event()

    @automation.action(name="pump", overlap="replace")
    def pump(was):
        entered.release()
        while not was.run.wait(0.01):
            if go_on.is_set():
                return "done"
        return "asked to end"

    first, old = automation.action.start("pump")
    assert entered.acquire(timeout=PATIENCE)
    second, new = automation.action.start("pump")
    with pytest.raises(RunFailed) as caught:
        old.fetch(PATIENCE)
    go_on.set()

    assert caught.value.status == "cancelled"
    assert new.fetch(PATIENCE) == "done"
    assert (status(automation, first), status(automation, second)) == ("cancelled", "succeeded")


@pytest.mark.row("M8")
def test_a_group_lets_one_run_go_at_a_time_whichever_action_it_is_of(automation: Automation):
    valve = busy(automation, group="water")
    seen = []
    automation.action(name="other", group="water")(lambda: seen.append(len(seen)))
    _, first = automation.action.start("pump")
    assert valve.was_entered()
    waiting, task = automation.action.start("other")

    assert status(automation, waiting) == "queued"
    valve.open.set()
    first.fetch(PATIENCE)
    task.fetch(PATIENCE)
    assert seen == [0]


def test_who_skips_is_told_that_it_is_the_group_that_runs(automation: Automation):
    valve = busy(automation, group="water")
    automation.action(name="other", group="water", overlap="skip")(lambda: None)
    run, task = automation.action.start("pump")
    assert valve.was_entered()

    with pytest.raises(RunSkipped, match=f"the group 'water' of 'other' is already running as run {run}"):
        automation.action.invoke("other")
    valve.open.set()
    task.fetch(PATIENCE)


def test_a_queued_run_can_be_cancelled_before_it_began(automation: Automation):
    valve = busy(automation, overlap="queue")
    _, first = automation.action.start("pump")
    assert valve.was_entered()
    run, task = automation.action.start("pump")
    third, last = automation.action.start("pump")

    assert automation.action.cancel(run)
    with pytest.raises(RunFailed, match="cancelled"):
        task.fetch(PATIENCE)
    assert status(automation, run) == "cancelled"
    valve.open.set()
    first.fetch(PATIENCE)
    last.fetch(PATIENCE)
    assert status(automation, third) == "succeeded"


def test_more_actions_than_threads_can_wait_for_each_other(automation: Automation):
    @automation.action(name="count")
    def count(n: int):
        return 0 if n == 0 else 1 + automation.action.invoke("count", n=n - 1).fetch(PATIENCE)

    assert automation.action.invoke("count", n=40).fetch(PATIENCE) == 40


@pytest.mark.row("B1")
def test_the_registries_may_be_classes_of_ones_own(make: Callable[..., Automation]):
    class Forgiving(Actions):
        def get(self, name: str) -> ActionInfo:
            return super().get(name.lower())

    class Empty(Services):
        services = ()

    automation = make(action=Forgiving, service=Empty)

    @automation.action(name="hello")
    def hello():
        return "hello"

    assert automation.action.get("HELLO").name == "hello"
    assert automation.service.services == ()
    assert automation.action.invoke("hello").fetch(PATIENCE) == "hello"
