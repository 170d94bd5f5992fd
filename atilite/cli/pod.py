"""pod run: beans of a file and of the command line, in a process without a site; and what projects add to it."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..errors import AtiliteError, ConfigError, SetupError
from ..forks import answered_here, unanswered_here
from ..lazily import function_of
from ..logs import keep_open, raised_by_user
from ..pod import configuring
from ..pod.bean import Bean
from ..pod.loading import why
from ..pod.pod import Pod
from ..pod.reloading import reload
from ..pod.spec import BeanSpec
from ..runtime.loop import process_loop
from ..server.notify import Notifier
from .parser import Commands, Parser

log = logging.getLogger("atilite.pod")

# Most pods are only run.
run_added = function_of("atilite.cli.podcommands", "run_added")

FORMAT = "[%(asctime)s] [%(name)s] [%(levelname)s] %(message)s"
# Seconds in which changes of beans are gathered before systemd is told of them: a thousand may start at once.
GATHER = 0.1


def add(commands: Commands) -> None:
    """Name the command in the help of all; `main` sees to it before anything of a site is looked at."""
    parser = commands.add("pod", _misplaced, "run beans, components of a file or of the command line: pod run")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _misplaced(call: object) -> NoReturn:
    raise ConfigError("the settings of a site mean nothing to beans (let `pod run` be the first words)")


def main(arguments: Sequence[str], script: Path | None) -> int:
    """Do `pod ARGUMENTS`, for the user's `script` or alone; return the exit code. Raises AtiliteError. Main thread."""
    sys.path.insert(0, str(Path.cwd()))
    parser, commands, run = _parsers(script.name if script else "atilite")
    if list(arguments[:1]) != ["run"]:
        return int(run_added(parser, commands, arguments))
    options = vars(run.parse_intermixed_args(arguments[1:]))  # beans may stand between the flags
    file, beans = options.pop("config_file"), options.pop("beans")
    return Command(Path(file) if file else None, options, beans, os.environ).run()


def _parsers(prog: str) -> tuple[Parser, Any, Parser]:
    """The grammar of `pod`, its commands, and that of `pod run`."""
    parser = Parser(prog=f"{prog} pod", description="Beans: components under one supervisor.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"atilite {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    run = commands.add_parser(
        "run", help="run beans until all have ended", description="Run beans until all have ended.", allow_abbrev=False
    )
    run.add_argument("beans", nargs="*", metavar="BEAN", help=r"module.function:key=value,key=value (or \, and \=)")
    run.add_argument("-c", "--config-file", metavar="FILE", help="file of Python: BEANS, and other names in capitals")
    for row in configuring.KEYS:
        names = [f"--{row.name.lower().replace('_', '-')}", *(["-l"] if row.name == "LOG_LEVEL" else [])]
        kind: dict[str, Any] = {"metavar": "|".join(row.choices) or "SECONDS"}
        if row.kind == "boolean":
            kind = {"action": "store_const", "const": True}
        run.add_argument(*names, dest=row.name, help=f"{row.help} (default {row.default})", **kind)
    return parser, commands, run


class Command:
    """One `pod run`. Main thread, unless a method says otherwise."""

    def __init__(
        self, file: Path | None, flags: Mapping[str, object], beans: Sequence[str], environ: Mapping[str, str]
    ) -> None:
        self._file, self._flags, self._beans, self._environ = file, flags, beans, environ
        self._notifier = Notifier.from_environ(environ, os.getpid())
        self._loop = process_loop()
        self._reloading = threading.Lock()
        self._telling = self._ready = self._unread = False

    def read(self) -> configuring.Config:
        """The configuration as it is at this moment. Raises ConfigError."""
        return configuring.read(self._file, flags=self._flags, environ=self._environ, beans=self._beans)

    def run(self) -> int:
        """Run the beans until all have ended; return the exit code. Raises ConfigError, SetupError."""
        hang_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # with nohup it shall go on
        try:
            with _interruptible():
                return self._run(hang_up)
        except KeyboardInterrupt:
            log.info("stopped before any bean had begun")
            return 0

    def _run(self, hang_up: bool) -> int:
        config = self.read()
        specs = configuring.specs(config)
        keep_open()
        logging.basicConfig(format=FORMAT, level=config.LOG_LEVEL.upper())
        if config.DEBUG:
            print(config.as_json(), file=sys.stderr)
            os.environ["PYTHONASYNCIODEBUG"] = "1"  # for the loops of child processes too
        self._loop.adopt()
        pod = Pod(config=config, stop_wait_time=config.STOP_WAIT_TIME, loop_type=config.LOOP_TYPE)
        faults = fill(pod, specs)
        for fault in faults:
            print(f"atilite: {fault}", file=sys.stderr)
        return 1 if faults else self._serve(pod, hang_up)

    def _serve(self, pod: Pod, hang_up: bool) -> int:
        pod.changed.listen(lambda _: self._tell_soon(pod))
        pod.stopping.on_done(lambda _: self._notifier.stopping("waiting for the beans"))
        watcher = self._loop.hub.loop.signal(signal.SIGHUP)
        if hang_up:
            watcher.start(pod.runtime.threads.submit, self._reload, pod)
            answered_here(signal.SIGHUP)
        self._notifier.watch(self._loop, lambda: well(pod))
        try:
            code = pod.run()
        except SetupError as error:  # before any bean has begun: they need each other in a circle, or what is not there
            raise ConfigError(str(error)) from error
        finally:
            unanswered_here(signal.SIGHUP)
            watcher.close()
            self._notifier.unwatch()
        try:
            sys.stdout.flush()  # what the beans have said stands before what is said of them
        finally:
            for line in verdict(pod):
                print(f"atilite: {line}", file=sys.stderr)
        return code

    # -- systemd

    def _tell_soon(self, pod: Pod) -> None:
        """Tell systemd of the beans, once for all changes of a moment. Any thread."""
        if not self._telling and self._notifier.heard:
            self._telling = True
            self._loop.call_later(GATHER, self._tell, pod)

    def _tell(self, pod: Pod) -> None:
        self._telling = False
        states = [(bean.state, bean.spec.optional) for bean in pod.beans]
        text = f"{sum(state == 'running' for state, _ in states)} of {len(states)} beans run"
        if not self._ready and begun(states):
            self._ready = True
            self._notifier.ready(text)
        else:
            self._notifier.status(text)

    # -- SIGHUP

    def _reload(self, pod: Pod) -> None:
        """Read the configuration again and do what has changed in it. Any thread but the loop; blocks.

        Unless that goes on: then whoever is at it reads once more behind it, however often it was asked for.
        """
        self._unread = True
        while self._unread and self._reloading.acquire(blocking=False):
            try:
                self._unread = False
                self._read_again(pod)
            finally:
                self._reloading.release()

    def _read_again(self, pod: Pod) -> None:
        self._notifier.reloading("reading the configuration")
        try:
            config = self.read()
            text = reload(pod, config, configuring.specs(config))
        except Exception as error:  # the end of what SIGHUP has begun
            text = f"the configuration stays as it was: {error}"
            log.error("%s", text, exc_info=None if isinstance(error, AtiliteError) else error)
        else:
            logging.getLogger().setLevel(config.LOG_LEVEL.upper())
            log.info("the configuration was read again: %s", text)
        self._notifier.ready(text)


def fill(pod: Pod, specs: Sequence[BeanSpec]) -> list[str]:
    """Load all beans; returns those that cannot be, each with the reason in a line."""
    faults = []
    for spec in specs:
        try:
            pod.add_bean(spec)
        except Exception as error:
            reason = why(error)
            remedy = "" if reason.endswith(")") else " (correct it, or make the bean optional)"
            faults.append(f"bean {spec.key} cannot be loaded: {reason}{remedy}")
            if raised := raised_by_user(error):
                log.error("%s", faults[-1], exc_info=raised)
    return faults


def begun(states: Sequence[tuple[str, bool]]) -> bool:
    """Whether all beans do their work, or have done it; `states` are theirs, each with whether it is optional."""
    return all(optional or state in ("running", "degraded", "stopping", "stopped") for state, optional in states)


def well(pod: Pod) -> bool:
    """Whether no bean says that it is unwell, and all critical ones do their work or are about to."""
    return not any(
        status.state == "degraded" or (status.critical and status.state in ("failed", "restarting"))
        for status in pod.statuses()
    )


def verdict(pod: Pod) -> Iterator[str]:
    """What led to an exit code other than 0, with the names."""
    if pod.enforced:
        yield f"at the deadline these had to be ended: {', '.join(pod.enforced)}"
    failed = [bean for bean in pod.beans if bean.state == "failed" and str(bean) not in pod.enforced]
    if failed:
        yield f"failed: {', '.join(f'{bean} ({_reason(bean)})' for bean in failed)}"


def _reason(bean: Bean) -> str:
    return " ".join(bean.status().reason.removeprefix("failed: ").split())


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as SIGINT does, until the pod takes the signals: nothing runs before that.

    SIGHUP has nothing to say then: the configuration is read anyhow.
    """
    for_now: dict[int, Any] = {signal.SIGTERM: signal.default_int_handler, signal.SIGHUP: signal.SIG_IGN}
    before = {number: signal.signal(number, handler) for number, handler in for_now.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
