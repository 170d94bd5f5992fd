"""`app.notify`: who is told when something fails, recovers, takes too long or was missed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from atilite.automation.actions import Actions
from atilite.automation.channels import ChannelInfo, Channels, Deliver
from atilite.automation.duration import seconds_of
from atilite.automation.naming import source_of
from atilite.automation.runs import Ended, Run, Runs
from atilite.automation.schedule import Missed
from atilite.automation.services import Info, Services
from atilite.automation.storage import Storage
from atilite.errors import DuplicateName, Frozen, SetupError
from atilite.events import Emitter
from atilite.lazily import LazyModule
from atilite.quickly import dataclass
from atilite.runtime.kinds import run_function
from atilite.runtime.timers import Timer
from atilite.subscribers import Subscriber

if TYPE_CHECKING:
    from atilite.automation import notice as told
else:
    # Loaded with the first rule about whom to tell.
    told = LazyModule("atilite.automation.notice")

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("atilite.notices")

FAILURES = ("failed", "timed_out", "interrupted")
# What fails at the moment, by operation, with the number of failures in a row: known after a restart as well.
NAMESPACE = "_failing"
LONGEST = 300.0  # seconds that a function may take for a message
STEADY = 60.0  # seconds that a service has to run before it counts as well again
LOOKS = (0.05, 30.0)  # seconds between two looks for runs that take too long


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is told of what. `names` are actions, services or functions; () are all of them. `slow` is in seconds."""

    channels: tuple[str, ...]
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("failed", "recovered", "service", "missed")
    failures: int = 1
    slow: float | None = None

    def covers(self, kind: str, name: str) -> bool:
        """Whether it is about this kind of notice of this name."""
        return kind in self.kinds and (not self.names or name in self.names)


class Notices:
    """The notifications of one app. Called as `app.notify(...)` it makes a rule. Set up in one thread, then any."""

    def __init__(
        self, name: str, storage: Storage, runs: Runs, actions: Actions, services: Services, missed: Emitter[Missed]
    ) -> None:
        self._missed = missed
        self._storage, self._runs, self._actions, self._services = storage, runs, actions, services
        self._name = name
        self._functions: dict[str, Callable[..., Any]] = {}
        self._rules: list[Rule] = []
        self._frozen = self._running = False
        # Replaced by the app: the way to an alias, and the address of a run's page.
        self.resolve: Callable[[str], Deliver] = _unknown
        self.url: Callable[[int], str | None] = lambda run: None
        self.call: Callable[..., object] = self._call
        self.channels = Channels(storage, self._resolved, name)
        self._worker = Subscriber(lambda judge, *facts, **more: judge(*facts, **more))
        self._failing: dict[str, int] = {}
        self._told_slow: set[int] = set()
        self._timer: Timer | None = None
        self._lock = threading.Lock()
        self._listening: list[Callable[[], None]] = []

    # -- setting up

    def __call__(
        self,
        *channels: str,
        of: str | Sequence[str] = (),
        on: str | Sequence[str] = ("failed", "recovered", "service", "missed"),
        failures: int = 1,
        slow: float | str | None = None,
    ) -> None:
        """Tell `channels` when something happens: `app.notify("@ops")`, `app.notify("@mail", of="Water", failures=3)`.

        A channel is an alias (SMTP, HTTP or HTTPS) or a function declared with `app.notifier`. `of` names actions,
        services or journaled functions, by default all of this app. `on` says what is told: failed, recovered,
        service (one crashed or was given up), missed (a schedule was not run in time), slow. `failures` in a row are
        needed before the first is told; then it is told again at each doubling. `slow` is how long a run may take
        ("10m") before that is told. Raises SetupError, and Frozen after the app has started.
        """
        names = (of,) if isinstance(of, str) else tuple(of)
        kinds = (on,) if isinstance(on, str) else tuple(on)
        longest = seconds_of(slow, "slow")
        if self._frozen:
            raise Frozen("notification", ", ".join(channels))
        if not channels or not all(isinstance(one, str) and one.startswith("@") and len(one) > 1 for one in channels):
            raise SetupError(f"app.notify{channels!r}: a channel is a name such as '@ops'")
        if unknown := set(kinds) - set(told.KINDS):
            raise SetupError(f"app.notify: on has {', '.join(sorted(unknown))}; it may be {', '.join(told.KINDS)}")
        if not isinstance(failures, int) or failures < 1:
            raise SetupError(f"app.notify: failures is {failures!r}; it is a number, 1 or more")
        if "slow" in kinds and longest is None:
            raise SetupError('app.notify: say from when on it is slow: slow="10m"')
        if longest is not None and "slow" not in kinds:
            kinds += ("slow",)
        self._rules.append(Rule(channels, names, kinds, failures, longest))

    def notifier(self, name: str) -> Callable[[F], F]:
        """Decorator: the function is the channel `name`, such as "@phone"; it is called with a Message.

        It may be of any kind; an error means that the message was not delivered, and it is tried again later.
        """
        if not name.startswith("@") or len(name) < 2:
            raise SetupError(f"app.notifier({name!r}): the name of a channel begins with '@'")

        def register(function: F) -> F:
            if self._frozen:
                raise Frozen("notifier", name)
            if name in self._functions:
                raise DuplicateName("notifier", name, source_of(self._functions[name]), source_of(function))
            self._functions[name] = function
            return function

        return register

    def freeze(self) -> None:
        """End the set-up; what actions say of themselves with `notify=` becomes rules."""
        if not self._frozen:
            for action in self._actions.actions:
                if action.notify:
                    self(*action.notify, of=action.operation)
        self._frozen = True

    @property
    def names(self) -> list[str]:
        """The channels that are used or declared here."""
        used = [channel for rule in self._rules for channel in rule.channels]
        return list(dict.fromkeys([*used, *self._functions]))

    @property
    def infos(self) -> list[ChannelInfo]:
        """How the channels are. Reads the database: not on the loop."""
        return self.channels.infos(self.names)

    def _resolved(self, name: str) -> Deliver:
        function = self._functions.get(name)
        return self.resolve(name) if function is None else lambda message: self.call(function, message)

    def _call(self, function: Callable[..., Any], message: told.Message) -> None:
        run_function(function, (message,), {}, runtime=self._storage.runtime).wait(LONGEST)

    def test(self, name: str) -> None:
        """Send a test to a channel and wait for its answer; its error is raised. In an ordinary thread."""
        self.channels.send(name, [told.Notice("test", "This", "test", self._storage.clock.now())])

    # -- life

    def start(self) -> None:
        """Begin to watch and to deliver. Opens the database: not on the loop."""
        if not self.names or self._running:
            return
        self._running = True
        for name in self.names:
            try:
                self._resolved(name)
            except (LookupError, SetupError) as error:
                log.error("nobody can be told by %s: %s", name, error)
        kv = self._storage.kv
        self._failing = {item.key: int(item.value) for item in kv.items(NAMESPACE, f"{self._name}/", limit=10_000)}
        self._listening = [
            self._runs.ended.listen(self._ended),
            self._runs.opened.listen(self._opened),
            self._services.service_changed.listen(self._service_changed),
            self._missed.listen(lambda missed: self._worker.put_call((self._judge_skipped, missed), {})),
        ]
        self.channels.start(self.names)
        for run in self._storage.database.interrupted:
            self._worker.put_call((self._judge_interrupted, run), {})
        self._look()

    def stop(self, timeout: float = 5.0) -> None:
        """Watch and deliver no more; wait for what is under way. Blocks: not on the bare hub."""
        for unlisten in self._listening:
            unlisten()
        self._listening, self._running = [], False
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._worker.close()
        self._worker.join(timeout / 2)
        self.channels.stop(timeout / 2)

    # -- watching; these are called where it happens, and must be quick

    def _ended(self, ended: Ended) -> None:
        failed = ended.status in FAILURES
        if ended.operation in self._services.names or not (failed or self._key(ended.operation) in self._failing):
            return
        if failed or ended.status == "succeeded":
            self._worker.put_call((self._judge_end, ended), {})

    def _opened(self, run: Run) -> None:
        if run.trigger == "catch-up":
            self._worker.put_call((self._judge_missed, run.job.operation, run.id), {})

    def _service_changed(self, info: Info) -> None:
        if info.status == "failed" or (info.status == "restarting" and info.error):
            self._worker.put_call((self._judge_crash, info), {})
        elif info.status == "running" and self._key(info.name) in self._failing:
            self._storage.runtime.loop.call_later(STEADY, self._steady, info)

    def _steady(self, info: Info) -> None:
        now = self._services.get(info.name)
        if now.status == "running" and now.since == info.since:
            self._worker.put_call((self._judge_well, info.name, None, "service"), {})

    def _look(self) -> None:
        """See which runs take too long, again and again."""
        limits = [rule.slow for rule in self._rules if rule.slow is not None]
        if not limits or not self._running:
            return
        now, active = self._storage.clock.monotonic(), dict(self._runs.active)
        self._told_slow &= active.keys()
        for number, run in active.items():
            if number not in self._told_slow and run.status == "running" and not run.job.endless:
                self._look_at(number, run, now)
        with self._lock:
            if self._running:
                wait = max(LOOKS[0], min(min(limits) / 4, LOOKS[1]))
                self._timer = self._storage.runtime.loop.call_later(wait, self._look)

    def _look_at(self, number: int, run: Run, now: float) -> None:
        slow = [rule for rule in self._rules if rule.covers("slow", run.job.operation)]
        passed = [rule for rule in slow if rule.slow is not None and now - run.started >= rule.slow]
        if passed:
            self._told_slow.add(number)
            self._worker.put_call((self._tell, passed, "slow", run.job.operation, "running"), {"run": number})

    # -- judging, in one thread, in order

    def _key(self, operation: str) -> str:
        return f"{self._name}/{operation}"

    def _judge_end(self, ended: Ended) -> None:
        if ended.status in FAILURES:
            count = self._count(ended.operation)
            rules = [one for one in self._about("failed", ended.operation) if told.is_due(count, one.failures)]
            facts: Any = {"error": ended.error, "run": ended.id, "failures": count}
            self._tell(rules, "failed", ended.operation, ended.status, **facts)
        else:
            self._judge_well(ended.operation, ended.id, "failed")

    def _judge_crash(self, info: Info) -> None:
        count = self._count(info.name)
        final = info.status == "failed"
        rules = [one for one in self._about("service", info.name) if final or told.is_due(count, one.failures)]
        self._tell(rules, "service", info.name, info.status, error=info.error, failures=count)

    def _judge_well(self, name: str, run: int | None, kind: str) -> None:
        count = self._failing.pop(self._key(name), 0)
        self._storage.kv.remove(NAMESPACE, self._key(name))
        told = [one for one in self._about(kind, name) if count >= one.failures]
        rules = [one for one in told if one.covers("recovered", name)]
        status = "running" if kind == "service" else "succeeded"
        self._tell(rules, "recovered", name, status, run=run, failures=count)

    def _judge_missed(self, operation: str, run: int) -> None:
        self._tell(self._about("missed", operation), "missed", operation, "running", run=run)

    def _judge_skipped(self, missed: Missed) -> None:
        text = f"no run stands for it; the last time was {missed.last:%Y-%m-%d %H:%M} UTC"
        rules = self._about("missed", missed.operation)
        self._tell(rules, "missed", missed.operation, "skipped", error=text, failures=missed.times)

    def _judge_interrupted(self, run: int) -> None:
        found = self._storage.journals.headline(run)
        # Other apps may share the database: each tells of its own.
        if found is not None and any(action.operation == found.operation for action in self._actions.actions):
            ended = Ended(run, found.operation, "interrupted", found.error, 0.0, found.trigger, found.who)
            self._judge_end(ended)

    def _count(self, name: str) -> int:
        count = self._failing[self._key(name)] = self._failing.get(self._key(name), 0) + 1
        self._storage.kv.set(NAMESPACE, {self._key(name): count})
        return count

    def _about(self, kind: str, name: str) -> list[Rule]:
        return [rule for rule in self._rules if rule.covers(kind, name)]

    def _tell(
        self, rules: list[Rule], kind: str, name: str, status: str, *, error: str | None = None,
        run: int | None = None, failures: int = 0,
    ) -> None:  # fmt: skip
        number = run if run is not None and run > 0 else None
        headline = self._storage.journals.headline(number) if rules and number is not None else None
        attempts = headline.attempt if headline is not None else 1
        url = self.url(number) if number is not None else None
        now = self._storage.clock.now()
        notice = told.Notice(kind, name, status, now, error, number, url, attempts, failures)
        for channel in dict.fromkeys(channel for rule in rules for channel in rule.channels):
            self.channels.put(channel, notice)


def _unknown(name: str) -> Deliver:
    raise LookupError(f"there is no channel {name!r} (declare it with app.notifier or atilite.alias)")
