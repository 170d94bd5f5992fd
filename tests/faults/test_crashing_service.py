"""A service that crashes at once: it is started again with growing pauses, costs nothing, and is given up in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.program import Program, until

SCRIPT = """
    import os, time
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.service(restart_delay=0.2)
    def hopeless():
        raise OSError("the device is not there")

    @app.service(restart_delay=0.05, max_restarts=3, within=60)
    def given_up():
        raise ValueError("never")

    @app.service(restart_delay=0.05, max_restarts=2, within=60)
    def exits():
        raise SystemExit("enough")

    @app.service(restart_delay=0.05, max_restarts=2, within=60)
    async def crashes_async():
        raise KeyboardInterrupt

    @app.service
    def well(was):
        was.wait()

    atilite.mount("/", app)
    atilite.run(name="crashing")
"""


@pytest.fixture(scope="module")
def program(serve: Callable[..., Program]) -> Program:
    return serve(SCRIPT).start()


def service(program: Program, name: str) -> dict[str, Any]:
    return next(one for one in program.json("/internal/services/") if one["name"] == name)


@pytest.mark.row("reliability-14", "B27")
def test_it_is_started_again_with_growing_pauses_and_costs_next_to_nothing(program: Program) -> None:
    until(lambda: service(program, "given_up")["status"] == "failed")
    time.sleep(0.5)  # the beginning, with its first visits, is not what is measured
    cpu, begin, restarts = program.cpu(), time.monotonic(), service(program, "hopeless")["restarts"]
    time.sleep(4)
    used, seconds = program.cpu() - cpu, time.monotonic() - begin
    found = service(program, "hopeless")
    # 0.2, 0.4, 0.8, 1.6, 3.2 s: without the growth it would be twenty more.
    assert restarts <= found["restarts"] <= 6
    assert found["status"] == "restarting"
    assert "the device is not there" in found["error"]
    # The bar is one hundredth, on a machine of its own. A busy one takes more, and a busy loop all there is.
    assert used / seconds < 0.1
    status, page = program.ask("GET", "/console/services", Accept="text/html")
    assert status == 200
    assert b"the device is not there" in page


@pytest.mark.row("reliability-14", "B27")
@pytest.mark.parametrize(
    ("name", "restarts", "error"),
    [
        ("given_up", 3, "ValueError: never"),
        ("exits", 2, "SystemExit: enough"),
        ("crashes_async", 2, "KeyboardInterrupt"),
    ],
)
def test_it_is_given_up_after_so_many_restarts_and_the_others_go_on(
    program: Program, name: str, restarts: int, error: str
) -> None:
    until(lambda: service(program, name)["status"] == "failed")
    found = service(program, name)
    assert found["restarts"] == restarts
    assert error in found["error"]
    assert service(program, "well")["status"] == "running"
    runs = program.json(f"/internal/journals/?operation={name}")
    assert [run["status"] for run in runs] == ["failed"] * (restarts + 1)


@pytest.mark.row("reliability-14")
def test_one_that_was_given_up_can_be_started_by_hand(program: Program) -> None:
    until(lambda: service(program, "given_up")["status"] == "failed")
    status, _ = program.ask("PUT", "/internal/service/given_up", {"running": True})
    assert status == 200
    until(lambda: len(program.json("/internal/journals/?operation=given_up")) > 4)
    until(lambda: service(program, "given_up")["status"] == "failed")
