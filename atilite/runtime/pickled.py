"""What a call in another process came to, as bytes: its value, or its error with the text of its traceback there."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any

from atilite.errors import TaskError
from atilite.forks import end_child
from atilite.runtime.traces import from_user


def answer_of(call: Callable[[], Any]) -> bytes:
    """Return what `call` came to. Runs in the process that does the work."""
    process = os.getpid()
    try:
        value = call()
        end_child(process)
        return pickle.dumps((True, value, ""))
    except BaseException as error:  # the function's end, not this process's
        end_child(process, error)
        lines = traceback.format_exception(type(error), error, from_user(error.__traceback__))
        return _pack(error, "in the other process:\n" + "".join(lines))


def opened(answer: bytes) -> Any:
    """Return the value or raise the error. Runs in the process that asked."""
    good, value, trace = pickle.loads(answer)
    if good:
        return value
    value.add_note(trace)
    raise value


def _pack(error: BaseException, trace: str) -> bytes:
    if isinstance(error, Exception):
        try:
            packed = pickle.dumps((False, error, trace))
            # Not every class can be built again from its args; better found out here than there.
            if type(pickle.loads(packed)[1]) is type(error):
                return packed
        except Exception as fault:
            trace += f"\n(the error itself could not be sent: {fault})"
    return pickle.dumps((False, TaskError(f"{type(error).__name__}: {error}"), trace))
