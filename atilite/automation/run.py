"""One execution of a function: what is to be run, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import field
from typing import Any

from atilite.automation import capture
from atilite.quickly import dataclass
from atilite.runtime.functions import Kind, kind_of
from atilite.runtime.promise import Promise
from atilite.runtime.stopping import Stopping
from atilite.runtime.timers import Timer
from atilite.store.followers import Follower

GRACE = 1.0

MAX_RETRY_DELAY = 3600.0


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run, and how. Times are in seconds."""

    function: Callable[..., Any]
    operation: str
    description: str = ""
    kind: str = "function"
    wants_was: bool = False
    journal: bool = True
    timeout: float | None = None
    retries: int = 0
    retry_delay: float = 5.0
    labels: tuple[str, ...] = ()
    # The function whose own @app.journal joins this run instead of opening a second journal.
    innermost: Callable[..., Any] | None = None
    # Seconds that the function has to end by itself after it was asked to, before its run is closed all the same.
    grace: float = GRACE
    # For what never ends: a thread of its own, and an allowance of output that grows with time.
    endless: bool = False
    # Up to so many seconds more, by chance: what failed together need not try again together.
    retry_jitter: float = 0.0
    # plain, generator or async.
    shape: Kind = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", kind_of(self.function))

    def retry_after(self, attempt: int, chance: float = 0.0) -> float | None:
        """Seconds to wait after this failed attempt (the first is 1), doubled each time; None: no further attempt.

        `chance`, from 0 to 1, is the part of the jitter that comes on top.
        """
        if attempt > self.retries:
            return None
        return float(min(self.retry_delay * 2 ** min(attempt - 1, 30), MAX_RETRY_DELAY) + self.retry_jitter * chance)


class Run(Stopping):
    """One execution. `id` is the number of its journal, negative if it has none.

    `status` is queued, running, succeeded, failed, cancelled, timed_out or interrupted.
    """

    __slots__ = (
        "arguments", "attempt", "context", "ending", "error", "follows", "id", "job", "joined", "left", "life",
        "opening", "output", "promise", "report", "started", "status", "timer", "trigger", "who", "work",
    )  # fmt: skip

    def __init__(self, job: Job, arguments: dict[str, Any], trigger: str, who: str | None = None) -> None:
        super().__init__()
        self.job, self.arguments, self.trigger, self.who = job, arguments, trigger, who
        self.id = 0
        self.status = "queued"
        self.attempt = 1
        self.ending: str | None = None
        self.error: str | None = None
        self.joined = False
        self.started = 0.0
        self.output: capture.Output | None = None
        self.context: Context | None = None
        self.work: Promise[Any] | None = None
        self.left: Callable[[Promise[Any]], None] | None = None
        self.timer: Timer | None = None
        self.report: Callable[[float, float | None, str], None] | None = None
        # What the supervisor gives the run of a service.
        self.life: Any = None
        # The note that asked for it, if it follows another run, and whether its opening is durable.
        self.follows: Follower | None = None
        self.opening: Promise[None] | None = None
        # Settled after the end is durable.
        self.promise: Promise[Any] = Promise()

    @property
    def journaled(self) -> bool:
        return self.id > 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that its journal must not show."""
        return self.output.secrets if self.output is not None else ()

    def ready(self) -> None:
        """Say that a service declared with ready="explicit" does its work from now on."""
        if self.life is not None:
            self.life.ready()

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far the run is. Any thread, never blocks."""
        if self.report is not None:
            self.report(done, total, capture.masked(text, self.secrets) if text else text)

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.job.operation!r}: {self.status}>"
