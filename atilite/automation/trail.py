"""What goes into the audit trail: an action's parameters as its run shows them, other values so that no secret is."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from atilite.errors import StoreError, TaskTimeout
from atilite.runtime.promise import Promise
from atilite.scalars import MASK
from atilite.store.audit import Audit
from atilite.store.database import Database
from atilite.store.journals import Journals

log = logging.getLogger("atilite.audit")

# Characters of a value that are kept; and names whose values are not.
LONGEST = 200
SECONDS = 5.0  # that somebody waits for an entry
_SECRETIVE = re.compile(r"pass|secret|token|credential|private|api_?key|\bkey\b|\bpin\b|\bcode\b", re.IGNORECASE)


def note(
    database: Database,
    what: str,
    *,
    who: str | None,
    via: str,
    address: str = "",
    target: str = "",
    parameters: Mapping[str, Any] | None = None,
    result: str = "done",
    run: int | None = None,
    wait: bool = False,
    bare: bool = False,
) -> None:
    """Add an entry. Of a run the parameters are those of its journal, where secrets are masked already.

    A `bare` one was called without any.

    Any thread, and it never blocks; with `wait`, in a thread that may, until the entry is durable. It never raises
    because there is no place for it: that is logged.
    """
    stored: Promise[int] = Promise()
    try:
        given = dict(parameters or {})
        if run is not None and run > 0 and not bare:
            headline = database.part(Journals).headline(run)
            given = dict(headline.parameters) if headline is not None else given
        database.part(Audit).add(
            what, who=who or "", via=via, address=address, target=target, parameters=given, result=result,
            run=run if run is not None and run > 0 else None, done=stored.settle,
            # A run is durable by itself; the commit of another one would cost as much as the run.
            urgent=wait or run is None,
        )  # fmt: skip
        if wait:
            stored.wait(SECONDS)
    except (StoreError, TypeError, TaskTimeout) as error:
        log.error("not in the audit trail: %s %s by %s through the %s: %s", what, target, who or "nobody", via, error)


def shown(name: str, value: object) -> object:
    """A value as the trail keeps it: dots where the name tells of a secret, its beginning where it is long."""
    if _SECRETIVE.search(name):
        return MASK
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
