"""Which asyncio loop the coroutines of a pod run on."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Literal

from atilite.errors import SetupError
from atilite.lazily import LazyModule
from atilite.runtime.aio import Aio

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LazyModule("asyncio")

LoopType = Literal["auto", "gevent", "asyncio", "uvloop"]


def choose(kind: LoopType, aio: Aio) -> None:
    """Have `aio` start with this kind of loop; `auto` is uvloop's if it is installed, and any that runs already.

    With `gevent` plain functions are greenlets of the hub, and coroutines run on the loop of asyncio all the same.
    SetupError for uvloop if it is not installed, or if another loop runs already.
    """
    if kind not in ("auto", "gevent", "asyncio", "uvloop"):
        raise SetupError(f"there is no loop of the type {kind!r}; it is auto, gevent, asyncio or uvloop")
    installed = importlib.util.find_spec("uvloop") is not None
    if kind == "uvloop" and not installed:
        raise SetupError("uvloop is not installed (pip install uvloop, or take another type of loop)")
    if kind == "uvloop" or (kind == "auto" and installed):
        if not aio.choose(_uvloop) and kind == "uvloop" and type(aio.loop).__module__ != "uvloop":
            raise SetupError("another asyncio loop runs already; choose uvloop before anything uses it")
    else:
        aio.choose(lambda: asyncio.new_event_loop())


def _uvloop() -> Any:
    import uvloop

    return uvloop.new_event_loop()
