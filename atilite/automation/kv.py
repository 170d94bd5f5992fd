"""`app.kv`: small values that outlive the process, by name, in namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atilite.automation.storage import Done, Storage, refuse_database
from atilite.automation.values import build, class_key, plain
from atilite.automation.watches import Change, Watches
from atilite.events import Emitter
from atilite.runtime.task import Task
from atilite.store.database import Database
from atilite.store.kv import MISSING

PAGE = 500


class KV:
    """The values of one namespace. All methods return tasks: `.fetch()`, `yield` or `await` them.

    A write is done whether or not anybody waits; who waits knows that it is durable. Values are JSON, pydantic
    models, dataclasses or msgspec structs; anything else is a TypeError at the caller, and nothing is stored.
    Any thread.
    """

    def __init__(self, namespace: str = "default", db: Database | None = None) -> None:
        """`db` is a database other than the app's."""
        self.namespace = namespace
        self._storage = Storage((lambda: db) if db is not None else refuse_database)
        self._attached = db is not None
        self._watches = Watches()
        if self._attached:
            self._watches.attach(self._storage)

    def attach(self, storage: Storage) -> None:
        """Use the database of an app, unless this has one of its own."""
        if not self._attached:
            self._storage, self._attached = storage, True
            self._watches.attach(storage)

    @property
    def storage(self) -> Storage:
        """Where these values are kept."""
        return self._storage

    def get(self, name: str, default: Any = None) -> Task:
        """The value of `name`; `default` if there is none."""
        return self._storage.glance(self._get, name, default)

    def _get(self, name: str, default: Any = None) -> Any:
        return self._storage.kv.get(self.namespace, name, default)

    def set(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Task:
        """Store all of these at once: either all or none is stored. Names that are no identifiers go in the dict."""
        stored = {name: plain(value) for name, value in {**(values or {}), **named}.items()}
        return self._storage.write(lambda done: self._storage.kv.set(self.namespace, stored, done=done))

    def put(self, name: str, value: Any, *, ttl: float | None = None, version: int | None = None) -> Task:
        """Store one value, to be forgotten after `ttl` seconds; the result says whether it was stored.

        With `version` it is stored only if the value is of this version, 0: if there is none; `item` tells it.
        """
        given, space = plain(value), self.namespace
        if version is None:
            values = {name: given}
            return self._storage.write(lambda done: self._storage.kv.set(space, values, ttl=ttl, done=_yes(done)))
        return self._storage.write(
            lambda done: self._storage.kv.replace(space, name, given, version, ttl=ttl, done=done)
        )

    def item(self, name: str) -> Task:
        """The value of `name` with its version, its times and who set it on the console; None if there is none."""
        return self._storage.glance(lambda: self._storage.kv.item(self.namespace, name))

    def watch(self, prefix: str = "") -> Emitter[Change]:
        """Tell of each change of the names that start with `prefix`: an emitter of `Change`.

        `@app.kv.watch("sensor/")` above a function calls it for each change; `with app.kv.watch().subscribe() as
        queue` collects them. A name whose time is over is told as removed, with `expired`, when that happens; of many
        that end together or shortly after each other, within a second or so. What another process does is not told.
        """
        return self._watches.emitter(self.namespace, prefix)

    def close(self) -> None:
        """End all watching, of other namespaces as well."""
        self._watches.close()

    def remove(self, *names: str) -> Task:
        """Forget these names; missing ones are ignored."""
        return self._storage.write(lambda done: self._storage.kv.remove(self.namespace, *names, done=done))

    def save(self, value: Any) -> Task:
        """Store a model under the name of its class."""
        return self.set({class_key(type(value)): value})

    def load(self, model: type) -> Task:
        """The saved object of this class, or None."""
        return self._storage.glance(self._load, model)

    def _load(self, model: type) -> Any:
        # What was saved by class name alone, in a database from elsewhere, is found as well.
        data = self._get(class_key(model))
        if data is None:
            data = self._get(model.__qualname__)
        return None if data is None else build(data, model)

    def keys(self, prefix: str = "") -> Task:
        """The names that start with `prefix`, sorted."""
        return self._storage.read(lambda: self._storage.kv.keys(self.namespace, prefix))

    def items(self, prefix: str = "") -> Task:
        """The values by name whose names start with `prefix`."""
        return self._storage.read(self._items, prefix)

    def _items(self, prefix: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        last = ""
        while page := self._storage.kv.items(self.namespace, prefix, last, PAGE):
            found.update((item.key, item.value) for item in page)
            last = page[-1].key
        return found

    def incr(self, name: str, by: float = 1) -> Task:
        """Add to a number, a missing one is 0; the result is the new value. Nobody's addition is lost."""
        return self._storage.write(lambda done: self._storage.kv.incr(self.namespace, name, by, done=done))

    def swap(self, name: str, old: Any, new: Any) -> Task:
        """Store `new` only if the value is `old` (None: if there is none); the result says whether it was stored."""
        before, after = MISSING if old is None else plain(old), plain(new)
        return self._storage.write(lambda done: self._storage.kv.swap(self.namespace, name, before, after, done=done))

    def expire(self, name: str, seconds: float | None) -> Task:
        """Forget `name` after so many seconds; None keeps it. The result says whether there was such a name."""
        return self._storage.write(lambda done: self._storage.kv.expire(self.namespace, name, seconds, done=done))

    def namespaces(self) -> Task:
        """The names of all namespaces of the database, sorted."""
        return self._storage.read(lambda: self._storage.kv.namespaces())

    def select(self, namespace: str) -> KV:
        """Return another namespace of the same database."""
        selected = KV(namespace)
        selected._storage, selected._attached, selected._watches = self._storage, True, self._watches
        return selected


def _yes(done: Done) -> Done:
    """Tell True where the store tells None."""

    def told(value: Any, error: BaseException | None) -> object:
        return done(True if error is None else value, error)

    return told
