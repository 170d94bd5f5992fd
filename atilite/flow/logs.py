"""Loggers: taskers that write shares to files, and hand their rows on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from atilite.clock import Clock
from atilite.flow.controls import ABORT, ALIVE, READY, RUN, START, STOP, Status
from atilite.flow.house import House, Tasker
from atilite.flow.logfiles import LogFile, is_inside, make_folder, row, taken_below
from atilite.flow.model import LogDecl, LoggerDecl, Place, Source
from atilite.flow.paths import Standpoint, absolute
from atilite.flow.shares import LiveShare, Share


class Row(NamedTuple):
    """One row of a log: the house, the logger and the log, the seconds of the plan, and the values by column."""

    house: str
    logger: str
    log: str
    stamp: float
    values: dict[str, Any]


Rows = Callable[[Row], None]


def faults(decl: LoggerDecl) -> Iterator[tuple[Place, str]]:
    """What is wrong with a logger that can be told before it runs. Pure."""
    if not is_inside(taken_below(decl.folder)):
        yield decl.place, f"logger: the folder {decl.folder} leads out of the folder of the logs; name one below it"
    files: dict[str, str] = {}
    for log in decl.logs:
        yield from ((log.place, f"log: {reason}") for reason in _faults_of(log))
        for name in _file_names(log, decl.keep):
            if name in files:
                yield log.place, f"log: {log.name} would write into the file {name} of log {files[name]}; name another"
            files.setdefault(name, log.name)


def notes(decl: LoggerDecl) -> Iterator[tuple[Place, str]]:
    """What a logger does otherwise than its declaration says. Pure."""
    below = taken_below(decl.folder)
    if below != decl.folder:
        told = f"that is the folder {below} in it" if below.strip("/") else "that is the folder itself"
        yield decl.place, f"logger: {decl.folder} is taken below the folder of the logs (--log-dir): {told}"


def _faults_of(log: LogDecl) -> Iterator[str]:
    if not is_inside(log.file):
        yield f"the file {log.file} leads out of the folder of the logs; name one below it"
    for _, source in log.columns:
        if {"me", "main", "actor"} & set(source.path.split(".")):
            yield f"{source.path} says me, main or actor, but a logger runs in no framer; name the framer"


def _file_names(log: LogDecl, keep: int) -> Iterator[str]:
    path = PurePosixPath(_file_name(log))
    yield str(path)
    for number in range(1, keep + 1):
        yield str(path.with_name(f"{path.stem}{number:02}{path.suffix}"))


def _file_name(log: LogDecl) -> str:
    name = log.file or log.name
    return name if name.endswith(".txt") else f"{name}.txt"


def logged(decl: LoggerDecl) -> Iterator[tuple[LogDecl, str]]:
    """The paths, from the root, of all shares that a logger logs."""
    return ((log, _path(source)) for log in decl.logs for _, source in log.columns)


def _path(source: Source) -> str:
    return absolute(source.path, Standpoint())


def loggers(
    folder: Path | None, rows: Rows | None = None, clock: Clock | None = None
) -> Callable[[LoggerDecl, House], Tasker]:
    """What makes the loggers of a house: their files are below `folder`, if there is one; `rows` is given each row.

    `rows` is called in the turn: it neither waits nor raises.
    """
    return functools.partial(Logger, folder=folder, rows=rows, clock=clock or Clock())


class Logger:
    """Writes its logs whenever it is its turn. For a declaration without `faults`; used by the turn only.

    What the disk refuses is told as its fault: its files are closed, it stops, and the framers go on. A bid to start
    has it try again.
    """

    def __init__(self, decl: LoggerDecl, house: House, folder: Path | None, rows: Rows | None, clock: Clock) -> None:
        self.decl, self.name, self.house = decl, decl.name, house
        self.status, self.desire = Status.STOPPED, START if decl.schedule == "active" else STOP
        self.done = False
        self.period, self.due = decl.period, 0.0
        self.fault = ""
        self._clock, self._base = clock, folder
        self._folder: Path | None = None
        self._keep = decl.keep if decl.cycle > 0 else 0
        self._logs = [_Log(log, self, rows) for log in decl.logs]
        self._flushed = self._rotated = 0.0

    def obey(self, control: str) -> Status:
        """Do what is desired of it in this turn."""
        try:
            if self.status is Status.ABORTED or control == ABORT:
                self._end(ABORT, Status.ABORTED)
            elif control == STOP:
                self._stop()
            elif self.status in ALIVE:
                self._run(control)
            elif control == READY:
                self.status = Status.READIED
            elif control == RUN:
                self.desire = START
            else:
                self._start()
        except OSError as error:
            self._fail(error)
        return self.status

    def _start(self) -> None:
        self.fault = ""
        if self._base is not None:
            folder = self._folder = self._folder or self._make_folder(self._base)
            for log in self._logs:
                log.open(folder, self._keep)
        self._flushed = self._rotated = self.stamp
        self._write()
        self.desire, self.status = RUN, Status.STARTED

    def _run(self, control: str) -> None:
        if control == START:
            self.desire = RUN
        elif control == RUN:
            self._write()
            self.status = Status.RUNNING

    def _stop(self) -> None:
        if self.status in ALIVE:
            self._write()
            if self.decl.reuse:  # else a file would grow over many starts, each shorter than the cycle
                self._rotate()
            self._end(STOP, Status.STOPPED)

    def _end(self, desire: str, status: Status) -> None:
        self.desire, self.status = desire, status
        for log in self._logs:
            log.close()

    def _fail(self, error: OSError) -> None:
        """Tell the fault, and stop."""
        self.fault = f"{type(error).__name__}: {error}"
        place = self.decl.place
        self.house.tell("fault", self.name, frame="", line=place.line, error=self.fault)
        self.desire, self.status = STOP, Status.STOPPED
        for log in self._logs:
            log.give_up()

    @property
    def stamp(self) -> float:
        return self.house.store.stamp or 0.0

    def _make_folder(self, base: Path) -> Path:
        below = base / taken_below(self.decl.folder) / self.house.name
        return make_folder(below, self.name, self._clock.now(), reuse=self.decl.reuse)

    def _write(self) -> None:
        stamp = self.stamp
        for log in self._logs:
            log.write(stamp)
        if stamp - self._flushed >= max(1.0, self.decl.flush):
            self._flushed = stamp
            for log in self._logs:
                log.flush()
        if self._keep and stamp - self._rotated >= self.decl.cycle:
            self._rotated = stamp
            self._rotate()

    def _rotate(self) -> None:
        for log in self._logs:
            log.rotate(self.decl.size)

    def __repr__(self) -> str:
        return f"<Logger {self.name} {self.status}>"


class _Column(NamedTuple):
    """A column: its title, and the field of a share that is in it."""

    title: str
    share: Share
    field: str


class _Log:
    """One log of a logger: which rows it has, and its file."""

    def __init__(self, decl: LogDecl, logger: Logger, rows: Rows | None) -> None:
        self.decl, self._logger, self._rows = decl, logger, rows
        self._columns: list[_Column] = []
        self._watched: list[Share] = []
        self._file: LogFile | None = None
        self._last: list[Any] | None = None  # what the rule compares; None before the first row

    def open(self, folder: Path, keep: int) -> None:
        """Open its file, below the titles of its columns."""
        columns = self._found()
        if self._file is None:
            path = folder / _file_name(self.decl)
            path.parent.mkdir(parents=True, exist_ok=True)
            name = self.decl.file or self.decl.name
            header = row(["text", self.decl.rule.capitalize(), name]) + row(["_time", *(one.title for one in columns)])
            self._file = LogFile(path, header, keep)
        self._file.open()

    def write(self, stamp: float) -> None:
        """Write a row if the rule asks for one."""
        columns = self._found()
        if not self._is_due():
            return
        values = [one.share.get(one.field, "") for one in columns]
        if self._file is not None:
            self._file.write(row([stamp, *values]))
        if self._rows is not None:
            logger = self._logger
            titled = {one.title: value for one, value in zip(columns, values, strict=True)}
            self._rows(Row(logger.house.name, logger.name, self.decl.name, stamp, titled))

    def _is_due(self) -> bool:
        rule, last = self.decl.rule, self._last
        if rule == "never" or (rule == "once" and last is not None):
            return False
        if rule in ("once", "always"):
            self._last = []
            return True
        # A live share is never written, so it counts as updated where its value is another.
        self._last = [
            one.share.get(one.field) if rule == "change" or isinstance(one.share, LiveShare) else one.share.writes
            for one in self._columns
        ]
        return last != self._last

    def _found(self) -> list[_Column]:
        """Its columns, with the fields that there are when it starts for the first time."""
        if not self._columns:
            for tag, source in self.decl.columns:
                share = self._logger.house.store.share(_path(source))
                fields = source.fields or tuple(share.fields) or ("value",)
                titles = [tag] if len(fields) == 1 else [f"{tag}.{field}" for field in fields]
                self._columns += [_Column(title, share, field) for title, field in zip(titles, fields, strict=True)]
        return self._columns

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def rotate(self, smallest: int) -> None:
        if self._file is not None:
            self._file.rotate(smallest)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def give_up(self) -> None:
        """Close its file, whatever the disk says: that something is wrong has been told."""
        with suppress(OSError):
            self.close()
