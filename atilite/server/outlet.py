"""The sending half of a connection: buffers that a worker fills and the loop empties."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import ClientDisconnected, HTTPChannel

from atilite.server.protocols import Host

log = logging.getLogger("atilite.server")

# The size of one piece that is read from a file or received as part of a body.
BODY_READ = 64 * 1024
# What one connection may send in one turn of the loop before others have theirs.
SEND_A_TURN = 1024 * 1024


class Outlet(HTTPChannel, ABC):  # type: ignore[misc]
    """A channel that sends at once what the client takes, and never makes the loop wait."""

    # What waitress's channel holds, with its types.
    server: Host
    adj: Any
    addr: tuple[Any, ...]
    socket: Any
    connected: bool
    will_close: bool
    close_when_flushed: bool
    sent_continue: bool
    total_outbufs_len: int
    current_outbuf_count: int
    sendbuf_len: int
    last_activity: float
    outbufs: list[Any]
    logger = log

    _paused = False  # the read watcher is stopped
    _woken = False  # the loop has been asked to look

    @abstractmethod
    def look(self) -> None:
        """Bring the watchers in line with the channel's state. Loop only."""

    def nudge(self) -> None:
        """Make the loop look at this channel if there is something for it to do. Any thread."""
        if self._woken or not (self._paused or self.total_outbufs_len or self.close_when_flushed or self.will_close):
            return
        self._woken = True
        self.server.loop.call_soon(self.look)

    def write_soon(self, data: Any) -> int:
        """Send `data`, keep what the client does not take yet. A worker waits while too much is kept; the loop never.

        Raises ClientDisconnected.
        """
        if not self.connected:
            raise ClientDisconnected
        if isinstance(data, ReadOnlyFileBasedBuffer) or self.total_outbufs_len:
            count: int = super().write_soon(data)
            self.nudge()
            return count
        size = len(data)
        with self.outbuf_lock:
            if not self.connected:
                raise ClientDisconnected
            sent = self._send_now(data)
            if sent < size and not self.will_close:
                self.outbufs[-1].append(data[sent:] if sent else data)
                self.current_outbuf_count += size - sent
                self.total_outbufs_len += size - sent
        if sent < size:
            self.nudge()
            if self.will_close:
                # Else one who writes on the loop would go on to the end of a long answer before anybody notices.
                raise ClientDisconnected
        return size

    def _send_now(self, data: bytes) -> int:
        try:
            sent: int = self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.will_close = True
            return 0
        self.last_activity = time.time()
        return sent

    def _flush_some(self, do_close: bool = True) -> bool:
        if not self.server.loop.inside():
            return bool(super()._flush_some(do_close))
        # On the loop one connection must not keep the others waiting, however fast its client is.
        sent = 0
        with self.outbuf_lock:
            while self.total_outbufs_len and sent < SEND_A_TURN:
                count = self._flush_piece()
                if not count:
                    break
                sent += count
        if sent:
            self.last_activity = time.time()
        return sent > 0

    def _flush_piece(self) -> int:
        outbufs = self.outbufs
        while not outbufs[0].__len__() and len(outbufs) > 1:
            outbufs.pop(0).close()
        piece = outbufs[0].get(max(self.sendbuf_len, BODY_READ))
        try:
            count: int = self.socket.send(piece) if piece else 0
        except BlockingIOError:
            return 0
        if not count:
            # A file that became shorter than it was: the answer cannot be completed.
            self.will_close = True
            return 0
        outbufs[0].skip(count, True)
        self.total_outbufs_len -= count
        return count

    def _flush_outbufs_below_high_watermark(self) -> None:
        if self.total_outbufs_len <= self.adj.outbuf_high_watermark:
            return
        if self.server.loop.inside():
            self.nudge()  # the loop must never wait for itself
            return
        super()._flush_outbufs_below_high_watermark()
