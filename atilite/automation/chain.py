"""Actions that follow others: `after="Backup succeeded"`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import Context
from typing import NamedTuple

from atilite.automation.endings import Ended
from atilite.context import current_journal
from atilite.errors import ParameterError, RunSkipped, SetupError, StoreError

log = logging.getLogger("atilite.automation")

# The word of a rule and the statuses that fit it. A run that the end of the server has interrupted starts nothing.
WORDS: Mapping[str, tuple[str, ...]] = {
    "succeeded": ("succeeded",),
    "failed": ("failed", "timed_out"),
    "ended": ("succeeded", "failed", "timed_out", "cancelled"),
}


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
    """Which actions follow which, and their start. Any thread, never blocks."""

    def __init__(self, start: Callable[[str], object], soon: Callable[[str, Callable[[], None]], object]) -> None:
        """`start(name)` runs an action; `soon(name, begin)` calls `begin` where that may be done."""
        self._start, self._soon = start, soon
        self._rules: dict[str, tuple[Rule, ...]] = {}

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

    def ended(self, end: Ended, names: Sequence[str]) -> None:
        """Start what follows an end; `names` are the actions that the run may have been one of."""
        if end.dry:
            return
        for follower in self.followers(names, end.status):
            # A context of its own, in which the ended run is the current one: so it becomes the parent.
            self._soon(follower, lambda name=follower: Context().run(self._begin, name, end.id))  # type: ignore[misc]

    def _begin(self, name: str, parent: int) -> None:
        current_journal.set(parent if parent > 0 else None)
        try:
            self._start(name)
        except (RunSkipped, ParameterError, StoreError) as error:
            log.warning("action %r was not started after run %d: %s", name, parent, error)
