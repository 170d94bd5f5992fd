"""Actions that follow others: `after="Backup succeeded"`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import Context
from datetime import datetime, timedelta
from typing import NamedTuple

from atilite.context import current_journal
from atilite.errors import ParameterError, RunSkipped, SetupError, StoreError
from atilite.runtime.promise import Promise
from atilite.store.followers import Follower, Followers

log = logging.getLogger("atilite.automation")

# The word of a rule and the statuses that fit it. A run that the end of the server has interrupted starts nothing.
WORDS: Mapping[str, tuple[str, ...]] = {
    "succeeded": ("succeeded",),
    "failed": ("failed", "timed_out"),
    "ended": ("succeeded", "failed", "timed_out", "cancelled"),
}

# What could not follow a run for so long, because nothing was running, is not wanted any more.
WINDOW = timedelta(days=1)


class Rule(NamedTuple):
    """After which action, and after which of its ends."""

    action: str
    word: str

    @classmethod
    def of(cls, where: str, text: str) -> Rule:
        """Read "Backup succeeded". Raises SetupError, which begins with `where`."""
        action, _, word = text.rpartition(" ")
        if not action.strip() or word not in WORDS:
            raise SetupError(f"{where}: after={text!r}; write the name of an action and one of {', '.join(WORDS)}")
        return cls(action.strip(), word)


class Chain:
    """Which actions follow which, and their start. Any thread, never blocks unless a method says otherwise.

    That a follower is to be started is noted with the end of the run, and struck out with its own opening: it is
    started once, whenever the process dies.
    """

    def __init__(
        self,
        start: Callable[[Follower], Promise[None] | None],
        soon: Callable[[Follower, Callable[[], None]], object],
        pending: Callable[[], Followers],
    ) -> None:
        """`start(follower)` runs an action and tells when its opening is durable, None if it has no journal.

        `soon(follower, begin)` calls `begin` where that may be done; `pending()` are the notes.
        """
        self._start, self._soon, self._pending = start, soon, pending
        self._rules: dict[str, tuple[Rule, ...]] = {}
        # While the app stops nothing is begun that would be interrupted at once.
        self.held = False

    def put(self, follower: str, rules: Sequence[Rule]) -> None:
        """Note what an action follows; nothing, if there are no rules."""
        self._rules.pop(follower, None)
        if rules:
            self._rules[follower] = tuple(rules)

    def check(self, names: Sequence[str]) -> None:
        """Raise SetupError for a rule about an action that is not there, and for actions that follow each other."""
        for follower, rules in self._rules.items():
            for rule in rules:
                if rule.action not in names:
                    known = ", ".join(sorted(names))
                    raise SetupError(f"action {follower!r} comes after {rule.action!r}, which is none; known: {known}")
        for follower in self._rules:
            self._refuse_circle(follower, (follower,))

    def _refuse_circle(self, name: str, path: tuple[str, ...]) -> None:
        for rule in self._rules.get(name, ()):
            if rule.action == path[0]:
                circle = " -> ".join(reversed((*path, rule.action)))
                raise SetupError(f"actions follow each other for ever: {circle}; take one `after` away")
            if rule.action not in path:
                self._refuse_circle(rule.action, (*path, rule.action))

    def __bool__(self) -> bool:
        return bool(self._rules)

    def followers(self, names: Sequence[str], status: str) -> Iterator[str]:
        """The actions that follow such an end of one of these actions."""
        for follower, rules in self._rules.items():
            if any(rule.action in names and status in WORDS[rule.word] for rule in rules):
                yield follower

    def notes(self, run: int, app: str, names: Sequence[str], status: str) -> Iterator[Follower]:
        """What is to be noted with such an end of a run, which may have been one of the actions `names`."""
        for name in self.followers(names, status):
            yield Follower(run, app, name)

    def ended(self, run: int, app: str, names: Sequence[str], status: str) -> None:
        """Start what follows an end. A negative `run` has no journal, and nothing is noted of what follows it."""
        for follower in () if self.held else self.notes(run, app, names, status):
            if run < 0 or self._pending().claim(follower):
                self._begin_soon(follower)

    def resume(self, app: str, now: datetime) -> None:
        """Start what was noted and not begun, unless that is too long ago. Reads the database: not on the loop."""
        self.held, pending, old = False, self._pending(), []
        for follower, ended in pending.waiting(app):
            if follower.action not in self._rules or now - ended > WINDOW:
                old.append(follower)
                log.warning("action %r is not started after run %d of %s", follower.action, follower.run, ended)
            elif pending.claim(follower):
                if pending.waits(follower):
                    self._begin_soon(follower)
                else:  # it was begun after the list was read
                    pending.release(follower)
        if old:
            pending.strike(old)

    def _begin_soon(self, follower: Follower) -> None:
        # A context of its own, in which the ended run is the current one: so it becomes the parent.
        self._soon(follower, lambda: Context().run(self._begin, follower))

    def _begin(self, follower: Follower) -> None:
        noted = follower.run > 0
        if self.held:
            if noted:
                self._pending().release(follower)
            return
        current_journal.set(follower.run if noted else None)
        try:
            opening = self._start(follower)
        except (RunSkipped, ParameterError) as error:
            log.warning("action %r was not started after run %d: %s", follower.action, follower.run, error)
            if noted:
                self._pending().strike([follower])
        except StoreError as error:
            # It stays noted: the next start of the app tries again.
            log.warning("action %r was not started after run %d: %s", follower.action, follower.run, error)
            self._pending().release(follower)
        else:
            if noted and opening is not None:
                opening.on_done(lambda _: self._pending().release(follower))
