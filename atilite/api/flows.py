"""Operations on the houses of plans: how they are, bids, writes of shares, and their clocks."""

from __future__ import annotations

from typing import Any

from atilite.automation.plans import CONTROLS, SWITCHES
from atilite.errors import Error, FlowError, ParameterError
from atilite.web.response import Response

from .answers import reply
from .endpoints import Answer, Endpoint, Parameter
from .inputs import json_object, json_value
from .schemas import ANYTHING, ERROR, HOUSE, TEXT, many, shape
from .site import catalogue, identity, query

STEPS, MOST_STEPS = 100, 1000


def _house(was: Any, name: str) -> Any:
    try:
        return catalogue(was).plans.house(name)
    except LookupError as unknown:
        raise Error(404, str(unknown.args[0])) from None


def brief(name: str, house: Any) -> dict[str, Any]:
    """A house as listed."""
    facts = house.plan.facts
    return {
        "name": name, "plan": house.plan.name, "turn": facts.turn, "t": round(facts.stamp, 6), "alive": facts.alive,
        "paused": facts.paused, "period": facts.period, "overruns": facts.overruns, "missed": facts.missed,
        "failure": facts.failure, "run": facts.run, "framers": [_framer(look) for look in house.framers()],
    }  # fmt: skip


def _framer(look: Any) -> dict[str, Any]:
    return {
        "name": look.name, "status": look.status, "outline": list(look.outline), "elapsed": round(look.elapsed, 6),
        "turns": look.turns, "period": look.period, "schedule": look.schedule, "fault": look.fault,
        "waits_for": list(look.waits_for),
    }  # fmt: skip


def _share(share: Any) -> dict[str, Any]:
    t = None if share.stamp is None else round(share.stamp, 6)
    return {"fields": share.fields, "writer": share.writer, "t": t, "writable": share.writable}


def _step(step: Any) -> dict[str, Any]:
    return {**step.told(), "at": step.at}


def list_houses(was: Any) -> Response:
    """The houses of all plans and how they are."""
    return reply([brief(name, house) for name, house in catalogue(was).plans.houses.items()])


def get_house(was: Any, name: str) -> Response:
    """A house with its shares and what happened lately, newest first."""
    house, asked = _house(was, name), query(was)
    limit = asked.whole("limit", STEPS, 0, MOST_STEPS)
    steps = house.history(asked.text("framer") or "", limit) if limit else []
    shares = {share.path: _share(share) for share in house.shares()}
    return reply({**brief(name, house), "shares": shares, "steps": [_step(step) for step in steps]})


def bid_framer(was: Any, name: str) -> Response:
    """Ask a framer to start, run, stop, abort or be ready, from its next turn on."""
    house, sent = _house(was, name), json_object(was.request)
    faults = {}
    if not isinstance(sent.get("framer"), str):
        faults["framer"] = "must be the name of a framer"
    if sent.get("control") not in CONTROLS:
        faults["control"] = f"must be one of {', '.join(CONTROLS)}"
    if faults:
        raise ParameterError(faults)
    try:
        house.bid(sent["framer"], sent["control"], trigger="api", who=identity(was).name)
    except FlowError as error:
        raise Error(404, str(error)) from None
    return reply(None)


def write_share(was: Any, name: str, path: str) -> Response:
    """Write a share before the next turn: a value, or an object of fields."""
    house, sent = _house(was, name), json_value(was.request)
    path = "." + path.strip(".")
    if path not in house.plan.writable:
        raise Error(403, f"{path} may not be written from outside; the plan names what may when it is mounted")
    try:
        house.write(path, sent if isinstance(sent, dict) else {"value": sent})
    except FlowError as error:
        raise Error(400, str(error)) from None
    return reply(None)


def switch_house(was: Any, name: str, verb: str) -> Response:
    """Pause or resume the clock of a plan, make one turn, start or stop the house, or begin the plan anew."""
    house = _house(was, name)
    try:
        house.switch(verb, trigger="api", who=identity(was).name)
    except FlowError as error:
        raise Error(409, str(error)) from None
    return reply(None)


NAME = Parameter("name", "The name of the house.", place="path")
UNKNOWN = {404: Answer("There is no such house.", ERROR)}
ASKED = {200: Answer("It was asked for, and is done before the next turn.", {"type": "null"})}

ENDPOINTS = (
    Endpoint(
        "GET", "/flows/", list_houses, "listHouses", "The houses of all plans and how they are", tag="flows",
        answers={200: Answer("In the order in which they were mounted.", many(HOUSE))},
    ),
    Endpoint(
        "GET", "/flow/<name:path>", get_house, "getHouse", "A house with its shares and what happened lately",
        tag="flows",
        parameters=(
            NAME,
            Parameter("framer", "Only what happened to this framer."),
            Parameter("limit", "How many steps.", {"type": "integer", "minimum": 0, "maximum": MOST_STEPS}),
        ),
        answers={200: Answer("The house.", HOUSE), **UNKNOWN},
    ),
    Endpoint(
        "POST", "/flow/<name:path>/bid", bid_framer, "bidFramer", "Ask a framer to start, stop, run, abort or be ready",
        role="run", tag="flows", parameters=(NAME,),
        body=shape({"framer": TEXT, "control": {"type": "string", "enum": list(CONTROLS)}}),
        answers={**ASKED, **UNKNOWN, 415: Answer("The body is not JSON.", ERROR)},
    ),
    Endpoint(
        "PUT", "/flow/<name:path>/share/<path:re:[^/]+>", write_share, "writeShare", "Write a share of a house",
        role="run", tag="flows", parameters=(NAME, Parameter("path", "The path of the share.", place="path")),
        body=ANYTHING,
        answers={**ASKED, **UNKNOWN, 403: Answer("The program does not allow it.", ERROR),
                 415: Answer("The body is not JSON.", ERROR)},
    ),
    Endpoint(
        "POST", f"/flow/<name:path>/<verb:re:{'|'.join(SWITCHES)}>", switch_house, "switchHouse",
        "Pause or resume a plan, make one turn of it, start or stop a house, or begin anew",
        role="run", tag="flows",
        parameters=(
            NAME,
            Parameter("verb", "What to do.", {"type": "string", "enum": list(SWITCHES)}, place="path"),
        ),
        answers={**ASKED, **UNKNOWN, 409: Answer("It is not paused, has ended, or runs and cannot begin anew.", ERROR)},
    ),
)  # fmt: skip
