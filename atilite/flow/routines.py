"""Behaviours that are written as generators: each `yield` is a turn, and a task or a condition is waited for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

from atilite.errors import FlowError
from atilite.flow.clauses import needs as parse_needs
from atilite.flow.controls import STOP
from atilite.flow.cursor import Cursor, Wrong
from atilite.flow.frames import Act
from atilite.flow.lines import words_of
from atilite.flow.model import Marked, Need
from atilite.flow.needs import compile_need
from atilite.flow.scope import Scope


@dataclass(frozen=True, slots=True)
class Until:
    """What a generator behaviour waits for; `text` is shown meanwhile."""

    text: str
    check: Callable[[], object] | None = None
    elapsed: float | None = None
    turns: int | None = None


def until(condition: str | Callable[[], object] | None = None, *, elapsed: float | None = None,
          turns: int | None = None) -> Until:  # fmt: skip
    """Wait until needs of FloScript or a function hold, so many seconds have gone by, or so many turns.

    The time is counted from this wait on, and so is what is `updated` or `changed`.
    """
    if callable(condition):
        return Until(getattr(condition, "__name__", "a condition"), condition)
    if condition is not None:
        return Until(condition)
    if elapsed is not None:
        return Until(f"{elapsed:g} s", elapsed=elapsed)
    if turns is not None:
        return Until(f"{turns} turns", turns=turns)
    raise FlowError("until: say a condition, elapsed= or turns=")


class Routine:
    """One generator of one frame: begun with the first turn after each entry, closed when the frame is left.

    A `sequence` ends its framer with itself.
    """

    def __init__(
        self, begin: Callable[[], Generator[Any, Any, Any]], scope: Scope, sequence: bool = False
    ) -> None:  # fmt: skip
        self._begin, self._scope, self.sequence = begin, scope, sequence
        self._generator: Generator[Any, Any, Any] | None = None
        self._ready: Callable[[], bool] = _always
        self.task: Any = None  # that it waits for; it is sent to the generator when it is done
        self._ended = False
        self.waits_for = ""

    def turn(self) -> None:
        """Go on until the next yield, unless what it waits for is not there yet. In a turn."""
        if self._ended:
            return
        if self._generator is None:
            self._generator = self._begin()
        elif not self._ready():
            return
        sent, self.task = self.task, None
        try:
            self._wait(self._generator.send(sent))
        except StopIteration:
            self._ended, self.waits_for = True, ""
            if self.sequence:
                self._end_framer()
        except BaseException:
            self._ended = True
            raise

    def close(self) -> None:
        """End it: its finally blocks run, and the next turn begins it anew."""
        generator, self._generator = self._generator, None
        self._ended, self._ready, self.task, self.waits_for = False, _always, None, ""
        if generator is not None:
            generator.close()

    def _end_framer(self) -> None:
        framer = self._scope.framer
        if framer.decl.schedule in ("active", "inactive"):
            framer.desire = STOP
        else:
            framer.done = True
            self._scope.house.tell("done", framer.name)

    def _wait(self, yielded: Any) -> None:
        self._ready, self.waits_for = _always, ""
        if isinstance(yielded, Until):
            self._ready, self.waits_for = self._check(yielded), yielded.text
        elif hasattr(yielded, "on_done"):
            self.task, self.waits_for = yielded, "a task"
            self._ready = lambda: bool(yielded.done)

    def _check(self, wanted: Until) -> Callable[[], bool]:
        store, framer = self._scope.house.store, self._scope.framer
        if wanted.elapsed is not None:
            due = (store.stamp or 0.0) + wanted.elapsed
            return lambda: (store.stamp or 0.0) >= due
        if wanted.turns is not None:
            until_turn = framer.turns + wanted.turns
            return lambda: framer.turns >= until_turn
        if wanted.check is not None:
            check = wanted.check
            return lambda: bool(check())
        try:
            found = parse_needs(Cursor("until", tuple(words_of(wanted.text))), framer.decl.name)
        except Wrong as error:
            raise FlowError(str(error)) from None
        marks: list[Act] = []
        # A mark of its own: `updated` and `changed` are since the wait began, whatever others ask of that share.
        checks = [compile_need(self._marked(need), self._scope, marks) for need in found]
        for mark in marks:
            mark()
        return lambda: all(check() for check in checks)

    def _marked(self, need: Need) -> Need:
        return replace(need, marker=need.marker or f"until{id(self)}") if isinstance(need, Marked) else need


def _always() -> bool:
    return True
