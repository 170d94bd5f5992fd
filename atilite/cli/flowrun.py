"""flow run: one plan, with what happens in it told line by line."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ..errors import ConfigError, FlowError
from ..flow.behaviors import Behaviors
from ..flow.checking import check
from ..flow.events import Telling, line_of, rounded
from ..flow.logs import loggers
from ..flow.replay import Recorder, Recording, read_recording, replay
from ..flow.running import Running
from .planfiles import plan_file

FAILED = 1
# What a person wants to see of a plan, unless each event.
COARSE = frozenset({"start", "stop", "abort", "transition", "suspend", "resume", "print", "fault", "share", "end"})


def run(options: argparse.Namespace, behaviors: Behaviors) -> int:
    """Do `flow run`; 1 when the plan has errors, a framer of it has failed, or a replay differs. Main thread."""
    recording = _recording(options)
    running = running_of(options, behaviors, recording)
    told = Told(options.out, running, as_json=options.json, all_events=options.trace, at_once=options.realtime)
    telling = Telling(
        list(running.houses.values()), told.event, watch=options.watch, detailed=options.json or options.trace
    )
    running.after_turn(telling.turned)
    with _ended_by_signals(running):
        wrong = _replayed(running, recording) if recording else _turned(running, options)
    for house in running.houses.values():
        for tasker in house.loggers.values():
            tasker.obey("abort")  # closes the files of one that still ran, without another row
    told.end()
    if wrong:
        print(wrong, file=sys.stderr)
    return FAILED if running.failure or told.gone or wrong else 0


def running_of(options: argparse.Namespace, behaviors: Behaviors, recording: Recording | None) -> Running:
    """The plan of a file, ready to run. FlowError with all that is wrong with it, one a line."""
    found = plan_file(options.file, behaviors)
    if found.problems:
        raise FlowError("\n".join(map(str, check(found.decl, found.behaviors, found.problems).errors)))
    period, wishes = (recording.period, recording.wishes) if recording else (options.period or found.period, ())
    # What a replay would log has been logged.
    logger = loggers(None if recording else Path(options.log_dir))
    return Running(found.decl, found.behaviors, name=options.file, period=period, logger=logger, wishes=wishes)


def _turned(running: Running, options: argparse.Namespace) -> str:
    """Run it, and record it if that is wanted; what was wrong with that."""
    recorder = None
    if options.record:
        recorder = Recorder(options.record, running)
    if options.realtime:
        running.run_realtime(options.until)
    else:
        running.run(options.until)
    try:
        if recorder:
            recorder.close()
    except FlowError as error:
        return str(error)
    return ""


def _recording(options: argparse.Namespace) -> Recording | None:
    if options.replay and (options.realtime or options.until is not None):
        raise ConfigError("--replay runs as it was recorded, so --realtime and --until mean nothing there")
    return read_recording(options.replay) if options.replay else None


def _replayed(running: Running, recording: Recording) -> str:
    """Run it as it was recorded; what differs."""
    changed = recording.changes(running.plan)
    if changed:
        print(f"changed since this was recorded: {', '.join(changed)}", file=sys.stderr)
    return replay(running, recording)


class Told:
    """Writes events as lines. A reader who has gone away ends the plan, with all exits."""

    def __init__(self, out: TextIO, running: Running, *, as_json: bool, all_events: bool, at_once: bool) -> None:
        self._out, self._running = out, running
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")  # a text of a plan may have what the terminal has not
        self._json, self._all = as_json, all_events or as_json
        self._at_once = at_once or out.isatty()
        self.gone = False

    def event(self, told: dict[str, Any]) -> None:
        """Write one event, if it is of those that are wanted."""
        if self._all or told["event"] in COARSE:
            self._write(_as_json(told) if self._json else line_of(told))

    def end(self) -> None:
        """Write the last line."""
        running = self._running
        self.event({
            "event": "end", "turns": running.turns.count, "t": rounded(running.turns.now), "failure": running.failure,
        })  # fmt: skip
        self._flush()

    def _write(self, line: str) -> None:
        if self.gone:
            return
        try:
            self._out.write(line + "\n")
        except OSError as error:
            self._leave(error)
        if self._at_once:
            self._flush()

    def _flush(self) -> None:
        try:
            if not self.gone:
                self._out.flush()
        except OSError as error:
            self._leave(error)

    def _leave(self, error: OSError) -> None:
        """Nothing can be written any more: without a word if the reader has had enough."""
        self.gone = True
        self._running.stop()
        if not isinstance(error, BrokenPipeError):
            remedy = "make room, or send the output elsewhere"
            print(f"atilite: the output cannot be written: {error.strerror} ({remedy})", file=sys.stderr)
        # Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())


def _as_json(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, default=repr)


@contextmanager
def _ended_by_signals(running: Running) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the plan behind the turn under way; a second one ends the process."""

    def end(number: int, frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        running.stop()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
