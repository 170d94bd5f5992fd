"""Modules that are loaded when they are first used.

A server on a small board starts sooner and stays smaller without what its program never asks for: asyncio where
nothing is `async def`, the websocket protocol where nobody opens one.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


class LazyModule:
    """Stands for a module until an attribute of it is asked for. Any thread.

    if TYPE_CHECKING:
        import asyncio
    else:
        asyncio = LazyModule("asyncio")
    """

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        self.__dict__[attribute] = value
        return value


def function_of(module: str, name: str) -> Any:
    """Stands for the function or class `name` of a module, which is loaded with the first call. Any thread.

    In the body of a class it is a method.
    """
    found: Any = None

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal found
        if found is None:
            found = getattr(importlib.import_module(module), name)
        return found(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def in_asyncio() -> bool:
    """Whether an asyncio loop runs in the calling thread. Does not load asyncio: without it there is no loop."""
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


def is_asyncio_cancellation(error: BaseException) -> bool:
    """Whether `error` is asyncio's way of cancelling."""
    exceptions = sys.modules.get("asyncio.exceptions")
    return exceptions is not None and isinstance(error, exceptions.CancelledError)
