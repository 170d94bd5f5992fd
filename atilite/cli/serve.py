"""Serving, which is what happens without a command."""

from __future__ import annotations

import os

from ..errors import ConfigError
from ..store.accounts import Accounts
from ..store.database import Database, beside
from .call import Call
from .parser import Commands


def add(commands: Commands) -> None:
    commands.default(serve)


def serve(call: Call) -> int:
    """Serve until a signal. Returns the exit code. Main thread."""
    refuse_open_door(call)
    return call.site.serve(call.settings, os.environ)


def refuse_open_door(call: Call) -> None:
    """Raise ConfigError when others could connect and nobody has an account yet.

    A console that anybody in the network can use is a remote shell; so the first start on another address waits for
    the first account.
    """
    if call.settings.loopback:
        return
    command = call.remedy("user", "add", "NAME", "--role", "admin")
    database_file = beside(call.settings.db, "")
    if database_file is not None and not database_file.parent.is_dir():
        command = f"mkdir -p {database_file.parent}, then {command}"  # of a service that was never started
    elif has_account(call.settings.db):
        return
    raise ConfigError(f"{call.settings.host} can be reached from other machines and there is no account ({command})")


def has_account(url: str) -> bool:
    """Whether anybody can sign in."""
    with Database.open(url, shared=True) as database:
        return Accounts(database).any()
