"""Beans: a container of components, supervised. The names are loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aioweb import WebAdapter as WebAdapter
    from .asgi import ASGIServer as ASGIServer
    from .asgi import UvicornAdapter as UvicornAdapter
    from .context import Context as Context
    from .context import pass_context as pass_context
    from .pcflow import ProducerConsumer as ProducerConsumer
    from .pod import Pod as Pod
    from .repl import Console as Console
    from .simple import SimpleServer as SimpleServer
    from .spec import BeanSpec as BeanSpec
    from .stdin import LinesFromStdin as LinesFromStdin
    from .tcp import TCPServer as TCPServer
    from .tcp import TCPServerAdapter as TCPServerAdapter
    from .wsgi import WSGIServer as WSGIServer

_HOME_OF = {
    "ASGIServer": "asgi",
    "BeanSpec": "spec",
    "Console": "repl",
    "Context": "context",
    "LinesFromStdin": "stdin",
    "Pod": "pod",
    "ProducerConsumer": "pcflow",
    "SimpleServer": "simple",
    "TCPServer": "tcp",
    "TCPServerAdapter": "tcp",
    "UvicornAdapter": "asgi",
    "WSGIServer": "wsgi",
    "WebAdapter": "aioweb",
    "pass_context": "context",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'atilite.pod' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
