"""Which asyncio loop the coroutines of a pod run on."""

from __future__ import annotations

import importlib.util
from typing import Any, Literal

from atilite.errors import SetupError
from atilite.runtime.aio import Aio

LoopType = Literal["auto", "gevent", "asyncio", "uvloop"]


def choose(kind: LoopType, aio: Aio) -> None:
    """Have `aio` start with this kind of loop; `auto` is uvloop's if it is installed, and any that runs already.

    With `gevent` plain functions are greenlets of the hub, and coroutines run on the loop of asyncio all the same.
    `asyncio` is what `aio` takes by itself, unless another pod of the process has chosen uvloop for it.
    SetupError for uvloop if it is not installed, or if another loop runs already.
    """
    if kind not in ("auto", "gevent", "asyncio", "uvloop"):
        raise SetupError(f"there is no loop of the type {kind!r}; it is auto, gevent, asyncio or uvloop")
    installed = importlib.util.find_spec("uvloop") is not None
    if kind == "uvloop" and not installed:
        raise SetupError("uvloop is not installed (pip install uvloop, or take another type of loop)")
    chosen = installed and kind in ("auto", "uvloop") and aio.choose(_uvloop)
    if kind == "uvloop" and not chosen and type(aio.loop).__module__ != "uvloop":
        raise SetupError("another asyncio loop runs already; choose uvloop before anything uses it")


def _uvloop() -> Any:
    import uvloop

    return uvloop.new_event_loop()
