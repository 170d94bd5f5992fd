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


def list_services(was: Any) -> Response:
    """The services and how they are."""
    return reply([service(info) for info in catalogue(was).services])


def manage_service(was: Any, name: str) -> Generator[Any, Any, Response]:
    """Start or stop a service; the answer comes when it was told to, not when it has."""
    try:
        catalogue(was).service(name)
    except LookupError:
        raise Error(404, f"there is no service {name!r}") from None
    running = json_object(was.request).get("running")
    if not isinstance(running, bool):
        raise ParameterError({"running": "must be true or false"})
    change = catalogue(was).start_service if running else catalogue(was).stop_service
    # In a task thread: a supervisor may have to wait for what it stops.
    finished = yield was.Thread(change, name)
    finished.fetch()
    return reply(None)


def list_schedules(was: Any) -> Response:
    """The schedules with their next firings."""
    return reply([schedule(info) for info in catalogue(was).schedules])


ENDPOINTS = (
    Endpoint(
        "GET", "/services/", list_services, "listServices", "The services and how they are",
        tag="services", answers={200: Answer("In the order of their definition.", many(SERVICE))},
    ),
    Endpoint(
        "PUT", "/service/<name:path>", manage_service, "manageService", "Start or stop a service",
        role="run", tag="services",
        parameters=(Parameter("name", "The service's name.", place="path"),),
        body=shape({"running": FLAG}),
        answers={200: Answer("It was told to.", {"type": "null"}),
                 404: Answer("There is no such service.", ERROR),
                 415: Answer("The body is not JSON.", ERROR)},
        options={"coroutine": True},
    ),
    Endpoint(
        "GET", "/schedules/", list_schedules, "listSchedules", "The schedules and when they fire next",
        tag="schedules", answers={200: Answer("In the order of their definition.", many(SCHEDULE))},
    ),
)
