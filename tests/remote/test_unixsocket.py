"""A board of this machine that listens at a Unix socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from atilite import Client
from atilite.errors import ResourceError
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from tests.remote.conftest import Board


def test_a_board_at_a_unix_socket_is_asked_like_any_other(board: Board, tmp_path: Path) -> None:
    path = tmp_path / "board.sock"
    server = Server(board.site, loop=process_loop(), listeners=[f"unix:{path}"], policy=board.site.policy)
    server.bind()
    server.start()
    try:
        with Client("http://localhost", board.tokens["run"], unix=str(path)) as client:
            assert client.actions.run("water/the beds", seconds=3)["seconds"] == 3
            assert client.health()["status"] == "ok"
    finally:
        server.stop(0).wait(20)


def test_a_socket_that_is_not_there_is_told(tmp_path: Path) -> None:
    with Client("http://localhost", unix=str(tmp_path / "none.sock")) as client:
        with pytest.raises(ResourceError, match="cannot be reached"):
            client.services.start("poll")
