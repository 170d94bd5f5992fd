"""What commands leave in the audit trail: who of this machine changed what."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from typing import Any

from ..automation.trail import note
from ..errors import StoreError
from ..store.database import Database
from .call import Call

# By the name of the command's function: what it does, and the option that says to what.
CHANGES = {
    "add_user": ("add user", "user_name"),
    "remove_user": ("remove user", "user_name"),
    "add_token": ("add token", "token_name"),
    "remove_token": ("remove token", "token_name"),
    "restore": ("restore", "file"),
    "vacuum": ("vacuum", ""),
    "run": ("run action", "action"),
    "test": ("test channel", "channel"),
}
GIVEN = ("role", "days")


def leave(call: Call, code: int) -> None:
    """Note what a command has changed; one that only looks leaves nothing. Never a reason for it to fail."""
    options = call.options
    what, source = CHANGES.get(options.command.__name__, ("", ""))
    if options.command.__name__ == "secret" and getattr(options, "new", False):
        what, source = "renew secret", "hook_name"
    if not what:
        return
    given = {name: getattr(options, name) for name in GIVEN if getattr(options, name, None) is not None}
    result = "done" if code == 0 else f"exit code {code}"
    tell(call, what, str(getattr(options, source, "")) if source else "", given, result)


def tell(call: Call, what: str, target: str, given: Mapping[str, Any] | None = None, result: str = "done") -> None:
    """Note a change that this process has made in the data. Never a reason to fail."""
    try:
        with Database.open(call.settings.db, shared=True) as database:
            note(database, what, who=person(), via="cli", target=target, parameters=given, result=result)
    except (StoreError, OSError) as error:
        print(f"atilite: not in the audit trail: {error}", file=sys.stderr)


def person() -> str:
    """The name of this machine's user, or its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
