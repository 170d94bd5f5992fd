"""gRPC clients: `was.grpc("@api/package.Service")`. grpcio is an extra, loaded when the first client is made."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import AliasError, ResourceError, SetupError, TaskCancelled, TaskTimeout
from ..runtime.engine import Runtime
from ..runtime.promise import Promise
from ..runtime.task import TIMEOUT, Task
from .aliases import PROTO_GRPCS, PROTO_HTTPS, Aliases
from .received import Refused

KINDS = ("grpc", "grpcs", "http", "https")


class GrpcError(Refused):
    """The remote method failed: `code` is gRPC's name, such as "NOT_FOUND", `message` what the server says."""

    def __init__(self, name: str, code: str, message: str) -> None:
        super().__init__(name, f"{code}: {message}" if message else code)
        self.code, self.message = code, message


def _loaded(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise SetupError(f"was.grpc needs grpcio and protobuf ({missing}): pip install 'atilite[grpc]'") from missing


class GrpcStub:
    """`with was.grpc("@api/package.Service") as stub: task = stub.Method(request, 10.0)`; the number is its timeout.

    Names, types and directions of the methods come from the generated module (`..._pb2`) that the request is made
    with: import it before. A method that takes a stream takes an iterable; one that gives a stream gives a list.
    """

    def __init__(self, runtime: Runtime, channel: Any, service: str, owner: object = None) -> None:
        self._runtime, self._channel, self._owner = runtime, channel, owner
        pool = _loaded("google.protobuf.descriptor_pool").Default()
        try:
            self._service = pool.FindServiceByName(service)
        except KeyError:
            remedy = "import its generated module (..._pb2) before"
            raise ResourceError(service, f"no such gRPC service is known; {remedy}") from None

    def __enter__(self) -> GrpcStub:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to release: channels are shared."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = self._service.methods_by_name.get(name)
        if method is None:
            known = ", ".join(self._service.methods_by_name)
            raise AttributeError(f"{self._service.full_name} has no method {name} (it has {known})")
        return functools.partial(self._call, method)

    def _call(
        self, method: Any, request: Any, timeout: float | None = TIMEOUT, metadata: Iterable[tuple[str, str]] = ()
    ) -> Task:
        classes = _loaded("google.protobuf.message_factory")
        sends, gives = "stream" if method.client_streaming else "unary", method.server_streaming
        make = getattr(self._channel, f"{sends}_{'stream' if gives else 'unary'}")
        call = make(
            f"/{self._service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=classes.GetMessageClass(method.output_type).FromString,
        )
        message = iter(request) if method.client_streaming else request
        started = (call if gives else call.future)(message, timeout=timeout, metadata=tuple(metadata))
        name = f"{self._service.full_name}.{method.name}"
        promise = self._listed(started, name) if gives else _promised(started, name)
        return Task(promise, timeout=None, runner=self._runtime.run, owner=self._owner)

    def _listed(self, stream: Any, name: str) -> Promise[Any]:
        """All messages of a stream: they are read by a thread, because each may keep one waiting."""

        def read() -> list[Any]:
            try:
                return list(stream)
            except _loaded("grpc").RpcError as error:
                raise _explained(error, name) from error

        promise: Promise[Any] = Promise(stream.cancel)
        self._runtime.threads.submit(read).on_done(lambda ended: promise.settle(ended.value, ended.error))
        return promise


def _promised(future: Any, name: str) -> Promise[Any]:
    """gRPC's own threads settle it."""
    grpc = _loaded("grpc")
    promise: Promise[Any] = Promise(future.cancel)

    def settle(ended: Any) -> None:
        try:
            promise.set(ended.result())
        except grpc.FutureCancelledError:
            promise.fail(TaskCancelled(f"{name} was cancelled"))
        except grpc.RpcError as error:
            promise.fail(_explained(error, name))

    future.add_done_callback(settle)
    return promise


def _explained(error: Any, name: str) -> Exception:
    code = error.code().name
    if code == "DEADLINE_EXCEEDED":
        return TaskTimeout(f"{name}: no answer in time")
    if code == "CANCELLED":
        return TaskCancelled(f"{name} was cancelled")
    if code == "UNAVAILABLE":
        return ResourceError(name, f"no connection: {error.details()}")
    return GrpcError(name, code, error.details() or "")


@functools.cache
def _channel(address: str, authorities: bool | str) -> Any:
    """One channel to each server; gRPC connects with the first call, again when it has to, and shares it."""
    grpc = _loaded("grpc")
    if authorities is False:
        return grpc.insecure_channel(address)
    trusted = Path(authorities).read_bytes() if isinstance(authorities, str) else None
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted))


def grpc_client(runtime: Runtime, aliases: Aliases, target: str, owner: object = None) -> GrpcStub:
    """A client for "@alias/package.Service" or "host:port/package.Service". Raises AliasError, ResourceError, and
    SetupError without grpcio. Any thread.
    """
    name, _, service = target.partition("/")
    if not name.startswith("@"):
        return GrpcStub(runtime, _channel(name, False), service, owner)
    alias = aliases.get(name)
    if alias.kind not in KINDS:
        raise AliasError(name, f"is declared as {alias.kind.lstrip('*')}, not as a gRPC service")
    member = alias.members[0]
    secure = alias.kind in (PROTO_GRPCS, PROTO_HTTPS)
    host = f"[{member.host}]" if ":" in member.host else member.host
    address = f"{host}:{member.port or (443 if secure else 80)}"
    return GrpcStub(runtime, _channel(address, (alias.ssl or True) if secure else alias.ssl), service, owner)
