"""The list of requirement rows and the marks on the tests agree."""

from __future__ import annotations

import pytest

from tests import rows


def test_the_list_is_complete() -> None:
    known = list(rows.titles())

    assert [row for row in known if row[0] == "A"] == [f"A{n}" for n in range(1, 205)]
    assert [row for row in known if row[0] == "D"] == [f"D{n}" for n in range(1, 26)]
    assert [row for row in known if row[0] == "B"] == [f"B{n}" for n in range(1, 49)]
    assert [row for row in known if row[0] == "P"] == [f"P{n}" for n in range(1, 30)]
    assert [row for row in known if row[0] == "p"] == [
        f"pod-{kind}-{n}" for kind in ("defect", "promise") for n in range(1, 11)
    ]
    assert [row for row in known if row[0] == "I"] == [f"I{n}" for n in range(1, 50)]
    assert [row for row in known if row[0] == "r"] == [f"reliability-{n}" for n in range(1, 32)]
    assert [row for row in known if row[0] == "M"] == [f"M{n}" for n in range(1, 21)]


def test_every_mark_names_a_known_row() -> None:
    unknown = {row: tests for row, tests in rows.collect().items() if row not in rows.titles()}

    assert unknown == {}


def test_marks_are_read_from_functions_classes_and_modules() -> None:
    source = """
pytestmark = [pytest.mark.row("A1"), pytest.mark.slow]
@pytest.mark.row("A2", "A3")
@pytest.mark.row("A4")
def test_one(): ...
@pytest.mark.row("A5")
class TestTwo:
    @pytest.mark.row("A6")
    async def test_three(self): ...
"""

    assert sorted(rows.marks(source)) == [
        ("A1", "the whole module"),
        ("A2", "test_one"),
        ("A3", "test_one"),
        ("A4", "test_one"),
        ("A5", "TestTwo"),
        ("A6", "test_three"),
    ]


def test_rows_without_a_test_are_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "collect", lambda: {"B12": ["tests/test_x.py::test_y"]})

    assert rows.main([]) == 0
    missing = capsys.readouterr()
    assert rows.main(["--have"]) == 0
    present = capsys.readouterr()

    assert "B11   app.journal" in missing.out
    assert "B12 " not in missing.out
    assert present.out == "B12   what a journal holds\n      tests/test_x.py::test_y\n"
    assert "platform: 1 of 48 rows have a test" in present.err
