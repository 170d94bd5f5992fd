"""Beans that fail, end and are meddled with all at once: whatever happens, the pod ends and nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Generator
from typing import Any

import pytest

from atilite.errors import SetupError
from atilite.pod import Context, Pod, pass_context
from tests.pod.living import PATIENCE

BEANS, MOMENT = 30, 0.002


def mishap(chance: random.Random) -> bool:
    """Whether to end now; perhaps it raises instead."""
    if chance.random() < 0.02:
        raise ValueError("a mishap")
    return chance.random() < 0.01


@pass_context
async def coroutine(context: Context, seed: int) -> None:
    chance = random.Random(seed)

    def on_stop() -> None:
        """It listens, and takes the time that this gives."""

    if seed % 3 == 0:
        context.add_signal_handler("SIGTERM", on_stop)
    if seed % 4 == 0:
        await context.ending
    while not mishap(chance):
        await asyncio.sleep(MOMENT)


@pass_context
def generator(context: Context, seed: int) -> Generator[Any, Any, None]:
    chance = random.Random(seed)
    while not mishap(chance):
        yield context.pod.runtime.Sleep(MOMENT)


def plain(context: Context, seed: int) -> None:
    chance = random.Random(seed)
    while not context.wait(MOMENT) and not mishap(chance):
        """Go on."""


def storm(chance: random.Random) -> Pod:
    """A pod of beans that need each other."""
    pod = Pod(stop_wait_time=0.2)
    for number in range(BEANS):
        keys: dict[str, Any] = {}
        if number % 2:
            keys["needs"] = f"b{chance.randrange(number)}"
        if number and number % 5 == 0:
            keys["after"] = f"b{chance.randrange(number)}"
        pod.add_bean(
            chance.choice([coroutine, generator, plain]), label=f"b{number}", seed=chance.randrange(1000),
            restart=chance.choice(["never", "always", "on_failure"]), restart_delay=chance.choice([0, 0.001, 0.01]),
            max_restarts=chance.choice([2, None]), stop_timeout=2.0, **keys,
        )  # fmt: skip
    return pod


def meddle(pod: Pod, chance: random.Random) -> None:
    for _ in range(30):
        bean = chance.choice(pod.beans)
        getattr(bean, chance.choice(["start", "stop", "restart"]))()
        if chance.random() < 0.1:
            try:
                pod.add_bean(coroutine, seed=chance.randrange(1000), needs="b1")
            except SetupError:
                assert pod.stopping.done
        threading.Event().wait(chance.random() * 0.01)


@pytest.mark.row("pod-promise-6", "pod-promise-7", "pod-promise-10")
@pytest.mark.parametrize("seed", range(6))
def test_a_pod_in_a_storm_ends_and_nothing_of_it_is_left(seed: int) -> None:
    chance = random.Random(seed)
    pod = storm(chance)
    begun = pod.start()
    meddlers = [threading.Thread(target=meddle, args=(pod, random.Random(seed * 10 + n))) for n in range(3)]
    logging.disable(logging.CRITICAL)  # thousands of tracebacks, which are meant to be there
    try:
        for thread in meddlers:
            thread.start()
        if seed % 2:
            for thread in meddlers:
                thread.join()
        pod.stop()
        if seed % 3 == 0:
            pod.stop()

        assert pod.done.wait(PATIENCE) in (0, 1)
        for thread in meddlers:
            thread.join()
    finally:
        logging.disable(logging.NOTSET)

    assert [(bean, bean.status().reason) for bean in pod.beans if bean.state not in ("stopped", "failed", "new")] == []
    begun.wait(PATIENCE)
