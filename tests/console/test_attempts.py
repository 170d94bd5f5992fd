"""Logins that failed make few entries of the audit trail, whatever a stranger does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atilite.console.attempts import LONGEST, MOST, OTHERS, SECONDS, Attempts
from atilite.site import Site
from atilite.store.audit import FAILED_LOGIN, Audit, Wanted
from tests.console.conftest import Person


class Minute:
    """Attempts whose minutes end when a test says so."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, int]] = []
        self.ends: list[tuple[float, Callable[[], None]]] = []
        self.attempts = Attempts(lambda *entry: self.told.append(entry), lambda s, end: self.ends.append((s, end)))

    def end(self) -> None:
        seconds, end = self.ends.pop()
        assert seconds == SECONDS
        end()


@pytest.mark.row("M20")
def test_the_first_failure_is_told_at_once_and_the_rest_of_the_minute_as_one() -> None:
    minute = Minute()
    for _ in range(5):
        minute.attempts.failed("ana", "10.0.0.7", "401 Unauthorized")
    minute.attempts.failed("bob", "10.0.0.7", "401 Unauthorized")
    minute.attempts.failed("ana", "10.0.0.7", "429 Too Many Requests")
    assert minute.told == [("ana", "10.0.0.7", "401 Unauthorized", 0), ("bob", "10.0.0.7", "401 Unauthorized", 0)]
    assert len(minute.ends) == 1
    minute.end()
    assert minute.told[2:] == [("ana", "10.0.0.7", "429 Too Many Requests", 5)]
    minute.attempts.failed("ana", "10.0.0.7", "401 Unauthorized")
    assert minute.told[3:] == [("ana", "10.0.0.7", "401 Unauthorized", 0)]
    minute.end()
    assert (len(minute.told), minute.ends) == (4, [])


@pytest.mark.row("M20")
def test_a_stranger_with_a_thousand_names_makes_a_handful_of_entries_a_minute() -> None:
    minute = Minute()
    for number in range(1000):
        minute.attempts.failed(f"{number} " + "x" * 500, f"10.0.0.{number % 250}", "401 Unauthorized")
    minute.end()
    assert len(minute.told) == MOST + 1
    assert minute.told[-1] == (OTHERS, "", "401 Unauthorized", 1000 - MOST)
    assert max(len(entry[0]) for entry in minute.told) == LONGEST


@pytest.mark.row("M20")
def test_a_wrong_password_is_in_the_trail_with_the_name_the_address_and_the_answer(
    site: Site, person: Callable[[str], Person]
) -> None:
    for _ in range(3):
        assert person("").sign_in("viewer", "wrong").status_code == 401
    site.database().writer.flush()
    (entry,) = site.database().part(Audit).search(Wanted(what=FAILED_LOGIN))
    assert (entry.who, entry.via, entry.target, entry.result) == ("", "console", "viewer", "401 Unauthorized")
    assert entry.address == "127.0.0.1"
    assert "wrong" not in str(entry)
    page = person("admin").get("/audit").text
    assert "failed log in" in page
    assert "viewer" in page


@pytest.mark.row("M20")
def test_the_rest_of_a_minute_is_told_when_the_program_ends_in_it(site: Site, person: Callable[[str], Person]) -> None:
    site.start()
    for _ in range(3):
        assert person("").sign_in("viewer", "wrong").status_code == 401

    site.stop(5.0)
    site.database().writer.flush()

    found = site.database().part(Audit).search(Wanted(what=FAILED_LOGIN))
    assert [entry.parameters for entry in found] == [{"tries": 2}, {}]
