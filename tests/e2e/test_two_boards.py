"""One board drives another by events: two real processes, of which one is killed in between."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from atilite import Client
from tests.faults.program import until
from tests.running import Running

PUMP = """
    import atilite

    app = atilite.Atilite("pump")


    @app.on("water")
    def water(was, wish):
        app.kv.set(bed=wish["bed"]).fetch()
        app.emit("watered", **wish)


    atilite.mount("/", app)
    atilite.run()
"""
GREENHOUSE = """
    import atilite

    app = atilite.Atilite("greenhouse")
    pump = atilite.Client("http://127.0.0.1:PORT", patience=60)


    @app.service(name="hear the pump")
    def hear():
        events, beds = pump.events.listen("watered"), []
        app.kv.set(beds=beds).fetch()
        for event in events:
            beds.append(event.get("payload", event["type"]))
            app.kv.set(beds=beds).fetch()


    @app.action(name="soil is dry")
    def dry(bed: str):
        return pump.events.emit("water", {"bed": bed})


    atilite.mount("/", app)
    atilite.run()
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.fixture
def boards(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """The pump, always at one port, and the greenhouse that knows it."""
    port = free_port()
    (tmp_path / "pump").mkdir()
    (tmp_path / "greenhouse").mkdir()
    pump = Running(tmp_path / "pump", PUMP, "--devel", "--port", str(port))
    greenhouse = Running(tmp_path / "greenhouse", GREENHOUSE.replace("PORT", str(port)), "--devel")
    pump.start()
    greenhouse.start()
    yield pump, greenhouse
    greenhouse.close()
    pump.close()


@pytest.mark.row("M19", "B33", "I47")
def test_a_board_tells_another_what_to_do_and_hears_what_came_of_it(boards: tuple[Running, Running]) -> None:
    pump, greenhouse = boards
    here = Client(f"http://127.0.0.1:{greenhouse.port}")

    def heard() -> object:
        return here.kv.get("beds")

    until(lambda: heard() == [])
    with closing(Client(f"http://127.0.0.1:{pump.port}").events.listen()) as events:
        assert here.actions.run("soil is dry", bed="north") == 1
        assert [next(events)["name"] for _ in range(2)] == ["water", "watered"]
    until(lambda: heard() == [{"bed": "north"}])

    pump.kill()
    pump.start()
    until(lambda: heard() == [{"bed": "north"}, "missed"])
    assert here.actions.run("soil is dry", bed="south") == 1
    until(lambda: heard() == [{"bed": "north"}, "missed", {"bed": "south"}])
