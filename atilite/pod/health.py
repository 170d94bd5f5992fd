"""Asks a running bean at intervals whether it is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atilite.errors import TaskError
from atilite.runtime.alarm import Later, Stoppable
from atilite.runtime.mailbox import Mailbox
from atilite.runtime.promise import Promise
from atilite.runtime.traces import line_of
from atilite.runtime.unit import Life

# Seconds between two questions; and so many bad answers in a row make a life fail.
EVERY = 10.0
FAILURES = 3


class Health:
    """The questions to one life. An answer that is no, an error, or no answer until the next question is a bad one.

    After the first bad one the bean counts as degraded, after `failures` in a row its life has failed.
    """

    def __init__(
        self,
        life: Life,
        ask: Callable[[], Promise[Any]],
        later: Later,
        *,
        every: float = EVERY,
        failures: int = FAILURES,
    ) -> None:
        self._life, self._ask, self._later = life, ask, later
        self._every, self._failures = every, failures
        self._mailbox = Mailbox()
        self._bad = 0
        self._asked: Promise[Any] | None = None
        self._timer: Stoppable | None = None
        self._over = False

    def begin(self) -> None:
        """Ask for the first time in a while. Any thread."""
        self._mailbox.post(self._wait)

    def end(self) -> None:
        """Ask no more. Any thread."""
        self._mailbox.post(self._end)

    def _wait(self) -> None:
        if not self._over:
            self._timer = self._later(self._every, lambda: self._mailbox.post(self._question))

    def _end(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()

    def _question(self) -> None:
        if self._over:
            return
        late, self._asked = self._asked, None
        if late is not None:
            late.cancel()
            self._note(f"health() has not answered within {self._every:g} s")
        if not self._over:
            self._asked = asked = self._ask()
            asked.on_done(lambda answer: self._mailbox.post(self._answer, answer))
            self._wait()

    def _answer(self, answer: Promise[Any]) -> None:
        if self._over or answer is not self._asked:
            return
        self._asked = None
        if answer.error is not None:
            self._note(f"health() failed: {line_of(answer.error)}")
        elif not answer.value:
            self._note("health() says no")
        elif self._bad:
            self._bad = 0
            self._life.feel(None)

    def _note(self, fault: str) -> None:
        self._bad += 1
        if self._bad >= self._failures:
            self._end()
            self._life.fail(TaskError(f"is not well: {fault}, for the {self._bad}. time in a row"))
        else:
            self._life.feel(f"{fault} ({self._bad} of {self._failures})")
