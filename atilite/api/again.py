"""Operations around the runs of actions: what may be chosen, the same once more, what came of it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from atilite.automation.family import family
from atilite.awaiting import Later
from atilite.errors import Error, ParameterError
from atilite.web.response import Response

from .actions import NAME, STARTED, WAIT, apart, begun, permitted, read
from .answers import reply
from .endpoints import Answer, Endpoint, Parameter
from .inputs import LARGEST, content_type
from .schemas import ERROR, HEADLINE, TEXT, WHOLE, many, shape
from .shapes import headline
from .site import catalogue, query


def list_choices(was: Any, name: str) -> Response:
    """What may be chosen just now for the parameters whose choices are made when they are asked for."""
    found = permitted(was, name)
    given = {name: values[-1] for name, values in query(was).fields.items()}
    return reply(found.choices.offered(found.schema, given))


def run_again(was: Any, id: str | int) -> Generator[Any, Any, Response | Later]:
    """Run the action of an earlier run with its parameters; those in the body take the place of the stored ones."""
    run = _stored(was, id)
    name = next((one.name for one in catalogue(was).actions if one.operation == run.operation), None)
    if name is None:
        raise Error(404, f"{run.operation!r} is no action of this program, so it cannot be run again")
    found = permitted(was, name)

    def begin() -> Response | Later:
        sent = read(was.request, content_type(was.request.env))
        return begun(was, name, {**_kept(found, run.parameters, sent), **sent})

    return apart(was, begin)


def _kept(found: Any, stored: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    """The stored parameters that the action still has. Raises ParameterError for those that are not stored."""
    lost = [
        field.name for field in found.fields
        if field.kind in ("secret", "upload") and stored.get(field.name) and field.name not in sent
    ]  # fmt: skip
    if lost:
        raise ParameterError(dict.fromkeys(lost, "is not stored; send it again"))
    return {field.name: stored[field.name] for field in found.fields if field.name in stored}


def get_tree(was: Any, id: str | int) -> Response:
    """A run with the runs that led to it and those that came of it, as the lines of a tree."""
    run = _stored(was, id)
    return reply([{"depth": one.depth, **headline(one.run)} for one in family(catalogue(was).journals, run)])


def _stored(was: Any, id: str | int) -> Any:
    number = int(id)
    found = catalogue(was).journals.headline(number) if 0 < number <= LARGEST else None
    if found is None:
        raise Error(404, f"there is no run {id}")
    return found


ID = Parameter("id", "The number of the run.", WHOLE, "path")
LISTS = {"type": "object", "additionalProperties": many(TEXT)}

ENDPOINTS = (
    Endpoint(
        "GET", "/action/<name:path>/choices", list_choices, "listChoices",
        "What may be chosen for an action's parameters",
        tag="actions", parameters=(NAME,),
        answers={
            200: Answer("The choices by parameter, for the values of others in the query.", LISTS),
            403: STARTED[403],
            404: STARTED[404],
        },
    ),
    Endpoint(
        "POST", "/journal/<id:int>/again", run_again, "runAgain", "Run an action with the parameters of an earlier run",
        tag="actions", parameters=(ID, WAIT),
        body={"type": "object", "description": "Parameters that shall be others; secrets and files have to be sent."},
        body_required=False, answers={**STARTED, 404: Answer("There is no such run, or no such action.", ERROR)},
        options={"coroutine": True},
    ),
    Endpoint(
        "GET", "/journal/<id:int>/tree", get_tree, "getTree", "The runs that led to a run and those that came of it",
        tag="runs", parameters=(ID,),
        answers={
            200: Answer("From the first run on, each followed by what came of it; `depth` counts generations.",
                        many({"allOf": [HEADLINE, shape({"depth": WHOLE})]})),
            404: Answer("There is no such run.", ERROR),
        },
    ),
)  # fmt: skip
