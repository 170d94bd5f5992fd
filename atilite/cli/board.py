"""The server that runs on this program's data, for commands that tell it something: they ask its own API.

The lock of the database says where it serves. Whoever may write the database makes a token in it for this one command.
"""

from __future__ import annotations

import os
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import AtiliteError, RemoteError
from ..lazily import function_of
from ..store.accounts import Accounts
from ..store.database import Database, beside
from ..store.ownership import Owner, owner_of
from .call import Call
from .trail import person

if TYPE_CHECKING:
    from ..remote.client import Client
else:
    Client = function_of("atilite.remote.client", "Client")

# Days that the token of a command would be good for if the command were killed: an hour.
TOKEN_DAYS = 1 / 24
# What stands in the name of each such token.
BY_COMMAND = " by serve.py "
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def owner(call: Call) -> Owner | None:
    """The process that has the data now, None without one."""
    path = beside(call.settings.db, "")
    return None if path is None else owner_of(path)


@contextmanager
def the_server(call: Call, why: str, remedy: str = "") -> Iterator[Client]:
    """A client of the server that runs. Raises AtiliteError without one; `why` says what it is needed for."""
    with server_or_none(call, remedy) as board:
        if board is None:
            raise AtiliteError(f"no server runs on this data, and {why} (start it: {call.remedy('start')})")
        yield board


@contextmanager
def server_or_none(call: Call, remedy: str = "", *, anyway: bool = False) -> Iterator[Client | None]:
    """A client of the server that runs, with the role admin; None without one.

    What it refuses is told in one line; `remedy` is for what is not there. With `anyway` a process that has the data
    but does not serve is as good as none.
    """
    found = owner(call)
    url = "" if found is None else next(iter(found.urls), "")
    if found is None or (anyway and not url):
        yield None
        return
    if not url:
        raise AtiliteError(f"process {found.pid} has the data and serves nowhere (wait for its end, then try again)")
    with token(call) as secret, client(url, secret, f"/proc/{found.pid}/cwd") as board:
        try:
            yield board
        except RemoteError as refusal:
            hint = remedy if refusal.status_code == 404 else ""
            raise AtiliteError(f"{refusal.detail} ({hint or f'so says the server at {url}'})") from None


@contextmanager
def token(call: Call) -> Iterator[str]:
    """A token that is worthless after the command. It names who gives the command, for the audit trail."""
    name = f"{person()[:50]}{BY_COMMAND}{os.getpid()}-{secrets.token_hex(3)}"
    with Database.open(call.settings.db, shared=True) as database:
        accounts = Accounts(database)
        _forget_killed(accounts, database.clock.now())
        secret = accounts.add_token(name, "admin", TOKEN_DAYS)
        try:
            yield secret
        finally:
            accounts.remove_token(name)


def _forget_killed(accounts: Accounts, now: datetime) -> None:
    """Remove what commands have left that were killed: tokens that have ended, which nobody would ever remove."""
    for left in accounts.tokens():
        if BY_COMMAND in left.name and left.expires_at is not None and left.expires_at <= now:
            accounts.remove_token(left.name)


def client(url: str, secret: str, folder: str) -> Client:
    """A client of a server of this machine, by the address that it listens at; `folder` is its working directory."""
    if url.startswith("unix:"):
        return Client("http://localhost", secret, unix=os.path.join(folder, url.removeprefix("unix:")))
    parts = urlsplit(url)
    host = EVERYWHERE.get(parts.hostname or "", "")
    if host:
        url = f"{parts.scheme}://{host}:{parts.port}"
    context = None
    if parts.scheme == "https":
        # Its certificate is for another name than this address, which nobody but the server itself has written down.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return Client(url, secret, context=context)
