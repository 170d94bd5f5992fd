"""What is raised for another board's refusals."""

from __future__ import annotations

import pytest

from atilite.errors import RemoteError, RunFailed, RunSkipped
from atilite.remote.failures import failure

URL = "http://board.local"


def test_a_run_that_ended_badly_is_told_with_its_number_and_how_it_ended() -> None:
    error = failure(URL, 500, {"detail": "the pump is dry", "run": 7, "status": "timed_out"})
    assert isinstance(error, RunFailed)
    assert (str(error), error.run, error.status) == ("the pump is dry", 7, "timed_out")


def test_a_skipped_run_names_the_one_that_goes_on() -> None:
    error = failure(URL, 409, {"detail": "...", "run": 7, "status": "skipped"})
    assert isinstance(error, RunSkipped)
    assert error.running == 7


@pytest.mark.parametrize(
    ("status", "facts", "words"),
    [
        (404, {"detail": "there is no action 'x'"}, "404, there is no action 'x'"),
        (
            400,
            {"detail": "?", "fields": {"seconds": "must be a whole number"}},
            "400, ?; seconds: must be a whole number",
        ),
        (401, None, "401, Unauthorized (make a token there with `serve.py token add NAME --role run`)"),
        (500, {"more_info": "a bug"}, "500, a bug"),
        (599, "<html>", "599, answered so"),
    ],
)
def test_any_other_refusal_says_who_refused_what(status: int, facts: object, words: str) -> None:
    error = failure(URL, status, facts)
    assert isinstance(error, RemoteError)
    assert str(error) == f"{URL}: {words}"
    assert error.status_code == status


def test_how_long_to_wait_is_taken_from_a_number_alone() -> None:
    found = [failure(URL, 503, {}, text) for text in ("5", "Fri, 31 Dec 1999 23:59:59 GMT", None)]
    assert [error.retry_after for error in found if isinstance(error, RemoteError)] == [5.0, None, None]
