"""BINP with one journaled action and one value, for the interpreter of an environment of its own: `python binp_app.py`.

BINP needs old versions of other packages, so it cannot share an environment with atilite. Prints the port; SIGTERM
ends it. The database is `data.db` in the working directory.
"""

from __future__ import annotations

import socket

import uvicorn  # type: ignore[import-not-found]
from binp import BINP  # type: ignore[import-not-found]

binp = BINP()


@binp.action(name="noop")
@binp.journal
async def noop() -> int:
    """Do nothing, with a journal."""
    return 1


@binp.app.get("/kv-get")
async def kv_get() -> dict[str, object]:
    """Read the value."""
    return {"value": await binp.kv.get("x")}


@binp.app.post("/kv-set")
async def kv_set() -> str:
    """Set the value."""
    await binp.kv.set(x=1)
    return "set"


if __name__ == "__main__":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(binp.app, log_level="error")).run(sockets=[listener])
