"""The page of the key-value store: namespaces, keys, and the editor of one value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any
from urllib.parse import quote, urlencode

from atilite.console import words
from atilite.console.desk import Visit
from atilite.console.lines import HTML_ONLY
from atilite.console.words import Clockface, Moment
from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.store.kv import Item

PAGE = 50
UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
TTL = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d|)\s*")


@dataclass(frozen=True, slots=True)
class Chip:
    """A namespace with its number of keys."""

    name: str
    path: str
    on: bool
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    """A key in the list."""

    key: str
    value: Any
    version: int
    updated: Moment
    expires: Moment | None
    who: str
    path: str = field(metadata=HTML_ONLY)
    on: bool = field(metadata=HTML_ONLY)

    @property
    def short(self) -> str:
        """The value on one line."""
        return words.short(self.value)


@dataclass(frozen=True, slots=True)
class Edit:
    """The editor: of the key, or of a new one when `key` is empty."""

    key: str
    path: str
    twin: str
    text: str
    version: int
    ttl: str = ""
    error: str = ""
    writable: bool = True
    name: str = ""


@dataclass(frozen=True, slots=True)
class KVPage:
    """A namespace with its keys; `next` is what `after` must be for the following page."""

    namespace: str
    prefix: str
    rows: tuple[Row, ...]
    next: str | None
    namespaces: tuple[Chip, ...] = field(metadata=HTML_ONLY)
    edit: Edit | None = field(metadata=HTML_ONLY)

    @property
    def path(self) -> str:
        """Where this namespace is."""
        return path_of(self.namespace)

    @property
    def more(self) -> str:
        """Where the following page is."""
        return f"{self.path}?{urlencode({'prefix': self.prefix, 'after': self.next or ''})}"

    @property
    def summary(self) -> str:
        """Which namespace, how many keys."""
        count = next((chip.count for chip in self.namespaces if chip.on), 0)
        return f"Namespace {self.namespace}, {words.plural(count, 'key')}" if self.namespaces else "Nothing stored"

    @property
    def title(self) -> str:
        """The page's title."""
        error = "Error: " if self.edit is not None and self.edit.error else ""
        return f"{error}KV: {self.namespace}"


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One key, for the JSON page."""

    namespace: str
    row: Row


def path_of(namespace: str, key: str = "") -> str:
    """Where a namespace or a key is, below the console."""
    return "/kv/" + quote(namespace, safe="") + (f"/{quote(key, safe='')}" if key else "")


def seconds(text: str) -> float | None:
    """`7d`, `90`, `1.5 h` in seconds; None for nothing. Raises ValueError in words for a person."""
    if not text.strip():
        return None
    match = TTL.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise ValueError("the time must be a number with s, m, h or d, like 7d")
    return float(match[1]) * UNITS[match[2]]


def value_of(text: str) -> Any:
    """The JSON value of the editor. Raises ValueError in words for a person."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as fault:
        raise ValueError(f"the value is not JSON: {fault.msg} in line {fault.lineno}, column {fault.colno}") from None


def row(item: Item, namespace: str, face: Clockface, chosen: str) -> Row:
    """A key for the list."""
    expires = face.until(item.expires) if item.expires else None
    return Row(
        item.key,
        item.value,
        item.version,
        face.ago(item.updated),
        expires,
        item.who,
        path_of(namespace, item.key),
        item.key == chosen,
    )


def chips(counts: Mapping[str, int], namespace: str) -> tuple[Chip, ...]:
    """The namespaces; the one shown is there even without keys, the platform's own are not."""
    if not counts:
        return ()
    names = sorted({*(name for name in counts if not name.startswith("_")), namespace})
    return tuple(Chip(name, path_of(name), name == namespace, counts.get(name, 0)) for name in names)


def edit(item: Item | None, namespace: str, key: str, at: str, writable: bool, text: str | None = None) -> Edit:
    """The editor of a stored value, or an empty one; `text` is what was sent before when it could not be saved."""
    shown = text if text is not None else json.dumps(item.value, indent=2, ensure_ascii=False) if item else ""
    own = path_of(namespace, key)
    return Edit(key, own, f"{at}{own}.json", shown, item.version if item else 0, writable=writable)


def refused(item: Item | None, namespace: str, key: str, at: str, text: str, ttl: str, error: str) -> Edit:
    """The editor with what was sent, and why it was not saved; saving again is for the version there is now."""
    return replace(edit(item, namespace, key, at, True, text), ttl=ttl, error=error)


def listing(visit: Visit, editor: Edit | None = None) -> KVPage:
    """Read a page of keys of the namespace in the path. Raises Error 404 for a key that is not there."""
    counts = visit.reads.kv.counts()
    namespace = visit.path("namespace") or next((name for name in counts if name[0] != "_"), "default")
    key, prefix, after = visit.path("key"), visit.arg("prefix"), visit.arg("after")
    item = visit.reads.kv.item(namespace, key) if key else None
    if key and item is None and editor is None:
        raise Error(404, f"there is no key {key!r} in namespace {namespace!r}")
    writable = visit.may("admin")
    found: Sequence[Item] = visit.reads.kv.items(namespace, prefix, after, PAGE + 1)
    shown = found[:PAGE]
    if editor is None and (key or writable):
        editor = edit(item, namespace, key, visit.at, writable)
    return KVPage(
        namespace=namespace,
        prefix=prefix,
        rows=tuple(row(one, namespace, visit.face, key) for one in shown),
        next=shown[-1].key if len(found) > PAGE else None,
        namespaces=chips(counts, namespace),
        edit=editor,
    )


def one(visit: Visit) -> KeyPage:
    """One key with its value and version. Raises Error 404."""
    namespace, key = visit.path("namespace"), visit.path("key")
    item = visit.reads.kv.item(namespace, key)
    if item is None:
        raise Error(404, f"there is no key {key!r} in namespace {namespace!r}")
    return KeyPage(namespace, row(item, namespace, visit.face, key))
