"""How a run ends: its status and its error, from what its function did and from what was asked of it."""

from __future__ import annotations

from atilite.automation.failures import error_text
from atilite.automation.run import Run
from atilite.errors import RunFailed, TaskCancelled, TaskError
from atilite.lazily import is_asyncio_cancellation
from atilite.quickly import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """What observers are told of a run's end, after it is durable. `duration` is in seconds."""

    id: int
    operation: str
    status: str
    error: str | None
    duration: float
    trigger: str
    who: str | None
    kind: str = "function"
    attempts: int = 1
    # Whether it only showed what it would do: it had a parameter dry_run, which was true.
    dry: bool = False

    @classmethod
    def of(cls, run: Run, status: str, duration: float) -> Ended:
        """What is told of `run`, whose number is that of its journal."""
        return cls(
            run.id, run.job.operation, status, run.error, duration, run.trigger, run.who, run.job.kind, run.attempt,
            cls.is_dry(run),
        )  # fmt: skip

    @staticmethod
    def is_dry(run: Run) -> bool:
        """Whether `run` only shows what it would do."""
        return run.arguments.get("dry_run") is True


def outcome(run: Run, error: BaseException | None) -> tuple[str, BaseException | None]:
    """Return the status and the error of a run whose function ended with `error`, None if it returned."""
    if run.ending is not None:
        return run.ending, early(run)
    if error is None:
        return "succeeded", None
    if means_cancelled(error):
        return "cancelled", RunFailed(f"{run.job.operation!r} was cancelled", run.id, "cancelled")
    # SystemExit and the like end the run, not whoever waits for it.
    if isinstance(error, TaskError) and error.__cause__ is not None and not isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, Exception):
        return "failed", error
    return "failed", RunFailed(error_text(error), run.id, "failed").with_traceback(error.__traceback__)


def means_cancelled(error: BaseException) -> bool:
    return isinstance(error, (TaskCancelled, GeneratorExit)) or is_asyncio_cancellation(error)


_EARLY = {
    "cancelled": "was cancelled",
    "timed_out": "took longer than its timeout",
    "interrupted": "was interrupted: the server stopped",
}


def early(run: Run) -> RunFailed:
    status = run.ending or "cancelled"
    after = f" of {run.job.timeout:g} s" if status == "timed_out" and run.job.timeout is not None else ""
    return RunFailed(f"{run.job.operation!r} {_EARLY[status]}{after}", run.id, status)
