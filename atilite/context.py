"""The only context variables: what a function runs for, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# The id of the run whose journal takes the records made here, None outside of any run.
current_journal: ContextVar[int | None] = ContextVar("current_journal", default=None)

# The automation.runs.Run that this code belongs to; kept as object because this room knows nothing of runs.
current_run: ContextVar[object | None] = ContextVar("current_run", default=None)


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """Make `function` run with the context variables of this moment, on whatever thread or greenlet calls it.

    gevent starts every greenlet with an empty context and a pool's thread has its own, so a journal record written
    there would not find its run without this. Call the result once at a time: a context cannot be entered twice.
    """
    context = copy_context()

    def carried(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(function, *args, **kwargs)

    return carried
