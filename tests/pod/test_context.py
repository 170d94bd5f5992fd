"""What a bean sees of its pod."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Generator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.pod import Context, Pod, pass_context
from atilite.pod.context import takes_context
from tests.pod.living import PATIENCE


@pytest.fixture
def pod() -> Iterator[Pod]:
    pod = Pod(config=SimpleNamespace(PLACE="garden"))
    yield pod
    pod.stop()
    pod.stop()


@pass_context
async def greets(context: Context, **kwargs: Any) -> None:
    """Marked bare."""


@pass_context(label="app")
async def labelled(context: Context) -> None:
    """Marked with a label."""


@pytest.mark.row("P9")
def test_a_marked_function_gets_the_context_first_and_is_called_as_it_is_by_others(pod: Pod) -> None:
    got: list[Any] = []

    @pass_context
    async def hello(*args: Any, **kwargs: Any) -> None:
        got.append((args, kwargs))

    bean = pod.add_bean(hello, hi=1)
    assert bean is not None
    pod.start()
    assert pod.done.wait(PATIENCE) == 0
    asyncio.run(hello(3))

    assert got == [((bean.context,), {"hi": 1}), ((3,), {})]


@pytest.mark.row("P9")
def test_a_label_of_the_configuration_wins_over_the_decorators(pod: Pod) -> None:
    plain, named = pod.add_bean(labelled), pod.add_bean(labelled, label="mine")
    assert plain is not None
    assert named is not None

    assert (plain.label, named.label) == ("app", "mine")
    assert pod.get_beans("app") == [plain]


@pytest.mark.row("P9")
@pytest.mark.parametrize("wrong", [lambda context: None, print, dict])
def test_what_is_no_coroutine_is_refused_when_it_is_declared(wrong: Any) -> None:
    for decorate in (pass_context, pass_context(label="x")):
        with pytest.raises(TypeError, match="neither `async def` nor a generator"):
            decorate(wrong)


def test_a_generator_may_be_marked_as_well(pod: Pod) -> None:
    got: list[Any] = []

    @pass_context
    def steps(context: Context) -> Generator[Any, Any, None]:
        got.append(context)
        yield context.pod.runtime.Mask()

    bean = pod.add_bean(steps)
    assert bean is not None
    pod.start()

    assert pod.done.wait(PATIENCE) == 0
    assert got == [bean.context]


def test_a_plain_function_gets_the_context_if_its_first_parameter_is_called_so() -> None:
    def with_context(context: Any, x: int) -> None:
        """It wants one."""

    def without(x: int, context: Any = None) -> None:
        """It wants another thing of that name."""

    async def unmarked(context: Any = None) -> None:
        """A coroutine function is marked, or gets none."""

    assert takes_context(with_context)
    assert takes_context(functools.partial(with_context, x=1))
    assert takes_context(greets)
    assert [takes_context(one) for one in (without, unmarked, dict, len, 3)] == [False] * 5


@pytest.mark.row("P8")
def test_a_context_leads_to_everything_of_its_bean_and_pod(pod: Pod) -> None:
    class Core:
        def __init__(self, context: Context) -> None:
            self.early = (context.id, context.label, context.pod, context.config.PLACE)

        async def __call__(self) -> None:
            """It has nothing to do."""

    bean = pod.add_bean(Core, label="core")
    assert bean is not None
    context = bean.context

    assert bean.instance.early == (1, "core", pod, "garden")
    assert (context.bean, context.instance, context.get_beans(1)) == (bean, bean.instance, [bean])
    assert context.loop is pod.runtime.aio.loop
    assert context.log is logging.getLogger("atilite.pod.core")
    assert (context.cancelled, context.wait(0)) == (False, False)


@pytest.mark.row("P8")
def test_one_bean_waits_for_the_end_of_others(pod: Pod) -> None:
    order: list[str] = []

    async def first() -> None:
        await asyncio.sleep(0.01)
        order.append("first")

    @pass_context
    async def second(context: Context) -> None:
        await context.wait_beans_done("first")
        order.append("second")

    @pass_context
    def third(context: Context) -> Generator[Any, Any, None]:
        yield context.wait_beans_done("second")
        order.append("third")

    def fourth(context: Context) -> None:
        context.wait_beans_done("third").wait()
        order.append("fourth")

    @pass_context
    async def lost(context: Context) -> None:
        try:
            await context.wait_beans_done("nobody")
        except KeyError:
            order.append("lost")

    for core in (fourth, third, second, first):
        pod.add_bean(core, label=core.__name__)
    pod.add_bean(lost)
    pod.start()

    assert pod.done.wait(PATIENCE) == 0
    assert [name for name in order if name != "lost"] == ["first", "second", "third", "fourth"]
    assert "lost" in order


@pytest.mark.row("P1", "pod-defect-10")
def test_a_bean_adds_another_while_the_pod_runs(pod: Pod) -> None:
    got: list[str] = []

    async def child(name: str) -> None:
        got.append(name)

    @pass_context
    async def parent(context: Context) -> None:
        bean = context.pod.add_bean(child, label="child", name="Ozzy")
        await context.wait_beans_done("child")
        got.append(str(bean))

    pod.add_bean(parent)
    pod.start()

    assert pod.done.wait(PATIENCE) == 0
    assert got == ["Ozzy", "bean 2 (child)"]
