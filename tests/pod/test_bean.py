"""Beans of each kind, on the loops and threads where they really run."""

from __future__ import annotations

import asyncio
import inspect
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Mask
from atilite.errors import SetupError, Vetoed
from atilite.pod import Context, Pod, pass_context
from atilite.pod.bean import Bean
from atilite.runtime.promise import Promise
from atilite.runtime.task import Sleep
from tests.pod.living import PATIENCE, Happened

Make = Callable[..., Pod]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes pods that are ended after the test, whatever is in them."""
    pods: list[Pod] = []

    def one(**options: Any) -> Pod:
        pods.append(Pod(**options))
        return pods[-1]

    yield one
    for pod in pods:
        for _ in range(3):
            pod.stop()
        pod.done.wait(PATIENCE)


def run(pod: Pod, core: Any, **keys: Any) -> Bean:
    bean = pod.add_bean(core, **keys)
    assert bean is not None
    pod.start()
    return bean


def reach(pod: Pod, bean: Bean, state: str, *, restarts: int = 0) -> None:
    """Wait until the bean has come to this state, after so many restarts."""
    with pod.changed.subscribe() as changes:
        while (bean.state, bean.status().restarts) != (state, restarts):
            changes.get(timeout=PATIENCE)


@pytest.mark.row("P3")
def test_a_coroutine_object_runs_once_and_its_keywords_count_for_nothing(make: Make) -> None:
    happened: list[str] = []

    async def hello() -> None:
        happened.append("hello")

    pod = make()
    run(pod, hello(), label="h", extra=1)

    assert pod.done.wait(PATIENCE) == 0
    assert happened == ["hello"]


@pytest.mark.row("P3")
def test_a_coroutine_object_is_not_started_again_and_the_reason_is_told(make: Make) -> None:
    async def hello() -> None:
        """It ends at once."""

    pod = make()
    coroutine = hello()
    with pytest.raises(SetupError, match="is a coroutine object, which runs once; give the function"):
        pod.add_bean(coroutine, restart="always")
    pod.add_bean(asyncio.sleep, delay=1000)
    bean = run(pod, coroutine, label="h")
    pod.wait_beans_done("h").wait(PATIENCE)

    assert bean.start().wait(PATIENCE) == "failed"

    assert bean.status().reason.endswith("which runs once; give the function to start it again")


def test_a_coroutine_object_that_never_began_is_closed(make: Make) -> None:
    async def hello() -> None:
        """It is never begun."""

    coroutine = hello()
    pod = make()
    pod.add_bean(coroutine)
    pod.stop()

    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


@pytest.mark.row("P4", "P2")
def test_a_coroutine_function_gets_its_keywords_without_label(make: Make) -> None:
    got: list[Any] = []

    async def hello(**kwargs: Any) -> None:
        got.append((kwargs, threading.current_thread().name))

    pod = make()
    bean = run(pod, hello, label="h", hi="Ozzy", restart="never")

    assert pod.done.wait(PATIENCE) == 0
    assert got == [({"hi": "Ozzy"}, "atilite-aio")]
    assert (bean.label, bean.id, bean.context.bean) == ("h", 1, bean)


@pytest.mark.row("P5", "P8")
def test_a_class_is_made_with_its_context_and_called_with_its_keywords(make: Make) -> None:
    got: list[Any] = []

    class Hello:
        def __init__(self, context: Context) -> None:
            self.context = context

        async def __call__(self, **kwargs: Any) -> None:
            got.append((kwargs, self.context.instance is self))

    pod = make()
    bean = pod.add_bean(Hello, label="h", key1="value1")
    assert isinstance(bean.instance, Hello)
    assert bean.context.bean is bean
    pod.start()

    assert pod.done.wait(PATIENCE) == 0
    assert got == [({"key1": "value1"}, True)]


@pytest.mark.row("P5")
@pytest.mark.parametrize(
    "core",
    [
        type("Plain", (), {"__init__": lambda self, context: None, "__call__": lambda self: None}),
        type("None_", (), {}),
        3,
    ],
)
def test_what_cannot_be_a_bean_is_refused_by_name(make: Make, core: Any) -> None:
    with pytest.raises(TypeError):
        make().add_bean(core)


def test_an_asynchronous_generator_is_refused_in_words(make: Make) -> None:
    async def numbers() -> Any:
        yield 1

    with pytest.raises(TypeError, match="asynchronous generator, whose values nobody takes"):
        make().add_bean(numbers)


def test_a_class_that_is_started_again_is_made_anew(make: Make) -> None:
    made: list[Any] = []
    told = Happened()

    class Once:
        def __init__(self, context: Context) -> None:
            made.append(self)
            context.add_signal_handler("ping", self.ping)

        def ping(self) -> None:
            told(made.index(self))

        async def __call__(self) -> None:
            if len(made) == 1:
                raise ValueError("the first one")
            await asyncio.Event().wait()

    pod = make()
    bean = run(pod, Once, restart="on_failure", restart_delay=0)
    reach(pod, bean, "running", restarts=1)
    bean.context.send_signal("ping").wait(PATIENCE)

    assert told.things == [1]
    assert bean.instance is made[1]


def test_a_generator_waits_on_the_hub_and_holds_no_thread(make: Make) -> None:
    got: list[Any] = []

    def steps(number: int) -> Generator[Any, Any, None]:
        task = yield Mask(number)
        yield Sleep(0)
        got.append((task.fetch(), pod.runtime.loop.inside()))

    pod = make()
    run(pod, steps, number=3)

    assert pod.done.wait(PATIENCE) == 0
    assert got == [(3, True)]


def test_the_call_of_a_class_may_be_a_generator(make: Make) -> None:
    class Steps:
        def __init__(self, context: Context) -> None:
            self.context = context

        def __call__(self) -> Generator[Any, Any, None]:
            yield Mask(1)

    pod = make()
    bean = run(pod, Steps)

    assert pod.done.wait(PATIENCE) == 0
    assert bean.kind == "generator"


@pytest.mark.row("pod-defect-10")
def test_plain_functions_have_threads_of_their_own_and_hold_up_nobody(make: Make) -> None:
    gate, others = threading.Event(), threading.Barrier(41)

    def blocks() -> None:
        others.wait(PATIENCE)
        gate.wait(PATIENCE)

    async def quick() -> None:
        """It has nothing to do."""

    pod = make()
    for _ in range(40):
        pod.add_bean(blocks)
    bean = pod.add_bean(quick, label="quick")
    pod.start()

    others.wait(PATIENCE)  # all forty of them block now
    pod.wait_beans_done("quick").wait(PATIENCE)
    gate.set()

    assert (pod.done.wait(PATIENCE), bean.state) == (0, "stopped")


def test_a_plain_function_with_a_context_is_asked_to_end(make: Make) -> None:
    told = Happened()

    def loop(context: Context, label: str = "") -> None:
        told("begun")
        while not context.wait(60):
            """Nothing to do yet."""
        told(context.cancelled)

    pod = make()
    run(pod, loop)
    told.wait_for("begun")

    assert pod.stop().wait(PATIENCE) == 0
    assert told.things == ["begun", True]


@pytest.mark.row("pod-defect-1")
def test_an_error_in_a_bean_is_logged_with_its_traceback_at_once(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise ValueError("no water")

    pod = make()
    bean = run(pod, fails, label="f")

    assert pod.done.wait(PATIENCE) == 1
    assert "bean 1 (f) failed: ValueError: no water" in caplog.text
    assert "in fails" in (bean.status().traceback or "")


@pytest.mark.row("pod-defect-1")
def test_keywords_that_a_function_does_not_take_are_told_too(make: Make) -> None:
    async def nothing() -> None:
        """It takes nothing."""

    pod = make()
    bean = run(pod, nothing, extra=1)

    assert pod.done.wait(PATIENCE) == 1
    assert "unexpected keyword argument 'extra'" in (bean.error or "")


@pytest.mark.row("pod-promise-5")
def test_a_bean_says_itself_when_it_is_ready(make: Make) -> None:
    go = threading.Event()

    @pass_context
    async def slow(context: Context) -> None:
        await asyncio.to_thread(go.wait, PATIENCE)
        context.ready()
        context.ready()  # once more says nothing new
        await asyncio.Event().wait()

    pod = make()
    bean = pod.add_bean(slow, ready="explicit")
    begun = pod.start()
    assert (bean.state, begun.done) == ("starting", False)

    go.set()
    begun.wait(PATIENCE)

    assert bean.state == "running"


@pytest.mark.row("pod-defect-5", "pod-promise-6")
def test_a_coroutine_that_swallows_its_cancellation_does_not_hold_up_the_end(make: Make) -> None:
    over, begun = threading.Event(), threading.Event()

    async def stubborn() -> None:
        begun.set()
        while not over.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                """It is deaf."""

    pod = make(stop_wait_time=0.0)
    bean = run(pod, stubborn, label="deaf", stop_timeout=0.1)
    assert begun.wait(PATIENCE)

    assert pod.stop().wait(PATIENCE) == 1
    assert (pod.enforced, bean.state) == (("bean 1 (deaf)",), "failed")
    over.set()


@pytest.mark.row("P11", "pod-defect-6")
def test_who_listens_to_the_end_is_told_once_and_may_take_its_time(make: Make) -> None:
    told = Happened()

    class Server:
        def __init__(self, context: Context) -> None:
            self.over = asyncio.Event()
            for name in ("SIGINT", "SIGTERM"):
                context.add_signal_handler(name, self.on_stop)

        def on_stop(self, signal: str, **kwargs: Any) -> None:
            told((signal, threading.current_thread().name))

        async def __call__(self) -> None:
            await self.over.wait()
            told("cleaned")

    pod = make()
    bean = run(pod, Server)
    done = pod.stop(signal="SIGINT")
    told.wait_for(("SIGINT", "atilite-aio"))
    pod.runtime.aio.loop.call_soon_threadsafe(bean.instance.over.set)

    assert done.wait(PATIENCE) == 0
    assert told.things == [("SIGINT", "atilite-aio"), "cleaned"]


@pytest.mark.row("pod-defect-6")
def test_a_second_signal_cancels_and_calls_nobody_again(make: Make) -> None:
    told = Happened()

    class Server:
        def __init__(self, context: Context) -> None:
            context.add_signal_handler("SIGTERM", self.on_stop)

        def on_stop(self) -> None:
            told("asked")

        async def __call__(self) -> None:
            await asyncio.Event().wait()

    pod = make()
    run(pod, Server)
    pod.stop()
    told.wait_for("asked")

    assert pod.stop().wait(PATIENCE) == 1
    assert told.things == ["asked"]


@pytest.mark.row("pod-promise-6")
def test_one_bean_that_is_stopped_by_a_person_is_asked_before_it_is_cancelled(make: Make) -> None:
    told = Happened()

    class Server:
        def __init__(self, context: Context) -> None:
            self.over = asyncio.Event()
            context.add_signal_handler("SIGTERM", self.on_stop)

        def on_stop(self) -> None:
            self.over.set()

        async def __call__(self) -> None:
            await self.over.wait()
            told("ended by itself")

    pod = make()
    pod.add_bean(asyncio.sleep, delay=1000)
    bean = run(pod, Server)

    assert bean.stop().wait(PATIENCE) == "stopped"
    assert told.things == ["ended by itself"]


@pytest.mark.row("pod-promise-3")
def test_processes_that_were_given_up_are_not_all_started_once_more(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "podfails.py").write_text("def fails():\n    raise ValueError('no water')\n")
    pod = make()

    bean = run(pod, "podfails.fails", processes=2, restart="on_failure", restart_delay=0, max_restarts=1)

    assert pod.done.wait(3 * PATIENCE) == 1
    assert (bean.state, bean.error, bean.status().restarts) == ("failed", "ValueError: no water", 0)


def test_a_thousand_beans_that_wait_hold_no_threads(make: Make) -> None:
    @pass_context
    async def coroutine(context: Context) -> None:
        await context.ending

    @pass_context
    def generator(context: Context) -> Generator[Any, Any, None]:
        yield context.ending

    pod = make()
    before = threading.active_count()
    for number in range(1000):
        pod.add_bean(coroutine if number % 2 else generator)
    pod.start().wait(PATIENCE)

    assert {bean.state for bean in pod.beans} == {"running"}
    assert threading.active_count() <= before + 2  # the hub and the asyncio loop, if they were not there yet
    assert pod.stop().wait(PATIENCE) == 0


@pytest.mark.row("pod-promise-6")
def test_who_waits_for_the_end_ends_by_itself_when_it_alone_is_stopped(make: Make) -> None:
    told = Happened()

    @pass_context
    async def coroutine(context: Context) -> None:
        told("begun")
        await context.ending
        await asyncio.sleep(0.01)
        told("ended by itself")

    pod = make()
    pod.add_bean(asyncio.sleep, delay=1000)
    bean = run(pod, coroutine)
    with pytest.raises(LookupError, match="has not been started yet"):
        _ = Pod().add_bean(coroutine).context.ending
    told.wait_for("begun")

    assert bean.stop().wait(PATIENCE) == "stopped"
    assert told.things == ["begun", "ended by itself"]


# -- hooks


class Hooked:
    """A class with hooks of its own; `veto` names the one that says no, or raises."""

    veto: Any = None
    seen: list[str]

    def __init__(self, context: Context) -> None:
        self.context = context

    def _say(self, name: str) -> bool | None:
        self.seen.append(name)
        if self.veto == (name, "raises"):
            raise ValueError("broken")
        return False if self.veto == (name, "no") else None

    def before_start(self) -> bool | None:
        return self._say("before_start")

    async def after_start(self) -> bool | None:
        return self._say("after_start")

    def before_stop(self) -> bool | None:
        return self._say("before_stop")

    async def after_stop(self) -> bool | None:
        return self._say("after_stop")

    async def __call__(self) -> None:
        self.seen.append("runs")
        await asyncio.Event().wait()


def hooked(veto: Any = None) -> Any:
    return type("Hooked", (Hooked,), {"veto": veto, "seen": []})


@pytest.mark.row("pod-promise-9")
def test_hooks_are_asked_around_start_and_stop(make: Make) -> None:
    pod, core = make(), hooked()
    pod.add_bean(asyncio.sleep, delay=1000)
    bean = run(pod, core, restart="always")
    reach(pod, bean, "running")

    assert bean.stop().wait(PATIENCE) == "stopped"

    assert sorted(core.seen[1:3]) == ["after_start", "runs"]
    assert core.seen[:1] + core.seen[3:] == ["before_start", "before_stop", "after_stop"]


@pytest.mark.row("pod-promise-9")
@pytest.mark.parametrize(("how", "words"), [("no", "said no"), ("raises", "failed: ValueError: broken")])
@pytest.mark.parametrize("name", ["before_start", "after_start"])
def test_a_veto_of_a_start_is_final_with_its_reason(make: Make, name: str, how: str, words: str) -> None:
    pod, core = make(), hooked((name, how))
    bean = run(pod, core, restart="always", restart_delay=0)

    assert pod.done.wait(PATIENCE) == 1
    assert (bean.state, bean.status().reason) == ("failed", f"failed: {name} {words}")
    assert core.seen.count(name) == 1
    assert "runs" not in core.seen or name == "after_start"


@pytest.mark.row("pod-promise-9")
@pytest.mark.parametrize(("how", "words"), [("no", "said no"), ("raises", "failed: ValueError: broken")])
def test_a_veto_of_a_stop_is_an_answer_but_does_not_hold_up_the_pods_own_end(
    make: Make, how: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    pod, core = make(), hooked(("before_stop", how))
    bean = run(pod, core)
    reach(pod, bean, "running")
    for refused in (bean.stop, bean.restart):
        with pytest.raises(Vetoed, match=f"before_stop {words}"):
            refused().wait(PATIENCE)
    assert bean.state == "running"

    pod.stop()
    pod.stop()

    assert pod.done.wait(PATIENCE) == 1
    assert bean.state == "stopped"
    assert f"bean 1 ({bean.name}) ends all the same: before_stop {words}" in caplog.text


@pytest.mark.row("pod-promise-9")
@pytest.mark.parametrize(("how", "words"), [("no", "said no"), ("raises", "failed: ValueError: broken")])
def test_a_veto_after_the_stop_is_told(
    make: Make, how: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    pod, core = make(), hooked(("after_stop", how))
    pod.add_bean(asyncio.sleep, delay=1000)
    bean = run(pod, core)
    reach(pod, bean, "running")

    bean.stop().wait(PATIENCE)

    assert f"after_stop {words}" in caplog.text


@pytest.mark.row("pod-promise-9")
def test_the_pods_own_hooks_are_asked_for_every_bean(make: Make) -> None:
    pod = make()
    asked: list[str] = []

    @pod.hook("before_start")
    def known(bean: Bean) -> bool:
        asked.append(bean.name)
        return bean.label != "odd"

    async def nothing() -> None:
        """It has nothing to do."""

    pod.add_bean(nothing, label="odd")
    pod.add_bean(nothing, label="even")
    pod.start()

    assert pod.done.wait(PATIENCE) == 1
    assert sorted(asked) == ["even", "odd"]
    assert [bean.state for bean in pod.beans] == ["failed", "stopped"]
    with pytest.raises(SetupError, match="there is no hook 'before'"):
        pod.hook("before")(known)


# -- loops and the process


def test_plain_functions_are_greenlets_with_the_loop_gevent(make: Make) -> None:
    inside: list[bool] = []

    def plain(context: Context) -> None:
        inside.append(context.pod.runtime.loop.in_greenlet())
        context.wait()

    pod = make(loop_type="gevent")
    pod.add_bean(plain), pod.add_bean(plain)
    pod.start()

    assert pod.stop().wait(PATIENCE) == 0
    assert inside == [True, True]


def test_who_launches_lives_is_beside_each_of_them(make: Make) -> None:
    begun: list[tuple[str, int]] = []

    def launch(bean: Bean, life: Any) -> Promise[Any]:
        begun.append((bean.name, life.number))
        return bean.begin(life)

    async def nothing() -> None:
        """It has nothing to do."""

    pod = make(launch=launch)
    run(pod, nothing, label="n")

    assert pod.done.wait(PATIENCE) == 0
    assert begun == [("n", 1)]


def test_the_names_of_system_signals_are_those_of_the_system() -> None:
    from atilite.pod.pod import SYSTEM_SIGNALS

    assert [signal.Signals[name] for _, name in SYSTEM_SIGNALS] == [number for number, _ in SYSTEM_SIGNALS]


def leaves(code: Any) -> None:
    sys.exit(code)


async def leaves_a_loop(code: Any) -> None:
    sys.exit(code)


def leaves_the_hub(code: Any) -> Generator[Any, Any, None]:
    yield Mask(None)
    sys.exit(code)


@pytest.mark.row("P13")
@pytest.mark.parametrize("loop_type", ["asyncio", "gevent"])
@pytest.mark.parametrize("core", [leaves, leaves_a_loop, leaves_the_hub])
@pytest.mark.parametrize("code", [0, None])
def test_a_bean_that_exits_without_a_code_has_ended_well(make: Make, core: Any, code: Any, loop_type: str) -> None:
    pod = make(loop_type=loop_type)
    bean = run(pod, core, code=code)

    assert pod.done.wait(PATIENCE) == 0
    assert (bean.state, bean.status().reason, bean.error) == ("stopped", "ended by itself", None)


@pytest.mark.row("P13", "pod-defect-1")
@pytest.mark.parametrize("loop_type", ["asyncio", "gevent"])
@pytest.mark.parametrize("core", [leaves, leaves_a_loop, leaves_the_hub])
@pytest.mark.parametrize(("code", "told"), [(3, "exit code 3"), ("no oil", "no oil")])
def test_a_bean_that_exits_with_a_code_has_failed_with_it(
    make: Make, core: Any, code: Any, told: str, loop_type: str
) -> None:
    pod = make(loop_type=loop_type)
    bean = run(pod, core, code=code)

    assert pod.done.wait(PATIENCE) == 1
    assert (bean.state, bean.error) == ("failed", f"it ended itself: {told}")
    assert "sys.exit(code)" in (bean.status().traceback or "")


class NeverMade:
    def __init__(self, context: Context) -> None:
        sys.exit(0)

    async def __call__(self) -> None:
        """Nobody comes here."""


def test_a_class_that_exits_while_its_object_is_made_cannot_be_loaded(make: Make) -> None:
    with pytest.raises(SetupError, match="NeverMade has ended itself while it was made"):
        make().add_bean(NeverMade)
