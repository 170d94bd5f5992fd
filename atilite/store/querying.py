"""Statements in the manual's words, a thin layer over peewee's query builder. Pure: it makes SQL and runs nothing.

Values are always bound, identifiers always quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from peewee import CTE, SQL, Context, Delete, Entity, Insert, Node, Select, Table, Update, fn

from atilite.errors import SetupError

# "name", "t.name"; "*"; "count(id)", "count(distinct t.id)", "now()": each perhaps with "as alias".
_NAME = r"[^\W\d]\w*(?:\s*\.\s*[^\W\d]\w*)*"
_ITEM = re.compile(
    rf"\s*(?:(?P<star>\*)|(?P<function>[^\W\d]\w*)\s*\(\s*(?P<distinct>distinct\s+)?(?P<argument>\*|{_NAME})?\s*\)"
    rf"|(?P<column>{_NAME}))(?:\s+(?:as\s+)?(?P<alias>[^\W\d]\w*))?\s*",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r'[^"%\x00]+')


def _is(column: Any, value: Any) -> Any:
    return column.is_null() if value is None else column == value


def _is_not(column: Any, value: Any) -> Any:
    return column.is_null(False) if value is None else column != value


def _between(column: Any, value: Any) -> Any:
    low, high = value
    return column.between(low, high)


# What may follow "__" in a filter.
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": _is,
    "exact": _is,
    "ne": _is_not,
    "neq": _is_not,
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "in": lambda column, value: column.in_(_listed(value)),
    "nin": lambda column, value: column.not_in(_listed(value)),
    "notin": lambda column, value: column.not_in(_listed(value)),
    "between": _between,
    "startswith": lambda column, value: column.startswith(value),
    "endswith": lambda column, value: column.endswith(value),
    "contains": lambda column, value: column.contains(value),
    "nstartswith": lambda column, value: ~column.startswith(value),
    "nendswith": lambda column, value: ~column.endswith(value),
    "ncontains": lambda column, value: ~column.contains(value),
    "isnull": lambda column, value: column.is_null(bool(value)),
}


def _listed(value: Any) -> Any:
    return value if isinstance(value, Node) else list(value)


class Q:
    """Conditions: `Q(a=1) | Q(b__gt=2) & ~Q(c=None)`. The conditions of one Q all hold."""

    def __init__(self, *conditions: Any, **named: Any) -> None:
        self._make: Callable[[Table], Any] = lambda table: _all([*conditions], named, table)

    @classmethod
    def _of(cls, make: Callable[[Table], Any]) -> Q:
        made = cls()
        made._make = make
        return made

    def __and__(self, other: Q) -> Q:
        return Q._of(lambda table: self._make(table) & other._make(table))

    def __or__(self, other: Q) -> Q:
        return Q._of(lambda table: self._make(table) | other._make(table))

    def __invert__(self) -> Q:
        return Q._of(lambda table: ~self._make(table))

    def of(self, table: Table) -> Any:
        """The peewee expression for `table`."""
        return self._make(table)


def _all(conditions: Iterable[Any], named: Mapping[str, Any], table: Table) -> Any:
    found = [_given(one, table) for one in conditions]
    found += [_condition(table, name, value) for name, value in named.items()]
    if not found:
        raise SetupError("an empty condition; write Q(name=value)")
    whole = found[0]
    for one in found[1:]:
        whole = whole & one
    return whole


def _given(condition: Any, table: Table) -> Any:
    if isinstance(condition, Q):
        return condition.of(table)
    if isinstance(condition, Node):
        return condition
    raise SetupError(f"a condition is name=value, a Q or a peewee expression, not {type(condition).__name__}")


def _condition(table: Table, name: str, value: Any) -> Any:
    column, _, operator = name.rpartition("__")
    if not column:
        column, operator = operator, "eq"
    if operator not in OPERATORS:
        raise SetupError(f"no comparison {operator!r} in {name!r}; known: {', '.join(sorted(OPERATORS))}")
    return OPERATORS[operator](_column(table, column), _value(value))


def checked_name(name: str) -> str:
    """`name` if it can be an identifier: it has no quote, no NUL and no "%", which drivers take for a parameter."""
    if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name):
        raise SetupError(f"{name!r} cannot be the name of a column or table here; use execute(sql, params)")
    return name


def table_named(name: str) -> Table:
    """peewee's table for "name" or "schema.name"."""
    schema, _, plain = checked_name(name).rpartition(".")
    return Table(plain.strip(), schema=schema.strip() or None)


def _column(table: Table, name: str) -> Any:
    parts = [part.strip() for part in checked_name(name).split(".")]
    if len(parts) == 1 or parts[:-1] == [table.__name__]:
        return getattr(table.c, parts[-1])
    return Entity(*parts)


def _expressions(table: Table, items: Iterable[Any]) -> list[Any]:
    return [one for item in items for one in ([item] if isinstance(item, Node) else _parsed(table, item))]


def _parsed(table: Table, text: str) -> list[Any]:
    """The columns and functions in "id, name, count(id) as n"."""
    return [_item(table, part) for part in text.split(",")]


def _item(table: Table, text: str) -> Any:
    found = _ITEM.fullmatch(text)
    if found is None:
        raise SetupError(
            f"cannot read {text.strip()!r}; columns are written as 'id, name' or 'count(id) as n',"
            " anything else as a peewee expression"
        )
    if found["star"]:
        return SQL("*")
    if found["column"]:
        expression = _column(table, found["column"])
    else:
        argument = found["argument"]
        inner = [] if argument is None else [SQL("*") if argument == "*" else _column(table, argument)]
        if found["distinct"]:
            inner = [inner[0].distinct()] if inner and argument != "*" else inner
        expression = getattr(fn, found["function"].upper())(*inner)
    return expression.alias(found["alias"]) if found["alias"] else expression


def _direction(table: Table, item: Any) -> Any:
    if isinstance(item, Node):
        return item
    name = item.strip()
    return _column(table, name[1:].strip()).desc() if name.startswith("-") else _column(table, name.lstrip("+")).asc()


class Statement:
    """One statement on one table: `select("users").filter(age__gte=18).order_by("-age").limit(10)`.

    Each method changes it and returns it; `clone()` makes a second one. `execute()` hands it to `run`, which the
    database that made it has given. Use it in one thread at a time.
    """

    def __init__(self, verb: str, table: str, run: Callable[..., Any] | None = None) -> None:
        """`verb` is "select", "insert", "update" or "delete"."""
        self._verb = verb
        self._run = run
        self._table = table_named(table)
        self._columns: list[Any] = []
        self._conditions: list[Any] = []
        self._values: list[dict[str, Any]] = []
        self._order: list[Any] = []
        self._group: list[Any] = []
        self._limit: int | None = None
        self._offset: int | None = None
        self._with: list[tuple[str, Any]] = []
        self._returning: list[Any] = []

    def get(self, *columns: Any) -> Statement:
        """Which columns: `get("id, name")`, `get("id", "count(x) as n")` or peewee expressions; all without it."""
        self._columns += _expressions(self._table, columns)
        return self

    def filter(self, *conditions: Any, **named: Any) -> Statement:
        """Only rows for which all of these hold: `filter(Q(a=1) | Q(b=2), age__gte=18)`; see OPERATORS."""
        if conditions or named:
            self._conditions.append(_all(conditions, named, self._table))
        return self

    def set(self, values: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None, **named: Any) -> Statement:
        """The values to write: `set(name="Ann")`, `set({"name": "Ann"})`; for an insert also a list of mappings."""
        if values is not None and not isinstance(values, Mapping):
            self._values += [{**one, **named} for one in values]
        elif self._values:
            self._values[-1].update({**(values or {}), **named})
        else:
            self._values.append({**(values or {}), **named})
        return self

    def order_by(self, *names: Any) -> Statement:
        """By these columns, one of "-name" downwards: `order_by("-created_at", "id")`."""
        for item in names:
            parts = [item] if isinstance(item, Node) else item.split(",")
            self._order += [_direction(self._table, part) for part in parts]
        return self

    def group_by(self, *names: Any) -> Statement:
        """One row for each value of these columns."""
        self._group += _expressions(self._table, names)
        return self

    def limit(self, count: int) -> Statement:
        """At most so many rows."""
        self._limit = int(count)
        return self

    def offset(self, count: int) -> Statement:
        """Leave out so many rows at the beginning."""
        self._offset = int(count)
        return self

    def aggregate(self, *columns: Any) -> Statement:
        """These figures of all rows that the filter lets through: no order and no limit, other columns are dropped."""
        self._columns, self._order = [], []
        self._limit = self._offset = None
        return self.get(*columns)

    def with_(self, name: Any, query: Any = None) -> Statement:
        """Run `query` along with this one, under `name`: `with_("a", db.insert("log").set(text="read"))`.

        SQLite allows a select only. Without a name it is called "with_1" and so on.
        """
        if query is None:
            name, query = f"with_{len(self._with) + 1}", name
        self._with.append((checked_name(name), query))
        return self

    def returning(self, *columns: Any) -> Statement:
        """Give the rows that were written: `returning("*")`, `returning("id, name")`."""
        self._returning += _expressions(self._table, columns)
        return self

    def clone(self) -> Statement:
        """A second statement of the same kind, to be changed apart from this one."""
        other = Statement.__new__(Statement)
        for name, value in self.__dict__.items():
            other.__dict__[name] = list(value) if isinstance(value, list) else value
        other._values = [dict(one) for one in self._values]
        return other

    def execute(self, **options: Any) -> Any:
        """Start it: the task of its rows. `options` are those of `execute` of the database."""
        if self._run is None:
            raise SetupError("this statement belongs to no database; give it to `was.db('@alias').execute(statement)`")
        return self._run(self, **options)

    def node(self) -> Any:
        """The peewee query."""
        query = getattr(self, f"_{self._verb}")()
        if self._conditions:
            query = query.where(*self._conditions)
        if self._with:
            query = query.with_cte(*(CTE(name, _node(inner)) for name, inner in self._with))
        if self._returning and self._verb != "select":
            query = query.returning(*self._returning)
        return query

    def _select(self) -> Any:
        query = Select((self._table,), self._columns or [SQL("*")])
        if self._group:
            query = query.group_by(*self._group)
        if self._order:
            query = query.order_by(*self._order)
        if self._limit is not None:
            query = query.limit(self._limit)
        return query.offset(self._offset) if self._offset is not None else query

    def _insert(self) -> Any:
        if self._conditions:
            raise SetupError("an insert has no filter; did you mean update?")
        return Insert(self._table, [self._by_column(one) for one in self._written()])

    def _update(self) -> Any:
        if len(self._written()) > 1:
            raise SetupError("an update sets one group of values, not a list")
        return Update(self._table, self._by_column(self._values[0]))

    def _delete(self) -> Any:
        return Delete(self._table)

    def _written(self) -> list[dict[str, Any]]:
        if not self._values or not all(self._values):
            raise SetupError(f"nothing to write: say {self._verb}(...).set(name=value)")
        if any(one.keys() != self._values[0].keys() for one in self._values):
            raise SetupError("the rows of one insert have the same names; give None for what is missing")
        return self._values

    def _by_column(self, values: Mapping[str, Any]) -> dict[Any, Any]:
        return {_column(self._table, name): _value(value) for name, value in values.items()}

    def __repr__(self) -> str:
        return f"<Statement {self._verb} {self._table.__name__}>"


def _value(value: Any) -> Any:
    return value.node() if isinstance(value, Statement) else value


def _node(query: Any) -> Any:
    return query.node() if isinstance(query, Statement) else query


def fingerprint(statement: Any, params: Any = ()) -> str:
    """A text that is the same for the same statement with the same values, and another one for any other."""
    node = _node(statement)
    context: Any = Context()
    text, values = (str(node), params) if not isinstance(node, Node) else context.sql(node).query()
    return repr((text, values))
