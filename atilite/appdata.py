"""What an app keeps: its configuration, and a dictionary for all threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator, MutableMapping
from typing import Any

import bottle


class AppConfig(bottle.ConfigDict):  # type: ignore[misc]  # bottle is untyped
    """The app's configuration, as Bottle's dictionary and as attributes: `app.config.MAX_UPLOAD_SIZE`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"app.config has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            self[name] = value


class SharedDict(MutableMapping[str, Any]):
    """A dictionary for all threads, with the manual's `get` and `set`: `app.store`, `was.g`."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._lock = threading.RLock()

    def __getitem__(self, key: str) -> Any:
        with self._lock:
            return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        with self._lock:
            self._values[key] = value

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._values[key]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._values))

    def __len__(self) -> int:
        with self._lock:
            return len(self._values)

    def set(self, key: str, value: Any) -> None:
        """Store `value` under `key`."""
        self[key] = value
