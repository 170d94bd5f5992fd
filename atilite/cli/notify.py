"""notify: the channels of notifications, and a test of one. audit: who changed what."""

from __future__ import annotations

from ..errors import AtiliteError, SetupError
from ..store.audit import Audit, Wanted
from ..store.database import Database
from .call import Call
from .lists import looked_at
from .parser import Commands
from .table import show

CHANNEL_COLUMNS = ("name", "waiting", "sent", "given_up", "last", "error")
AUDIT_COLUMNS = ("at", "who", "via", "what", "target", "result")


def add(commands: Commands) -> None:
    group = commands.group("notify", "notifications")
    parser = group.add("test", test, "send a test to a channel from here, and say what it answered")
    parser.add_argument("channel", metavar="NAME", help="such as @ops")
    parser = group.add("list", list_channels, "list the channels and what waits for them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser = commands.add("audit", audit, "list who changed what, newest first")
    parser.add_argument("--who", dest="audit_who", default="", metavar="NAME", help="only what this account did")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="so many entries (50)")
    parser.add_argument("--json", action="store_true", help="print JSON, with more fields")


def test(call: Call) -> int:
    """Send a test in this process; a running server is not needed, and not disturbed."""
    name: str = call.options.channel
    with Database.open(call.settings.db, shared=True) as database:
        call.site.use(database)
        site = call.site.open(call.settings)
        for app in site.apps.values():
            app.freeze()
        try:
            site.catalogue.notices.test(name)
        except (LookupError, SetupError) as unknown:
            raise AtiliteError(str(unknown.args[0])) from None
        except Exception as error:
            # Whatever it is: a refused connection, a wrong password, a bug in a function of the user's.
            raise AtiliteError(f"{name} did not take the test: {type(error).__name__}: {error}") from error
    print(f"{name} took the test")
    return 0


def list_channels(call: Call) -> int:
    """List the channels that the program names."""
    with looked_at(call) as site:
        rows = [
            {"name": one.name, "waiting": one.waiting, "sent": one.sent, "given_up": one.given_up,
             "last": one.last, "error": one.error}
            for one in site.catalogue.notices.channels
        ]  # fmt: skip
    show(rows, CHANNEL_COLUMNS, as_json=call.options.json, empty='no channels (write app.notify("@ops"))')
    return 0


def audit(call: Call) -> int:
    """List the newest entries of the audit trail."""
    with looked_at(call) as site:
        trail = site.database().part(Audit)
        found = trail.search(Wanted(who=call.options.audit_who), limit=max(1, call.options.limit))
    rows = [
        {"at": one.at, "who": one.who, "via": one.via, "what": one.what, "target": one.target, "result": one.result,
         "address": one.address, "parameters": one.parameters, "run": one.run}
        for one in found
    ]  # fmt: skip
    show(rows, AUDIT_COLUMNS, as_json=call.options.json, empty="nothing has been changed yet")
    return 0
