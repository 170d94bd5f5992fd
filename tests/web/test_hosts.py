from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from atilite.errors import Error
from atilite.web.hosts import Hosts, permitted, split_host


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("localhost", ("localhost", "")),
        ("Board.Local.:5000", ("board.local", "5000")),
        ("127.0.0.1:80", ("127.0.0.1", "80")),
        ("[::1]:5000", ("::1", "5000")),
        ("[fe80::1]", ("fe80::1", "")),
    ],
)
def test_a_host_header_is_a_name_and_a_port(header: str, parts: tuple[str, str]) -> None:
    assert split_host(header) == parts


@pytest.mark.parametrize(
    "header", ["", "a b", "a/b", "a@b", "a, b", "a:b", "a:123456", "[::1", "[x]", "[::1]5", "a:1:2", "-", "a\r\nb", "ä"]
)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(ValueError):
        split_host(header)


@pytest.mark.parametrize(
    "header", ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "LOCALHOST"]
)
def test_this_machine_itself_always_counts(header: str) -> None:
    assert Hosts().allows(header)


@pytest.mark.parametrize("header", ["evil.example", "localhost.evil.example", "192.168.1.5", "[fe80::1]", "", "a, b"])
def test_a_name_that_was_not_allowed_is_refused(header: str) -> None:
    assert not Hosts().allows(header)


def test_a_name_can_be_allowed_with_all_names_below_it() -> None:
    hosts = Hosts(["Board.Local", ".example.org"])
    assert hosts.allows("board.local:5000")
    assert hosts.allows("example.org")
    assert hosts.allows("a.b.example.org")
    assert not hosts.allows("notexample.org")
    assert not hosts.allows("sub.board.local")


def test_a_server_for_other_machines_may_be_called_by_its_address_but_by_no_unknown_name() -> None:
    hosts = Hosts(addresses=True)
    assert hosts.allows("192.168.1.5:5000")
    assert hosts.allows("[fe80::1]")
    assert not hosts.allows("evil.example")


def test_every_well_formed_name_is_allowed_by_a_star() -> None:
    hosts = Hosts(["*"])
    assert hosts.allows("anything.example")
    assert not hosts.allows("a, b")


@pytest.mark.row("reliability-25")
def test_the_check_answers_400_and_lets_a_request_without_host_pass() -> None:
    hosts = Hosts()
    hosts.check({})
    hosts.check({"HTTP_HOST": "localhost:5000"})
    with pytest.raises(Error) as refused:
        hosts.check({"HTTP_HOST": "evil.example"})
    assert refused.value.status_code == 400


def test_refused_names_are_not_remembered() -> None:
    hosts = Hosts()
    for number in range(1000):
        hosts.allows(f"evil{number}.example")
    assert hosts._known == {}


def app(**attributes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"subdomain_base": "", **attributes})


@pytest.mark.row("reliability-25")
def test_with_nothing_configured_a_server_for_this_machine_has_the_names_of_this_machine() -> None:
    hosts = permitted((), [app(subdomain_base="board.test")], loopback=True)
    names = ("localhost:5000", "a.localhost", "127.0.0.1", "[::1]:80", "board.test", "api.board.test")
    assert [name for name in names if not hosts.allows(name)] == []
    assert not any(hosts.allows(name) for name in ("evil.example", "192.168.1.5", "localhost.evil.example"))


@pytest.mark.row("reliability-25")
def test_with_nothing_configured_a_server_for_others_takes_every_well_formed_name_and_no_other() -> None:
    hosts = permitted((), [app()], loopback=False)
    names = ("board.lan", "Board.Lan.:5000", "192.168.1.5", "[fe80::1]:80", "localhost", "example.org")
    assert [name for name in names if not hosts.allows(name)] == []
    assert not any(hosts.allows(name) for name in ("", "a b", "a, b", "a/b@c", "a\r\nb", "[x]", "a:b", "ä.example"))


@pytest.mark.row("reliability-25")
@pytest.mark.parametrize("loopback", [True, False])
def test_the_names_of_the_operator_and_those_that_apps_prefer_are_the_only_ones(loopback: bool) -> None:
    apps = [app(allowed_hosts=["one.test", ".two.test"]), app(allowed_hosts="three.test"), app(subdomain_base="x.test")]
    hosts = permitted(("board.lan",), apps, loopback=loopback)
    names = ("board.lan:5000", "one.test", "a.two.test", "three.test", "localhost")
    assert [name for name in names if not hosts.allows(name)] == []
    assert not any(hosts.allows(name) for name in ("evil.example", "a.one.test", "a.x.test"))
