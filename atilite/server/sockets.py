"""Where the server listens: TCP addresses, Unix sockets, and sockets that systemd has opened."""

from __future__ import annotations

import logging
import os
import re
import socket
import stat
from collections.abc import MutableMapping
from contextlib import suppress

from atilite.errors import SetupError
from atilite.forks import keep_from_children, let_go

log = logging.getLogger("atilite.server")

BACKLOG = 1024
FIRST_INHERITED = 3  # by the protocol of socket activation
_TCP = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")


def open_listeners(address: str, *, unix_mode: int = 0o600) -> list[socket.socket]:
    """Return listening sockets for `127.0.0.1:5000`, `[::1]:5000`, `*:5000` (all addresses) or `unix:/run/app.sock`.

    A host name may stand for several addresses. Raises SetupError that says what to do.
    """
    if address.startswith("unix:"):
        return [_open_unix(address[5:], unix_mode)]
    match = _TCP.fullmatch(address)
    if match is None:
        raise SetupError(f"{address!r} is no address to listen on (write HOST:PORT, [IPV6]:PORT or unix:PATH)")
    host, port = match["six"] or match["host"], int(match["port"])
    # As bytes, since for a text Python loads the tables of international names, whatever is in it.
    name = None if host in ("*", "") else host.encode() if host.isascii() else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, OverflowError) as error:
        raise SetupError(f"{address} cannot be listened on: {error} (check the name of the host)") from None
    opened: list[socket.socket] = []
    try:
        for family, _, _, _, place in dict.fromkeys(found):
            opened.append(_open_tcp(family, place))
    except OSError as error:
        for one in opened:
            one.close()
        raise SetupError(f"{address} cannot be listened on: {error.strerror} ({_remedy(error)})") from None
    return opened


def inherited(environ: MutableMapping[str, str], pid: int) -> list[socket.socket]:
    """Take over the sockets of socket activation (`LISTEN_PID`, `LISTEN_FDS`), none if this process got none.

    Removes the variables from `environ`, so that children don't believe the sockets were theirs.
    """
    count, owner = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if not (count.isdigit() and owner == str(pid)):
        return []
    taken = []
    for number in range(FIRST_INHERITED, FIRST_INHERITED + int(count)):
        sock = socket.socket(fileno=number)
        if sock.type != socket.SOCK_STREAM:
            raise SetupError(f"inherited descriptor {number} is no stream socket; use ListenStream= in the socket unit")
        sock.set_inheritable(False)
        taken.append(sock)
    return taken


def address_of(sock: socket.socket) -> str:
    """Return where a socket listens, in the form that `open_listeners` reads."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    return f"[{name[0]}]:{name[1]}" if sock.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def close_listener(sock: socket.socket, *, ours: bool) -> None:
    """Close a listening socket; the file of a Unix socket goes too when we have made it."""
    path = sock.getsockname() if ours and sock.family == socket.AF_UNIX else ""
    sock.close()
    if path and not path.startswith("\0"):
        with suppress(OSError):
            os.unlink(path)


def raise_file_limit(wanted: int) -> int:
    """Let this process open `wanted` files if the system allows it; return how many it may open."""
    import resource  # there is none outside of Unix

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


class _Listening(socket.socket):
    """A socket that listens, in this process and not in children that it forks: they would keep the place in use."""

    __slots__ = ()

    @classmethod
    def made(cls, family: int) -> _Listening:
        sock = cls(family, socket.SOCK_STREAM)
        keep_from_children(sock)
        return sock

    def left_by_fork(self) -> None:
        if self.fileno() >= 0:
            let_go([self.fileno()])


def _open_tcp(family: int, place: object) -> socket.socket:
    sock = _Listening.made(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place)  # type: ignore[arg-type]
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def tune(sock: socket.socket) -> None:
    """Make a listening socket fit for the loop.

    Accepted connections inherit the rest: no delay, and probes that find out about clients that vanished.
    """
    sock.setblocking(False)
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _open_unix(path: str, mode: int) -> socket.socket:
    _remove_stale(path)
    sock = _Listening.made(socket.AF_UNIX)
    # Narrow from the first moment: with a chmod afterwards somebody could have connected before.
    mask = os.umask(0o777 & ~mode)
    try:
        sock.bind(path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        reason = error.strerror or error  # Python has no number for a path that is too long
        remedy = "choose another path, which is short and in a folder that is there and may be written"
        raise SetupError(f"unix:{path} cannot be listened on: {reason} ({remedy})") from None
    finally:
        os.umask(mask)
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket file of a server that is gone. Raises SetupError if one lives or the file is something else."""
    try:
        kind = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(kind):
        raise SetupError(f"unix:{path} cannot be listened on: a file has this name (remove it or choose another)")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError as error:
            log.debug("whether %s is in use is unknown: %s", path, error)
        else:
            raise SetupError(f"unix:{path} is served by another process (stop it or choose another path)")


def _remedy(error: OSError) -> str:
    import errno

    if error.errno == errno.EADDRINUSE:
        return "another process uses it: stop it or choose another with --port"
    if error.errno == errno.EACCES:
        return "choose a port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address: choose another with --host"
    return "choose another with --host and --port"
