"""routes, actions, services, schedules, triggers: what is registered, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory

from ..description import Route, describe_site
from ..site import Site
from ..store.database import Database, path_of
from .board import server_or_none
from .call import Call, Command
from .control import add_schedules, add_services
from .parser import Commands
from .table import Row, show

ROUTE_COLUMNS = ("method", "path", "role", "access", "mount", "name", "source")
ACTION_COLUMNS = ("name", "role", "parameters", "labels", "description")
SERVICE_COLUMNS = ("name", "kind", "status", "autostart", "restart", "description")
TRIGGER_COLUMNS = ("action", "kind", "source")
SCHEDULE_COLUMNS = ("action", "cron", "every", "next", "last", "paused", "missed")


def add(commands: Commands) -> None:
    for name, rows, columns, help in (
        ("routes", route_rows, ROUTE_COLUMNS, "list the routes of all mounts"),
        ("actions", action_rows, ACTION_COLUMNS, "list the actions"),
        ("services", service_rows, SERVICE_COLUMNS, "list the services"),
        ("schedules", schedule_rows, SCHEDULE_COLUMNS, "list the schedules and when they are due"),
        ("triggers", trigger_rows, TRIGGER_COLUMNS, "list what starts actions: events, files, messages, webhooks"),
    ):
        command = list_services if name == "services" else listing(rows, columns, f"no {name}")
        parser = commands.add(name, command, help)
        parser.add_argument("--json", action="store_true", help="print JSON, with more fields")
        if name == "services":
            add_services(commands, parser)
        elif name == "schedules":
            add_schedules(commands, parser)


def listing(rows: Callable[[Site], list[Row]], columns: tuple[str, ...], empty: str) -> Command:
    """A command that prints what `rows` finds in the opened site."""

    def command(call: Call) -> int:
        with looked_at(call) as site:
            found = rows(site)
        show(found, columns, as_json=call.options.json, empty=empty)
        return 0

    return command


@contextmanager
def looked_at(call: Call) -> Iterator[Site]:
    """The site with its mounts, and its data only for reading: a running server is not disturbed, no data is made."""
    with ExitStack() as stack:
        url, readonly = call.settings.db, path_of(call.settings.db).exists()
        if not readonly:
            # Nothing is stored yet, so an empty database answers every question about it.
            url = f"sqlite:///{stack.enter_context(TemporaryDirectory())}/empty.db"
        call.site.use(stack.enter_context(Database.open(url, readonly=readonly)))
        yield call.site.open(call.settings)


def route_rows(site: Site) -> list[Row]:
    """Every route of every mount, the console's and the API's included: one row a method."""
    return [route_row(route, method) for route in describe_site(site, own=True) for method in route.methods]


def route_row(route: Route, method: str) -> Row:
    facts = route.plain
    del facts["methods"], facts["named"]
    return {"method": method, **facts, "role": route.access.role, "access": "; ".join(route.access.rules)}


def action_rows(site: Site) -> list[Row]:
    """Every action with its parameters."""
    return [
        {
            "name": action.name,
            "description": action.description,
            "role": action.role,
            "labels": action.labels,
            "parameters": [field.name if field.required else f"[{field.name}]" for field in action.fields],
            "schema": action.schema.json_schema(),
            "confirm": action.confirm,
            "timeout": action.timeout,
            "retries": action.retries,
            "overlap": action.overlap,
            "group": action.group,
            "hidden": action.hidden,
            "source": action.source,
        }
        for action in site.catalogue.actions
    ]


def list_services(call: Call) -> int:
    """The services: how they are in the server that runs, else what there is to start."""
    with server_or_none(call, anyway=True) as board:
        if board is None:
            return listing(service_rows, SERVICE_COLUMNS, "no services")(call)
        rows = board.services.list()
    show(rows, SERVICE_COLUMNS, as_json=call.options.json, empty="no services")
    return 0


def service_rows(site: Site) -> list[Row]:
    """Every service; in this process none has been started."""
    return [
        {
            "name": service.name,
            "kind": service.kind,
            "description": service.description,
            "status": service.status,
            "autostart": service.autostart,
            "restart": service.restart,
            "restart_delay": service.restart_delay,
        }
        for service in site.catalogue.services
    ]


def schedule_rows(site: Site) -> list[Row]:
    """Every schedule with its next and its last time."""
    return [
        {
            "id": plan.id,
            "action": plan.action,
            "cron": plan.rule,
            "every": plan.every,
            "at": plan.at,
            "words": plan.words,
            "next": plan.next,
            "last": plan.last,
            "paused": plan.paused,
            "missed": plan.missed,
        }
        for plan in site.catalogue.schedules
    ]


def trigger_rows(site: Site) -> list[Row]:
    """Every trigger, and every action that has a webhook."""
    hooks: list[Row] = [
        {"id": action.name, "action": action.name, "kind": "hook", "source": f"/internal/hook/{action.name}"}
        for action in site.catalogue.actions
        if action.hook
    ]
    found: list[Row] = [
        {"id": one.id, "action": one.action, "kind": one.kind, "source": one.source} for one in site.catalogue.triggers
    ]
    return found + hooks
