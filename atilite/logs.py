"""The log of the process: one line an event on stderr, as text or as JSON; and whose an error is."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

# Where the frames of atilite itself are.
OURS = Path(__file__).resolve().parent


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        facts = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            facts["traceback"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(facts, ensure_ascii=False)


def keep_open() -> None:
    """Let nobody in this process close stdout and stderr, which are everybody's: whoever logs would fail then."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.close = stream.flush  # type: ignore[method-assign]


def configure(level: str, form: str) -> None:
    """Send the log to stderr. A program that has configured logging itself keeps its own handlers."""
    keep_open()
    root = logging.getLogger()
    logging.getLogger("atilite").setLevel(level.upper())
    if any(type(handler) is logging.StreamHandler for handler in root.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    handler.setLevel(level.upper())
    root.addHandler(handler)
    if root.level > logging.INFO or root.level == logging.NOTSET:
        root.setLevel(level.upper())


def raised_by_user(error: Exception) -> BaseException | None:
    """What a user's code raised, with the traceback of that code alone; None when atilite itself found the fault."""
    raised = error.__cause__ or error
    trace = raised.__traceback__ and raised.__traceback__.tb_next  # the first frame is of who caught it
    while trace is not None and not is_users(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    # A line that cannot be read has not run.
    return raised.with_traceback(trace) if trace is not None or isinstance(raised, SyntaxError) else None


def is_users(filename: str) -> bool:
    """Whether a frame's file is neither atilite's nor the machinery of imports."""
    return is_code(filename) and OURS not in Path(filename).resolve().parents


def is_code(filename: str) -> bool:
    """Whether a frame's file is one that somebody wrote, not the machinery of imports."""
    return not filename.startswith("<") and "/importlib/" not in filename
