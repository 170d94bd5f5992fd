"""What a run prints and logs becomes records of its journal, wherever in the process it runs."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from atilite.automation.failures import shortened
from atilite.automation.parameters import MASK
from atilite.clock import Clock
from atilite.context import current_run
from atilite.forks import keep_from_children

# Characters of output that one run may store, and that one record may hold.
MAX_OUTPUT = 1 << 20
MAX_LINE = 16 << 10
# Characters a second by which the allowance of an endless run grows, up to MAX_OUTPUT.
REFILL = 20.0
# What a stored line costs beside its text, so that a loop printing nothing ends as well.
LINE_COST = 40

Write = Callable[[str, Mapping[str, Any], str, str | None], object]


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret replaced by four dots."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def masked_data(data: Any, secrets: tuple[str, ...]) -> Any:
    """Return JSON-able data with the secrets masked in every text of it, keys included."""
    if not secrets:
        return data
    if isinstance(data, str):
        return masked(data, secrets)
    if isinstance(data, Mapping):
        return {masked(str(key), secrets): masked_data(value, secrets) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [masked_data(value, secrets) for value in data]
    return MASK if str(data) in secrets else data


class Output:
    """The output of one run: cut into lines, masked, bounded, and written as records. Any thread."""

    __slots__ = ("_clock", "_closed", "_hidden", "_left", "_lock", "_own", "_partial", "_seen", "_told", "_write")

    def __init__(
        self,
        write: Write | None,
        secrets: tuple[str, ...] = (),
        clock: Clock | None = None,
        hidden: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """`write(message, params, source, level)` stores a record; None keeps nothing.

        With `clock` the run is an endless one, whose allowance grows with time. `secrets` are those of this run,
        `hidden()` those of the app.
        """
        self._write = write
        self._own, self._hidden = secrets, hidden
        self._clock = clock
        self._seen = clock.monotonic() if clock is not None else 0.0
        self._left: float = MAX_OUTPUT
        self._told = False
        self._closed = False
        self._partial: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that nothing may show."""
        hidden = self._hidden()
        return (*self._own, *hidden) if hidden else self._own

    def feed(self, stream: str, text: str) -> str:
        """Take what was written to `stream` ("stdout" or "stderr"); returns it masked, for the terminal."""
        text = masked(text, self.secrets)
        if self._write is None or self._closed:
            return text
        with self._lock:
            # No more than may be stored: who writes a hundred megabytes at once shall not cost five times as much.
            *lines, rest = (self._partial.get(stream, "") + text[:MAX_OUTPUT]).split("\n")
            whole = len(rest) - len(rest) % MAX_LINE
            lines += [rest[start : start + MAX_LINE] for start in range(0, whole, MAX_LINE)]
            self._partial[stream] = rest[whole:]
            for line in lines:
                self._line(line, stream)
        return text

    def log(self, message: str, level: str, params: Mapping[str, Any]) -> None:
        """Take a log record."""
        if self._write is not None and not self._closed and self._spend(len(message)):
            fields = masked_data(dict(params), self.secrets)
            self._write(masked(message[:MAX_LINE], self.secrets), fields, "log", level)

    def close(self) -> None:
        """Store what is left; what a function writes after the end of its run is only shown, no longer stored."""
        self.flush()
        self._closed = True

    def flush(self) -> None:
        """Store what was written without a line end."""
        if self._partial:
            with self._lock:
                partial, self._partial = self._partial, {}
                for stream, rest in partial.items():
                    if rest:
                        self._line(rest, stream)

    def _line(self, line: str, stream: str) -> None:
        # A progress bar draws over its line with carriage returns: what one would see at the end is kept.
        line = masked(line.rstrip("\r").rpartition("\r")[2], self.secrets)
        for start in range(0, len(line) or 1, MAX_LINE):
            piece = line[start : start + MAX_LINE]
            if self._write is not None and self._spend(len(piece)):
                self._write(piece, {}, "print", "error" if stream == "stderr" else None)

    def _spend(self, length: int) -> bool:
        if self._clock is not None:
            now = self._clock.monotonic()
            self._left = min(self._left + (now - self._seen) * REFILL, MAX_OUTPUT)
            self._seen = now
        cost = length + LINE_COST
        if cost <= self._left:
            self._left -= cost
            self._told = False
            return True
        if not self._told and self._write is not None:
            self._told = True
            self._write(f"there was more output than {MAX_OUTPUT} characters; it is not kept", {}, "log", "warning")
        return False


def output_here() -> Output | None:
    """Return the output of the run that the calling code belongs to, None outside of any run."""
    run = current_run.get()
    return getattr(run, "output", None) if run is not None else None


class _Here(threading.local):
    """Of this thread: whether what it writes just now is a log message, which the run has already."""

    recorded = False


_here = _Here()


class Routed:
    """Stands for sys.stdout or sys.stderr: passes everything on, and a run's own output to its journal as well."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream, self._name = stream, name

    def write(self, text: str) -> int:
        output = output_here()
        if output is None:
            self._show(text)
        else:
            self._show(masked(text, output.secrets) if _here.recorded else output.feed(self._name, text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()

    def close(self) -> None:
        """Does not close it: it is everybody's."""
        self.flush()

    def _show(self, text: str) -> None:
        # Whoever reads the terminal or the pipe may have gone, or read another encoding: no reason for a run to fail.
        try:
            if self._stream is not None:
                self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(text.encode("ascii", "backslashreplace").decode())
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class RunHandler(logging.Handler):
    """Routes each log record to the run whose code logged it."""

    def emit(self, record: logging.LogRecord) -> None:
        output = output_here()
        if output is not None and not getattr(record, "in_journal", False):
            params: dict[str, Any] = {"logger": record.name}
            if record.exc_info:
                params["traceback"] = shortened(logging.Formatter().formatException(record.exc_info))
            output.log(record.getMessage(), record.levelname.lower(), params)
        last = logging.lastResort
        # Without other handlers Python shows warnings by itself; that it has this one must not silence them.
        if last is not None and record.levelno >= last.level and logging.getLogger().handlers == [self]:
            _here.recorded = True
            try:
                last.handle(record)
            finally:
                _here.recorded = False


def shown(logger: logging.Logger, level: int) -> bool:
    """Tell whether a message goes to anybody else than the runs' journals; to make one for nobody takes some 10 us."""
    if not logger.isEnabledFor(level):
        return False
    here: logging.Logger | None = logger
    while here is not None:
        if any(handler.level <= level and type(handler) is not RunHandler for handler in here.handlers):
            return True
        here = here.parent if here.propagate else None
    return False


class _Lines:
    """The lines of a run in a child that it forks: nobody there stores them, they are only shown."""

    def left_by_fork(self) -> None:
        current_run.set(None)


_installing = threading.Lock()
_lines = _Lines()
# `print` holds no reference of its own to sys.stdout while it writes (Python 3.11 and 3.12): should somebody put
# another stream in its place meanwhile, the one that is written to must not be freed, or the process crashes.
_kept: list[Routed] = []


def install() -> None:
    """Route this process's output by run, if it is not routed yet. Cheap; called before each run.

    The streams may have been replaced since the last time (test runners do that), so each call looks again. Where
    nobody chose a log level, INFO becomes it: what a run logs at INFO is part of its story.
    """
    root = logging.getLogger()
    routed = type(sys.stdout) is Routed and type(sys.stderr) is Routed
    if routed and RunHandler in map(type, root.handlers):
        return
    keep_from_children(_lines)
    with _installing:
        if type(sys.stdout) is not Routed:
            sys.stdout = Routed(sys.stdout, "stdout")
            _kept.append(sys.stdout)
        if type(sys.stderr) is not Routed:
            sys.stderr = Routed(sys.stderr, "stderr")
            _kept.append(sys.stderr)
        if not any(type(handler) is RunHandler for handler in root.handlers):
            root.addHandler(RunHandler())
            if root.level == logging.WARNING:
                root.setLevel(logging.INFO)
