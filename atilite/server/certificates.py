"""The certificate that the server shows: its files, their renewal, and the time that handshakes may take."""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from atilite.errors import ConfigError
from atilite.runtime.loop import Loop

log = logging.getLogger("atilite.server")

# How often, in seconds, a connection looks whether the files were replaced.
LOOK_AGAIN = 60.0
# Seconds of one turn of the loop after which further handshakes wait for the next one: each calculates for a while.
A_TURN = 0.003


class Certificates:
    """The certificate in `cert` (PEM, with those between it and the authority) and its key in `key`.

    Made in any thread; the methods belong to the loop. Raises ConfigError for files that cannot be used.
    """

    def __init__(self, cert: str, key: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        if not (cert and key):
            given, missing = ("tls_cert", "tls_key") if cert else ("tls_key", "tls_cert")
            raise ConfigError(
                f"{given} is given without {missing} (both are needed: --{missing.replace('_', '-')} FILE)"
            )
        self._cert, self._key, self._monotonic = cert, key, monotonic
        self._seen = self._stamps()
        self._context = load(cert, key)
        self._look_at = monotonic() + LOOK_AGAIN
        self._spent = 0.0

    def current(self) -> ssl.SSLContext:
        """What a new connection is encrypted with: files that were replaced are read again."""
        now = self._monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_AGAIN
            self._renew()
        return self._context

    def _renew(self) -> None:
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._context = load(self._cert, self._key)
        except ConfigError as error:
            # Perhaps only one of the two is new yet: the other one makes another stamp.
            log.warning("the certificate was not renewed: %s", error)
        else:
            log.info("the certificate in %s was read again", self._cert)

    def _stamps(self) -> list[tuple[int, int, int]]:
        found = []
        for path in (self._cert, self._key):
            try:
                status = os.stat(path)
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return found

    # -- turns

    def has_time(self) -> bool:
        """Whether a handshake may go on in this turn of the loop."""
        return self._spent < A_TURN

    @contextmanager
    def at_work(self, loop: Loop) -> Iterator[None]:
        """Count the time of the block as that of a handshake."""
        if not self._spent:
            loop.call_soon(self._next_turn)
        start = time.perf_counter()
        try:
            yield
        finally:
            self._spent += time.perf_counter() - start

    def _next_turn(self) -> None:
        self._spent = 0.0


def load(cert: str, key: str) -> ssl.SSLContext:
    """Read the files. Raises ConfigError that says which one is wrong and what to do."""
    _check("tls_cert", cert, "CERTIFICATE")
    _check("tls_key", key, "PRIVATE KEY")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except _Encrypted:
        raise ConfigError(
            f"tls_key: {key} is encrypted (take the password off: openssl pkey -in {key} -out NEW, and chmod 600 NEW)"
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                f"tls_key: {key} is not the key of {cert} (give the two that were made together)"
            ) from None
        raise ConfigError(f"tls_cert: {cert} and {key} cannot be used: {error.reason} (make them again)") from None
    return context


class _Encrypted(Exception):
    """The key asks for a password."""


def _no_password() -> NoReturn:
    raise _Encrypted


def _check(setting: str, path: str, content: str) -> None:
    try:
        with open(path, "rb") as file:
            found = f"{content}-----".encode() in file.read()
    except FileNotFoundError:
        raise ConfigError(f'{setting}: there is no file {path} (see "TLS" in docs/operating.md)') from None
    except OSError as error:
        raise ConfigError(f"{setting}: {path} cannot be read: {error.strerror} (let this user read it)") from None
    if not found:
        raise ConfigError(f"{setting}: {path} has no {content.lower()} in it (PEM is wanted)")
