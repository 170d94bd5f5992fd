"""runs: what has run, from the data itself; and the end of one that goes on in the server."""

from __future__ import annotations

from ..api.shapes import headline, journal
from ..errors import AtiliteError
from ..store.database import Database, path_of
from ..store.history import History
from ..store.runs import Headline, Journal
from .board import server_or_none
from .call import Call
from .parser import Commands
from .table import as_json, show, words
from .transfer import ask, asked

COLUMNS = ("id", "operation", "status", "trigger", "who", "started_at", "duration", "error")
# Runs that are read at once.
PAGE = 100


def add(commands: Commands) -> None:
    parser = commands.add("runs", list_runs, "list the runs, newest first")
    ask(parser)
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="so many runs (20)")
    parser.add_argument("--json", action="store_true", help="print JSON, with more fields")
    group = commands.below(parser)
    below = group.add("show", show_run, "print a run with its records, oldest first")
    below.add_argument("run", metavar="ID", type=int)
    below.add_argument("--json", action="store_true", help="print JSON")
    below = group.add("cancel", cancel, "ask a run of the server to end")
    below.add_argument("run", metavar="ID", type=int)


def list_runs(call: Call) -> int:
    """List runs; a running server is not asked, and not disturbed."""
    rows = []
    if path_of(call.settings.db).exists():
        with Database.open(call.settings.db, readonly=True) as database:
            rows = [headline(run) for run in newest(History(database), call)]
    show(rows, COLUMNS, as_json=call.options.json, empty="no such runs")
    return 0


def newest(history: History, call: Call) -> list[Headline]:
    """The runs that are asked for, a portion at a time."""
    wanted, limit = asked(call), max(1, call.options.limit)
    found: list[Headline] = []
    before: int | None = None
    while len(found) < limit:
        portion = history.search(wanted, before=before, limit=min(PAGE, limit - len(found)))
        if not portion:
            break
        found += portion
        before = portion[-1].id
    return found


def show_run(call: Call) -> int:
    """Print one run."""
    run = stored(call)
    records = list(reversed(run.records))
    if call.options.json:
        print(as_json(journal(run, records)))
        return 0
    for name in ("operation", "status", "trigger", "who", "started_at", "duration"):
        print(f"{name + ':':<12} {words(getattr(run, name))}")
    for name, value in run.parameters.items():
        print(f"{'parameter:':<12} {name}={as_json(value)}")
    for one in records:
        fields = " ".join(f"{name}={as_json(value)}" for name, value in one.params.items())
        print(f"{words(one.created_at)}  {one.message} {fields}".rstrip())
    if run.result is not None:
        print(f"result: {as_json(run.result)}")
    if run.error:
        print((run.traceback or run.error).rstrip())
    return 0


def stored(call: Call) -> Journal:
    """The run that is asked for. Raises AtiliteError if there is none."""
    found = None
    if path_of(call.settings.db).exists() and 0 < call.options.run < 2**63:
        with Database.open(call.settings.db, readonly=True) as database:
            found = History(database).get(call.options.run)
    if found is None:
        raise AtiliteError(f"there is no run {call.options.run} (`runs` lists them)")
    return found


def cancel(call: Call) -> int:
    """Ask a run to end. Raises AtiliteError for one that has ended."""
    number = call.options.run
    with server_or_none(call, "`runs` lists them") as board:
        if board is not None and board.runs[number].cancel():
            print(f"run {number} was asked to end")
            return 0
    raise AtiliteError(f"run {number} does not go on: {stored(call).status} (`runs --status running` lists those)")
