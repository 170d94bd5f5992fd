"""The live pages that are open: each waits for news of its run without a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from atilite.events import Emitter
from atilite.runtime.promise import Promise

MOST = 200


class News(Protocol):
    """What tells that a run changed, got a record or went on; each emission is the number of the run."""

    updated: Emitter[int]
    recorded: Emitter[int]
    progressed: Emitter[int]


class Feed:
    """The news of one run for one page. `wake` is called by any thread, the rest by the page."""

    def __init__(self, run: int, leave: Callable[[Feed], None]) -> None:
        self.run = run
        self._leave = leave
        self._lock = threading.Lock()
        self._fresh = False
        self._waiting: Promise[None] | None = None

    def wake(self) -> None:
        """There is something new."""
        if self._fresh:
            return  # known already: whoever asks next is told at once, and reads after that
        with self._lock:
            waiting, self._waiting = self._waiting, None
            self._fresh = waiting is None
        if waiting is not None:
            waiting.set(None)

    def news(self) -> Promise[None]:
        """A promise of something new since the last call; at once if it came meanwhile."""
        promise: Promise[None] = Promise()
        with self._lock:
            fresh, self._fresh = self._fresh, False
            self._waiting = None if fresh else promise
        if fresh:
            promise.set(None)
        return promise

    def close(self) -> None:
        """The page is gone."""
        self._leave(self)


class Feeds:
    """All open feeds. Any thread; a run without a page costs one look into a dictionary."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: dict[int, set[Feed]] = {}
        self._news: News | None = None
        self._unlisten: list[Callable[[], object]] = []
        self._changes = 0

    def follow(self, news: News) -> None:
        """Listen to these news instead of others: after a reload of the program there are new ones."""
        with self._lock:
            if news is self._news:
                return
            for unlisten in self._unlisten:
                unlisten()
            self._news = news
            emitters = (news.updated, news.recorded, news.progressed)
            self._unlisten = [emitter.listen(self.tell) for emitter in emitters]
            self._unlisten.append(news.updated.listen(self._note))
            self._changes += 1

    @property
    def count(self) -> int:
        """How many live pages are open."""
        with self._lock:
            return sum(len(feeds) for feeds in self._open.values())

    def open(self, run: int) -> Feed | None:
        """A feed for a page of this run; None when as many are open as there may be."""
        feed = Feed(run, self._close)
        with self._lock:
            if sum(len(feeds) for feeds in self._open.values()) >= self._most:
                return None
            self._open.setdefault(run, set()).add(feed)
        return feed

    @property
    def changes(self) -> int:
        """A number that grows whenever any run changes: what was read at the same number is still true."""
        return self._changes

    def _note(self, run: int) -> None:
        # Only the writer's thread tells of changes, so nothing is lost.
        self._changes += 1

    def tell(self, run: int) -> None:
        """Wake the pages of this run."""
        if run not in self._open:
            return
        with self._lock:
            feeds = tuple(self._open.get(run, ()))
        for feed in feeds:
            feed.wake()

    def _close(self, feed: Feed) -> None:
        with self._lock:
            feeds = self._open.get(feed.run, set())
            feeds.discard(feed)
            if not feeds:
                self._open.pop(feed.run, None)
