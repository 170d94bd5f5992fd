"""The shared data of a house: shares with fields, their stamps and counters, and the tree that they form."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from atilite.errors import FlowError

# Writes of a share that are remembered for whoever looks at it.
REMEMBERED = 64


class Written(NamedTuple):
    """One write of a share: when, by which act, and its fields after it."""

    stamp: float
    writer: str
    fields: dict[str, Any]


class Mark:
    """What a need remembers of a share: how often it had been written, and with what."""

    __slots__ = ("fields", "writes")

    def __init__(self) -> None:
        self.writes = 0
        # None until it is set for the first time: everything counts as changed then.
        self.fields: dict[str, Any] | None = None


class Share:
    """Named fields with a stamp (seconds of the plan's clock, None before the first write of a turn).

    Turn only, except for reading: a reader of another thread sees whole values, but may see half a turn.
    """

    __slots__ = ("fields", "history", "marks", "path", "stamp", "store", "touched", "writer", "writes")

    def __init__(self, store: Store, path: str) -> None:
        self.store, self.path = store, path
        self.fields: dict[str, Any] = {}
        self.stamp: float | None = None
        self.writes = 0
        self.writer = ""
        self.marks: dict[str, Mark] = {}
        # Whoever wants to see them says so; remembering costs each write.
        self.history: deque[Written] | None = None
        self.touched = False

    @property
    def name(self) -> str:
        """The path without its leading dot."""
        return self.path[1:]

    @property
    def value(self) -> Any:
        """The field `value`, None when it is unset."""
        return self.fields.get("value")

    @value.setter
    def value(self, value: Any) -> None:
        self.update({"value": value})

    def get(self, field: str, default: Any = None) -> Any:
        return self.fields.get(field, default)

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]

    def __contains__(self, field: object) -> bool:
        return field in self.fields

    def create(self, fields: Mapping[str, Any]) -> None:
        """Give fields that are unset a value; no write."""
        for name, value in fields.items():
            self.fields.setdefault(name, value)

    def change(self, fields: Mapping[str, Any]) -> None:
        """Give fields a value without a stamp: no write for `updated`."""
        self.fields.update(fields)

    def update(self, fields: Mapping[str, Any], writer: str = "") -> None:
        """Write fields: the share is stamped with the turn's time, and counts as updated.

        Without a `writer` it is the framer whose behaviour acts.
        """
        store = self.store
        self.fields.update(fields)
        self.stamp = store.stamp
        if store.stamp is None:
            return
        self.writes += 1
        self.writer = writer = writer or store.writer
        if self.history is not None:
            self.history.append(Written(store.stamp, writer, dict(self.fields)))
        if not self.touched and store.watched:
            self.touched = True
            store.written.append(self)

    def remember(self) -> None:
        """Keep the latest writes from now on."""
        if self.history is None:
            self.history = deque(maxlen=REMEMBERED)

    @property
    def shown(self) -> Any:
        """The value alone, or all fields by name."""
        return self.fields["value"] if self.fields.keys() == {"value"} else dict(self.fields)

    def __repr__(self) -> str:
        return f"<Share {self.path} {self.shown!r}>"


class LiveShare(Share):
    """A share whose value, or fields, are what something is right now; writing to it has no effect."""

    __slots__ = ("_read",)

    def __init__(self, store: Store, path: str, read: Callable[[], Any]) -> None:
        self._read = read
        super().__init__(store, path)

    @property
    def fields(self) -> dict[str, Any]:  # computed when it is asked for
        found = self._read()
        return found if isinstance(found, dict) else {"value": found}

    @fields.setter
    def fields(self, given: dict[str, Any]) -> None:
        pass


class Store:
    """All shares of a house by their paths, without the leading dot. A path is a share or a branch, never both."""

    def __init__(self) -> None:
        self.stamp: float | None = None  # of the turn under way; None before the first
        self.writer = ""  # the framer whose behaviour acts, or was the last to act
        self.watched = False
        self.written: list[Share] = []  # in this turn, while somebody watches
        # Shares that are there when a plan names them, and how they are made.
        self.offered: dict[str, Callable[[str], Share]] = {}
        self._shares: dict[str, Share] = {}
        self._branches: set[str] = set()

    def share(self, path: str) -> Share:
        """The share at a path, made if there is none. FlowError if the path is a branch or leads through a share."""
        path = path.strip(".")
        found = self._shares.get(path)
        if found is None:
            self.branch(path.rpartition(".")[0])
            if path in self._branches:
                raise FlowError(f".{path} is a branch of shares already, so it cannot be a share")
            offered = self.offered.get(path)
            found = self._shares[path] = offered("." + path) if offered else Share(self, "." + path)
        return found

    def adopt(self, share: Share) -> Share:
        """Put a share of another kind at its path."""
        self.branch(share.path.strip(".").rpartition(".")[0])
        self._shares[share.path.strip(".")] = share
        return share

    def branch(self, path: str) -> str:
        """Make sure that shares can be below a path. FlowError if it is a share or leads through one."""
        path = path.strip(".")
        parts = path.split(".") if path else []
        for length in range(len(parts), 0, -1):
            head = ".".join(parts[:length])
            if head in self._branches:
                break
            if head in self._shares:
                raise FlowError(f".{head} is a share, so nothing can be below it")
            self._branches.add(head)
        return path

    def find(self, path: str) -> Share | None:
        """The share at a path, if there is one."""
        path = path.strip(".")
        return self._shares.get(path) or (self.share(path) if path in self.offered else None)

    def __iter__(self) -> Iterator[Share]:
        return iter(list(self._shares.values()))

    def __len__(self) -> int:
        return len(self._shares)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """All fields of all shares that have any, by path with the leading dot."""
        return {share.path: dict(share.fields) for share in self if share.fields}
