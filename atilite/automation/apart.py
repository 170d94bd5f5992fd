"""What runs apart from the server's process: functions in a process of their own, and programs.

Each object here stands for the function of an action: called within its run, it starts what it stands for and returns
the task of its end.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from atilite.automation import capture
from atilite.automation.failures import shortened
from atilite.automation.run import Run
from atilite.automation.storage import Storage
from atilite.automation.template import Template
from atilite.automation.values import plain
from atilite.config import inherited
from atilite.context import current_run
from atilite.runtime.isolated import GRACE
from atilite.runtime.promise import Promise
from atilite.runtime.subprocesses import exit_text
from atilite.runtime.task import Task

# Seconds after which a run is closed though its process has survived SIGKILL that long.
APART_GRACE = GRACE + 3.0
# Characters of a program's output that are its result; all of it is in the records.
TAIL = 4000


class InProcess:
    """A function that has a process of its own for each of its runs."""

    def __init__(self, function: Callable[..., Any], storage: Storage, wants_was: bool) -> None:
        self._function, self._storage, self._wants_was = function, storage, wants_was

    def __call__(self, **arguments: Any) -> Task:
        run = current_run.get()
        heard = Heard(run, self._storage) if isinstance(run, Run) else _nobody
        processes = self._storage.runtime.processes
        ended = processes.isolate(self._function, arguments, _print, heard, wants_was=self._wants_was)
        return self._storage.task(ended)


class Heard:
    """Does for a run what its function asks for in another process. One thread."""

    def __init__(self, run: Run, storage: Storage) -> None:
        self._run, self._storage = run, storage

    def __call__(self, kind: str, parts: tuple[Any, ...]) -> None:
        if kind == "progress":
            self._run.progress(*parts)
        elif kind == "log":
            logger, level, text = parts
            # Here it goes where the server's own messages go, and as one of the run to its journal.
            logging.getLogger(logger).log(level, "%s", shortened(text))
        elif self._run.journaled and kind == "labels":
            self._storage.journals.label(self._run.id, parts)
        elif self._run.journaled and kind == "record":
            self._record(*parts)

    def _record(self, message: str, events: Mapping[str, Any]) -> None:
        secrets = self._run.secrets
        try:
            fields = capture.masked_data({name: plain(value) for name, value in events.items()}, secrets)
            self._storage.journals.record(self._run.id, capture.masked(message, secrets), fields)
        except (TypeError, ValueError) as error:
            # Its caller is in another process and has gone on.
            print(f"the record {message[:200]!r} cannot be stored: {error}", file=sys.stderr)


class Program:
    """A program with its command line, its folder, and what it gets besides."""

    def __init__(
        self,
        template: Template,
        storage: Storage,
        *,
        cwd: str | None = None,
        env: Mapping[str, Template] | None = None,
        stdin: Template | None = None,
        ok: Sequence[int] = (0,),
    ) -> None:
        self.template, self._storage, self._cwd, self._stdin, self._ok = template, storage, cwd, stdin, tuple(ok)
        self._env = dict(env or {})

    @property
    def names(self) -> frozenset[str]:
        """The placeholders of all its parts."""
        return self.template.names.union(*(one.names for one in (*self._env.values(), self._stdin) if one is not None))

    def __call__(self, **arguments: Any) -> Task:
        spoken = _Spoken()
        env = {name: "".join(one.fill(arguments)) for name, one in self._env.items()}
        ended = self._storage.runtime.subprocesses.stream(
            self.template.fill(arguments),
            spoken,
            cwd=self._cwd,
            env=inherited(env) if env else None,
            input=None if self._stdin is None else "".join(self._stdin.fill(arguments)),
        )
        result: Promise[Any] = Promise(lambda: None if ended.cancel() else False)
        ended.on_done(lambda _: self._settle(ended, spoken, result))
        return self._storage.task(result)

    def _settle(self, ended: Promise[int], spoken: _Spoken, result: Promise[Any]) -> None:
        code = ended.value
        if ended.error is not None or code is None:
            result.fail(ended.error or SystemError("the program did not end"))
        elif code in self._ok:
            result.set(spoken.result)
        else:
            result.fail(SystemError(": ".join(filter(None, (exit_text(code), spoken.complaint)))))


class _Spoken:
    """What a program has said last; all of it goes where print goes."""

    def __init__(self) -> None:
        self._tails: dict[str, deque[str]] = {"stdout": deque(maxlen=64), "stderr": deque(maxlen=8)}

    def __call__(self, stream: str, text: str) -> None:
        self._tails[stream].append(text[-TAIL:])
        _print(stream, text)

    @property
    def result(self) -> str | None:
        """The end of its output, None if there was none."""
        return "".join(self._tails["stdout"])[-TAIL:].strip() or None

    @property
    def complaint(self) -> str:
        """The last line of its errors."""
        lines = "".join(self._tails["stderr"]).strip().splitlines()
        return lines[-1].strip() if lines else ""


def _print(stream: str, text: str) -> None:
    # Within a run these lead to its journal.
    (sys.stderr if stream == "stderr" else sys.stdout).write(text)


def _nobody(kind: str, parts: tuple[Any, ...]) -> None:
    """Hears what is said outside of any run."""
