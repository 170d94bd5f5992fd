"""Servers whose requests wait, each for a process of its own: `python -m tests.bench.parking KIND FOLDER`.

KIND is atilite, fastapi or pywsgi. Each answers /hello at once, /park after HOLD seconds, and /count with how many are
waiting. Prints the port and ends when its input is closed.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from tests.bench.whole import Announcing

FILES = 12_000
HOLD = 45.0
HELLO, PARKED = "Hello, world!", "parked"


class Count:
    """How many wait; every server changes it in one thread only."""

    waiting = 0

    def __enter__(self) -> None:
        self.waiting += 1

    def __exit__(self, *error: object) -> None:
        self.waiting -= 1


def atilite(folder: Path) -> None:
    """A whole site: console, API, journals, headers. The coroutines start and wait on the hub."""
    from atilite import Atilite
    from atilite.config import Settings
    from atilite.site import Site

    app, count = Atilite("parking"), Count()

    @app.route("/hello", methods=["GET"])
    def hello(was: Any) -> str:
        return HELLO

    @app.route("/park", methods=["GET"], start="hub")
    def park(was: Any) -> Any:
        with count:
            yield was.Sleep(HOLD)
        return PARKED

    @app.route("/count", methods=["GET"])
    def counted(was: Any) -> str:
        return str(count.waiting)

    site = Site(folder)
    site.mount("/", app)
    Announcing(site, Settings(port=0, db=f"sqlite:///{folder}/data.db", connections=FILES - 1000), {}).run()


def fastapi() -> None:
    """FastAPI on uvicorn with uvloop and httptools."""
    import asyncio

    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    app, count = FastAPI(default_response_class=PlainTextResponse), Count()

    @app.get("/hello")
    async def hello() -> str:
        return HELLO

    @app.get("/park")
    async def park() -> str:
        with count:
            await asyncio.sleep(HOLD)
        return PARKED

    @app.get("/count")
    async def counted() -> str:
        return str(count.waiting)

    sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(sock.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[sock])


def pywsgi() -> None:
    """gevent's own server: a greenlet for each connection."""
    import gevent
    from gevent.pywsgi import WSGIServer

    count = Count()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path, text = environ["PATH_INFO"], HELLO
        if path == "/park":
            with count:
                gevent.sleep(HOLD)
            text = PARKED
        elif path == "/count":
            text = str(count.waiting)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text.encode()]

    server = WSGIServer(("127.0.0.1", 0), application, log=None, backlog=1024)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()


def main() -> None:
    """Serve what the arguments say."""
    logging.disable(logging.WARNING)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "atilite":
        atilite(folder)
        return
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    fastapi() if kind == "fastapi" else pywsgi()


if __name__ == "__main__":
    main()
