"""The log of the process: one line an event on stderr, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


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


def configure(level: str, form: str) -> None:
    """Send the log to stderr. A program that has configured logging itself keeps its own handlers."""
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
