"""What the machine lacks is a skip for a developer and a failure on the build server."""

from __future__ import annotations

import pytest

from tests.require import require


def test_what_is_there_lets_the_test_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATILITE_REQUIRE", "all")

    assert require("/usr/bin/env", "env") is None


def test_what_is_missing_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATILITE_REQUIRE", raising=False)

    with pytest.raises(pytest.skip.Exception, match="no browser"):
        require(None, "no browser")


def test_what_is_missing_fails_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATILITE_REQUIRE", "all")

    with pytest.raises(pytest.fail.Exception, match="no browser"):
        require(None, "no browser")
