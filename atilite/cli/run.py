"""run ACTION name=value ...: one run of an action in this process, without a server."""

from __future__ import annotations

import getpass
import json
import mimetypes
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any

from ..errors import AtiliteError, ConfigError, ParameterError, RunSkipped
from ..quickly import dataclass
from ..runtime.task import Task
from ..site import Site
from ..store.runs import Headline, Record
from ..uploads import Upload
from .call import Call
from .parser import Commands

STOP_SECONDS = 2.0  # what the task threads get to end after the run has


def add(commands: Commands) -> None:
    parser = commands.add("run", run, "run an action here; the exit code is 0 only if it succeeded")
    parser.add_argument("action", metavar="ACTION", help="its name, as `actions` lists it")
    parser.add_argument(
        "parameters", metavar="name=value", nargs="*", default=[],
        help="the action's parameters; of a file its path; a secret that is left out is asked for on a terminal",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only show what it would do, for actions that can")
    parser.add_argument("--json", action="store_true", help="print run, status, duration, result and error as JSON")


def run(call: Call) -> int:
    """Run the action and print what it records, then how it ended."""
    name, as_json = call.options.action, call.options.json
    given = parameters(call.options.parameters)
    if call.options.dry_run:
        given["dry_run"] = "true"
    # With --json only the answer may stand on stdout; what the action prints goes to stderr.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        ended = one_run(call, name, given)
    if as_json:
        print(json.dumps({"action": name, **asdict(ended)}, ensure_ascii=False, default=str))
        return 0 if ended.status == "succeeded" else 1
    report(name, ended)
    return 0


def one_run(call: Call, name: str, given: dict[str, str]) -> Outcome:
    """Open the site as the server would, without services and schedules, and run the action in it."""
    site = call.site.open(call.settings)
    site.database()
    try:
        for app in site.apps.values():
            app.freeze()
            # This process ends with its run; what follows a run is the business of the server.
            app.action.follows = False
        with asked_to_end() as happened:
            number, task = start(site, name, completed(site, name, given))
            return finished(site, number, task, tell, happened)
    finally:
        site.stop(STOP_SECONDS)
        site.close()


def parameters(words: Sequence[str]) -> dict[str, str]:
    """`name=value` words as a mapping. Raises ConfigError for another word and for a name given twice."""
    given: dict[str, str] = {}
    for word in words:
        name, found, value = word.partition("=")
        if not found or not name:
            raise ConfigError(f"{word!r} is no parameter (write name=value)")
        if name in given:
            raise ConfigError(f"parameter {name!r} is given twice (leave one out)")
        given[name] = value
    return given


def user() -> str | None:
    """Who runs this, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None  # an account without a name, as in a container


def completed(site: Site, action: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The parameters with files in the place of their paths, and the secrets that only a person can type.

    A secret on the command line would be read by whoever lists the processes, and stays in the shell's history.
    """
    try:
        info = site.catalogue.action(action)
    except LookupError:  # told where it is started
        return dict(given)
    if "dry_run" in given and not any(field.name == "dry_run" for field in info.fields):
        raise ConfigError(f"{action} has no dry run (leave it out, or give it a parameter dry_run: bool = False)")
    values: dict[str, Any] = dict(given)
    for field in info.fields:
        if field.kind == "upload" and field.name in given:
            values[field.name] = file_at(field.name, given[field.name])
        elif field.kind == "secret" and field.required and field.name not in given and sys.stdin.isatty():
            values[field.name] = getpass.getpass(f"{field.label}: ")
    return values


def file_at(name: str, path: str) -> Upload:
    """The file as if a form had sent it; the original stays where it is, whatever the action does with its copy."""
    try:
        with open(path, "rb") as file:
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            return Upload.copy_of(file, os.path.basename(path), kind)
    except OSError as error:
        raise ConfigError(f"parameter {name!r}: {path}: {error.strerror} (write the path of a file)") from None


def start(site: Site, action: str, given: Mapping[str, Any]) -> tuple[int, Task]:
    """Start the run; the faults of the parameters and an unknown name become one line."""
    try:
        started: tuple[int, Task] = site.catalogue.start_action(action, given, trigger="cli", who=user())
        return started
    except LookupError as error:
        raise ConfigError(f"{error.args[0]} (`actions` lists them)") from None
    except ParameterError as error:
        faults = "; ".join(f"{name}: {reason}" for name, reason in error.fields.items())
        raise ConfigError(f"{action}: {faults} (`actions --json` shows its parameters)") from None
    except RunSkipped as error:
        raise AtiliteError(f"{action} is running as run {error.running} and does not overlap (wait for it)") from None


@contextmanager
def asked_to_end() -> Iterator[SimpleQueue[bool]]:
    """A queue that gets True at each Ctrl-C and SIGTERM, which do nothing else meanwhile. For the main thread.

    An exception could come just before the run is waited for, and would leave it behind.
    """
    asked: SimpleQueue[bool] = SimpleQueue()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, lambda *_: asked.put(True))
    try:
        yield asked
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)


def finished(
    site: Site, number: int, task: Task, told: Callable[[Record], None], happened: SimpleQueue[bool]
) -> Outcome:
    """Wait for the run's end, telling its records as they are stored. Each True that has happened cancels the run."""
    journals = site.catalogue.journals
    seen = [0]

    def catch_up(_: int = 0) -> None:
        for record in journals.records(number, after=seen[0]):
            seen[0] = record.id
            told(record)

    stop_listening = journals.recorded.listen(catch_up)
    try:
        # Without a limit: the action has its own. How it ended is looked at afterwards.
        task.promise.on_done(lambda _: happened.put(False))
        while happened.get():
            site.catalogue.cancel(number)
    finally:
        stop_listening()
    catch_up()
    return outcome(task, journals.headline(number))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `run` is None for an action that leaves no journal."""

    run: int | None
    status: str
    duration: float | None = None
    result: Any = None
    error: str | None = None
    traceback: str | None = None


def outcome(task: Task, headline: Headline | None) -> Outcome:
    """What the journal says, or the task where there is no journal."""
    if headline is not None:
        return Outcome(
            headline.id, headline.status, headline.duration, headline.result, headline.error, headline.traceback
        )
    error = task.promise.error
    if error is None:
        return Outcome(None, "succeeded", result=task.promise.value)
    return Outcome(None, "failed", error=f"{type(error).__name__}: {error}")


def tell(record: Record) -> None:
    """One record as a line. What the action prints and logs is on the terminal already."""
    if record.source != "record":
        return
    fields = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in record.params.items())
    print(f"{record.message} {fields}".rstrip(), flush=True)


def report(action: str, ended: Outcome) -> None:
    """How the run ended, for a person; the error as every other command tells one."""
    if ended.result is not None:
        print(f"result: {json.dumps(ended.result, ensure_ascii=False, default=str)}")
    where = "" if ended.run is None else f"run {ended.run}"
    if ended.status == "succeeded":
        took = "" if ended.duration is None else f" after {ended.duration:.2f} s"
        print(f"{action} succeeded{took}" + (f" ({where})" if where else ""))
        return
    if ended.traceback:
        print(ended.traceback.rstrip(), file=sys.stderr)
    reason = f": {ended.error}" if ended.error else ""
    raise AtiliteError(f"{action} {ended.status.replace('_', ' ')}{reason} ({where or 'it keeps no journal'})")
