"""`async def` functions on their own loop, where tasks can be awaited and aiohttp works."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web

from atilite.context import current_journal
from atilite.errors import HubBlocked, TaskCancelled, TaskError
from atilite.runtime.aio import Aio
from atilite.runtime.engine import Runtime
from atilite.runtime.promise import Promise
from atilite.runtime.task import Mask, Tasks


@pytest.fixture
def aio() -> Iterator[Aio]:
    aio = Aio()
    yield aio
    aio.stop(2)


def test_its_thread_starts_with_the_first_coroutine() -> None:
    before = threading.active_count()
    aio = Aio()
    assert threading.active_count() == before

    async def code() -> tuple[str, bool]:
        return threading.current_thread().name, threading.current_thread().daemon

    assert aio.run(code()).wait(10) == ("atilite-aio", True)
    assert aio.stop() == 0


def test_errors_come_out_and_a_system_exit_ends_only_its_coroutine(aio: Aio) -> None:
    async def bad() -> None:
        raise KeyError("bad")

    async def leaves() -> None:
        raise SystemExit(2)

    with pytest.raises(KeyError):
        aio.run(bad()).wait(10)
    with pytest.raises(TaskError, match="SystemExit: 2"):
        aio.run(leaves()).wait(10)
    assert aio.run(asyncio.sleep(0, "alive")).wait(10) == "alive"


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_system_exit_in_a_task_of_a_coroutine_leaves_the_loop_to_the_others(kind: str) -> None:
    aio = Aio()
    aio.choose(asyncio.new_event_loop if kind == "asyncio" else uvloop.new_event_loop)
    go = asyncio.Event()

    async def other() -> str:
        await go.wait()
        return "goes on"

    async def leaves() -> None:
        sys.exit(2)

    async def makes() -> str:
        task = asyncio.create_task(leaves())
        await asyncio.wait([task])
        go.set()
        return repr(task.exception())

    waiting = aio.run(other())

    assert aio.run(makes()).wait(10) == "SystemExit(2)"
    assert waiting.wait(10) == "goes on"
    assert aio.stop() == 0


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_coroutine_that_stops_the_loop_leaves_it_to_the_others(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    aio = Aio()
    aio.choose(asyncio.new_event_loop if kind == "asyncio" else uvloop.new_event_loop)

    async def stops() -> str:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.001)
        return "goes on"

    assert aio.run(stops()).wait(10) == "goes on"
    assert "a function has stopped the asyncio loop" in caplog.text
    assert aio.stop() == 0


def test_stop_cancels_the_tasks_too_that_a_coroutine_has_left_behind() -> None:
    aio, kept, ended = Aio(), [], []

    async def behind() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("put away")

    async def makes() -> None:
        kept.append(asyncio.create_task(behind()))
        await asyncio.sleep(0)

    aio.run(makes()).wait(10)

    assert aio.stop() == 0
    assert ended == ["put away"]


def test_the_caller_s_journal_is_carried(aio: Aio) -> None:
    async def code() -> tuple[int | None, int | None]:
        first = current_journal.get()
        await asyncio.sleep(0)
        return first, current_journal.get()

    token = current_journal.set(9)
    try:
        promise = aio.run(code())
    finally:
        current_journal.reset(token)

    assert promise.wait(10) == (9, 9)
    assert aio.run(code()).wait(10) == (None, None)


@pytest.mark.row("A132", "A138", "A139", "A140", "A142")
def test_every_task_can_be_awaited_and_keeps_the_journal(runtime: Runtime) -> None:
    async def code() -> list[Any]:
        return [
            await runtime.Thread(current_journal.get),
            await runtime.Mask(2),
            await runtime.Sleep(0.001),
            await runtime.Subprocess("echo 3"),
            await runtime.Tasks(runtime.Thread(lambda: 4), Mask(5)),
            await Tasks(a=Mask(6)),
            await runtime.Process(abs, -7),
            await runtime.task(runtime.loop.spawn(lambda: 8)),
            await Mask(9).then(lambda task: task.fetch()),
        ]

    token = current_journal.set(1)
    try:
        promise = runtime.aio.run(code())
    finally:
        current_journal.reset(token)

    assert promise.wait(60) == [1, 2, None, "3\n", [4, 5], {"a": 6}, 7, 8, 9]


def test_an_awaited_task_s_error_is_raised_at_the_await(runtime: Runtime) -> None:
    async def code() -> str:
        try:
            await runtime.Thread(lambda: 1 / 0)
        except ZeroDivisionError:
            return "seen"
        return "missed"

    assert runtime.aio.run(code()).wait(10) == "seen"


def test_fetch_in_async_code_is_refused_and_says_await(runtime: Runtime) -> None:
    async def code() -> None:
        runtime.Sleep(3600).fetch()

    with pytest.raises(HubBlocked, match="await"):
        runtime.aio.run(code()).wait(10)


def test_a_cancel_cancels_it_and_waits_for_its_finally(aio: Aio) -> None:
    began: Promise[None] = Promise()
    cleaned: list[bool] = []

    async def code() -> None:
        try:
            began.set(None)
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    promise = aio.run(code())
    began.wait(10)

    assert promise.cancel()
    with pytest.raises(TaskCancelled):
        promise.wait(10)
    assert cleaned == [True]


def test_a_cancel_at_once_is_not_lost(aio: Aio) -> None:
    promise = aio.run(asyncio.sleep(3600))
    promise.cancel()

    with pytest.raises(TaskCancelled):
        promise.wait(10)


def test_many_run_at_the_same_time(aio: Aio) -> None:
    gate: Promise[int] = Promise()

    async def code() -> int:
        return await gate

    promises = [aio.run(code()) for _ in range(500)]
    gate.set(1)

    assert sum(promise.wait(10) for promise in promises) == 500


def test_stop_cancels_what_runs_and_refuses_what_comes() -> None:
    aio = Aio()
    promise = aio.run(asyncio.sleep(3600))

    assert aio.stop(5) == 0
    with pytest.raises(TaskCancelled):
        promise.wait(10)
    with pytest.raises(TaskError, match="stopped"):
        aio.run(asyncio.sleep(0)).wait(10)
    assert Aio().stop() == 0


def test_stop_counts_and_names_a_coroutine_that_does_not_want_to_end(caplog: pytest.LogCaptureFixture) -> None:
    aio = Aio()
    gate: Promise[None] = Promise()
    began: Promise[None] = Promise()

    async def stubborn() -> None:
        while not gate.done:
            try:
                began.set(None)
                await gate
            except asyncio.CancelledError:
                continue

    promise = aio.run(stubborn())
    began.wait(10)

    assert aio.stop(0.05) == 1
    gate.set(None)
    assert not promise.error
    assert "stubborn did not end when it was cancelled" in caplog.text
    del aio, promise
    gc.collect()
    assert "Task was destroyed" not in caplog.text


def test_stop_ends_also_what_its_tasks_begin_while_they_end() -> None:
    aio, kept, ended = Aio(), [], []
    began: Promise[None] = Promise()

    async def farewell() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("farewell")

    async def code() -> None:
        try:
            began.set(None)
            await asyncio.Event().wait()
        finally:
            kept.append(asyncio.create_task(farewell()))
            await asyncio.sleep(0)

    promise = aio.run(code())
    began.wait(10)

    assert aio.stop(10) == 0
    assert promise.done
    assert ended == ["farewell"]


def test_what_comes_while_it_stops_is_ended_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    aio = Aio()
    loop = aio.loop
    stopping = threading.Thread(target=aio.stop, args=(10,))
    call_soon = loop.call_soon_threadsafe

    def late(callback: Callable[..., Any], *args: Any) -> object:
        if stopping.ident is None:
            stopping.start()
            stopping.join(0.2)  # it has to wait for this one, so that this one is not left behind
        return call_soon(callback, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", late)

    with pytest.raises(TaskCancelled):
        aio.run(asyncio.sleep(3600)).wait(10)
    stopping.join(10)
    assert not stopping.is_alive()


def test_aiohttp_works_as_server_and_client_with_tasks_in_both(runtime: Runtime) -> None:
    async def answer(request: web.Request) -> web.Response:
        value = await runtime.Thread(lambda: int(request.query["n"]) * 2)
        return web.json_response({"value": value, "journal": current_journal.get()})

    async def serve_and_ask() -> list[dict[str, Any]]:
        app = web.Application()
        app.router.add_get("/double", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            async with aiohttp.ClientSession() as session:
                return [await ask(session, port, number) for number in (1, 2)]
        finally:
            await runner.cleanup()

    async def ask(session: aiohttp.ClientSession, port: int, number: int) -> dict[str, Any]:
        async with session.get(f"http://127.0.0.1:{port}/double", params={"n": number}) as response:
            return dict(await response.json())

    token = current_journal.set(3)
    try:
        promise = runtime.aio.run(serve_and_ask())
    finally:
        current_journal.reset(token)

    assert promise.wait(30) == [{"value": 2, "journal": 3}, {"value": 4, "journal": 3}]
