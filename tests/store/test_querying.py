"""Statements in the manual's words: the SQL they become. Values are bound, identifiers quoted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import PostgresqlDatabase, SqliteDatabase, Table, fn

from atilite.errors import SetupError
from atilite.store.querying import Q, Statement, fingerprint


def sql(statement: Statement, database: Any = SqliteDatabase) -> tuple[str, list[Any]]:
    text, values = database(None).get_sql_context().sql(statement.node()).query()
    return text, values


def where(*conditions: Any, **named: Any) -> tuple[str, list[Any]]:
    text, values = sql(Statement("delete", "t").filter(*conditions, **named))
    return text.removeprefix('DELETE FROM "t" WHERE ').replace('"t".', ""), values


@pytest.mark.row("A136")
@pytest.mark.parametrize(
    ("named", "text", "values"),
    [
        ({"k": 1}, '("k" = ?)', [1]),
        ({"k": None}, '("k" IS NULL)', []),
        ({"k__ne": 1}, '("k" != ?)', [1]),
        ({"k__ne": None}, '("k" IS NOT NULL)', []),
        ({"k__gt": 1}, '("k" > ?)', [1]),
        ({"k__gte": 1}, '("k" >= ?)', [1]),
        ({"k__lt": 1}, '("k" < ?)', [1]),
        ({"k__lte": 1}, '("k" <= ?)', [1]),
        ({"k__in": [1, 2]}, '("k" IN (?, ?))', [1, 2]),
        ({"k__in": {3}}, '("k" IN (?))', [3]),
        ({"k__in": []}, "(0 = 1)", []),
        ({"k__nin": [1]}, '("k" NOT IN (?))', [1]),
        ({"k__between": (1, 5)}, '("k" BETWEEN ? AND ?)', [1, 5]),
        ({"k__isnull": True}, '("k" IS NULL)', []),
        ({"k__isnull": False}, '("k" IS NOT NULL)', []),
        ({"k__startswith": "50%"}, '("k" LIKE ? ESCAPE ?)', ["50\\%%", "\\"]),
        ({"k__endswith": "a_"}, '("k" LIKE ? ESCAPE ?)', ["%a\\_", "\\"]),
        ({"k__contains": "x"}, '("k" LIKE ?)', ["%x%"]),
        ({"k__ncontains": "x"}, 'NOT ("k" LIKE ?)', ["%x%"]),
    ],
)
def test_a_filter_becomes_a_comparison_with_bound_values(named: dict[str, Any], text: str, values: list[Any]) -> None:
    assert where(**named) == (text, values)


@pytest.mark.row("A136")
def test_conditions_are_put_together_with_and_or_and_not() -> None:
    assert where(Q(a=1) | Q(b=2)) == ('(("a" = ?) OR ("b" = ?))', [1, 2])
    assert where(Q(a=1, b=2) & ~Q(c=None), d=3) == (
        '(((("a" = ?) AND ("b" = ?)) AND NOT ("c" IS NULL)) AND ("d" = ?))',
        [1, 2, 3],
    )
    assert where(Q(Q(a=1) | Q(a=2), b=3))[0] == '((("a" = ?) OR ("a" = ?)) AND ("b" = ?))'
    assert where(fn.LOWER(Table("t").c.name) == "ann")[1] == ["ann"]


@pytest.mark.row("A136")
def test_the_manual_s_statements_become_what_they_mean() -> None:
    with_insert = (
        Statement("select", "my_table").filter(name="Hans").with_("a", Statement("insert", "my_table").set(name="Hans"))
    )
    assert sql(with_insert, PostgresqlDatabase) == (
        'WITH "a" AS (INSERT INTO "my_table" ("name") VALUES (%s))'
        ' SELECT * FROM "my_table" AS "t1" WHERE ("t1"."name" = %s)',
        ["Hans", "Hans"],
    )
    page = Statement("select", "tble").get("id, name").filter(id__gt=3).limit(5)
    assert sql(page) == (
        'SELECT "t1"."id", "t1"."name" FROM "tble" AS "t1" WHERE ("t1"."id" > ?) LIMIT ?',
        [3, 5],
    )


@pytest.mark.row("A136")
def test_a_clone_is_changed_apart_and_an_aggregate_sees_all_that_the_filter_lets_through() -> None:
    root = Statement("select", "foo").order_by("-created_at").limit(10).filter(Q(a=8) | Q(b="x"))
    before = sql(root)
    assert sql(root.clone().aggregate("count (id) as cnt")) == (
        'SELECT COUNT("t1"."id") AS "cnt" FROM "foo" AS "t1" WHERE (("t1"."a" = ?) OR ("t1"."b" = ?))',
        [8, "x"],
    )
    root.clone().set(x=1).returning("*").with_(Statement("select", "bar")).offset(3)
    assert sql(root) == before
    assert before[0].endswith('ORDER BY "t1"."created_at" DESC LIMIT ?')


@pytest.mark.row("A136")
def test_writes_set_values_and_give_back_what_they_wrote() -> None:
    assert sql(Statement("insert", "t").set(a=1, b=None).returning("*")) == (
        'INSERT INTO "t" ("a", "b") VALUES (?, ?) RETURNING *',
        [1, None],
    )
    assert sql(Statement("insert", "s.t").set([{"a": 1}, {"a": 2}]))[0] == 'INSERT INTO "s"."t" ("a") VALUES (?), (?)'
    assert sql(Statement("update", "t").set({"a": 1}).set(b=2).filter(id=3)) == (
        'UPDATE "t" SET "a" = ?, "b" = ? WHERE ("t"."id" = ?)',
        [1, 2, 3],
    )
    inner = Statement("select", "old").get("id").filter(age__gt=9)
    assert sql(Statement("delete", "t").filter(id__in=inner)) == (
        'DELETE FROM "t" WHERE ("t"."id" IN (SELECT "t1"."id" FROM "old" AS "t1" WHERE ("t1"."age" > ?)))',
        [9],
    )


@pytest.mark.row("A136")
@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ("id", '"t1"."id"'),
        ("id as n, name x", '"t1"."id" AS "n", "t1"."name" AS "x"'),
        ("*", "*"),
        ("count(*) as n", 'COUNT(*) AS "n"'),
        ("count (distinct name) n", 'COUNT(DISTINCT "t1"."name") AS "n"'),
        ("max(foo.age)", 'MAX("t1"."age")'),
        ("x.age y", '"x"."age" AS "y"'),
        ("now()", "NOW()"),
        ("größe", '"t1"."größe"'),
    ],
)
def test_columns_are_read_and_quoted(columns: str, text: str) -> None:
    assert sql(Statement("select", "foo").get(columns))[0] == f'SELECT {text} FROM "foo" AS "t1"'


@pytest.mark.row("A136")
def test_rows_are_grouped_ordered_and_skipped() -> None:
    statement = (
        Statement("select", "t").get("city, count(id) n").group_by("city").order_by("city, -n").limit(2).offset(4)
    )
    assert sql(statement)[0] == (
        'SELECT "t1"."city", COUNT("t1"."id") AS "n" FROM "t" AS "t1" GROUP BY "t1"."city"'
        ' ORDER BY "t1"."city" ASC, "t1"."n" DESC LIMIT ? OFFSET ?'
    )


@pytest.mark.row("A136")
@pytest.mark.parametrize(
    "make",
    [
        lambda: Statement("select", 'a" from b --'),
        lambda: Statement("select", "t").get("id; drop table t"),
        lambda: Statement("select", "t").get("id) --"),
        lambda: Statement("select", "t").filter(**{'a"': 1}),
        lambda: Statement("select", "t").filter(**{"a%s": 1}),
        lambda: Statement("select", "t").filter(a__like=1),
        lambda: Statement("select", "t").filter("a = 1"),
        lambda: Statement("select", "t").filter(Q()),
        lambda: Statement("select", "t").order_by('x" desc'),
        lambda: Statement("select", "t").with_('a"', Statement("select", "b")),
        lambda: Statement("insert", "t").set(**{'a"': 1}).node(),
        lambda: Statement("insert", "t").node(),
        lambda: Statement("insert", "t").set([{"a": 1, "b": 2}, {"a": 1}]).node(),
        lambda: Statement("insert", "t").set(a=1).filter(b=2).node(),
        lambda: Statement("update", "t").filter(id=1).node(),
        lambda: Statement("update", "t").set([{"a": 1}, {"a": 2}]).node(),
        lambda: Statement("select", "t").execute(),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_said(make: Any) -> None:
    with pytest.raises(SetupError):
        sql(make())


@pytest.mark.row("A136")
@given(value=st.text(), name=st.text(min_size=1))
def test_no_text_of_a_stranger_gets_into_the_sql(value: str, name: str) -> None:
    assert sql(Statement("select", "t").filter(a=value))[0] == 'SELECT * FROM "t" AS "t1" WHERE ("t1"."a" = ?)'
    try:
        text, values = sql(Statement("select", "t").order_by(name))
    except SetupError:
        return
    # What is taken for a name is quoted, and there is no quote in it that could end it.
    assert values == []
    assert text.count('"') % 2 == 0
    assert text.startswith('SELECT * FROM "t" AS "t1" ORDER BY ')


@pytest.mark.row("A148")
def test_equal_statements_have_one_fingerprint_and_others_another() -> None:
    def made(age: int) -> Statement:
        return Statement("select", "t").filter(age=age)

    assert fingerprint(made(1)) == fingerprint(made(1))
    assert fingerprint(made(1)) != fingerprint(made(2))
    assert fingerprint("select ?", [1]) != fingerprint("select ?", ["1"])
    assert fingerprint(Table("t").select()) == fingerprint(Table("t").select())
