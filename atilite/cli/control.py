"""services start, schedules pause, emit: telling the server that runs what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from ..automation.catalogue import Catalogue
from ..errors import AtiliteError, ConfigError
from ..runtime.task import Task
from .board import server_or_none, the_server
from .call import Call
from .parser import Commands, Parser
from .table import words
from .trail import tell

# Seconds that a command waits for a service to come or go; it does so without the command as well.
PATIENCE = 10.0
LISTED = "`schedules --json` lists them"
ON_THE_WAY = ("starting", "stopping", "new")
RUNS = ("running", "degraded")
# What a service is not, once a command has done what it says. One that was started may have ended well by itself.
AMISS = {
    "start": (*ON_THE_WAY, "failed", "restarting"),
    "restart": (*ON_THE_WAY, "failed", "restarting"),
    "stop": (*ON_THE_WAY, *RUNS, "restarting"),
}


def add(commands: Commands) -> None:
    parser = commands.add("emit", emit, "tell an event to the apps of the server that runs")
    parser.add_argument("event", metavar="NAME")
    parser.add_argument("payload", metavar="JSON", nargs="?", help="what its subscribers get; a text needs no quotes")


def add_services(commands: Commands, parser: Parser) -> None:
    """The words behind `services`."""
    group = commands.below(parser)
    for name, run, help in (
        ("start", start_service, "start a service of the server that runs"),
        ("stop", stop_service, "stop a service of the server that runs"),
        ("restart", restart_service, "stop a service if it runs, and start it"),
    ):
        group.add(name, run, help).add_argument("service", metavar="NAME", help="as `services` lists it")


def add_schedules(commands: Commands, parser: Parser) -> None:
    """The words behind `schedules`."""
    group = commands.below(parser)
    for name, run, help in (
        ("pause", pause_schedule, "let the due times of a schedule pass, until it is resumed"),
        ("resume", resume_schedule, "run a schedule again from its next due time on"),
    ):
        group.add(name, run, help).add_argument("schedule", metavar="ID", help="or the name of its action")


def start_service(call: Call) -> int:
    """Start a service and say what became of it."""
    return _switch(call, "start", lambda was, now: now["status"] in RUNS or now["since"] != was["since"])


def stop_service(call: Call) -> int:
    """Stop a service and wait until it has ended."""
    return _switch(call, "stop", lambda was, now: now["status"] in ("stopped", "failed"))


def restart_service(call: Call) -> int:
    """Start a service anew."""
    return _switch(call, "restart", lambda was, now: now["status"] != "stopped" and now["since"] != was["since"])


def _switch(call: Call, verb: str, done: Callable[[dict[str, Any], dict[str, Any]], bool]) -> int:
    """Tell the server, and wait until it is `done`, given how the service was and how it is.

    Raises AtiliteError with the reason if the service did not come to what it was told.
    """
    name: str = call.options.service
    with the_server(call, "services run in the server") as board:
        before = found = _service(board.services.list(), name)
        getattr(board.services, verb)(name)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = _service(board.services.list(), name)
            if found["status"] not in ON_THE_WAY and done(before, found):
                break
            time.sleep(0.05)
    status = found["status"]
    error = f": {found['error']}" if found.get("error") and status not in ("running", "stopped") else ""
    if status in AMISS[verb]:
        raise AtiliteError(f"{name} is {status}{error or f', after {PATIENCE:g} s'}")
    print(f"{name} is {status}{error}")
    return 0


def _service(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for one in found:
        if one["name"] == name:
            return one
    raise AtiliteError(f"there is no service {name!r} (`services` lists them)")


def pause_schedule(call: Call) -> int:
    """Pause a schedule, also for the server's next start."""
    return _plan(call, "pause", Catalogue.pause_schedule)


def resume_schedule(call: Call) -> int:
    """Resume a schedule."""
    return _plan(call, "resume", Catalogue.resume_schedule)


def _plan(call: Call, verb: str, change: Callable[[Catalogue, str], Task]) -> int:
    id: str = call.options.schedule
    with server_or_none(call, LISTED) as board:
        if board is not None:
            id = meant(id, [(one["id"], one["action"]) for one in board.schedules.list()])
            found = getattr(board.schedules, verb)(id)
            print(f"{id} is paused" if found["paused"] else f"{id} is resumed, next: {words(found['next'])}")
            return 0
    site = call.site.open(call.settings)
    try:
        site.database()
        for app in site.apps.values():
            app.freeze()
        id = meant(id, [(one.id, one.action) for one in site.catalogue.schedules])
        change(site.catalogue, id).fetch()
        info = site.catalogue.schedule(id)
        tell(call, f"{verb} schedule", id)
    finally:
        site.stop(1.0)
        site.close()
    print(f"{id} is {'paused' if info.paused else 'resumed'}, also for a server that starts later")
    return 0


def meant(id: str, known: list[tuple[str, str]]) -> str:
    """The id of a schedule that somebody has typed: the id itself, or the action if it has only one schedule."""
    if any(id == one for one, _ in known):
        return id
    by_action = [one for one, action in known if action == id]
    if len(by_action) == 1:
        return by_action[0]
    if by_action:
        raise ConfigError(f"{id} has several schedules (name one: {', '.join(by_action)})")
    raise AtiliteError(f"there is no schedule {id!r} ({LISTED})")


def emit(call: Call) -> int:
    """Tell an event, and how many functions hear it."""
    payload = () if call.options.payload is None else (value_of(call.options.payload),)
    with the_server(call, "events live in the server") as board:
        heard = board.events.emit(call.options.event, *payload)
    print(f"{heard} function{'' if heard == 1 else 's'} heard {call.options.event}")
    return 0


def value_of(word: str) -> Any:
    """What somebody has typed: JSON, or a text as it is. Raises AtiliteError for JSON that is broken."""
    try:
        return json.loads(word)
    except ValueError as error:
        if word.lstrip()[:1] in ("{", "[", '"'):
            raise AtiliteError(f"{word!r} is no JSON: {error} (quote it for the shell: '{{\"a\": 1}}')") from None
        return word
