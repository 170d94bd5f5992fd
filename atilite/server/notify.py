"""What systemd is told: ready, what we are doing, stopping, still alive."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping

from atilite.runtime.loop import Loop
from atilite.runtime.timers import Timer

log = logging.getLogger("atilite.server")


class Notifier:
    """Sends to the socket that systemd named in `NOTIFY_SOCKET`; without one every method does nothing.

    Any thread. A message that cannot be sent is logged, never raised: a server must not end because of it.
    """

    def __init__(self, path: str | None, *, watchdog_seconds: float | None = None) -> None:
        self._path = f"\0{path[1:]}" if path and path.startswith("@") else path
        self._watchdog_seconds = watchdog_seconds
        self._timer: Timer | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int) -> Notifier:
        """Read `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`."""
        seconds = None
        if environ.get("WATCHDOG_PID", str(pid)) == str(pid) and environ.get("WATCHDOG_USEC", "").isdigit():
            seconds = int(environ["WATCHDOG_USEC"]) / 1_000_000
        return cls(environ.get("NOTIFY_SOCKET") or None, watchdog_seconds=seconds)

    @property
    def heard(self) -> bool:
        """Whether somebody wants to be told."""
        return self._path is not None

    def ready(self, status: str = "") -> None:
        """The server answers requests."""
        self._send("READY=1", f"STATUS={_line(status)}" if status else "")

    def status(self, text: str) -> None:
        """Tell in one line what is going on; `systemctl status` shows it."""
        self._send(f"STATUS={_line(text)}")

    def stopping(self, status: str = "") -> None:
        """The server has begun to stop."""
        self._send("STOPPING=1", f"STATUS={_line(status)}" if status else "")

    def reloading(self, status: str = "") -> None:
        """The configuration is being read again; `ready` says when that is over."""
        moment = f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
        self._send("RELOADING=1", moment, f"STATUS={_line(status)}" if status else "")

    def watch(self, loop: Loop, well: Callable[[], bool] = lambda: True) -> None:
        """Tell from the loop, twice in the watchdog's interval, that it turns and that all is `well`.

        One that is blocked, or unwell for so long, is then started again.
        """
        if self._path is None or not self._watchdog_seconds:
            return
        if well():
            self._send("WATCHDOG=1")
        self._timer = loop.call_later(self._watchdog_seconds / 2, self.watch, loop, well)

    def unwatch(self) -> None:
        """Stop telling."""
        if self._timer is not None:
            self._timer.cancel()

    def _send(self, *lines: str) -> None:
        if self._path is None:
            return
        message = "\n".join(line for line in lines if line).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(message, self._path)
        except (FileNotFoundError, ConnectionRefusedError):
            # The `start` command listens only until it has been told READY.
            log.debug("nobody listens at %s any more", self._path)
        except OSError as error:
            log.warning("systemd could not be told %r: %s", message.decode(), error)


def _line(text: str) -> str:
    return " ".join(text.split())
