"""The audit trail: what is noted of the console's own buttons, and the page that shows all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from typing import Any
from urllib.parse import urlencode

from atilite.automation.trail import note, shown
from atilite.console import words
from atilite.console.plain import HTML_ONLY
from atilite.console.words import Clockface, Moment
from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.store.audit import Audit, Entry, Wanted
from atilite.web.auth import remote_address
from atilite.web.response import Response

PAGE = 50
FILTERS = ("who", "via", "what", "text")
VIA = {"console": "on the console", "api": "through the API", "cli": "on the command line", "hook": "by a webhook"}
# Addresses that change nothing for others: one's own colours, and the way in, which is noted when it was found.
OWN = ("/settings/look", "/logout", "/login", "/api")
_RUN = re.compile(r"/runs/(\d+)")


@dataclass(frozen=True, slots=True)
class Row:
    """A change as the page shows it."""

    id: int
    when: Moment
    who: str
    via: str
    what: str
    target: str
    parameters: str
    result: str
    done: bool
    address: str
    run: int | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the trail."""

    rows: tuple[Row, ...]
    next: int | None
    filters: dict[str, str]
    title: str = field(default="Audit trail", metadata=HTML_ONLY)

    @property
    def older(self) -> str:
        """The query of the next page."""
        return "?" + urlencode({**self.filters, "before": self.next or 0})

    @property
    def text(self) -> str:
        """The text that is searched for."""
        return self.filters.get("text", "")


def row(entry: Entry, face: Clockface) -> Row:
    """A change for the page."""
    return Row(
        entry.id, face.time(entry.at), entry.who or "nobody", VIA.get(entry.via, entry.via), entry.what, entry.target,
        words.listed(entry.parameters), entry.result, entry.done, entry.address, entry.run,
    )  # fmt: skip


def page(visit: Any) -> AuditPage:
    """Read one page of the trail. Raises Error 400."""
    filters = {name: visit.arg(name) for name in FILTERS if visit.arg(name)}
    before = visit.arg("before")
    if before and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise Error(400, "before must be the number of an entry")
    trail = visit.desk.site.database().part(Audit)
    found = trail.search(Wanted(**filters), before=int(before) if before else None, limit=PAGE + 1)
    rows = tuple(row(entry, visit.face) for entry in found[:PAGE])
    return AuditPage(rows, rows[-1].id if len(found) > PAGE else None, filters)


def audited(path: str, act: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What a button does, with a note of what came of it. `path` is its address below the console."""
    if path in OWN:
        return act

    def acted(visit: Any) -> Any:
        try:
            answer = act(visit)
        except Error as error:
            told(visit, path, error.status)
            raise
        if isinstance(answer, Response):  # a page is a question, or a form that is shown again: nothing was done
            told(visit, path, "done" if answer.status_code < 400 else answer.status, answer)
        return answer

    return acted


def told(visit: Any, path: str, result: str, answer: Response | None = None) -> None:
    """Note what a person has done, or was not allowed to."""
    if visit.identity.name is None:
        return
    what, target = deed(path, visit)
    found = _RUN.search(answer.get_header("Location") or "") if answer is not None and what == "run action" else None
    value = visit.field("value") or visit.field("field-value")
    given = {"value": shown(target, value)} if what in ("set key", "write share") else {}
    note(
        visit.desk.site.database(), what, who=visit.identity.name, via="console", target=target, parameters=given,
        address=remote_address(visit.was.request.env), result=result, run=int(found[1]) if found else None, wait=True,
    )  # fmt: skip


def deed(path: str, visit: Any) -> tuple[str, str]:
    """What a POST to this address does, and to what."""
    section, verb = path.split("/")[1], visit.path("verb")
    name = visit.path("name") or visit.path("id") or visit.path("number")
    if section == "kv":
        key = visit.path("key") or visit.field("key")
        namespace = visit.field("namespace") or visit.path("namespace")
        return "delete key" if visit.field("delete") else "set key", f"{namespace}/{key}"
    if section == "flow":
        deeds = {"bid": f"{visit.field('control')} framer", "share": "write share"}
        return deeds.get(path.rpartition("/")[2], f"{verb} house"), visit.acted_on or name
    if section == "tasks":
        return "cancel task", visit.acted_on or name
    if path.endswith("/cancel"):
        return "cancel run", f"#{name}"
    if section == "actions" or path.endswith("/again"):
        return "run action", name if section == "actions" else f"#{name}"
    if path == "/schedules/pause":
        return "pause schedules", ""
    return f"{verb or path.rpartition('/')[2]} {section.rstrip('s')}", name
