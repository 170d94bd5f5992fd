"""What `logger`, `log` and `loggee` say. Pure."""

from __future__ import annotations

from typing import Any, cast

from atilite.flow import clauses
from atilite.flow.cursor import NAME, Cursor, Wrong
from atilite.flow.lines import RESERVED
from atilite.flow.model import LogDecl, LoggerDecl, Place

RULES = ("never", "once", "always", "update", "change")


def logger(words: Cursor, place: Place) -> LoggerDecl:
    """`logger NAME [at PERIOD] [to FOLDER] [be active|inactive] [in ORDER] [flush S] [keep N] [cycle S] [size N]`."""
    found = LoggerDecl(words.name("a logger"), place=place)
    while words.peek:
        connective = words.expect("at", "to", "be", "in", "flush", "keep", "cycle", "size", "reuse")
        if connective == "at":
            found.period = max(0.0, float(words.number("the period in seconds")))
        elif connective == "to":
            found.folder = words.take("a folder").strip("\"'")
        elif connective == "be":
            found.schedule = cast(Any, words.choice("how a logger is scheduled", "active", "inactive"))
        elif connective == "in":
            found.order = cast(Any, words.choice("the order", "front", "mid", "back"))
        elif connective == "reuse":
            found.reuse = True
        elif connective in ("keep", "size"):
            setattr(found, connective, max(0, int(words.number(f"{connective}"))))
        else:
            setattr(found, connective, max(0.0, float(words.number(f"{connective} in seconds"))))
    return found


def log(owner: LoggerDecl, words: Cursor, place: Place) -> None:
    """`log NAME [as text|binary] [to FILE] [on RULE]`."""
    found = LogDecl(words.name("a log"), place=place)
    if any(found.name == other.name for other in owner.logs):
        raise Wrong(f"log: logger {owner.name} has a log {found.name} already")
    owner.logs.append(found)  # what follows belongs to it, even if this line has an error
    while words.peek:
        connective = words.expect("as", "to", "on")
        if connective == "as":
            words.choice("the kind of a log", "text")
        elif connective == "to":
            found.file = words.take("a file").strip("\"'")
        else:
            found.rule = cast(Any, words.choice("the rule of a log", *RULES))


def loggee(owner: LoggerDecl, words: Cursor, place: Place) -> None:
    """`loggee SOURCE [as TAG] {SOURCE [as TAG]}`, for the log above it."""
    if not owner.logs:
        raise Wrong(f"loggee: logger {owner.name} has no log yet; begin one with a line such as: log state on always")
    columns = owner.logs[-1].columns
    while words.peek:
        source = clauses.source(words, "what is logged")
        tag = source.path.rpartition(".")[2]
        if words.skip("as"):
            tag = words.take("a tag").strip("\"'")
            if tag in RESERVED or not NAME.match(tag):
                raise Wrong(f"loggee: {tag} cannot be a tag; a tag has letters, digits and underscores")
        if any(tag == other for other, _ in columns):
            raise Wrong(f"loggee: log {owner.logs[-1].name} has a column {tag} already; name this one with `as`")
        columns.append((tag, source))
