"""Rows of somebody's tables."""

from __future__ import annotations

import json

import pytest

from atilite.store.rows import Row, Rows, rows_of


@pytest.mark.row("A136")
def test_a_row_is_read_and_written_by_attribute_and_is_json() -> None:
    (row,) = rows_of(["id", "name"], [(1, "Ann")])
    row.name = "****"
    del row.id
    assert (row.name, row["name"], json.dumps(row)) == ("****", "****", '{"name": "****"}')
    assert row.copy() == row
    assert isinstance(row.copy(), Row)


@pytest.mark.row("A136")
def test_a_column_that_is_missing_is_told_with_those_there_are() -> None:
    row = Row(id=1, name="Ann")
    with pytest.raises(AttributeError, match="no column 'nam'; it has id, name"):
        _ = row.nam
    with pytest.raises(AttributeError, match="no column 'nam'"):
        del row.nam


def test_columns_of_one_name_are_told_apart() -> None:
    assert rows_of(["id", "id", "id"], [(1, 2, 3)]) == [{"id": 1, "id_2": 2, "id_3": 3}]


def test_rows_know_how_many_were_changed() -> None:
    assert (Rows((), 3).rowcount, Rows([1, 2]).rowcount, Rows((), 1, 7).lastrowid) == (3, 2, 7)
    rows = Rows([Row(a=1), 5])
    other = rows.copy()
    other[0].a = 2
    assert (rows[0].a, other, type(other)) == (1, [{"a": 2}, 5], Rows)
