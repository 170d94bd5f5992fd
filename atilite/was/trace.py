"""The part of `was` that makes a request findable in the log."""

from __future__ import annotations

import logging
import re
import sys
import uuid
from typing import Any

log = logging.getLogger("atilite.was")

# Ids that somebody else gave a request, in a form that cannot break a line of the log.
_GLOBAL_IDS = ("HTTP_X_REQUEST_ID", "HTTP_X_GTXN_ID")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}")


def make_uid() -> str:
    """Return a new id that nobody can guess: 32 hexadecimal digits."""
    return uuid.uuid4().hex


class Trace:
    """The ids and the lines in the log of one request or run."""

    def __init__(self, was: Any) -> None:
        env = was.request.env if was.request_or_none else {}
        self.uniqid = make_uid()
        self.timestamp: float = was.app.clock.time()
        given = next((env[name] for name in _GLOBAL_IDS if _ID.fullmatch(env.get(name, ""))), "")
        self._txnid = f"{given or self.uniqid[:16]}/{self.uniqid[16:]}"

    def txnid(self) -> str:
        """The id of this request, "global/local": the first part is the sender's (X-Request-ID) if it gave one."""
        return self._txnid

    def log(self, message: object, category: str = "info") -> None:
        """Write to the log; `category` is a level (debug, info, warning, error) or a word that stands in front."""
        level = logging.getLevelNamesMapping().get(category.upper())
        text = str(message) if level is not None else f"[{category}] {message}"
        log.log(logging.INFO if level is None else level, "%s", text)

    def traceback(self, id: str = "") -> None:
        """Write the exception that is being handled to the log, under `id`, the request's `txnid()` by default."""
        log.error("[%s] traceback", id or self._txnid, exc_info=sys.exc_info()[0] is not None)
