"""A chat room for a process of its own: `python -m tests.bench.chat atilite|websockets FOLDER`.

Every second all clients are sent the same message. Prints the port; SIGTERM ends it.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

FILES = 12_000
MESSAGE = json.dumps({"type": "reading", "sensor": "greenhouse", "value": 21.53, "unit": "C", "at": "12:00:00"})


def atilite(folder: str) -> None:
    """Serve with everything on."""
    from atilite import WS_CHANNEL, Atilite
    from atilite.config import Settings
    from atilite.serving import Serving
    from atilite.site import Site

    app = Atilite("chat")

    @app.route("/chat")
    @app.websocket(WS_CHANNEL, timeout=None)
    def chat(was: Any, message: str) -> str:
        return message

    @app.service
    def broadcast(was: Any) -> Any:
        while True:
            yield was.Sleep(1)
            app.websocket_broadcast(MESSAGE)

    class Announcing(Serving):
        def _tell(self, server: Any) -> None:
            print(server.addresses[0].rpartition(":")[2], flush=True)

    site = Site(Path(folder))
    site.mount("/", app)
    settings = Settings(devel=True, port=0, db=f"sqlite:///{folder}/data.db", connections=FILES - 1000)
    Announcing(site, settings, {}).run()


def peer() -> None:
    """Serve with the server of the `websockets` package, as its manual has it."""
    import asyncio

    from websockets.asyncio.server import broadcast, serve

    clients: set[Any] = set()

    async def chat(client: Any) -> None:
        clients.add(client)
        try:
            async for message in client:
                await client.send(message)
        finally:
            clients.discard(client)

    async def run() -> None:
        async with serve(chat, "127.0.0.1", 0, open_timeout=60) as server:
            print(next(iter(server.sockets)).getsockname()[1], flush=True)
            while True:
                await asyncio.sleep(1)
                broadcast(clients, MESSAGE)

    asyncio.run(run())


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    atilite(sys.argv[2]) if sys.argv[1] == "atilite" else peer()
