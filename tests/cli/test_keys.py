"""kv list, get, set, remove, without a server; tests/e2e/test_commands_beside.py has one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atilite.cli import keys
from tests.cli.conftest import Shell


def printed(shell: Shell, *words: str) -> Any:
    assert shell(*words) == 0, shell.err
    return json.loads(shell.out)


@pytest.mark.row("M17", "B23", "B25")
def test_values_are_set_listed_and_removed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "PAGE", 1)
    for words in (("north", '{"dry": true}'), ("south", "wet"), ("mode", "1", "--ttl", "3600")):
        assert shell("kv", "set", "beds", *words) == 0, shell.err
    found = printed(shell, "kv", "list", "beds", "--json")
    assert [(one["key"], one["value"], one["version"]) for one in found] == [
        ("mode", 1, 1), ("north", {"dry": True}, 1), ("south", "wet", 1),
    ]  # fmt: skip
    assert [one["expires"] is None for one in found] == [False, True, True]
    assert [one["key"] for one in printed(shell, "kv", "list", "beds", "--prefix", "no", "--json")] == ["north"]
    assert printed(shell, "kv", "list", "--json") == [{"namespace": "beds", "keys": 3}]
    assert printed(shell, "kv", "get", "beds", "north") == {"dry": True}
    assert shell("kv", "remove", "beds", "north") == 0
    assert shell("kv", "get", "beds", "north") == 1
    assert shell.err == "atilite: there is no key 'north' in beds (`kv list beds` shows what there is)\n"
    assert shell("kv", "remove", "beds", "north") == 1


def test_where_nothing_is_stored_nothing_is_made(shell: Shell) -> None:
    assert shell("kv", "list") == 0
    assert shell.out == "nothing is stored\n"
    assert shell("kv", "list", "beds") == 0
    assert shell.out == "no keys in beds\n"
    assert shell("kv", "get", "beds", "north") == 1
    assert not (shell.folder / "data.db").exists()


@pytest.mark.row("M20")
def test_a_change_is_in_the_audit_trail_and_no_secret_is(shell: Shell) -> None:
    shell("kv", "set", "beds", "api_token", "hunter22")
    shell("kv", "remove", "beds", "api_token")
    assert shell("audit", "--json") == 0
    assert [(one["what"], one["via"], one["target"]) for one in json.loads(shell.out)] == [
        ("delete key", "cli", "beds/api_token"), ("set key", "cli", "beds/api_token"),
    ]  # fmt: skip
    assert "hunter22" not in shell.out


def test_what_cannot_be_stored_is_told_in_one_line(shell: Shell) -> None:
    for words in (("set", "beds", "", "1"), ("set", "beds", "x", "[1"), ("set", "beds", "x", "1", "--ttl", "0")):
        assert shell("kv", *words) in (1, 2)
        assert shell.err.startswith("atilite: ")
        assert shell.err.count("\n") == 1
