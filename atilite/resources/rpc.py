"""XML-RPC and JSON-RPC 2.0 clients: remote functions as tasks."""

from __future__ import annotations

import itertools
import json
import xmlrpc.client
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any
from xml.parsers.expat import ExpatError

from ..errors import ResourceError
from ..runtime.outcome import Outcome
from ..runtime.promise import Promise
from ..runtime.task import Task
from .http import Stub, Stubs
from .received import Refused


class RpcError(Refused):
    """The remote function failed: `code`, `message` and perhaps `data` are what the server says."""

    def __init__(self, name: str, code: int, message: str, data: Any = None) -> None:
        super().__init__(name, f"{message} (code {code})")
        self.code, self.message, self.data = code, message, data


class RemoteFunction:
    """`stub.add`, `stub.system.listMethods`: called, it makes a task that has started."""

    def __init__(self, call: Callable[..., Any], name: str) -> None:
        self._call, self._name = call, name

    def __getattr__(self, name: str) -> RemoteFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return RemoteFunction(self._call, f"{self._name}.{name}")

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._call(self._name, args, named)


class _Remote(ABC):
    """Every name that does not begin with an underscore is a function of the server's."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> RemoteFunction:
        if name.startswith("_"):
            raise AttributeError(name)
        return RemoteFunction(self._call, name)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:  # noqa: B027 (for all of them)
        """Nothing to release."""

    @abstractmethod
    def _call(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Task:
        """Begin a call as the protocol writes it."""

    def _post(self, body: bytes, kind: str, read: Callable[[bytes], Any]) -> Any:
        headers = {"Content-Type": kind, "Accept": f"{kind}, */*", **self._stub.headers}
        return self._stub.post(payload=body, headers=headers, whole=True, filter=lambda answer: read(answer.content))


class XmlRpcStub(_Remote):
    """`with was.xmlrpc("@api/rpc2") as stub: task = stub.add(156, 952)`."""

    def _call(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Task:
        if named:
            raise TypeError(f"{name}: XML-RPC has no named arguments ({', '.join(named)})")
        body = xmlrpc.client.dumps(args, name, allow_none=True, encoding="utf-8").encode()
        task: Task = self._post(body, "text/xml", lambda data: read_xml(data, name))
        return task


def read_xml(data: bytes, name: str) -> Any:
    """The result in an XML-RPC answer. Raises RpcError for a fault, ResourceError for what is no answer.

    Entities and documents types of one's own are refused: they can be made to fill the memory, or to read files.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.xmlrpc import DefusedExpatParser

    target = xmlrpc.client.Unmarshaller(use_datetime=True, use_builtin_types=True)
    parser = DefusedExpatParser(target, forbid_dtd=True)
    try:
        parser.feed(data)
        parser.close()
        found = target.close()
    except xmlrpc.client.Fault as fault:
        raise RpcError(name, fault.faultCode, fault.faultString) from None
    except (ExpatError, DefusedXmlException, xmlrpc.client.Error, ValueError, IndexError, TypeError, KeyError) as error:
        raise ResourceError(name, f"the answer is no XML-RPC: {error or type(error).__name__}") from error
    return found[0] if len(found) == 1 else found


class JsonRpcStub(_Remote):
    """`with was.jsonrpc("@api/rpc2") as stub: task = stub.add(1, 2)`; positional or named arguments, not both."""

    def __init__(self, stub: Stub) -> None:
        super().__init__(stub)
        self._numbers = itertools.count(1)

    def _call(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Task:
        asked = request(name, args, named, next(self._numbers))
        task: Task = self._send(asked, lambda data: result_of(_parsed(data, name), name, asked["id"]))
        return task

    def _send(self, asked: Any, read: Callable[[bytes], Any]) -> Any:
        return self._post(json.dumps(asked, ensure_ascii=False).encode(), "application/json-rpc", read)


class JsonRpcNotices(JsonRpcStub):
    """`was.jsonrpc.notify("@api/rpc2").log("done")`: nobody answers; the task tells only whether it was taken."""

    def _call(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Task:
        task: Task = self._send(request(name, args, named, None), lambda data: None)
        return task


class JsonRpcBatch(JsonRpcStub):
    """Calls that are sent together when the block ends:

    with was.jsonrpc.batch("@api/rpc2") as stub:
        first, second = stub.add(1, 2), stub.add(3, 4)
    first.fetch()
    """

    def __init__(self, stub: Stub) -> None:
        super().__init__(stub)
        self._asked: dict[int, tuple[dict[str, Any], Promise[Any]]] = {}

    def _call(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Task:
        asked = request(name, args, named, next(self._numbers))
        promise: Promise[Any] = Promise()
        self._asked[asked["id"]] = (asked, promise)
        return Task(promise, timeout=None)

    def __exit__(self, kind: object = None, *exc_info: object) -> None:
        """Send what was asked for; nothing if the block failed."""
        asked, self._asked = self._asked, {}
        if kind is not None or not asked:
            for _, promise in asked.values():
                promise.cancel()
            return
        task = self._send([one for one, _ in asked.values()], lambda data: _parsed(data, "batch"))
        task.on_done(lambda ended: _deal_out(ended, asked))


def _deal_out(task: Task, asked: dict[int, tuple[dict[str, Any], Promise[Any]]]) -> None:
    outcome: Outcome = task.dispatch(0)
    answers: dict[Any, Any] = {}
    if isinstance(outcome.data, list):
        answers = {one.get("id"): one for one in outcome.data if isinstance(one, dict)}
    for number, (one, promise) in asked.items():
        name = one["method"]
        try:
            if outcome.expt is not None:
                raise outcome.expt
            # A server that understands nothing of the batch answers with one error for all.
            promise.set(result_of(answers.get(number, outcome.data), name, number))
        except Exception as error:
            promise.fail(error)


def request(name: str, args: tuple[Any, ...], named: dict[str, Any], number: int | None) -> dict[str, Any]:
    """A request object; without a number it is a notification. Raises TypeError for both kinds of arguments."""
    if args and named:
        raise TypeError(f"{name}: JSON-RPC takes positional or named arguments, not both")
    asked: dict[str, Any] = {"jsonrpc": "2.0", "method": name}
    if args or named:
        asked["params"] = named or list(args)
    if number is not None:
        asked["id"] = number
    return asked


def result_of(answer: Any, name: str, number: int) -> Any:
    """The result in a response object. Raises RpcError, or ResourceError for what is none, or another call's."""
    if not isinstance(answer, dict):
        raise ResourceError(name, "the answer is no JSON-RPC")
    error = answer.get("error")
    if error is not None:
        if not isinstance(error, dict):
            raise RpcError(name, 0, str(error))
        code = error.get("code")
        raise RpcError(name, code if isinstance(code, int) else 0, str(error.get("message", "")), error.get("data"))
    if "result" not in answer or answer.get("id") != number:
        raise ResourceError(name, "the answer is no JSON-RPC, or not for this call")
    return answer["result"]


def _parsed(data: bytes, name: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ResourceError(name, f"the answer is no JSON-RPC: {error}") from None


class JsonRpc:
    """`was.jsonrpc("@api/rpc2")`, `was.jsonrpc.batch(...)`, `was.jsonrpc.notify(...)`."""

    def __init__(self, stubs: Stubs) -> None:
        self._stubs = stubs

    def __call__(self, target: str, **options: Any) -> JsonRpcStub:
        """A client for the server at `target`: a URL or "@alias/path". Options are those of a stub."""
        return JsonRpcStub(self._stubs(target, **options))

    def batch(self, target: str, **options: Any) -> JsonRpcBatch:
        """A client whose calls are sent together."""
        return JsonRpcBatch(self._stubs(target, **options))

    def notify(self, target: str, **options: Any) -> JsonRpcNotices:
        """A client whose calls nobody answers."""
        return JsonRpcNotices(self._stubs(target, **options))


def xmlrpc_client(stubs: Stubs, target: str, **options: Any) -> XmlRpcStub:
    """A client for the XML-RPC server at `target`: a URL or "@alias/path". Options are those of a stub."""
    return XmlRpcStub(stubs(target, **options))
