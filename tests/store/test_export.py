"""Runs as lines, and back."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from atilite.errors import StoreError
from atilite.store.database import Database
from atilite.store.export import export, record_facts, run_facts
from atilite.store.importing import import_runs
from atilite.store.journals import Journals
from atilite.store.runs import Filter

from .conftest import NOON

RUN = {"type": "run", "id": 7, "operation": "Water", "status": "succeeded", "created_at": NOON.isoformat()}
RECORD = {"type": "record", "journal": 7, "id": 1, "created_at": NOON.isoformat(), "message": "begin"}


def fill(journals: Journals, database: Database) -> None:
    """Three runs of all sorts, the second within the first; a fourth goes on."""
    outer = journals.open("nightly", who="ana", labels=["night", "böse"], parameters={"n": [1, None]})
    inner = journals.open("fetch", trigger="schedule", parent=outer, description="The ECB's", kind="action", attempt=2)
    for number in range(3):
        journals.record(inner, f"value {number}", {"n": number}, source="log", level="warning")
    journals.close(inner, "failed", duration=1.5, error="=cmd()", traceback="Traceback\n  ...")
    journals.close(outer, "succeeded", duration=2, result={"ok": [True]})
    journals.close(journals.open("other"), "cancelled", duration=0)
    journals.record(journals.open("goes on"), "now")
    database.writer.flush()


def lines(journals: Journals, filter: Filter | None = None) -> list[dict[str, object]]:
    return [json.loads(line) for line in b"".join(export(journals, "jsonl", filter)).splitlines()]


@pytest.mark.row("M13")
def test_an_export_has_every_run_with_its_records_newest_first(journals: Journals, database: Database) -> None:
    fill(journals, database)
    found = lines(journals)

    assert [line["operation"] for line in found if line["type"] == "run"] == ["goes on", "other", "fetch", "nightly"]
    expected = []
    for run in journals.search():
        expected += [run_facts(run), *map(record_facts, journals.records(run.id))]
    assert found == expected


@pytest.mark.row("M13")
def test_an_export_takes_any_filter(journals: Journals, database: Database) -> None:
    fill(journals, database)

    assert [line["id"] for line in lines(journals, Filter(failed=True))] == [3, 2, 1, 2, 3]
    assert {line["type"] for line in lines(journals, Filter(text="value", parent=1))} == {"run", "record"}
    assert lines(journals, Filter(since=NOON + timedelta(days=1))) == []


@pytest.mark.row("M13")
def test_a_table_is_for_a_spreadsheet_and_no_cell_of_it_is_a_formula(journals: Journals, database: Database) -> None:
    fill(journals, database)
    rows = list(csv.DictReader(io.StringIO(b"".join(export(journals, "csv")).decode())))

    assert [row["operation"] for row in rows] == ["goes on", "other", "fetch", "nightly"]
    assert rows[2]["error"] == "'=cmd()"
    assert rows[3]["labels"] == "night böse"
    assert (rows[3]["parameters"], rows[3]["result"], rows[3]["created_at"]) == (
        '{"n":[1,null]}', '{"ok":[true]}', NOON.isoformat(),
    )  # fmt: skip


@pytest.mark.row("M13")
def test_an_export_takes_no_more_memory_for_more_runs(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/big.db") as database:
        journals = database.part(Journals)
        for number in range(300):
            run = journals.open("big")
            for _ in range(20 if number % 50 else 300):
                journals.record(run, "x" * 1000)
            journals.close(run, "succeeded", duration=0)
        database.writer.flush()
        size, most = 0, 0
        tracemalloc.start()
        for portion in export(journals):
            size, most = size + len(portion), max(most, len(portion))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert size > 7_000_000
    assert most < 1_000_000
    assert peak < 4_000_000


# -- back


@pytest.fixture
def exported(journals: Journals, database: Database, tmp_path: Path) -> Path:
    fill(journals, database)
    file = tmp_path / "runs.jsonl"
    file.write_bytes(b"".join(export(journals)))
    return file


@pytest.fixture
def other(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/other.db"


@pytest.mark.row("M13")
def test_what_was_exported_comes_back_as_it_was(exported: Path, other: str, journals: Journals) -> None:
    with Database.open(other) as database:
        assert import_runs(database, exported) == (4, 4)
    with Database.open(other) as database:
        copied = database.part(Journals)
        assert lines(copied)[2:] == lines(journals)[2:]
        (goes_on,) = copied.search(Filter(operation="goes on"))
        assert (goes_on.status, goes_on.finished_at) == ("interrupted", goes_on.created_at)
        assert [run.id for run in copied.search(Filter(labels="night", status="succeeded"))] == [1]
        assert copied.open("next") == 5


@pytest.mark.row("M13")
def test_imported_runs_are_found_by_their_words(exported: Path, other: str) -> None:
    with Database.open(other) as database:
        late = database.part(Journals).open("first")
        database.part(Journals).close(late, "succeeded", duration=0)
    with Database.open(other) as database:
        import_runs(database, exported, renumber=True)
    with Database.open(other) as database:
        found = database.part(Journals).search(Filter(text="value ECB"))
        assert [run.operation for run in found] == ["fetch"]


@pytest.mark.row("M13")
def test_with_new_numbers_children_still_know_their_parents(exported: Path, other: str) -> None:
    with Database.open(other) as database:
        journals = database.part(Journals)
        for _ in range(10):
            journals.close(journals.open("before"), "succeeded", duration=0)
        database.writer.flush()
        assert import_runs(database, exported, renumber=True) == (4, 4)
        assert import_runs(database, exported, renumber=True) == (4, 4)

        assert [run.id for run in journals.search(Filter(operation="fetch"))] == [16, 12]
        assert [run.parent for run in journals.search(Filter(operation="fetch"))] == [15, 11]
        assert [record.message for record in journals.records(12)] == ["value 0", "value 1", "value 2"]
        assert journals.open("next") == 19


@pytest.mark.row("M13")
def test_numbers_that_are_taken_are_refused_and_nothing_is_added(exported: Path, database: Database) -> None:
    before = database.connection().execute("SELECT * FROM journal").fetchall()
    with pytest.raises(StoreError, match=r"these numbers already: 1, 2, 3, 4 \(nothing was imported; .*--renumber"):
        import_runs(database, exported)

    assert database.connection().execute("SELECT * FROM journal").fetchall() == before


@pytest.mark.row("M13")
def test_one_run_that_is_taken_keeps_the_others_out(exported: Path, other: str) -> None:
    with Database.open(other) as database:
        journals = database.part(Journals)
        journals.close(journals.open("mine"), "succeeded", duration=0)
        with pytest.raises(StoreError, match=r"already: 1 \("):
            import_runs(database, exported)

        assert [run.operation for run in journals.search()] == ["mine"]
        assert database.connection().execute("SELECT count(*) FROM record").fetchone() == (0,)


WRONG = {
    "is not JSON": "{",
    "is neither a run nor a record": json.dumps({"type": "key"}),
    "run 7 is in line 1 already": json.dumps(RUN),
    "status must be one of": json.dumps({**RUN, "id": 8, "status": "green"}),
    "operation must be a text": json.dumps({**RUN, "id": 8, "operation": 5}),
    "id must be a whole number": json.dumps({**RUN, "id": True}),
    "created_at must be a moment": json.dumps({**RUN, "id": 8, "created_at": "2026-11-21T12:00:00"}),
    "finished_at must be a moment": json.dumps({**RUN, "id": 8, "finished_at": 5}),
    "labels must be texts": json.dumps({**RUN, "id": 8, "labels": [1]}),
    "labels must be a list": json.dumps({**RUN, "id": 8, "labels": "a"}),
    "parameters must be an object": json.dumps({**RUN, "id": 8, "parameters": []}),
    "duration must be a number": json.dumps({**RUN, "id": 8, "duration": "1"}),
    "result must be JSON": json.dumps({**RUN, "id": 8, "result": float("nan")}),
    "who must be a text": json.dumps({**RUN, "id": 8, "who": 3}),
    "is a record of run 9": json.dumps({**RECORD, "journal": 9}),
    "record 1 of run 7 is not in the order": json.dumps(RECORD),
    "message must be a text": json.dumps({**RECORD, "id": 2, "message": None}),
    "source must be one of": json.dumps({**RECORD, "id": 2, "source": "radio"}),
}


@pytest.mark.parametrize(("fault", "line"), WRONG.items(), ids=list(WRONG))
def test_a_line_that_is_wrong_is_told_with_its_number(
    fault: str, line: str, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join([json.dumps(RUN), json.dumps(RECORD), "", line]), encoding="utf-8")
    with pytest.raises(StoreError, match=f"line 4: {fault}"):
        import_runs(database, file)

    assert database.connection().execute("SELECT count(*) FROM journal").fetchone() == (0,)


@pytest.mark.row("M13")
def test_all_wrong_lines_are_told_but_no_page_of_them(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join([json.dumps(RUN), *["no"] * 14]), encoding="utf-8")
    with pytest.raises(StoreError) as caught:
        import_runs(database, file)

    told = str(caught.value)
    assert "line 2: is not JSON; line 3" in told
    assert "line 11: is not JSON; and 4 more (nothing was imported" in told


def test_a_file_that_is_not_there_is_told(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        import_runs(database, tmp_path / "none")


def test_the_least_that_a_run_needs_is_enough(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join([json.dumps(RUN), json.dumps(RECORD)]), encoding="utf-8")
    import_runs(database, file)

    found = database.part(Journals).get(7)
    assert found is not None
    assert (found.kind, found.trigger, found.attempt, found.started_at) == ("function", "call", 1, NOON)
    assert [record.message for record in found.records] == ["begin"]


