"""The asyncio loop that beans get."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from atilite.errors import SetupError
from atilite.pod.loops import choose
from atilite.runtime.aio import Aio


@pytest.fixture
def aio() -> Iterator[Aio]:
    aio = Aio()
    yield aio
    aio.stop(1)


def module(aio: Aio) -> str:
    return type(aio.loop).__module__.partition(".")[0]


def without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "uvloop" else find(name, *more)
    )


@pytest.mark.row("P15")
@pytest.mark.parametrize(
    ("kind", "found"), [("auto", "uvloop"), ("uvloop", "uvloop"), ("asyncio", "asyncio"), ("gevent", "asyncio")]
)
def test_the_type_says_which_loop_it_is(aio: Aio, kind: Any, found: str) -> None:
    pytest.importorskip("uvloop")

    choose(kind, aio)

    assert module(aio) == found


@pytest.mark.row("P15")
def test_without_uvloop_auto_is_asyncio_and_uvloop_is_refused(aio: Aio, monkeypatch: pytest.MonkeyPatch) -> None:
    without_uvloop(monkeypatch)

    with pytest.raises(SetupError, match="uvloop is not installed"):
        choose("uvloop", aio)
    choose("auto", aio)

    assert module(aio) == "asyncio"


def test_a_loop_that_runs_already_stays(aio: Aio) -> None:
    pytest.importorskip("uvloop")
    assert module(aio) == "asyncio"

    choose("auto", aio)
    with pytest.raises(SetupError, match="another asyncio loop runs already"):
        choose("uvloop", aio)

    assert module(aio) == "asyncio"


def test_who_wants_no_loop_of_its_own_leaves_the_choice_of_another_pod(aio: Aio) -> None:
    pytest.importorskip("uvloop")

    choose("uvloop", aio)
    choose("asyncio", aio)

    assert module(aio) == "uvloop"


def test_an_unknown_type_is_refused(aio: Aio) -> None:
    kind: Any = "select"
    with pytest.raises(SetupError, match="auto, gevent, asyncio or uvloop"):
        choose(kind, aio)
