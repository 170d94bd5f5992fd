"""One timer at a time."""

from __future__ import annotations

from atilite.runtime.alarm import Alarm
from atilite.runtime.mailbox import Mailbox
from tests.runtime.fakes import SteppedTime


def test_only_what_was_set_last_is_called_and_only_once() -> None:
    time, calls = SteppedTime(), list[str]()
    alarm = Alarm(time.later, Mailbox().post)

    alarm.set(1, lambda: calls.append("first"))
    alarm.set(2, lambda: calls.append("second"))
    time.advance(5)

    assert (calls, time.open) == (["second"], 0)


def test_what_was_dropped_is_not_called_even_if_it_has_gone_off_already() -> None:
    time, calls, mailbox = SteppedTime(), list[str](), Mailbox()
    alarm = Alarm(time.later, mailbox.post)
    alarm.set(1, lambda: calls.append("late"))

    def in_one_turn() -> None:
        time.advance(2)  # it is posted, and comes behind this
        alarm.drop()

    mailbox.post(in_one_turn)

    assert calls == []
