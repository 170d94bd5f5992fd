"""hook: the secrets that sign webhooks, those that come and those that go out."""

from __future__ import annotations

import sys

from ..automation.catalogue import Catalogue
from ..errors import AtiliteError
from ..store.database import Database
from ..store.keys import Keys
from ..web.webhooks import secret_text
from .call import Call
from .parser import Commands
from .table import show


def add(commands: Commands) -> None:
    hooks = commands.group("hook", "webhooks: requests of other programs that start an action")
    parser = hooks.add("secret", secret, "print the secret of an action's hook or of an alias; it is the last line")
    parser.add_argument("hook_name", metavar="NAME", help="the name of an action, or of an alias such as @ops")
    parser.add_argument("--new", action="store_true", help="make another one first; the old one is worthless then")
    parser = hooks.add("list", list_hooks, "list the actions that have a hook")
    parser.add_argument("--json", action="store_true", help="print JSON")


def secret(call: Call) -> int:
    """Print what signs; it is made when it is first asked for, by whomever."""
    name: str = call.options.hook_name
    hooked = hooks_of(call.site.open(call.settings).catalogue)
    if not name.startswith("@") and name not in hooked:
        known = ", ".join(hooked) or "none"
        raise AtiliteError(f"no action {name!r} has a hook (declare it with hook=True; known: {known})")
    with Database.open(call.settings.db, shared=True) as database:
        keys = Keys(database)
        key = keys.renew(f"hook:{name}") if call.options.new else keys.secret(f"hook:{name}")
    if call.options.new:
        print("the old secret is worthless from now on, also for a server that runs", file=sys.stderr)
    print(secret_text(key))
    return 0


def list_hooks(call: Call) -> int:
    """List what other programs may start."""
    rows = [
        {"action": name, "path": f"/internal/hook/{name}"} for name in hooks_of(call.site.open(call.settings).catalogue)
    ]
    show(rows, ("action", "path"), as_json=call.options.json, empty="no hooks (declare an action with hook=True)")
    return 0


def hooks_of(catalogue: Catalogue) -> list[str]:
    """The names of the actions that have a hook."""
    return [action.name for action in catalogue.actions if action.hook]
