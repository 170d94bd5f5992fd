from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from atilite.api.inputs import LARGEST, Query, content_length, json_object, json_value, resume_after
from atilite.errors import Error, ParameterError
from atilite.web.request import Request


def request(body: bytes, kind: str = "application/json") -> Request:
    return Request(
        {
            "REQUEST_METHOD": "POST", "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
    )  # fmt: skip


def status_of(call: Callable[[], Any]) -> int:
    with pytest.raises(Error) as refused:
        call()
    return refused.value.status_code


def test_the_last_value_of_a_name_counts_and_an_empty_one_is_none() -> None:
    query = Query("a=1&a=2&b=&c=x%20y")
    assert (query.text("a"), query.text("b"), query.text("c"), query.text("d")) == ("2", None, "x y", None)


def test_labels_may_be_repeated_or_separated_by_commas() -> None:
    assert Query("label=a,b&label=c&label=").many("label") == ("a", "b", "c")


@pytest.mark.row("B37")
@pytest.mark.parametrize("page", ["-1", "x", "1.5", "1_0", "٣", "99999999999999999999", "+1", "--1", "-"])
def test_a_page_that_is_no_whole_number_from_zero_is_refused(page: str) -> None:
    with pytest.raises(ParameterError) as refused:
        Query("page=" + page.replace("+", "%2B")).whole("page", 0)
    assert refused.value.fields["page"].startswith("must be a whole number")


def test_whole_numbers_go_up_to_the_largest_that_can_be_stored() -> None:
    assert Query(f"before={LARGEST}").whole("before") == LARGEST
    with pytest.raises(ParameterError):
        Query(f"before={LARGEST + 1}").whole("before")


def test_flags_are_words_for_true_and_false() -> None:
    query = Query("a=1&b=FALSE&c=maybe&d=")
    assert (query.flag("a"), query.flag("b"), query.flag("d")) == (True, False, None)
    with pytest.raises(ParameterError):
        query.flag("c")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T14:32:07Z", datetime(2026, 11, 21, 14, 32, 7, tzinfo=UTC)),
        ("2026-11-21T14:32:07%2B01:00", datetime(2026, 11, 21, 13, 32, 7, tzinfo=UTC)),
        ("2026-11-21T14:32:07+01:00", datetime(2026, 11, 21, 13, 32, 7, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21 14:32", datetime(2026, 11, 21, 14, 32, tzinfo=UTC)),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert Query(f"since={text}").moment("since") == moment


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "0001-01-01T00:00:00%2B01:00", "12:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        Query(f"since={text}").moment("since")


def test_a_query_with_too_many_fields_or_broken_text_is_refused() -> None:
    assert status_of(lambda: Query("&".join("a=1" for _ in range(1001)))) == 400
    assert status_of(lambda: Query("a=%ff")) == 400


@pytest.mark.parametrize("body", [b'{"a": 1}', b"[1, null]", b'"text"', b"null", b"3.5"])
def test_any_json_value_is_a_body(body: bytes) -> None:
    assert json_value(request(body)) == json_value(request(body, "application/merge-patch+json"))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b'"\\ud800"', b'{"\\udfff": 1}', b"[" * 100_000, b"1" * 5000]
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert status_of(lambda: json_value(request(body))) == 400
    assert status_of(lambda: json_value(request(body, ""))) == 400


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert json_value(request(b'"\\ud83d\\ude00"')) == "\U0001f600"


def test_another_kind_of_body_is_415() -> None:
    assert status_of(lambda: json_value(request(b"<a/>", "text/xml"))) == 415


def test_an_object_may_be_left_out_but_not_replaced_by_a_list() -> None:
    assert json_object(request(b"")) == {}
    assert json_object(request(b'{"a": 1}')) == {"a": 1}
    assert status_of(lambda: json_object(request(b"[]"))) == 400


def test_a_stream_goes_on_after_the_last_event_that_was_seen() -> None:
    assert resume_after({"HTTP_LAST_EVENT_ID": "41"}, Query("after=7")) == 41
    assert resume_after({"HTTP_LAST_EVENT_ID": "junk"}, Query("after=7")) == 7
    assert resume_after({}, Query("")) is None
    assert resume_after({"HTTP_LAST_EVENT_ID": "9" * 19}, Query("")) == LARGEST


def test_a_length_that_is_no_number_counts_as_none() -> None:
    assert content_length({"CONTENT_LENGTH": "12"}) == 12
    assert content_length({"CONTENT_LENGTH": "x"}) == content_length({}) == 0
