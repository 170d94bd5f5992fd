"""The page of one run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atilite.console import run
from atilite.site import Site
from atilite.store.runs import Record
from tests.console.conftest import Person
from tests.console.samples import FACE, NOW, headline

TRACEBACK = """Traceback (most recent call last):
  File "services/finance.py", line 31, in fetch_rates
    page = was.get("@bank/daily.xml").fetch()
  File "services/http.py", line 74, in _read
    raise ReadTimeout(url)
ReadTimeout: the bank did not answer
in 10 s
"""


def test_the_last_line_of_a_traceback_is_apart_from_the_way_there() -> None:
    way, last = run.split_traceback(TRACEBACK, "ReadTimeout: the bank did not answer\nin 10 s")

    assert last == "ReadTimeout: the bank did not answer\nin 10 s"
    assert way.endswith("raise ReadTimeout(url)")
    assert run.split_traceback("Traceback\n  File\nOSError: gone\n", "another text") == (
        "Traceback\n  File",
        "OSError: gone",
    )
    assert run.split_traceback(None, None) == ("", "")


def test_it_says_where_the_error_was_raised() -> None:
    found = run.raised(TRACEBACK)

    assert found == run.Raised("services/http.py:74", "_read")
    assert run.raised("") is None


@pytest.mark.row("B47")
def test_records_keep_their_fields_and_captured_output_is_told_apart() -> None:
    records = [
        Record(2, 7, NOW, "Copy complete", {"bytes": 5, "path": "/a"}),
        Record(1, 7, NOW, "hello", {}, source="print"),
    ]

    first, second = run.items(records, FACE)

    assert [(pair.name, pair.value) for pair in first.fields] == [("bytes", "5"), ("path", "/a")]
    assert (first.count, first.captured) == ("2 fields", False)
    assert (second.fields, second.captured) == ((), True)


def test_the_usual_duration_is_the_middle_one_of_the_good_runs() -> None:
    history = [headline(n, duration=took) for n, took in ((5, 9.0), (4, 1.0), (3, 2.0))] + [headline(2, "failed")]

    assert run.usual(history) == 2.0
    assert run.took_words(headline(duration=31.4), history) == "31.4 s, usually 2 s"
    assert run.took_words(headline(status="running"), history) == ""


def test_a_row_of_bad_runs_names_the_first_of_them() -> None:
    history = [headline(3, "failed", ago=120), headline(2, "failed", ago=7200), headline(1)]

    alike = run.alike(headline(4, "failed"), history, FACE)

    assert alike is not None
    assert (alike.words, alike.first.words) == ("3 runs in a row did not end well, first ", "2 h ago")
    assert run.alike(headline(4), history, FACE) is None


def test_a_run_as_text_has_its_records_oldest_first_with_their_fields() -> None:
    records = [Record(1, 7, NOW, "first", {"n": 1}), Record(2, 7, NOW, "second", {})]

    text = run.as_text(headline(error="x", traceback="boom"), records, FACE)

    rows = text.splitlines()
    assert rows[0].startswith("Water #7 succeeded")
    assert rows[1].endswith('first  {"n": 1}')
    assert rows[-1] == "boom"


@pytest.mark.row("B46")
def test_the_page_of_a_run_with_relatives_takes_four_queries(site: Site, person: Callable[[str], Person]) -> None:
    journals = site.catalogue.journals
    parent = journals.open("Parent")
    number = journals.open("Water", parent=parent)
    journals.record(number, "opened", {})
    journals.close(number, "succeeded", duration=1)
    site.database().writer.flush()
    viewer = person("view")
    viewer.get(f"/runs/{number}")
    asked: list[str] = []
    site.database().connection().set_trace_callback(asked.append)
    page = viewer.get(f"/runs/{number}.json").json()
    site.database().connection().set_trace_callback(None)
    assert [(line["id"], line["more"]) for line in page["related"]] == [(parent, "parent of this")]
    assert len(asked) == 4  # the session, the run with its relatives, its records, the runs before it
