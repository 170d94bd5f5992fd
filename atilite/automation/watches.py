"""Who wants to hear of changes of keys: an emitter for each namespace and beginning of names that somebody watches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from atilite.automation.storage import Storage
from atilite.events import Emitter
from atilite.quickly import dataclass
from atilite.store.database import Database
from atilite.store.kv import Changed


@dataclass(frozen=True, slots=True)
class Change:
    """A key that was set or removed, told once that is on the disk. `value` is the new one, None for a removed key.

    Of one that was removed because its time was over, `expired` is true as well.
    """

    namespace: str
    key: str
    value: Any = None
    removed: bool = False
    expired: bool = False


class Watches:
    """The emitters of one app. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._emitters: dict[tuple[str, str], Emitter[Change]] = {}
        self._unlisten: Callable[[], None] | None = None
        self._storage: Storage | None = None

    def attach(self, storage: Storage) -> None:
        """Hear of the changes in this database, which need not be open yet, once somebody watches."""
        with self._lock:
            self._storage = storage
            wanted = bool(self._emitters)
        if wanted:
            storage.with_database(self._listen)

    def emitter(self, namespace: str, prefix: str) -> Emitter[Change]:
        """Return what tells of the keys of a namespace that begin so; the same one for the same question."""
        with self._lock:
            first = not self._emitters
            found = self._emitters.setdefault((namespace, prefix), Emitter())
            storage = self._storage
        if first and storage is not None:
            storage.with_database(self._listen)
        return found

    def close(self) -> None:
        """End all watching; who watches hears what has happened until now."""
        with self._lock:
            emitters, self._emitters = self._emitters, {}
            unlisten, self._unlisten = self._unlisten, None
        if unlisten is not None:
            unlisten()
        for emitter in emitters.values():
            emitter.close()

    def _listen(self, database: Database) -> None:
        with self._lock:
            if self._unlisten is None and self._emitters and self._storage is not None:
                # Those of the storage: it sees to it that keys go when their time is over.
                self._unlisten = self._storage.kv.changed.listen(self._tell)

    def _tell(self, changed: Changed) -> None:
        # In the writer's thread: emitters only queue.
        values = changed.values or (None,) * len(changed.keys)
        for (namespace, prefix), emitter in list(self._emitters.items()):
            if namespace == changed.namespace:
                for key, value in zip(changed.keys, values, strict=True):
                    if key.startswith(prefix):
                        emitter.emit(Change(namespace, key, value, changed.removed, changed.expired))
