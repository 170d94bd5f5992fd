"""What another board's refusal is here: an error of ours with what the answer has told. Pure."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ..errors import RemoteError, RunFailed, RunSkipped


def failure(url: str, status: int, facts: Any, retry_after: str | None = None) -> Exception:
    """The error for an answer that is none of success.

    `facts` is the JSON body, or anything else if there was none. A run that ended badly is a RunFailed with its number
    on that board, one that its overlap policy did not let begin a RunSkipped, everything else a RemoteError.
    """
    told = facts if isinstance(facts, dict) else {}
    detail = str(told.get("detail") or told.get("more_info") or _reason(status))
    state = told.get("status")
    if status == 500 and isinstance(state, str):
        return RunFailed(detail, told.get("run"), state)
    if status == 409 and state == "skipped":
        return RunSkipped(str(told.get("name") or "the action"), told.get("run"))
    fields = told.get("fields")
    seconds = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    return RemoteError(url, status, _advice(status, detail), fields if isinstance(fields, dict) else {}, seconds)


def _advice(status: int, detail: str) -> str:
    if status == 401:
        return f"{detail} (make a token there with `serve.py token add NAME --role run`)"
    return detail


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "answered so"
