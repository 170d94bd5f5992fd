from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from atilite.automation import channels as channels_module
from atilite.automation import notices as notices_module
from atilite.automation.engine import Automation
from atilite.automation.notice import Message
from atilite.automation.parameters import Secret
from atilite.errors import DuplicateName, Frozen, SetupError
from atilite.store.database import Database
from atilite.store.journals import Journals
from atilite.testing.clock import FakeClock

PATIENCE = 20.0


class Board:
    """An app whose notices come into a queue."""

    def __init__(self, automation: Automation) -> None:
        self.automation = automation
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.fault: Exception | None = None
        self.broken = True
        automation.notices.channels.quiet = 0.0

        @automation.notices.notifier("@ops")
        def tell(message: Message) -> None:
            if self.fault is not None:
                raise self.fault
            self.messages.put(message)

        @automation.action(name="Water")
        def water() -> None:
            if self.broken:
                raise ValueError("the pump is dry")

    def once(self, name: str = "Water", **params: Any) -> None:
        """Run it and wait for its end, whatever it is."""
        self.automation.action.invoke(name, **params).dispatch()

    def told(self) -> list[str]:
        """The lines of the next message."""
        return [notice.text for notice in self.messages.get(timeout=PATIENCE).notices]


@pytest.fixture
def board(make: Callable[..., Automation]) -> Board:
    return Board(make("garden"))


@pytest.mark.row("M11")
def test_a_failure_and_the_recovery_after_it_are_told(board: Board):
    board.automation.notices("@ops")
    board.automation.start()
    board.once()
    assert board.told() == ["Water failed: ValueError: the pump is dry"]
    board.broken = False
    board.once()
    assert board.told() == ["Water is well again"]
    board.once()  # it was well already
    board.broken = True
    board.once()
    assert board.told() == ["Water failed: ValueError: the pump is dry"]


def test_an_action_names_its_channels_itself(board: Board):
    @board.automation.action(notify=["@ops"])
    def loud() -> None:
        raise ValueError("heard")

    board.automation.freeze()
    board.automation.start()
    board.once()  # Water tells nobody
    board.once(board.automation.action.names[-1])
    (line,) = board.told()
    assert line.endswith("failed: ValueError: heard")


@pytest.mark.row("M11")
def test_several_failures_in_a_row_are_needed_if_one_says_so(board: Board):
    board.automation.notices("@ops", of="Water", failures=3)
    board.automation.start()
    board.once()
    board.once()
    board.broken = False
    board.once()  # two only: neither they nor this are told
    board.broken = True
    for _ in range(3):
        board.once()
    assert board.told() == ["Water failed (3 times in a row): ValueError: the pump is dry"]
    board.broken = False
    board.once()
    assert board.told() == ["Water is well again"]
    assert board.messages.empty()


def test_what_failed_before_a_restart_recovers_after_it(make: Callable[..., Automation]):
    first = Board(make("garden"))
    first.automation.notices("@ops")
    first.automation.start()
    first.once()
    first.told()
    first.automation.stop()
    second = Board(make("garden"))
    second.automation.notices("@ops")
    second.automation.start()
    second.broken = False
    second.once()
    assert second.told() == ["Water is well again"]


@pytest.mark.row("M1")
def test_a_run_that_the_death_of_the_process_ended_is_told_at_the_next_start(
    make: Callable[..., Automation], tmp_path: Path
):
    with Database.open(f"sqlite:///{tmp_path / 'data.db'}") as database:
        database.part(Journals).open("Water", kind="action")
        database.writer.flush()
    board = Board(make("garden"))
    board.automation.notices("@ops")
    board.automation.start()
    (line,) = board.told()
    assert line.startswith("Water interrupted")


def test_what_happens_in_the_pause_of_a_channel_is_one_digest(board: Board, monkeypatch: pytest.MonkeyPatch):
    board.automation.notices("@ops")
    board.automation.notices.channels.quiet = 0.5

    @board.automation.action(name="Read")
    def read() -> None:
        raise OSError("no probe")

    board.automation.start()
    board.once()
    assert len(board.told()) == 1
    board.once("Read")
    board.once()
    lines = board.told()
    assert lines == ["Read failed: OSError: no probe", "Water failed (2 times in a row): ValueError: the pump is dry"]


def test_a_channel_that_fails_is_tried_again_and_what_waited_is_told(
    board: Board, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(channels_module, "FIRST_PAUSE", 0.02)
    board.automation.notices("@ops")
    board.fault = ConnectionError("nobody there")
    board.automation.start()
    board.once()
    (info,) = wait_for(board, lambda infos: infos[0].error is not None)
    assert (info.name, info.waiting, info.sent) == ("@ops", 1, 0)
    assert "nobody there" in (info.error or "")
    assert "did not take a notice" in caplog.text
    board.fault = None
    assert board.told() == ["Water failed: ValueError: the pump is dry"]
    (info,) = wait_for(board, lambda infos: infos[0].sent == 1)
    assert (info.waiting, info.error) == (0, None)


def test_what_a_channel_did_not_take_is_told_after_a_restart(make: Callable[..., Automation]):
    first = Board(make("garden"))
    first.automation.notices("@ops")
    first.fault = ConnectionError("nobody there")
    first.automation.start()
    first.once()
    wait_for(first, lambda infos: infos[0].error is not None)
    first.automation.stop()
    second = Board(make("garden"))
    second.automation.notices("@ops")
    second.automation.start()
    assert second.told() == ["Water failed: ValueError: the pump is dry"]


def test_after_days_a_notice_is_given_up_visibly(
    make: Callable[..., Automation], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(channels_module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(channels_module, "PATIENCE", timedelta(0))
    board = Board(make("garden"))
    board.automation.notices("@ops")
    board.fault = ConnectionError("nobody there")
    board.automation.start()
    board.once()
    (info,) = wait_for(board, lambda infos: infos[0].given_up == 1)
    assert info.waiting == 0
    assert "given up: Water failed" in caplog.text
    assert board.automation.notices.channels.recent()[0].state == "given up"


def test_an_unknown_channel_is_an_error_in_the_log_and_nothing_is_lost(board: Board, caplog: pytest.LogCaptureFixture):
    board.automation.notices("@nowhere")
    board.automation.start()
    assert "no channel '@nowhere'" in caplog.text
    board.once()
    wait_for(board, lambda infos: any(one.name == "@nowhere" and one.waiting for one in infos))


def test_a_run_that_takes_too_long_is_told_while_it_goes_on(board: Board):
    gate = threading.Event()

    @board.automation.action(name="Long")
    def long() -> None:
        gate.wait(PATIENCE)

    board.automation.notices("@ops", on="slow", slow=0.1)
    board.automation.start()
    _, task = board.automation.action.start("Long")
    try:
        assert board.told() == ["Long runs for longer than it should"]
        assert not task.done
    finally:
        gate.set()
    task.fetch()
    assert board.messages.empty()


def test_a_service_that_crashes_and_one_that_is_given_up_are_told(board: Board, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notices_module, "STEADY", 0.05)
    crash, go_on = threading.Event(), threading.Event()

    @board.automation.service(name="poll", restart_delay=0.01)
    def poll(was: Any) -> None:
        if not crash.is_set():
            crash.set()
            raise OSError("no line")
        was.run.wait(PATIENCE)

    @board.automation.service(name="once", restart=False)
    def once() -> None:
        go_on.wait(PATIENCE)
        raise OSError("broken for good")

    board.automation.notices("@ops")
    board.automation.start()
    assert board.told() == ["poll is restarting: OSError: no line"]
    assert board.told() == ["poll is well again"]
    go_on.set()
    assert board.told() == ["once failed: OSError: broken for good"]


@pytest.mark.row("M7")
def test_a_schedule_that_was_missed_is_told(make: Callable[..., Automation]):
    clock = FakeClock(1_714_564_800.0)
    board = Board(make("garden", clock=clock, zone=UTC))
    board.broken = False

    @board.automation.schedule("0 * * * *", window="6h")
    @board.automation.action(name="Hourly")
    def hourly() -> None: ...

    board.automation.notices("@ops")
    board.automation.start()
    clock.advance(2.5 * 3600)
    board.automation.schedule.tick()
    assert board.told() == ["Hourly was not run in time; it is run now"]


@pytest.mark.row("M7", "M11")
def test_a_schedule_that_skips_what_it_missed_tells_that_once(make: Callable[..., Automation]):
    clock = FakeClock(1_714_564_800.0)
    board = Board(make("garden", clock=clock, zone=UTC))

    @board.automation.schedule("0 * * * *", missed="skip")
    @board.automation.action(name="Hourly", notify=["@ops"])
    def hourly() -> None: ...

    board.automation.freeze()
    board.automation.start()
    clock.advance(3.5 * 3600)
    board.automation.schedule.tick()
    assert board.told() == [
        "Hourly was not run in time (3 times in a row): no run stands for it; the last time was 2024-05-01 15:00 UTC"
    ]
    board.automation.schedule.tick()
    clock.advance(1.5 * 3600)
    board.automation.schedule.tick()
    assert board.told() == [
        "Hourly was not run in time: no run stands for it; the last time was 2024-05-01 16:00 UTC"
    ]


@pytest.mark.row("M18")
def test_a_secret_of_the_run_is_masked_in_what_is_told(board: Board):
    @board.automation.action(name="Unlock")
    def unlock(code: Secret) -> None:
        raise ValueError(f"wrong code {code}")

    board.automation.notices("@ops")
    board.automation.start()
    board.once("Unlock", code="hunter22")
    (line,) = board.told()
    assert "hunter22" not in line
    assert line.startswith("Unlock failed: ValueError: wrong code")


def test_functions_of_any_kind_are_channels(make: Callable[..., Automation]):
    automation = make("garden")
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    automation.notices.channels.quiet = 0.0

    @automation.notices.notifier("@async")
    async def tell(message: Message) -> None:
        heard.put(message.subject)

    @automation.notices.notifier("@generator")
    def step(message: Message) -> Iterator[Any]:
        yield automation.storage.runtime.Sleep(0.001)
        heard.put(message.subject)

    for name in ("@async", "@generator"):
        automation.notices.test(name)
        assert heard.get(timeout=PATIENCE) == "[garden] This is a test"


def test_what_cannot_be_a_rule_is_an_error_at_set_up(board: Board):
    notices = board.automation.notices
    for wrong in (lambda: notices(), lambda: notices("ops"), lambda: notices("@ops", on="sometimes"),
                  lambda: notices("@ops", failures=0), lambda: notices("@ops", on="slow"),
                  lambda: notices.notifier("ops")):  # fmt: skip
        with pytest.raises(SetupError):
            wrong()
    with pytest.raises(DuplicateName):
        notices.notifier("@ops")(lambda message: None)
    notices.freeze()
    for late in (lambda: notices("@ops"), lambda: notices.notifier("@late")(lambda message: None)):
        with pytest.raises(Frozen):
            late()


def test_two_apps_with_one_database_tell_their_own_channels(make: Callable[..., Automation]):
    boards = [Board(make(name)) for name in ("garden", "shop")]
    for board in boards:
        board.automation.notices("@ops")
        board.automation.start()
    boards[1].once()
    (notice,) = boards[1].messages.get(timeout=PATIENCE).notices
    assert notice.action == "Water"
    boards[0].once()
    assert len(boards[0].told()) == 1
    assert boards[1].messages.empty()


def wait_for(board: Board, condition: Callable[[list[Any]], bool]) -> list[Any]:
    """Look at the channels until it is so."""
    tick = threading.Event()
    for _ in range(400):
        infos = board.automation.notices.infos
        if condition(infos):
            return infos
        tick.wait(0.05)
    raise AssertionError(board.automation.notices.infos)
