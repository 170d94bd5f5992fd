"""Operations on runs: list and search them, read one, cancel one."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from atilite.errors import Error, ParameterError
from atilite.store.export import FORMATS, MEDIA, attachment, export
from atilite.store.runs import Filter
from atilite.web.response import Response

from .answers import raw, reply
from .endpoints import Answer, Endpoint, Parameter
from .inputs import LARGEST, Query, json_object
from .schemas import ERROR, FLAG, HEADLINE, JOURNAL, MOMENT, STATUS, STATUSES, TEXT, WHOLE, many, shape
from .shapes import headline, journal
from .site import catalogue, query

PAGE, LARGEST_PAGE = 20, 100
# Page numbers cost the more the higher they are; whoever wants the oldest runs goes there by `before`.
LAST_PAGE = 5000

TEXTS = ("operation", "kind", "trigger", "who", "text")
FLAGS = ("failed", "pending")


def list_journals(was: Any) -> Response:
    """Runs, newest first."""
    asked = query(was)
    return _page(was, asked, _filter_of_query(asked))


def search_journals(was: Any) -> Response:
    """The same with the conditions in a JSON body."""
    return _page(was, query(was), _filter_of_body(json_object(was.request)))


def export_journals(was: Any) -> Generator[Any, Any, Response | None]:
    """Runs with their records as a file, however many there are: a portion at a time."""
    asked = query(was)
    format, wanted = asked.text("format") or FORMATS[0], _filter_of_query(asked)
    if format not in FORMATS:
        raise ParameterError({"format": f"must be one of {', '.join(FORMATS)}"})
    for name, value in attachment(format):
        was.response.set_header(name, value)
    if was.request.method == "HEAD":
        return raw(b"", MEDIA[format])
    yield from export(catalogue(was).journals, format, wanted)
    return None


def get_journal(was: Any, id: str | int) -> Response:
    """One run with all its records, newest first."""
    number = _number(id)
    found = catalogue(was).journals.get(number)
    if found is None:
        raise Error(404, f"there is no run {number}")
    return reply(journal(found, found.records))


def cancel_journal(was: Any, id: str | int) -> Response:
    """Ask a run to end. The answer tells its state just now; it ends a moment later."""
    number = _number(id)
    found = catalogue(was).journals.headline(number)
    if found is None:
        raise Error(404, f"there is no run {number}")
    if not found.pending or not catalogue(was).cancel(number):
        found = catalogue(was).journals.headline(number) or found
        raise Error(409, f"run {number} has ended: {found.status}")
    return reply({"run": number, "status": found.status}, 202)


def _number(id: str | int) -> int:
    """The number of a run. What cannot be one names no run."""
    number = int(id)
    if not 0 < number <= LARGEST:
        raise Error(404, f"there is no run {id}")
    return number


def _page(was: Any, asked: Query, wanted: Filter) -> Response:
    number = asked.whole("page", 0, 0, LAST_PAGE) or 0
    limit = asked.whole("limit", PAGE, 1, LARGEST_PAGE) or PAGE
    before = asked.whole("before", None, 1)
    found = catalogue(was).journals.search(wanted, before=before, limit=limit, offset=number * limit)
    return reply([headline(run) for run in found], headers=_next_link(asked, found, limit))


def _next_link(asked: Query, found: list[Any], limit: int) -> Iterable[tuple[str, str]]:
    """The way to the next page by the number of the oldest run shown, which stays right while new runs come in."""
    if len(found) < limit:
        return ()
    fields = {name: values for name, values in asked.fields.items() if name not in ("page", "before")}
    text = urlencode({**fields, "before": found[-1].id}, doseq=True)
    return [("Link", f'<?{text}>; rel="next"')]


def _filter_of_query(asked: Query) -> Filter:
    conditions: dict[str, Any] = {name: asked.text(name) for name in TEXTS}
    conditions |= {name: asked.flag(name) for name in FLAGS}
    labels = asked.many("label") + asked.many("labels")
    statuses = asked.many("status")
    _known(statuses)
    return Filter(
        **conditions, status=statuses or None, labels=labels or None, parent=asked.whole("parent", None, 1),
        since=asked.moment("since"), until=asked.moment("until"),
    )  # fmt: skip


def _filter_of_body(body: Mapping[str, Any]) -> Filter:
    """BINP's `{operation, failed, pending, labels}` and the conditions that the list takes. Null is no condition."""
    faults = {
        name: "must be a text" for name in (*TEXTS, "since", "until")
        if not isinstance(body.get(name), (str, type(None)))
    }  # fmt: skip
    faults |= {name: "must be true or false" for name in FLAGS if not isinstance(body.get(name), (bool, type(None)))}
    parent = body.get("parent")
    if parent is not None and not (type(parent) is int and 0 < parent <= LARGEST):
        faults["parent"] = "must be the number of a run"
    lists = {name: _texts(body.get(name)) for name in ("labels", "label", "status")}
    faults |= {name: "must be a text or a list of texts" for name, found in lists.items() if found is None}
    if faults:
        raise ParameterError(faults)
    labels, statuses = (*(lists["labels"] or ()), *(lists["label"] or ())), lists["status"] or ()
    _known(statuses)
    moments = Query(urlencode({name: body[name] for name in ("since", "until") if body.get(name)}))
    conditions = {name: body.get(name) or None for name in TEXTS} | {name: body.get(name) for name in FLAGS}
    return Filter(
        **conditions, status=statuses or None, labels=labels or None, parent=parent,
        since=moments.moment("since"), until=moments.moment("until"),
    )  # fmt: skip


def _texts(value: Any) -> tuple[str, ...] | None:
    """The texts of a text or a list of texts, () for null, None for anything else."""
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    return tuple(values) if isinstance(values, list) and all(isinstance(one, str) for one in values) else None


def _known(statuses: Iterable[str]) -> None:
    if set(statuses) - set(STATUSES):
        raise ParameterError({"status": f"must be one of {', '.join(STATUSES)}"})


NO_RUN = {404: Answer("There is no such run.", ERROR)}
ID = Parameter("id", "The number of the run.", WHOLE, "path")
PAGING = (
    Parameter("page", "Number of the page, from 0.", {"type": "integer", "minimum": 0, "maximum": LAST_PAGE}),
    Parameter("before", "Only runs with a lower number: the way to the next page.", {**WHOLE, "minimum": 1}),
    Parameter("limit", "Runs a page.", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}),
)
TEXT_OR_TEXTS = {"anyOf": [TEXT, many(TEXT), {"type": "null"}]}
STATUS_LIST = {"anyOf": [STATUS, many(STATUS), {"type": "null"}]}

CONDITIONS = (
    *(Parameter(name, "Only runs that have it.") for name in ("operation", "kind", "trigger", "who")),
    Parameter("status", "Only runs in this state; several are separated by commas.", TEXT),
    Parameter("label", "Only runs with this label, or with one of several.", TEXT),
    Parameter("failed", "Only runs that ended badly, or only the others.", FLAG),
    Parameter("pending", "Only runs that have not ended, or only the others.", FLAG),
    Parameter("since", "Only runs from this moment on.", MOMENT),
    Parameter("until", "Only runs before this moment.", MOMENT),
    Parameter("text", "Words that begin a word of the run or of its records."),
    Parameter("parent", "Only runs that were started within this one.", {**WHOLE, "minimum": 1}),
)

ENDPOINTS = (
    Endpoint(
        "GET", "/journals/", list_journals, "listJournals", "Runs, newest first, 20 a page",
        tag="runs",
        parameters=(*PAGING, *CONDITIONS),
        answers={200: Answer("A page of runs; a Link header leads to the next.", many(HEADLINE))},
    ),
    Endpoint(
        "POST", "/journals/search", search_journals, "searchJournals", "Runs that fit a JSON filter, newest first",
        tag="runs", parameters=PAGING, body_required=False,
        body=shape(
            {},
            {
                **{name: {"type": ["string", "null"]} for name in TEXTS},
                **{name: {"type": ["boolean", "null"]} for name in FLAGS},
                "parent": {"type": ["integer", "null"], "minimum": 1, "maximum": LARGEST},
                "labels": TEXT_OR_TEXTS, "label": TEXT_OR_TEXTS, "status": STATUS_LIST,
                "since": {"type": ["string", "null"], "format": "date-time"},
                "until": {"type": ["string", "null"], "format": "date-time"},
            },
        ),
        answers={200: Answer("A page of runs.", many(HEADLINE)), 413: Answer("The body is too large.", ERROR),
                 415: Answer("The body is not JSON.", ERROR)},
    ),
    Endpoint(
        "GET", "/journals/export", export_journals, "exportJournals", "Runs with their records as a file, newest first",
        tag="runs",
        parameters=(
            *CONDITIONS,
            Parameter("format", "JSON lines with everything, or a table of the runs.",
                      {"type": "string", "enum": list(FORMATS)}),
        ),
        answers={200: Answer("A run or a record a line.", TEXT, MEDIA["jsonl"])},
        options={"coroutine": "thread"},
    ),
    Endpoint(
        "GET", "/journal/<id:int>", get_journal, "getJournal", "One run with its records, newest first",
        tag="runs", parameters=(ID,), answers={200: Answer("The run.", JOURNAL), **NO_RUN},
    ),
    Endpoint(
        "POST", "/journal/<id:int>/cancel", cancel_journal, "cancelJournal", "Ask a run to end",
        role="run", tag="runs", parameters=(ID,),
        answers={202: Answer("It was asked to.", shape({"run": WHOLE, "status": STATUS})), **NO_RUN,
                 409: Answer("It has ended already, or cannot be cancelled.", ERROR)},
    ),
)
