"""How notices get to people: each channel takes them one message at a time, and what it does not take is kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from atilite.automation.storage import Storage
from atilite.errors import StoreError, TaskTimeout
from atilite.lazily import LazyModule
from atilite.quickly import dataclass
from atilite.runtime.promise import Promise
from atilite.runtime.timers import Timer

if TYPE_CHECKING:
    from atilite.automation import notice as told
    from atilite.store import outbox as boxes
else:
    # Loaded with the first rule about whom to tell.
    told = LazyModule("atilite.automation.notice")
    boxes = LazyModule("atilite.store.outbox")

log = logging.getLogger("atilite.notices")

# Takes a message, in an ordinary thread; its error means that the message was not delivered.
Deliver = Callable[["told.Message"], object]
# The way to the channel of this name; LookupError or SetupError, with the remedy, if there is none.
Resolve = Callable[[str], Deliver]

QUIET = 60.0  # seconds between two messages to one channel: what happens meanwhile is one digest
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0  # seconds before another attempt, doubled each time
PATIENCE = timedelta(days=3)  # after which a notice is given up
MOST = 500  # notices in one message


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel at one moment. `error` is why the last attempt failed, None after a success; `next` when the next is.

    `waiting`, `sent` and `given_up` count notices, those of the last 30 days.
    """

    name: str
    waiting: int = 0
    sent: int = 0
    given_up: int = 0
    last: datetime | None = None
    next: datetime | None = None
    error: str | None = None

    @property
    def well(self) -> bool:
        """Whether it took what it was given the last time."""
        return self.error is None


class Channel:
    """One channel: its timer, and how its attempts went. Guarded by the lock of Channels."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.timer: Timer | None = None
        self.work: Promise[None] | None = None
        self.busy = False
        self.quiet_until = 0.0  # monotonic
        self.failures = 0
        self.error: str | None = None
        self.next: datetime | None = None


class Channels:
    """Delivers what is in the outbox of a database. Any thread; `put` and `wake` never block."""

    def __init__(self, storage: Storage, resolve: Resolve, app: str) -> None:
        self._storage, self._resolve = storage, resolve
        # Several apps may share the outbox, and two of them have a channel of one name.
        self._prefix = f"{app}/"
        self.source, self.quiet = app, QUIET
        self._lock = threading.Lock()
        self._channels: dict[str, Channel] = {}
        self._running = False

    @property
    def outbox(self) -> boxes.Outbox:
        """What waits and what was told."""
        return self._storage.database.part(boxes.Outbox)

    def start(self, names: list[str]) -> None:
        """Begin to deliver, what was left over from before as well. Opens the database: not on the loop."""
        self._running = True
        for name in dict.fromkeys([*names, *self._own(self.outbox.channels())]):
            self.wake(name)

    def stop(self, timeout: float) -> None:
        """Begin no further delivery and wait for those under way; what waits is delivered after the next start.

        Blocks up to so many seconds: not on the bare hub.
        """
        end = self._storage.clock.monotonic() + timeout
        with self._lock:
            self._running = False
            channels = list(self._channels.values())
        for channel in channels:
            if channel.timer is not None:
                channel.timer.cancel()
            if channel.work is not None:
                self._settle(channel, channel.work, end - self._storage.clock.monotonic())

    def _settle(self, channel: Channel, work: Promise[None], seconds: float) -> None:
        try:
            work.wait(max(0.0, seconds))
        except TaskTimeout:
            log.warning(
                "%s takes long for a message; if it fails, that is told again after the next start", channel.name
            )

    def put(self, name: str, notice: told.Notice) -> None:
        """Tell a channel, as soon as the notice is durable and the channel's pause is over."""

        def stored(number: int | None, error: BaseException | None) -> None:
            if error is not None:
                log.error("%s was not told, because it could not be stored: %s", name, notice.text, exc_info=error)
            else:
                self.wake(name)

        try:
            self.outbox.put(self._prefix + name, notice.facts, stored)
        except StoreError as error:  # the process ends just now
            log.error("%s was not told: %s (%s)", name, notice.text, error)

    def wake(self, name: str) -> None:
        """See what waits for a channel, now or when its pause is over."""
        with self._lock:
            channel = self._channels.setdefault(name, Channel(name))
            if not self._running or channel.timer is not None or channel.busy:
                return
            wait = max(0.0, channel.quiet_until - self._storage.clock.monotonic())
            channel.next = self._storage.clock.now() + timedelta(seconds=wait)
            channel.timer = self._storage.runtime.loop.call_later(wait, self._due, channel)

    def _due(self, channel: Channel) -> None:
        with self._lock:
            channel.timer, channel.next = None, None
            if not self._running:
                return
            channel.busy = True
            channel.work = self._storage.runtime.threads.submit(self._deliver, channel)

    def _deliver(self, channel: Channel) -> None:
        more = False
        try:
            letters = self.outbox.waiting(self._prefix + channel.name, MOST)
            if letters:
                more = self._send(channel, letters)
        except StoreError as error:
            log.warning("%s: what waits cannot be read or noted: %s", channel.name, error)
        finally:
            with self._lock:
                channel.busy = False
        if more or self._waits(channel.name):
            self.wake(channel.name)

    def _waits(self, name: str) -> bool:
        try:
            return bool(self.outbox.waiting(self._prefix + name, 1))
        except StoreError:
            return False

    def _send(self, channel: Channel, letters: list[boxes.Letter]) -> bool:
        now, clock = self._storage.clock.now(), self._storage.clock
        ids = [letter.id for letter in letters]
        try:
            self.send(channel.name, [told.Notice.of(letter.content) for letter in letters])
        except Exception as error:
            # Whatever it is, it is the channel's: a refused connection, a bug in a function, an unknown alias.
            text = f"{type(error).__name__}: {error}"
            self._failed(channel, letters, text, now)
            return True
        with self._lock:
            if channel.failures:
                log.info("%s takes notices again, after %d failed attempts", channel.name, channel.failures)
            channel.failures, channel.error = 0, None
            channel.quiet_until = clock.monotonic() + self.quiet
        self.outbox.sent(ids)
        return len(letters) == MOST

    def _failed(self, channel: Channel, letters: list[boxes.Letter], error: str, now: datetime) -> None:
        with self._lock:
            channel.failures += 1
            pause = min(FIRST_PAUSE * 2 ** min(channel.failures - 1, 30), LONGEST_PAUSE)
            channel.error, channel.quiet_until = error, self._storage.clock.monotonic() + pause
        log.error(
            "%s did not take a notice (attempt %d, next in %g s): %s", channel.name, channel.failures, pause, error
        )
        old = [letter.id for letter in letters if now - letter.created > PATIENCE]
        for letter in letters:
            if letter.id in old:
                log.error("%s: given up: %s", channel.name, told.Notice.of(letter.content).text)
        if old:
            self.outbox.give_up(old, error)
        rest = [letter.id for letter in letters if letter.id not in old]
        if rest:
            self.outbox.again(rest, now + timedelta(seconds=pause), error)

    def send(self, name: str, notices: list[told.Notice]) -> None:
        """Deliver at once, past the outbox; the error of the channel is raised. Blocks: in an ordinary thread."""
        self._resolve(name)(told.Message(self.source, tuple(notices)))

    def recent(self, limit: int = 50) -> list[boxes.Letter]:
        """What was told, newest first."""
        found = [letter for letter in self.outbox.recent(4 * limit) if letter.channel.startswith(self._prefix)]
        return [replace(one, channel=one.channel.removeprefix(self._prefix)) for one in found[:limit]]

    def _own(self, channels: Iterable[str]) -> list[str]:
        return [one.removeprefix(self._prefix) for one in channels if one.startswith(self._prefix)]

    def infos(self, names: list[str]) -> list[ChannelInfo]:
        """How these channels are, and all others for which there are notices, as every process sees them."""
        counts, last, refused = self.outbox.counts(), self.outbox.last_sent(), self.outbox.refused()
        found = []
        for name in dict.fromkeys([*names, *self._own(counts)]):
            key = self._prefix + name
            count, channel = counts.get(key, {}), self._channels.get(name) or Channel(name)
            error, due = refused.get(key, (None, None))
            found.append(
                ChannelInfo(
                    name, count.get("waiting", 0), count.get("sent", 0), count.get("given up", 0), last.get(key),
                    channel.next or due if count.get("waiting") else None, channel.error or error,
                )
            )  # fmt: skip
        return found
