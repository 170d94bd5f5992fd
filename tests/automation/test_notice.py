from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from atilite.automation.notice import Message, Notice, is_due

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
FAILED = Notice(
    "failed", "Water", "timed_out", NOON, "first line\nthe valve did not answer", 7, "http://b/runs/7", 3, 2
)


def test_a_notice_is_one_line_with_the_error_in_the_words_of_the_program():
    assert FAILED.text == "Water timed out (2 times in a row): the valve did not answer"
    assert replace(FAILED, kind="recovered", status="succeeded").text == "Water is well again"
    assert (
        replace(FAILED, kind="service", status="restarting", failures=1, error="gone").text
        == "Water is restarting: gone"
    )


def test_a_notice_survives_json():
    assert Notice.of(json.loads(json.dumps(FAILED.facts))) == FAILED


def test_the_message_of_one_notice_is_that_notice():
    message = Message("board", (FAILED,))
    assert message.subject == "[board] Water timed out (2 times in a row): the valve did not answer"
    assert "after 3 attempts" in message.text
    assert "http://b/runs/7" in message.text
    wanted = {"action": "Water", "status": "timed_out", "run": 7, "url": "http://b/runs/7", "attempts": 3}
    assert message.facts.items() >= wanted.items()
    assert set(message.facts) >= {"error", "at"}


def test_a_digest_names_whom_it_is_about_and_is_bounded():
    many = tuple(replace(FAILED, action=f"Action {number % 8}", run=number) for number in range(120))
    message = Message("board", many)
    assert message.subject == "[board] 120 notices: Action 0, Action 1, Action 2, Action 3, Action 4, ..."
    assert message.text.count("timed out") == 50
    assert "and 70 more" in message.text
    assert (message.facts["kind"], message.facts["count"], len(message.facts["notices"])) == ("digest", 120, 120)


def test_no_line_end_of_an_error_gets_into_a_subject():
    assert "\n" not in Message("board", (replace(FAILED, action="a\nBcc: x@y", error="x\r\ny"),)).subject


def test_failures_in_a_row_are_told_at_each_doubling():
    assert [count for count in range(1, 40) if is_due(count, 1)] == [1, 2, 4, 8, 16, 32]
    assert [count for count in range(1, 40) if is_due(count, 3)] == [3, 6, 12, 24]
