"""Operations on what runs or waits at the moment: list the tasks, cancel one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from atilite.automation import atwork
from atilite.automation.atwork import MOST, Doing
from atilite.errors import Error
from atilite.web.response import Response

from .answers import reply
from .endpoints import Answer, Endpoint, Parameter
from .schemas import ERROR, FLAG, MOMENT, TEXT, WHOLE, many, maybe, shape
from .site import catalogue


def list_tasks(was: Any) -> Response:
    """The runs and tasks that go on or wait."""
    doing, more = atwork.at_work(catalogue(was), was.app.runtime)
    now = datetime.now(UTC)
    return reply({"tasks": [task(one, now) for one in doing], "more": more})


def cancel_task(was: Any, id: str) -> Response:
    """Ask a run or a task to end. It ends a moment later."""
    asked = atwork.cancel(catalogue(was), was.app.runtime, id)
    if asked is None:
        raise Error(404, f"there is no task {id}; perhaps it has ended")
    name, heard = asked
    if not heard:
        raise Error(409, f"{name} has begun on a thread, so it cannot be stopped")
    return reply({"id": id, "name": name}, 202)


def task(one: Doing, now: datetime) -> dict[str, Any]:
    """A run or a task as the API shows it. Pure."""
    told = one.progress
    return {
        "id": one.id,
        "kind": one.kind,
        "name": one.name,
        "since": now - timedelta(seconds=one.lasting),
        "running": one.running,
        "run": one.run,
        "progress": None if told is None else {"done": told.done, "total": told.total, "text": told.text},
        "stoppable": one.stoppable,
    }


NUMBER = {"type": "number"}
PROGRESS = maybe(shape({"done": NUMBER, "total": maybe(NUMBER), "text": TEXT}))
TASK = shape(
    {"id": TEXT, "kind": TEXT, "name": TEXT, "since": MOMENT, "running": FLAG, "run": maybe(WHOLE),
     "progress": PROGRESS, "stoppable": FLAG}
)  # fmt: skip

ENDPOINTS = (
    Endpoint(
        "GET", "/tasks/", list_tasks, "listTasks", "The runs and tasks that go on or wait", tag="tasks",
        answers={200: Answer(f"At most {MOST}: those that run first, each from the oldest to the youngest; `more` says "
                             "how many there are besides.", shape({"tasks": many(TASK), "more": WHOLE}))},
    ),
    Endpoint(
        "POST", "/task/<id>/cancel", cancel_task, "cancelTask", "Ask a run or a task to end", role="run", tag="tasks",
        parameters=(Parameter("id", "As the list of tasks tells it.", place="path"),),
        answers={202: Answer("It was asked to.", shape({"id": TEXT, "name": TEXT})),
                 404: Answer("There is no such task; perhaps it has ended.", ERROR),
                 409: Answer("It has begun on a thread, which nobody can stop.", ERROR)},
    ),
)  # fmt: skip
