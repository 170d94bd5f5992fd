"""Where a callback of a bean is called: where the bean itself runs, so that it may touch what the bean has."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from atilite.runtime.engine import Runtime
from atilite.runtime.functions import Kind, kind_of
from atilite.runtime.kinds import run_function
from atilite.runtime.promise import Promise


def call_beside(
    kind: Kind, runtime: Runtime, function: Callable[..., Any], args: Iterable[Any] = (), **kwargs: Any
) -> Promise[Any]:
    """Call `function` beside a bean of this kind: on the asyncio loop, on the hub, or on a thread of the pool.

    An `async def` function always runs on the asyncio loop. Any thread; promises the result.
    """
    if kind_of(function) == "plain" and kind != "plain":
        if kind == "generator":
            return runtime.loop.spawn(function, *args, **kwargs)
        function = functools.partial(_on_the_loop, function)
    return run_function(
        function, tuple(args), kwargs, runtime=runtime, start="hub" if kind == "generator" else "thread"
    )


async def _on_the_loop(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def all_ended(works: Iterable[Promise[Any]]) -> Promise[int]:
    """Promise the number of these, once all of them have ended, well or not."""
    open_ones = list(works)
    count = len(open_ones)
    promise: Promise[int] = Promise()

    def one_less(_: object) -> None:
        open_ones.pop()  # atomic, whatever threads they end in
        if not open_ones:
            promise.set(count)

    for work in list(open_ones):
        work.on_done(one_less)
    if not count:
        promise.set(0)
    return promise


def total(counts: list[Promise[int]]) -> Promise[int]:
    """Promise the sum of these, once all of them have ended; one that fails counts for nothing."""
    added: Promise[int] = Promise()
    all_ended(counts).on_done(lambda _: added.set(sum(one.value or 0 for one in counts)))
    return added
