"""The kind of a function is seen through whatever is wrapped around it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from atilite.runtime.functions import kind_of, wants_was


def plain(was: Any, a: int = 1) -> int:
    return a


def generator(a: int = 1) -> Any:
    yield a


async def coroutine(was: Any) -> int:
    return 1


def wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapped


class Callables:
    def method(self, was: Any) -> None: ...

    async def __call__(self, was: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (plain, "plain"),
        (generator, "generator"),
        (coroutine, "async"),
        (functools.partial(generator, 1), "generator"),
        (functools.partial(functools.partial(coroutine), 1), "async"),
        (wrapper(generator), "generator"),
        (wrapper(wrapper(coroutine)), "async"),
        (Callables(), "async"),
        (Callables().method, "plain"),
        (Callables, "plain"),
        (len, "plain"),
        (lambda: 1, "plain"),
    ],
)
def test_the_kind_of_a_function(function: Callable[..., Any], kind: str) -> None:
    assert kind_of(function) == kind


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (plain, True),
        (generator, False),
        (coroutine, True),
        (wrapper(plain), True),
        (functools.partial(plain, None), False),
        (Callables().method, True),
        (Callables(), True),
        (lambda: 1, False),
        (lambda a, was: 1, False),
        (dict, False),
    ],
)
def test_was_is_wanted_by_a_first_parameter_of_that_name(function: Callable[..., Any], wanted: bool) -> None:
    assert wants_was(function) is wanted
