"""Aliases: what may be declared, and what is never shown."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import atilite
from atilite.errors import AliasError, DuplicateName, SetupError
from atilite.resources.aliases import (
    DB_MONGODB,
    DB_PGSQL,
    DB_REDIS,
    DB_SQLITE3,
    PROTO_HTTPS,
    Aliases,
    Member,
    parse_member,
)
from atilite.resources.databases import Databases


@pytest.mark.row("A131")
@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("localhost", Member("localhost")),
        ("s1.myserver.com", Member("s1.myserver.com")),
        ("localhost/0", Member("localhost", path="0")),
        ("user:pass@localhost/mydb", Member("localhost", None, "mydb", "user", "pass")),
        ("user:pass@localhost/mydb 20", Member("localhost", None, "mydb", "user", "pass", 20)),
        ("user@host:5433/db", Member("host", 5433, "db", "user")),
        (":pass@host/0", Member("host", None, "0", "", "pass")),
        ("a%40b:c%3Ad%2F@host/base/v1", Member("host", None, "base/v1", "a@b", "c:d/")),
        ("[::1]:6379/2", Member("::1", 6379, "2")),
        ("me@[/run/postgresql]/db", Member("/run/postgresql", None, "db", "me")),
    ],
)
def test_a_member_is_read_as_the_manual_writes_it(text: str, member: Member) -> None:
    assert parse_member("@x", DB_PGSQL, text) == member


@pytest.mark.row("A131")
def test_a_file_is_read_with_its_weight_and_its_spaces() -> None:
    assert parse_member("@x", DB_SQLITE3, "./my files/a@b.db 3") == Member("", path="./my files/a@b.db", weight=3)
    assert parse_member("@x", DB_SQLITE3, "./sqlite3.db").path == "./sqlite3.db"


@pytest.mark.row("A131")
@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "a member is empty"),
        ("postgresql://user:hidden@host/db", "without 'scheme://'"),
        ("user:hid@den@host/db", "%40"),
        ("host:notaport/db", "write user:pass@host:port/path"),
        ("host:99999/db", "ports go from 1 to 65535"),
        ("user:hidden@host/db heavy", "only a weight"),
        ("user:hidden@host/db 0", "1 or more"),
    ],
)
def test_a_member_that_cannot_be_read_says_how_it_is_written_and_shows_nothing_of_it(text: str, remedy: str) -> None:
    with pytest.raises(AliasError, match=r"^@mypg: ") as caught:
        parse_member("@mypg", DB_PGSQL, text)
    assert remedy in str(caught.value)
    assert "hid" not in str(caught.value)


@pytest.mark.row("A131")
def test_all_types_of_the_manual_are_exported_and_can_be_declared() -> None:
    types = [name for name in atilite.__all__ if name.startswith(("DB_", "PROTO_"))]
    assert {"DB_PGSQL", "DB_SQLITE3", "DB_MONGODB", "DB_REDIS", "DB_SYN_PGSQL", "PROTO_SYN_HTTPS", "PROTO_WS"} <= set(
        types
    )
    assert len(types) >= 16
    aliases = Aliases()
    for name in types:
        aliases.add(f"@{name}", getattr(atilite, name), ["localhost/0"], ssl=True, max_conns=2)
    assert aliases.get("@DB_PGSQL").max_conns == 2
    assert aliases.get("@PROTO_WSS").ssl is True
    assert Aliases().interfaces == {}


@pytest.mark.row("A131")
@pytest.mark.parametrize(
    ("name", "kind", "members", "options", "remedy"),
    [
        ("mypg", DB_PGSQL, "h/d", {}, "begins with '@'"),
        ("@a/b", DB_PGSQL, "h/d", {}, "no '/'"),
        ("@mypg", "pgsql", "h/d", {}, "atilite.DB_PGSQL"),
        ("@mypg", "*mydbi", "h/d", {}, "add_database_interface"),
        ("@mypg", DB_PGSQL, [], {}, "at least one member"),
        ("@mypg", DB_PGSQL, "h/d", {"max_conns": 0}, "max_conns"),
    ],
)
def test_a_declaration_that_cannot_be_names_the_alias_and_the_remedy(
    name: str, kind: str, members: Any, options: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(AliasError) as caught:
        Aliases().add(name, kind, members, **options)
    assert str(caught.value).startswith(name)
    assert remedy in str(caught.value)


@pytest.mark.row("A131")
def test_an_alias_has_one_declaration_and_an_unknown_one_tells_the_known() -> None:
    aliases = Aliases()
    aliases.add("@mypg", DB_PGSQL, "localhost/mydb")
    with pytest.raises(DuplicateName, match="@mypg"):
        aliases.add("@mypg", DB_REDIS, "localhost/0")
    with pytest.raises(AliasError, match=r"@pg: no such alias; declare it with atilite.alias .*known: @mypg"):
        aliases.get("@pg")
    with pytest.raises(AliasError, match="not as an HTTP service"):
        aliases.url("@mypg/path")


@pytest.mark.row("A131")
def test_a_password_is_in_no_text_that_anybody_is_shown(db: Databases, aliases: Aliases, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    for number, kind in enumerate((DB_PGSQL, DB_REDIS, DB_MONGODB)):
        aliases.add(f"@x{number}", kind, "ann:geheim@127.0.0.1:1/a/b 3", password_hint=1)
        alias = aliases.get(f"@x{number}")
        shown = [repr(alias), str(alias), repr(alias.members[0]), str(alias.members[0]), f"{aliases.__dict__}"]
        assert "geheim" not in "".join(shown)
        assert "127.0.0.1:1/a/b" in shown[3]
        database = db(f"@x{number}", timeout=2)
        task = database.execute("select 1") if kind == DB_PGSQL else database.find({})
        assert "geheim" not in f"{database!r} {task!r} {task.dispatch()!r}"
    assert "geheim" not in caplog.text


@pytest.mark.row("A131")
def test_a_relative_file_is_below_the_folder_of_serve_py(tmp_path: Path) -> None:
    aliases = Aliases(tmp_path)
    aliases.add("@mylite", DB_SQLITE3, ["./sqlite3.db"])
    aliases.add("@memory", DB_SQLITE3, ":memory:")
    aliases.add("@other", DB_SQLITE3, "/var/lib/x.db")
    assert aliases.get("@mylite").members[0].path == str(tmp_path / "sqlite3.db")
    assert aliases.get("@memory").members[0].path == ":memory:"
    assert aliases.get("@other").members[0].path == "/var/lib/x.db"


@pytest.mark.row("A131")
def test_an_https_alias_is_a_url_without_its_password() -> None:
    aliases = Aliases()
    aliases.add("@myapi", PROTO_HTTPS, ["ann:secret@s1.myserver.com/api 2", "s2.myserver.com:8443/api"])
    first, second = aliases.get("@myapi").members
    assert aliases.url("@myapi/x?y=1") == "https://s1.myserver.com/api/x?y=1"
    assert aliases.url("@myapi/x", second) == "https://s2.myserver.com:8443/api/x"
    assert (first.user, first.password, first.weight) == ("ann", "secret", 2)


@pytest.mark.row("A149")
def test_an_interface_has_a_name_of_its_own() -> None:
    aliases = Aliases()
    aliases.add_interface("*mydbi", dict)
    for kind, fault in (("mydbi", SetupError), ("*mydbi", DuplicateName), (DB_REDIS, DuplicateName)):
        with pytest.raises(fault):
            aliases.add_interface(kind, dict)


@pytest.mark.row("A131")
def test_a_driver_is_loaded_with_the_first_use_of_its_alias() -> None:
    script = """
        import sys
        import atilite
        app = atilite.Atilite("lazy")
        for name in ("PGSQL", "REDIS", "MONGODB"):
            atilite.alias(f"@{name}", getattr(atilite, f"DB_{name}"), "127.0.0.1:1/1/a", max_conns=1)
            app.db(f"@{name}")
        atilite.alias("@grpc", atilite.PROTO_GRPC, "127.0.0.1:1")
        drivers = {"redis", "pymongo", "grpc"}  # peewee itself looks for psycopg
        before = drivers & {*sys.modules}
        app.db("@REDIS", timeout=2).get("x").dispatch()
        print(sorted(before), sorted(drivers & {*sys.modules}))
    """
    # In a process of its own: here other tests have loaded them.
    words = [sys.executable, "-c", textwrap.dedent(script)]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    used = ["redis"] if importlib.util.find_spec("redis") else []
    assert told == f"[] {used}\n"
