"""hook secret, hook list."""

from __future__ import annotations

import json

from atilite.app import Atilite
from tests.cli.conftest import Shell


def hooked(app: Atilite) -> None:
    @app.action(hook=True)
    def deploy() -> None: ...

    @app.action
    def private() -> None: ...


def test_the_secret_of_a_hook_is_printed_and_stays_until_it_is_made_anew(shell: Shell) -> None:
    shell.declare = hooked
    name = "hooked.<locals>.deploy"
    assert shell("hook", "secret", name) == 0
    first = shell.out.strip()
    assert len(bytes.fromhex(first)) == 32
    assert shell("hook", "secret", name) == 0
    assert shell.out.strip() == first
    assert shell("hook", "secret", "--new", name) == 0
    assert shell.out.strip() not in ("", first)
    assert "from now on" in shell.err


def test_an_action_without_a_hook_has_no_secret(shell: Shell) -> None:
    shell.declare = hooked
    assert shell("hook", "secret", "hooked.<locals>.private") == 1
    assert "hook=True" in shell.err


def test_an_alias_has_a_secret_of_its_own(shell: Shell) -> None:
    assert shell("hook", "secret", "@ops") == 0
    assert len(bytes.fromhex(shell.out.strip())) == 32


def test_hooks_are_listed(shell: Shell) -> None:
    shell.declare = hooked
    assert shell("hook", "list", "--json") == 0
    assert "/internal/hook/hooked.<locals>.deploy" in shell.out
    assert "private" not in shell.out


def test_triggers_are_listed_with_the_hooks(shell: Shell) -> None:
    def declare(app: Atilite) -> None:
        @app.trigger(on="door opened")
        @app.action(name="Greet", hook=True)
        def greet() -> None: ...

    shell.declare = declare
    assert shell("triggers", "--json") == 0
    assert [(one["action"], one["kind"], one["source"]) for one in json.loads(shell.out)] == [
        ("Greet", "event", "door opened"),
        ("Greet", "hook", "/internal/hook/Greet"),
    ]
