"""Clients for other servers' functions, loaded when they are first used."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from ..resources.http import Stubs


class Clients:
    """`xmlrpc`, `jsonrpc`, `grpc` for one app and, in a request or a run, its `was`."""

    def __init__(self, app: Any, owner: object = None) -> None:
        self._app, self._owner = app, owner
        self.stub = Stubs(app, owner)

    @property
    def xmlrpc(self) -> Any:
        """Makes clients of XML-RPC servers: `was.xmlrpc("@api/rpc2")`."""
        return functools.partial(_module("rpc").xmlrpc_client, self.stub)

    @property
    def jsonrpc(self) -> Any:
        """Makes clients of JSON-RPC servers: `was.jsonrpc("@api/rpc2")`, `.batch(...)`, `.notify(...)`."""
        return _module("rpc").JsonRpc(self.stub)

    def grpc(self, target: str) -> Any:
        """A client for `"@alias/package.Service"`."""
        return _module("grpcclient").grpc_client(self._app.runtime, self._app.aliases, target, self._owner)


def _module(name: str) -> Any:
    return importlib.import_module(f"atilite.resources.{name}")
