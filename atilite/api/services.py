"""Operations on services and schedules."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from atilite.errors import Error, ParameterError
from atilite.web.response import Response

from .answers import reply
from .endpoints import Answer, Endpoint, Parameter
from .inputs import json_object
from .schemas import ERROR, FLAG, SCHEDULE, SERVICE, many, shape
from .shapes import schedule, service
from .site import catalogue

Steps = Generator[Any, Any, Response]


def list_services(was: Any) -> Response:
    """The services and how they are."""
    faults = catalogue(was).faults()
    return reply([service(info, faults.get(info.name)) for info in catalogue(was).services])


def manage_service(was: Any, name: str) -> Response:
    """Start or stop a service; the answer comes when it was told to, not when it has."""
    found = _known(was, "service", name)
    sent = json_object(was.request)
    running, anew = sent.get("running"), sent.get("restart", False)
    told = (("running", running), ("restart", anew))
    faults = {name: "must be true or false" for name, value in told if not isinstance(value, bool)}
    if anew and running is False:
        faults["restart"] = "does not go with running: false"
    if faults:
        raise ParameterError(faults)
    if anew:
        found.restart()
    elif running:
        found.start()
    else:
        found.stop()
    return reply(None)


def _known(was: Any, kind: str, name: str) -> Any:
    try:
        return getattr(catalogue(was), kind)(name)
    except LookupError:
        raise Error(404, f"there is no {kind} {name!r}") from None


def list_schedules(was: Any) -> Response:
    """The schedules with their next firings."""
    return reply([schedule(info) for info in catalogue(was).schedules])


def pause_schedule(was: Any, id: str) -> Steps:
    """Let the due times of a schedule pass."""
    _known(was, "schedule", id)
    return (yield from _changed(was, id, catalogue(was).pause_schedule(id)))


def resume_schedule(was: Any, id: str) -> Steps:
    """Run a schedule again from its next due time on."""
    _known(was, "schedule", id)
    return (yield from _changed(was, id, catalogue(was).resume_schedule(id)))


def _changed(was: Any, id: str, task: Any) -> Steps:
    finished = yield task
    finished.fetch()
    return reply(schedule(catalogue(was).schedule(id)))


ID = Parameter("id", "The id of the schedule.", place="path")
CHANGED = {200: Answer("The schedule as it is now.", SCHEDULE), 404: Answer("There is no such schedule.", ERROR)}

ENDPOINTS = (
    Endpoint(
        "GET", "/services/", list_services, "listServices", "The services and how they are",
        tag="services", answers={200: Answer("In the order of their definition.", many(SERVICE))},
    ),
    Endpoint(
        "PUT", "/service/<name:path>", manage_service, "manageService", "Start, stop or restart a service",
        role="run", tag="services",
        parameters=(Parameter("name", "The service's name.", place="path"),),
        body=shape({"running": FLAG}, {"restart": FLAG}),
        answers={200: Answer("It was told to.", {"type": "null"}),
                 404: Answer("There is no such service.", ERROR),
                 415: Answer("The body is not JSON.", ERROR)},
    ),
    Endpoint(
        "GET", "/schedules/", list_schedules, "listSchedules", "The schedules and when they fire next",
        tag="schedules", answers={200: Answer("In the order of their definition.", many(SCHEDULE))},
    ),
    Endpoint(
        "POST", "/schedule/<id:path>/pause", pause_schedule, "pauseSchedule", "Let the due times of a schedule pass",
        role="run", tag="schedules", parameters=(ID,), answers=CHANGED, options={"coroutine": True},
    ),
    Endpoint(
        "POST", "/schedule/<id:path>/resume", resume_schedule, "resumeSchedule", "Run a schedule again when it is due",
        role="run", tag="schedules", parameters=(ID,), answers=CHANGED, options={"coroutine": True},
    ),
)
