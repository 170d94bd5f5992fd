"""Results of databases that are used again until a name they depend on is updated."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from ..clock import Clock
from ..quickly import dataclass
from ..sharing import g

# How many results an alias keeps; those that were not used for longest go first.
KEPT = 256


@dataclass(frozen=True, slots=True)
class CacheRule:
    """`used` are the names whose update ends a result's life, `removed` those that a success updates."""

    used: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def of(cls, use_cache: str | Iterable[str] | None, rm_cache: str | Iterable[str] | None) -> CacheRule:
        """Raises LookupError for a name that nobody has registered: it would never be updated."""
        rule = cls(_names(use_cache), _names(rm_cache))
        g.require(*rule.used, *rule.removed)
        return rule


def _names(given: str | Iterable[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


class Cached:
    """Results by key, each with the moment before it was asked for. Any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._results: OrderedDict[object, tuple[float, Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._results)

    def find(self, key: object, names: Iterable[str]) -> tuple[bool, Any]:
        """Whether there is a result newer than all updates of `names`, and a copy of it."""
        with self._lock:
            found = self._results.get(key)
            if found is None:
                return False, None
            if found[0] <= g.newest(*names):
                del self._results[key]
                return False, None
            self._results.move_to_end(key)
        return True, _copied(found[1])

    def keeping(self, key: object, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work, whose result is kept. Counted from before it begins: what is updated meanwhile is newer."""

        def call(*args: Any) -> Any:
            moment = self._clock.time()
            value = work(*args)
            kept = _copied(value)
            with self._lock:
                self._results[key] = (moment, kept)
                self._results.move_to_end(key)
                while len(self._results) > KEPT:
                    self._results.popitem(last=False)
            return value

        return call


def _copied(value: Any) -> Any:
    # Whoever gets it may change it, such as a filter that hides passwords.
    return copy.deepcopy(value)
