"""Connections to a board on this machine by its Unix socket."""

from __future__ import annotations

import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError


def pool_of(path: str, size: int) -> urllib3.PoolManager:
    """A pool whose connections all go to the socket at `path`, whatever the host of a request."""

    class Connection(HTTPConnection):
        """HTTP through the socket."""

        def _new_conn(self) -> socket.socket:
            opened = socket.socket(socket.AF_UNIX)
            try:
                # urllib3 has a mark of its own for "no limit given".
                opened.settimeout(self.timeout if isinstance(self.timeout, (int, float)) else None)
                opened.connect(path)
            except TimeoutError as error:
                opened.close()
                raise ConnectTimeoutError(self, f"{path} did not answer in time") from error
            except OSError as error:
                opened.close()
                raise NewConnectionError(self, f"{path}: {error.strerror}") from error
            return opened

    class Pool(HTTPConnectionPool):
        """Connections to that socket."""

        ConnectionCls: Any = Connection

    made = urllib3.PoolManager(1, maxsize=size)
    made.pool_classes_by_scheme = {"http": Pool}
    return made
