"""Rows of somebody's tables as plain values with attribute access."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class Row(dict[str, Any]):
    """One row: `row.name` is `row["name"]`, to read and to write; it is JSON as it is.

    A column that is called as a method of dict ("items", "values") is reached by its key only.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the row has no column {name!r}; it has {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"the row has no column {name!r}; it has {', '.join(self)}")
        del self[name]

    def copy(self) -> Row:
        """A row with the same values."""
        return Row(self)


class Rows(list[Any]):
    """The rows of one statement. `rowcount` is how many it found or changed, `lastrowid` SQLite's id of a new one."""

    def __init__(self, rows: Iterable[Any] = (), rowcount: int = -1, lastrowid: int | None = None) -> None:
        super().__init__(rows)
        self.rowcount = rowcount if rowcount >= 0 else len(self)
        self.lastrowid = lastrowid

    def copy(self) -> Rows:
        """The same rows as copies: what is changed in them is not seen here."""
        rows = (row.copy() if isinstance(row, dict) else row for row in self)
        return Rows(rows, self.rowcount, self.lastrowid)


def rows_of(columns: Sequence[str], tuples: Iterable[Sequence[Any]]) -> list[Row]:
    """Rows with these columns; of two columns of one name the second becomes `name_2`."""
    names = _distinct(columns)
    return [Row(zip(names, values, strict=True)) for values in tuples]


def _distinct(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names
