"""Loggers that Python declares: `plan.logger("box").log("depths", ".depth", on="change")`."""

from __future__ import annotations

from collections.abc import Callable

from atilite.errors import FlowError
from atilite.flow import logsyntax
from atilite.flow.cursor import Cursor, Wrong
from atilite.flow.lines import words_of
from atilite.flow.model import LoggerDecl, Place


class Bookkeeping:
    """A logger of a plan, to which logs are added; `place` says where its caller is."""

    def __init__(self, decl: LoggerDecl, place: Callable[[str], Place]) -> None:
        self._decl, self._place = decl, place

    def log(self, name: str, /, *sources: str, on: str = "always", to: str = "", **tagged: str) -> Bookkeeping:
        """Add a log with a column for each source; of keywords the name is the column's title. Returns the logger.

        A source is a path, or `field in path`. `on` is the rule by which rows are written, `to` the name of the file.
        FlowError for what a script could not say either.
        """
        try:
            file = ["to", to] if to else []
            logsyntax.log(self._decl, Cursor("log", (name, *file, "on", on)), self._place(f"log {name} on {on}"))
            for tag, source in [*(("", one) for one in sources), *tagged.items()]:
                title = ["as", tag] if tag else []
                place = self._place(f"loggee {source}")
                logsyntax.loggee(self._decl, Cursor("loggee", (*words_of(source), *title)), place)
        except Wrong as error:
            raise FlowError(str(error)) from None
        return self
