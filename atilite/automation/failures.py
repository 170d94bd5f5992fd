"""An exception as the texts that a journal keeps."""

from __future__ import annotations

import traceback

from atilite.errors import RunFailed
from atilite.runtime.traces import from_user

MAX_ERROR = 2000
MAX_TRACEBACK = 20_000


def error_text(error: BaseException) -> str:
    """Return "Type: text", or the type alone for an exception without text (`assert False`); never empty."""
    if isinstance(error, RunFailed):
        return str(error)
    name = type(error).__name__
    try:
        text = str(error)
    except Exception as broken:
        text = f"(its text cannot be made: {type(broken).__name__})"
    return f"{name}: {text}"[:MAX_ERROR] if text else name


def traceback_text(error: BaseException) -> str:
    """Return the whole traceback from the first frame that is not atilite's own."""
    text = "".join(traceback.format_exception(type(error), error, from_user(error.__traceback__)))
    return shortened(text)


def shortened(text: str) -> str:
    """Return a traceback as it is, a very long one without its middle."""
    if len(text) <= MAX_TRACEBACK:
        return text
    half = MAX_TRACEBACK // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
