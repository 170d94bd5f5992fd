"""Callbacks between beans: who is called, with what, and where."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from atilite import Mask
from atilite.pod import Context, Pod
from atilite.pod.bean import Bean
from atilite.pod.signals import SWEPT
from atilite.runtime.functions import Kind
from tests.pod.living import PATIENCE

Listening = Callable[..., "Listener"]


class Listener:
    """A bean that never starts, with a callback that notes what it was called with and where."""

    def __init__(self, pod: Pod, label: str | None, kind: Kind) -> None:
        core: dict[str, Any] = {"async": asyncio.sleep, "generator": _steps, "plain": _idle}
        bean = pod.add_bean(core[kind], label=label)
        assert bean is not None
        self.bean: Bean = bean
        self.context: Context = bean.context
        self.heard: list[dict[str, Any]] = []
        self.places: list[str] = []

    def hear(self, **kwargs: Any) -> None:
        self.heard.append(kwargs)
        loop = self.context.pod.runtime.loop
        self.places.append("hub" if loop.inside() else threading.current_thread().name)


def _steps() -> Generator[Any, Any, None]:
    yield Mask()


def _idle() -> None:
    """Nothing."""


@pytest.fixture
def pod() -> Iterator[Pod]:
    pod = Pod()
    yield pod
    pod.stop()


@pytest.fixture
def listening(pod: Pod) -> Listening:
    def make(label: str | None = None, kind: Kind = "async") -> Listener:
        return Listener(pod, label, kind)

    return make


def send(listener: Listener, signal: Any, labels: Any = None, **passed: Any) -> int:
    sent: int = listener.context.send_signal(signal, labels, **passed).fetch(PATIENCE)
    return sent


@pytest.mark.row("P10")
@pytest.mark.parametrize("signal", ["ping", 7, ("a", 1), frozenset({"x"})])
def test_any_hashable_key_is_a_signal_and_what_was_passed_arrives_by_name(listening: Listening, signal: Any) -> None:
    sender, other = listening("s"), listening("o")
    other.context.add_signal_handler(signal, other.hear)

    assert send(sender, signal, number=3) == 1

    assert other.heard == [{"signal": signal, "senders": {sender.bean}, "keys": {signal}, "number": 3}]


@pytest.mark.row("P10")
def test_a_callback_gets_only_what_it_takes(listening: Listening) -> None:
    listener = listening()
    got: list[Any] = []

    def takes_two(number: int, signal: str) -> None:
        got.append((number, signal))

    def takes_nothing() -> None:
        got.append(None)

    listener.context.add_signal_handler("ping", takes_two)
    listener.context.add_signal_handler("ping", takes_nothing)

    assert send(listener, "ping", number=3, other=4) == 2
    assert sorted(got, key=str) == [(3, "ping"), None]


@pytest.mark.row("P10", "P8")
def test_callbacks_may_be_async_and_are_awaited(listening: Listening) -> None:
    listener = listening(kind="plain")
    got: list[str] = []

    async def hear(**_: Any) -> None:
        await asyncio.sleep(0)
        got.append(threading.current_thread().name)

    listener.context.add_signal_handler("ping", hear)

    assert send(listener, "ping") == 1
    assert got == ["atilite-aio"]


@pytest.mark.parametrize(("kind", "place"), [("async", "atilite-aio"), ("generator", "hub"), ("plain", "atilite-task")])
@pytest.mark.row("P10")
def test_a_callback_is_called_where_its_bean_runs(listening: Listening, kind: Kind, place: str) -> None:
    listener = listening(kind=kind)
    listener.context.add_signal_handler("ping", listener.hear)

    send(listener, "ping")

    assert listener.places[0].startswith(place)


@pytest.mark.row("pod-defect-7", "P8")
@pytest.mark.parametrize(
    ("labels", "called"),
    [(None, [1, 2, 3]), ("a", [1, 3]), ("b", [2]), (["a", "b"], [1, 2, 3]), (2, [2]), ([1, "b"], [1, 2]), ("c", [])],
)
def test_labels_choose_who_is_called(listening: Listening, labels: Any, called: list[int]) -> None:
    listeners = [listening(label) for label in ("a", "b", "a")]
    for listener in listeners:
        listener.context.add_signal_handler("ping", listener.hear)

    assert send(listeners[0], "ping", labels) == len(called)
    assert [listener.bean.id for listener in listeners if listener.heard] == called


@pytest.mark.row("P8")
def test_a_removed_callback_is_called_no_more(listening: Listening) -> None:
    listener = listening()
    listener.context.add_signal_handler("ping", listener.hear)
    listener.context.add_signal_handler("ping", listener.hear)  # twice is once
    assert send(listener, "ping") == 1

    assert listener.context.remove_signal_handler("ping", listener.hear)
    assert not listener.context.remove_signal_handler("ping", listener.hear)

    assert send(listener, "ping") == 0


@pytest.mark.row("P10")
def test_callbacks_are_held_weakly(listening: Listening) -> None:
    listener = listening()

    class Ear:
        def hear(self) -> None:
            """It is gone before it hears anything."""

    def passing() -> None:
        """So is this one."""

    ear: Ear | None = Ear()
    assert ear is not None
    listener.context.add_signal_handler("ping", ear.hear)
    listener.context.add_signal_handler("ping", passing)
    assert send(listener, "ping") == 2

    del ear, passing
    gc.collect()

    assert send(listener, "ping") == 0


def test_a_method_of_a_built_in_type_is_kept(listening: Listening) -> None:
    listener = listening(kind="plain")
    listener.context.add_signal_handler("ping", [].clear)

    assert send(listener, "ping", number=1) == 1


def test_what_cannot_be_called_is_refused(listening: Listening) -> None:
    with pytest.raises(TypeError, match="cannot be called"):
        listening().context.add_signal_handler("ping", 3)  # type: ignore[arg-type]


@pytest.mark.row("P10")
def test_one_that_raises_is_told_and_keeps_none_of_the_others(
    listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = listening("one"), listening("other")

    def fails() -> None:
        raise ValueError("deaf")

    one.context.add_signal_handler("ping", fails)
    other.context.add_signal_handler("ping", other.hear)

    assert send(one, "ping") == 2
    assert len(other.heard) == 1
    assert "bean 1 (one) failed at the signal 'ping'" in caplog.text
    assert "ValueError: deaf" in caplog.text


def test_a_sender_that_awaits_its_signal_gets_the_number(pod: Pod, listening: Listening) -> None:
    listener = listening()
    listener.context.add_signal_handler("ping", listener.hear)

    async def sender() -> Any:
        return await listener.context.send_signal("ping")

    assert pod.runtime.aio.run(sender()).wait(PATIENCE) == 1


@pytest.mark.row("P10")
def test_what_is_asked_of_signals_may_be_awaited_yielded_or_ignored(
    pod: Pod, listening: Listening, recwarn: pytest.WarningsRecorder
) -> None:
    listener = listening(kind="generator")
    context, hear = listener.context, listener.hear

    async def awaits() -> list[Any]:
        return [
            await context.add_signal_handler("ping", hear),
            await context.send_signal("ping"),
            await context.remove_signal_handler("ping", hear),
            await context.remove_signal_handler("ping", hear),
        ]

    def yields() -> Generator[Any, Any, list[Any]]:
        made = [context.add_signal_handler("ping", hear), context.send_signal("ping")]
        made.append(context.remove_signal_handler("ping", hear))
        made.append(context.remove_signal_handler("ping", hear))
        ended = []
        for one in made:
            ended.append((yield one))
        return [one.fetch() for one in ended]

    assert pod.runtime.aio.run(awaits()).wait(PATIENCE) == [None, 1, True, False]
    assert pod.runtime.run(yields).wait(PATIENCE) == [None, 1, True, False]
    context.add_signal_handler("ping", hear)
    context.send_signal("ping")
    assert context.remove_signal_handler("ping", hear)
    gc.collect()

    assert len(recwarn) == 0


def test_a_removed_bean_hears_nothing(pod: Pod, listening: Listening) -> None:
    listener = listening()
    listener.context.add_signal_handler("ping", listener.hear)
    assert pod.signals.listens(listener.bean, "ping")

    pod.remove_bean(listener.bean)

    assert pod.send_signal("ping").fetch(PATIENCE) == 0
    assert not pod.signals.listens(listener.bean, "ping")


@pytest.mark.row("pod-promise-2")
def test_what_nobody_keeps_is_dropped_also_where_every_signal_is_another_one(listening: Listening, pod: Pod) -> None:
    listener = listening("a")
    listener.context.add_signal_handler("kept", listener.hear)

    for number in range(10 * SWEPT):
        listener.context.add_signal_handler(f"answer {number}", lambda: None)

    assert len(pod.signals._handlers) <= SWEPT
    assert pod.send_signal("kept").fetch(PATIENCE) == 1
