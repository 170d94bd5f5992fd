"""Server-sent events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.web.eventstream import comment, event, last_event_id, wanted


@pytest.mark.parametrize(
    ("data", "options", "text"),
    [
        ("hello", {}, "data: hello\n\n"),
        ("", {}, "data: \n\n"),
        ("a\nb\r\nc\rd", {}, "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        ({"a": 1}, {"id": 5, "name": "record"}, 'event: record\nid: 5\ndata: {"a":1}\n\n'),
        ("x", {"retry": 3000}, "retry: 3000\ndata: x\n\n"),
    ],
)
def test_an_event_is_a_few_lines(data: Any, options: dict[str, Any], text: str) -> None:
    assert event(data, **options) == text.encode()


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_json_message_is_one_line(text: str) -> None:
    lines = event({"text": text}).decode().split("\n")

    assert len(lines) == 3
    assert json.loads(lines[0].removeprefix("data: ")) == {"text": text}


@pytest.mark.parametrize("options", [{"id": "a\nb"}, {"name": "a\rdata: x"}, {"id": "\0"}])
def test_nothing_can_be_smuggled_into_an_event(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one line"):
        event("x", **options)


def test_a_comment_stays_one_line() -> None:
    assert comment("still\nthere") == b": still there\n\n"
    assert comment() == b": \n\n"


@pytest.mark.parametrize(
    ("header", "number"), [("17", 17), ("", None), ("x", None), ("-1", None), ("²", None), ("9" * 30, None)]
)
def test_the_last_id_is_a_number_or_nothing(header: str, number: int | None) -> None:
    assert last_event_id({"HTTP_LAST_EVENT_ID": header}) == number


def test_a_client_asks_for_events_by_accept() -> None:
    assert wanted({"HTTP_ACCEPT": "text/event-stream"})
    assert not wanted({"HTTP_ACCEPT": "application/json"})
    assert not wanted({})
