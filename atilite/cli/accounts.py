"""user and token: who may use the console and the APIs. They work beside a running server."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import AtiliteError, ConfigError
from ..store.accounts import Accounts
from ..store.database import Database
from .call import Call
from .parser import Commands, Parser
from .table import show

ROLES = ("view", "run", "admin")
SHORT = 8  # characters; a shorter password is taken, with a warning


def add(commands: Commands) -> None:
    users = commands.group("user", "accounts for the console")
    parser = users.add("add", add_user, "make an account; the password is asked for, or is one line of stdin")
    parser.add_argument("user_name", metavar="NAME")
    add_role(parser)
    parser = users.add("list", list_users, "list the accounts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser = users.add("remove", remove_user, "remove an account and end its sessions")
    parser.add_argument("user_name", metavar="NAME")
    tokens = commands.group("token", "tokens for the APIs")
    parser = tokens.add("add", add_token, "make a token; it is the last line of what is printed")
    parser.add_argument("token_name", metavar="NAME")
    add_role(parser)
    parser.add_argument("--days", type=int, default=None, metavar="N", help="days until it ends (default: never)")
    parser = tokens.add("list", list_tokens, "list the tokens, without their secrets")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser = tokens.add("remove", remove_token, "remove a token")
    parser.add_argument("token_name", metavar="NAME")


def add_role(parser: Parser) -> None:
    parser.add_argument("--role", choices=ROLES, required=True, help="view reads, run also runs, admin does everything")


@contextmanager
def accounts_of(call: Call) -> Iterator[Accounts]:
    """The accounts of this database, a running server's or not."""
    with Database.open(call.settings.db, shared=True) as database:
        yield Accounts(database)


def add_user(call: Call) -> int:
    """Make an account."""
    name, role = call.options.user_name, call.options.role
    password = read_password(name)
    if len(password) < SHORT:
        print(f"that password is short; {SHORT} characters or more are harder to guess", file=sys.stderr)
    with accounts_of(call) as accounts:
        accounts.add(name, password, role)
    print(f"made account {name} with role {role}")
    return 0


def read_password(name: str) -> str:
    """Ask twice on a terminal, take one line of stdin otherwise. Raises AtiliteError for none and for two different."""
    if sys.stdin is not None and sys.stdin.isatty():
        password = getpass.getpass(f"password for {name}: ")
        if getpass.getpass("once more: ") != password:
            raise AtiliteError("the two passwords differ (try again)")
    else:
        password = sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""
    if not password:
        raise AtiliteError("there is no password (type one, or pass a line: echo ... | ...)")
    return password


def list_users(call: Call) -> int:
    """List the accounts."""
    with accounts_of(call) as accounts:
        rows = [{"name": user.name, "role": user.role, "created": user.created_at} for user in accounts.users()]
    empty = f"no accounts yet ({call.remedy('user', 'add', 'NAME', '--role', 'admin')})"
    show(rows, ("name", "role", "created"), as_json=call.options.json, empty=empty)
    return 0


def remove_user(call: Call) -> int:
    """Remove an account."""
    name = call.options.user_name
    with accounts_of(call) as accounts:
        if not accounts.remove(name):
            known = ", ".join(user.name for user in accounts.users()) or "none"
            raise AtiliteError(f"there is no account {name!r} (known: {known})")
    print(f"removed account {name}; its sessions have ended")
    return 0


def add_token(call: Call) -> int:
    """Make a token and print it alone on the last line."""
    name, role, days = call.options.token_name, call.options.role, call.options.days
    if days is not None and days < 1:
        raise ConfigError(f"--days cannot be {days} (a whole number, at least 1)")
    with accounts_of(call) as accounts:
        secret = accounts.add_token(name, role, days)
    lasts = "it does not end by itself" if days is None else f"it ends in {days} days"
    print(f"made token {name} with role {role}; {lasts}, and it cannot be shown again:")
    print(secret)
    return 0


def list_tokens(call: Call) -> int:
    """List the tokens."""
    with accounts_of(call) as accounts:
        rows = [
            {
                "name": token.name,
                "role": token.role,
                "created": token.created_at,
                "expires": token.expires_at,
                "used": token.used_at,
            }
            for token in accounts.tokens()
        ]
    empty = f"no tokens yet ({call.remedy('token', 'add', 'NAME', '--role', 'run')})"
    show(rows, ("name", "role", "created", "expires", "used"), as_json=call.options.json, empty=empty)
    return 0


def remove_token(call: Call) -> int:
    """Remove a token."""
    name = call.options.token_name
    with accounts_of(call) as accounts:
        if not accounts.remove_token(name):
            known = ", ".join(token.name for token in accounts.tokens()) or "none"
            raise AtiliteError(f"there is no token {name!r} (known: {known})")
    print(f"removed token {name}")
    return 0
