"""The server in four parts: what is called, when, and that cleaning up is never left out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from atilite.pod.simple import SimpleServer
from tests.pod.living import PATIENCE, Happened, Living

Alive = Callable[..., Living]


class Told(SimpleServer):
    """Tells what is called, by the keyword `happened`; runs until it is stopped."""

    async def startup(self, *, happened: Happened, **kwargs: Any) -> None:
        self.happened = happened
        happened("startup")

    async def run(self, **kwargs: Any) -> None:
        self.happened("run")
        await self.stop_asked()
        self.happened("run ends")

    def on_stop(self, **kwargs: Any) -> None:
        self.happened("on_stop")

    async def cleanup(self, **kwargs: Any) -> None:
        self.happened("cleanup")


@pytest.mark.row("P22")
def test_the_parts_are_called_in_order(alive: Alive) -> None:
    happened = Happened()
    living = alive(Told, happened=happened)
    happened.wait_for("run")

    assert living.stop() == 0
    assert sorted(happened.things[:3]) == ["on_stop", "run", "startup"]
    assert happened.things[-1] == "cleanup"
    assert happened.things.count("cleanup") == 1


@pytest.mark.row("P22")
def test_plain_hooks_get_the_keywords_and_the_configuration(alive: Alive) -> None:
    found: list[Any] = []

    class Plain(SimpleServer):
        def startup(self, **kwargs: Any) -> None:
            found.append(("startup", kwargs))

        async def run(self, **kwargs: Any) -> None:
            found.append((self.config.NAME, kwargs))

        def cleanup(self, **kwargs: Any) -> None:
            found.append(("cleanup", kwargs))

    living = alive(Plain, size="3", config=SimpleNamespace(NAME="garden"))

    assert living.ended() == 0
    assert found == [("startup", {"size": "3"}), ("garden", {"size": "3"}), ("cleanup", {"size": "3"})]


@pytest.mark.row("P22", "pod-defect-6")
@pytest.mark.parametrize("names", [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGTERM")])
def test_on_stop_is_called_once_however_many_signals_come(alive: Alive, names: tuple[str, str]) -> None:
    happened = Happened()

    class Patient(Told):
        async def run(self, **kwargs: Any) -> None:
            self.happened("run")
            await asyncio.Event().wait()

    living = alive(Patient, happened=happened)
    happened.wait_for("run")
    for name in names:
        living.pod.send_signal(name).fetch(PATIENCE)

    assert happened.things.count("on_stop") == 1


@pytest.mark.row("P22")
def test_on_stop_may_be_async_and_learns_of_the_signal(alive: Alive) -> None:
    heard: list[Any] = []
    happened = Happened()

    class Asked(Told):
        async def on_stop(self, **kwargs: Any) -> None:
            await asyncio.sleep(0)
            heard.append((kwargs["signal"], kwargs["keys"]))

    living = alive(Asked, happened=happened)
    happened.wait_for("run")
    living.stop()

    assert heard == [("SIGTERM", {"SIGTERM"})]


@pytest.mark.row("P22", "pod-defect-4")
def test_a_server_that_is_cancelled_cleans_up(alive: Alive) -> None:
    happened = Happened()

    class Deaf(Told):
        async def run(self, **kwargs: Any) -> None:
            self.happened("run")
            await asyncio.Event().wait()

    living = alive(Deaf, happened=happened, stop_wait_time=0.0)
    happened.wait_for("run")
    living.stop()

    assert happened.things[-1] == "cleanup"


@pytest.mark.row("P22", "pod-defect-4")
@pytest.mark.parametrize("part", ["startup", "run"])
def test_a_server_whose_part_raises_cleans_up(alive: Alive, part: str) -> None:
    happened = Happened()

    class Failing(Told):
        pass

    async def fail(self: Failing, **kwargs: Any) -> None:
        self.happened = happened
        raise ValueError(f"{part} went wrong")

    setattr(Failing, part, fail)
    living = alive(Failing, happened=happened)

    assert living.ended() == 1
    assert happened.things[-1] == "cleanup"
    assert f"{part} went wrong" in (living.bean.error or "")


@pytest.mark.row("P22", "pod-promise-10")
def test_a_server_that_is_asked_to_end_before_it_listens_does_not_begin(alive: Alive) -> None:
    happened = Happened()
    go = asyncio.Event()

    class Late(Told):
        async def __call__(self, **kwargs: Any) -> Any:
            happened("called")
            await go.wait()
            return await super().__call__(**kwargs)

    living = alive(Late, happened=happened)
    happened.wait_for("called")
    living.pod.stop()
    assert living.bean.life is not None
    living.bean.life.stopping.wait(PATIENCE)
    living.call(go.set)

    assert living.ended() == 0
    assert happened.things == ["called"]


def test_the_error_of_the_run_outlives_one_of_cleanup(alive: Alive, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(SimpleServer):
        async def run(self, **kwargs: Any) -> None:
            raise ValueError("the reason")

        def cleanup(self, **kwargs: Any) -> None:
            raise OSError("what follows from it")

    with caplog.at_level(logging.ERROR):
        living = alive(Broken)
        living.ended()

    assert "the reason" in (living.bean.error or "")
    assert "cleanup of" in caplog.text
    assert "what follows from it" in caplog.text


def test_an_error_of_cleanup_alone_is_the_beans(alive: Alive) -> None:
    class Broken(SimpleServer):
        def cleanup(self, **kwargs: Any) -> None:
            raise OSError("the disk is gone")

    living = alive(Broken)

    assert living.ended() == 1
    assert "the disk is gone" in (living.bean.error or "")


def test_a_run_that_is_plain_is_refused_before_anything_has_begun(alive: Alive) -> None:
    happened = Happened()

    class Plain(Told):
        def run(self, **kwargs: Any) -> None:  # type: ignore[override]
            happened("run")

    living = alive(Plain, happened=happened)

    assert living.ended() == 1
    assert "must be `async def`" in (living.bean.error or "")
    assert happened.things == []


@pytest.mark.row("P22", "pod-promise-2")
def test_each_life_has_an_instance_of_its_own_that_hears_of_the_end(alive: Alive) -> None:
    happened = Happened()

    class Fragile(Told):
        async def run(self, **kwargs: Any) -> None:
            if "broken" not in happened.things:
                happened("broken")
                raise ValueError("the first time")
            await super().run(**kwargs)

    living = alive(Fragile, happened=happened, restart="on_failure", restart_delay=0)
    happened.wait_for("run")

    assert living.stop() == 0
    assert happened.things[:4] == ["startup", "broken", "cleanup", "startup"]
    assert happened.things.count("on_stop") == 1
    assert happened.things[-1] == "cleanup"


def test_an_explicitly_ready_server_is_so_once_startup_has_ended(alive: Alive) -> None:
    happened = Happened()
    go = asyncio.Event()

    class Slow(Told):
        async def startup(self, **kwargs: Any) -> None:
            await super().startup(**kwargs)
            await go.wait()

    living = Living(Slow, happened=happened, ready="explicit")
    started = living.pod.start()
    happened.wait_for("startup")
    before = living.bean.state
    living.call(go.set)
    happened.wait_for("run")
    started.wait(PATIENCE)

    assert (before, living.bean.state) == ("starting", "running")
    living.stop()
