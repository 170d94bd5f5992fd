"""What the buttons on the page of a house do: bids, writes of shares, and the clock of the plan."""

from __future__ import annotations

import json
import math
from typing import Any

from atilite.automation.plans import CONTROLS
from atilite.console import flow
from atilite.console.desk import Visit
from atilite.console.flash import Flash
from atilite.errors import Error, FlowError

TOLD = {
    "pause": "The clock of {} is paused.",
    "resume": "The clock of {} goes on.",
    "step": "One turn of {} was asked for.",
    "start": "{} was asked to start.",
    "stop": "{} was asked to stop.",
    "renew": "{} begins anew.",
}


def bid(visit: Visit) -> Any:
    """Ask a framer to start, stop, run, abort or be ready."""
    house, framer, control = flow.house_of(visit), visit.field("framer"), visit.field("control")
    visit.acted_on = f"{visit.path('name')}/{framer}"
    if control not in CONTROLS:
        raise Error(400, f"{control!r} is no control; there are {', '.join(CONTROLS)}")
    try:
        house.bid(framer, control, trigger="console", who=visit.identity.name)
    except FlowError as error:
        raise Error(404, str(error)) from None
    where = flow.path_of(visit.path("name"), framer=framer)
    return visit.go(where, Flash(f"{framer} is asked to {control}, from its next turn on."))


def switch(visit: Visit) -> Any:
    """Pause or resume the clock, make one turn, start or stop the house, or begin anew."""
    house, verb, name = flow.house_of(visit), visit.path("verb"), visit.path("name")
    try:
        house.switch(verb, trigger="console", who=visit.identity.name)
    except FlowError as error:
        raise Error(409, str(error)) from None
    return visit.go(flow.path_of(name), Flash(TOLD[verb].format(name)))


def write(visit: Visit) -> Any:
    """Write the fields of a share before the next turn; what is wrong with them is told on the page."""
    house, path, name = flow.house_of(visit), visit.field("share"), visit.path("name")
    visit.acted_on = f"{name}{path}"
    share = next((one for one in house.shares() if one.path == path and one.writable), None)
    if share is None:
        raise Error(403, f"{path} is no share of {name} that may be written; the plan names those when it is mounted")
    fields, wrong = {}, {}
    for field, now in share.fields.items():
        sent = visit.field(f"field-{field}")
        try:
            fields[field] = value_of(sent, now)
        except ValueError as fault:
            wrong[f"{path} {field}"] = (sent, f"{path}: {fault}")
    if wrong:
        return visit.refuse("house.html", flow.page(visit, wrong))
    house.write(path, fields)
    told = "" if house.plan.alive else " once the plan runs again"
    return visit.go(flow.path_of(name), Flash(f"{path} is written before the next turn{told}."))


def value_of(text: str, now: Any) -> Any:
    """What a person has typed for a field that holds `now`. Raises ValueError in words for a person."""
    text = text.strip()
    if isinstance(now, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError("say true or false")
        return text.lower() == "true"
    if isinstance(now, (int, float)):
        try:
            number = float(text)
        except ValueError:
            raise ValueError("a number is needed here") from None
        if not math.isfinite(number):
            raise ValueError("a number is needed here")
        return int(number) if isinstance(now, int) and number.is_integer() else number
    if isinstance(now, str):
        return text
    try:
        found = json.loads(text, parse_constant=lambda _: text) if text else None
    except json.JSONDecodeError:
        found = text
    if isinstance(now, (list, dict)) and not isinstance(found, type(now)):
        raise ValueError(f"{'a list' if isinstance(now, list) else 'an object'} of JSON is needed here")
    return found
