"""Serving starts only where the door is not open to everybody."""

from __future__ import annotations

import pytest

from atilite.config import Settings
from atilite.site import Site
from tests.cli.conftest import Shell


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been served, by its address."""
    hosts: list[str] = []

    def serve(site: Site, settings: Settings, environ: object = None) -> int:
        hosts.append(settings.host)
        return 7

    monkeypatch.setattr(Site, "serve", serve)
    return hosts


@pytest.mark.row("reliability-30")
@pytest.mark.parametrize("words", [(), ("--devel",)])
def test_another_address_without_an_account_is_refused_with_the_command_that_makes_one(
    words: tuple[str, ...], shell: Shell, served: list[str]
) -> None:
    assert shell("--host", "0.0.0.0", *words) == 2

    assert served == []
    assert shell.err == (
        "atilite: 0.0.0.0 can be reached from other machines and there is no account "
        "(python serve.py user add NAME --role admin)\n"
    )


@pytest.mark.row("reliability-30")
def test_the_command_that_is_shown_makes_it_start(shell: Shell, served: list[str]) -> None:
    shell("--host", "0.0.0.0", "--db", "sqlite:///other.db")
    assert "--db sqlite:///other.db user add NAME --role admin" in shell.err
    shell("--db", "sqlite:///other.db", "user", "add", "ana", "--role", "admin", stdin="correct horse\n")

    assert shell("--host", "0.0.0.0", "--db", "sqlite:///other.db") == 7
    assert served == ["0.0.0.0"]


def test_this_machine_may_look_without_an_account(shell: Shell, served: list[str]) -> None:
    assert shell() == 7
    assert shell("--unix", "/tmp/x.sock", "--host", "0.0.0.0") == 7
    assert served == ["127.0.0.1", "0.0.0.0"]
