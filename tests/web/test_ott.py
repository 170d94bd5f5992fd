"""One-time tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.web.ott import OneTimeTokens, Revoked
from tests.web.fakes import StepClock


class Server:
    """Makes tokens for browsers, each with a session of its own."""

    def __init__(self, key: Any = "a long key") -> None:
        self.clock, self.revoked, self.key = StepClock(), Revoked(), key

    def browser(self, session: dict[str, Any] | None = None) -> OneTimeTokens:
        kept = {} if session is None else session
        return OneTimeTokens(self.key, self.revoked, lambda: kept, self.clock)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.mark.row("A182")
@pytest.mark.parametrize("value", ["hans", 5, ["a", {"b": None}], {"ä": 1.5}, "x" * 1000])
def test_a_value_comes_back_in_any_browser(server: Server, value: Any) -> None:
    token = server.browser().encode(value)

    assert server.browser().decode(token) == value


@pytest.mark.row("A182")
@given(st.text(max_size=50))
def test_a_token_can_stand_in_a_url(value: str) -> None:
    token = Server().browser().encode(value)

    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.row("A182")
@pytest.mark.parametrize(("timeout", "good"), [(None, 1200), (3600, 3600), (1, 1)])
def test_a_token_expires(server: Server, timeout: float | None, good: float) -> None:
    browser = server.browser()
    token = browser.encode("hans") if timeout is None else browser.encode("hans", timeout)

    server.clock.step(seconds=good - 0.5)
    assert browser.decode(token) == "hans"
    server.clock.step(seconds=0.5)
    assert browser.decode(token) is None


@pytest.mark.row("A182")
def test_a_token_with_a_session_key_counts_in_its_browser_only(server: Server) -> None:
    session: dict[str, Any] = {}
    token = server.browser(session).encode("hans", 3600, "rset")

    assert list(session) == ["_rset_token"]
    assert server.browser(session).decode(token) == "hans"
    assert server.browser().decode(token) is None


@pytest.mark.row("A182")
def test_a_newer_token_of_the_same_session_key_replaces_the_older_one(server: Server) -> None:
    session: dict[str, Any] = {}
    old, new = (server.browser(session).encode(value, 3600, "rset") for value in ("old", "new"))

    assert server.browser(session).decode(old) is None
    assert server.browser(session).decode(new) == "new"


@pytest.mark.row("A182")
def test_a_revoked_token_counts_no_more_even_with_the_session_of_before(server: Server) -> None:
    session: dict[str, Any] = {"other": 1}
    token = server.browser(session).encode("hans", 3600, "rset")
    before = dict(session)

    server.browser(session).revoke(token)

    assert session == {"other": 1}
    assert server.browser(session).decode(token) is None
    assert server.browser(before).decode(token) is None


@pytest.mark.row("A182")
def test_a_token_without_a_session_can_be_revoked_as_well(server: Server) -> None:
    token, other = server.browser().encode("hans"), server.browser().encode("hans")

    server.browser().revoke(token)

    assert server.browser().decode(token) is None
    assert server.browser().decode(other) == "hans"


@pytest.mark.row("A182")
@pytest.mark.parametrize("text", [None, "", "x", "a.b.c", "x" * 10_000, "\ud800", 5])
def test_nonsense_has_no_value_and_revoking_it_is_no_error(server: Server, text: Any) -> None:
    server.browser().revoke(text)

    assert server.browser().decode(text) is None


@pytest.mark.row("A182")
@given(st.integers(0, 2000), st.characters(exclude_categories=("Cs",)), st.booleans())
def test_a_mutated_token_has_no_value(place: int, sign: str, instead: bool) -> None:
    browser = Server().browser()
    token = browser.encode({"user": "hans"})
    place %= len(token)
    mutated = token[:place] + sign + token[place + instead :]

    assert mutated == token or browser.decode(mutated) is None


@pytest.mark.row("A182")
def test_another_key_makes_it_worthless_unless_the_old_one_is_kept(server: Server) -> None:
    token = server.browser().encode("hans")

    server.key = ["new", "a long key"]
    assert server.browser().decode(token) == "hans"
    server.key = ["new"]
    assert server.browser().decode(token) is None


@pytest.mark.row("A182")
def test_what_was_revoked_is_told_to_who_keeps_it() -> None:
    kept: dict[str, float] = {}
    first = Revoked(kept.__contains__, kept.__setitem__)

    first.add("a", until=100.0, now=40.0)
    first.add("late", until=30.0, now=40.0)

    assert kept == {"a": 60.0}
    assert ("a" in Revoked(kept.__contains__), "b" in Revoked(kept.__contains__), "a" in Revoked()) == (
        True,
        False,
        False,
    )
    first.add("b", until=200.0, now=101.0)
    assert ("late" in first, "b" in first) == (False, True)
