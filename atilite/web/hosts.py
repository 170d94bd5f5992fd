"""Which names a request may call this server by. Pure: no name is looked up."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from atilite.errors import Error

NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?\.?")
PORT = re.compile(r"[0-9]{1,5}")


def split_host(header: str) -> tuple[str, str]:
    """Return the name in lower case and the port ("" if none) of a Host header. Raises ValueError for anything else."""
    if header.startswith("["):
        name, bracket, rest = header[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(header)
        ipaddress.IPv6Address(name)
        port = rest[1:]
    else:
        name, _, port = header.partition(":")
        if not NAME.fullmatch(name):
            raise ValueError(header)
    if port and not PORT.fullmatch(port):
        raise ValueError(header)
    return name.lower().rstrip("."), port


class Hosts:
    """The allow-list of host names.

    An attacker's own name that resolves to this machine (DNS rebinding) makes a browser send requests that look as if
    they came from our own pages. So a name counts only when it was allowed; `.example.org` allows the name and all
    names below it, `*` allows every name. Literal addresses cannot be rebound: those of this machine always count,
    others when `addresses` is true, which is for servers that listen for other machines.
    """

    def __init__(self, allowed: Iterable[str] = (), *, addresses: bool = False) -> None:
        names = {name.lower().strip("[]") for name in allowed}
        self._names = {"localhost", *(name for name in names if not name.startswith((".", "*.")))}
        self._tails = tuple("." + name.lstrip("*").lstrip(".") for name in names if name.startswith((".", "*.")))
        self._any = "*" in names
        self._addresses = addresses
        self._known: dict[str, bool] = {}

    def allows(self, header: str) -> bool:
        """True when this Host header may be used. Any thread."""
        answer = self._known.get(header)
        if answer is None:
            answer = self._decide(header)
            # Only right answers are kept: wrong ones are a stranger's choice and could fill the memory.
            if answer and len(self._known) < 256:
                self._known[header] = True
        return answer

    def check(self, environ: Mapping[str, Any]) -> None:
        """Raise Error 400 unless the request's Host is allowed. A request without one (HTTP/1.0) passes."""
        header = environ.get("HTTP_HOST")
        if header is not None and not self.allows(header):
            raise Error(400, "this Host name is not allowed; start the server with --allowed-host and the name")

    def _decide(self, header: str) -> bool:
        try:
            name, _ = split_host(header)
        except ValueError:
            return False
        if self._any or name in self._names or ("." + name).endswith(self._tails or ("\0",)):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._addresses


def permitted(named: Iterable[str], apps: Iterable[Any], *, loopback: bool) -> Hosts:
    """The allow-list of a site: `named` by its operator, and what its apps prefer as `allowed_hosts`.

    With none of them a server that only this machine reaches (`loopback`) is called localhost, or below that, or
    below the `subdomain_base` of an app; one for other machines takes every well-formed name, because nobody said
    which names lead to it.
    """
    names, below = list(named), {"localhost"}
    for app in apps:
        own = getattr(app, "allowed_hosts", ())
        names += [own] if isinstance(own, str) else own
        below.add(app.subdomain_base)
    if not names:
        names = [f".{name}" for name in below if name] if loopback else ["*"]
    return Hosts(names, addresses=not loopback)
