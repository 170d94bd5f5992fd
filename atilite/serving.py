"""Serving a site: the server in front of it, signals, systemd, and an orderly end."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from .config import Settings
from .errors import ConfigError, TaskTimeout
from .forks import answered_here
from .lazily import function_of
from .logs import configure
from .runtime.engine import process_runtime
from .runtime.leaving import LATEST, leave_in_time
from .runtime.loop import process_loop
from .server.notify import Notifier
from .server.server import Server
from .server.sockets import inherited
from .upkeep import Upkeep, limits_of

if TYPE_CHECKING:
    from .reload import Reloader
    from .server.certificates import Certificates
else:
    # For those that have a certificate.
    Certificates = function_of("atilite.server.certificates", "Certificates")
    # Loaded in developer mode.
    Reloader = function_of("atilite.reload", "Reloader")

log = logging.getLogger("atilite")

# Seconds, of the whole time for stopping, that are left for the store after requests and runs have ended.
LAST_SECONDS = 0.5
# Exit code after SIGHUP, which ends as well as SIGTERM does; the systemd unit starts the program again then.
HUNG_UP = 129
# Seconds after the start in which nothing is loaded in advance: the processor is for those who ask already.
WARM_AFTER = 1.0
# How many new objects, and then how many times more, before the collector looks for cycles among young and old ones.
# With Python's own 700, 10, 10 its walks took a third of the time while thousands of requests were parked.
COLLECT_AFTER = (5000, 20, 20)


class Serving:
    """One site being served. `run` blocks the main thread until a signal has stopped it."""

    def __init__(self, site: Any, settings: Settings, environ: MutableMapping[str, str]) -> None:
        self._site, self._settings, self._environ = site, settings, environ
        self._loop = process_loop()
        self._notifier = Notifier.from_environ(environ, os.getpid())
        self._stopping = threading.Event()
        self._signals: list[Any] = []
        self._upkeep: Upkeep | None = None
        self._code = 0

    def run(self) -> int:
        """Serve until SIGTERM, SIGINT or SIGHUP; return the exit code. Main thread.

        Raises SetupError, ConfigError, StoreError before it serves.
        """
        site, settings = self._site, self._settings
        certificates = certificates_of(settings)
        self._loop.adopt()
        site.open(settings)
        site.database()
        site.server = server = self._server(certificates)
        server.bind()
        self._listen_for_signals()
        try:
            site.start()
            server.start()
            site.database().announce(server.urls)
            spare_collector()
            self._tell(server)
            self._upkeep = upkeep = Upkeep(
                site.database(), process_runtime(), lambda: limits_of(settings, site.catalogue.actions)
            )
            upkeep.start()
            self._loop.call_later(WARM_AFTER, self._warm)
            reloader = Reloader(site) if settings.devel else None
            if reloader is not None:
                reloader.start()
            self._loop.run()
        finally:
            self._notifier.unwatch()
        leave_in_time(self._code)
        return self._code

    def _server(self, certificates: Certificates | None) -> Server:
        settings = self._settings
        place = f"unix:{settings.unix}" if settings.unix else f"{_bracketed(settings.host)}:{settings.port}"
        return Server(
            self._site,
            loop=self._loop,
            listeners=inherited(self._environ, os.getpid()) or [place],
            threads=settings.threads,
            connections=settings.connections,
            policy=self._site.policy,
            behind_proxy=settings.behind_proxy or None,
            # A proxy is a user of its own; who may enter the socket's folder can connect, as to a port.
            unix_mode=0o666 if settings.behind_proxy == "unix" else 0o600,
            certificates=certificates,
        )

    def _tell(self, server: Server) -> None:
        shown = ", ".join(server.urls)
        log.info("%s is served at %s", self._settings.name, shown)
        if self._settings.devel and self._settings.loopback:
            log.info("developer mode: no login is asked for on this machine")
        self._notifier.ready(f"serving at {shown}")
        self._notifier.watch(self._loop)

    def _warm(self) -> None:
        def warm() -> None:
            self._site.warm()
            gc.freeze()

        threading.Thread(target=warm, name="atilite-warm", daemon=True).start()

    def _listen_for_signals(self) -> None:
        hub_loop = self._loop.hub.loop
        # Who starts it with nohup wants it to outlive the terminal.
        hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        for number in (signal.SIGTERM, signal.SIGINT, *hang_up):
            watcher = hub_loop.signal(number)
            watcher.start(self._on_signal, number)
            self._signals.append(watcher)
            answered_here(number)

    def _on_signal(self, number: int) -> None:
        if self._stopping.is_set():
            # A second signal: whoever sends it does not want to wait.
            log.warning("stopping at once")
            os._exit(1)
        self._stopping.set()
        if number == signal.SIGHUP:
            self._code = HUNG_UP
        # What stops services and runs waits for them, so it has a thread of its own.
        threading.Thread(target=self._stop, name="atilite-stop", daemon=True).start()

    def _stop(self) -> None:
        timeout = self._settings.stop_timeout
        until = time.monotonic() + timeout
        self._notifier.stopping("finishing what runs")
        log.info("stopping; what runs has %.1f s to end", timeout)
        try:
            if self._upkeep is not None:
                self._upkeep.stop()
            requests = self._site.server.stop(max(0.0, timeout - LAST_SECONDS))
            self._stop_site(max(0.0, timeout - LAST_SECONDS))
            left = requests.wait(max(0.1, until - time.monotonic()))
            if left:
                log.warning("%d requests were cut off", left)
            process_runtime().stop(LAST_SECONDS)
        except Exception:
            log.exception("stopping went wrong")
        finally:
            self._site.close()
            self._loop.stop()

    def _stop_site(self, seconds: float) -> None:
        # In a thread of its own: what a program does in its hooks may take for ever.
        stopped = process_runtime().threads.dedicated(self._site.stop, seconds)
        try:
            stopped.wait(seconds + LATEST)
        except TaskTimeout:
            log.error("the end of the apps takes too long, a hook such as __umount__ perhaps; it is left behind")


def serve(site: Any, settings: Settings, environ: MutableMapping[str, str]) -> int:
    """Serve `site` until a signal; return the exit code. Main thread.

    `environ` is where systemd says how it wants to be told and which sockets it has opened.
    """
    configure(settings.log_level, settings.log_format)
    return Serving(site, settings, environ).run()


def certificates_of(settings: Settings) -> Certificates | None:
    """What the server encrypts with; None for plain HTTP. Raises ConfigError for files that cannot be used."""
    if not (settings.tls_cert or settings.tls_key):
        return None
    if settings.unix:
        raise ConfigError("tls_cert does not go with unix: a Unix socket has no TLS (leave one of the two out)")
    return Certificates(settings.tls_cert, settings.tls_key)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def spare_collector() -> None:
    """Let the garbage collector pass over what exists by now, which stays to the end, and look less often."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
