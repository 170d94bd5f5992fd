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
from .aliases import PROTO_GRPC, PROTO_GRPCS, PROTO_HTTP, PROTO_HTTPS, Alias, Aliases
from .balance import Balance
from .received import NotConnected, Refused

SECURE = (PROTO_GRPCS, PROTO_HTTPS)


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

    def __init__(self, runtime: Runtime, channels: Balance[Any], service: str, owner: object = None) -> None:
        self._runtime, self._channels, self._owner = runtime, channels, owner
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
        channel = self._channels.pick()
        make = getattr(channel, f"{sends}_{'stream' if gives else 'unary'}")
        call = make(
            f"/{self._service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=classes.GetMessageClass(method.output_type).FromString,
        )
        message = iter(request) if method.client_streaming else request
        started = (call if gives else call.future)(message, timeout=timeout, metadata=tuple(metadata))
        name = f"{self._service.full_name}.{method.name}"
        promise = self._listed(started, name) if gives else _promised(started, name)
        promise.on_done(lambda ended: self._note(channel, ended.error))
        return Task(promise, timeout=None, runner=self._runtime.run, owner=self._owner)

    def _note(self, channel: Any, error: BaseException | None) -> None:
        if isinstance(error, NotConnected):
            self._channels.failed(channel)
        else:
            self._channels.worked(channel)

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
        return NotConnected(name, f"no connection: {error.details()}")
    return GrpcError(name, code, error.details() or "")


def _channel(address: str, authorities: bool | str) -> Any:
    """A channel connects with its first call, and again when it has to; all calls share it."""
    grpc = _loaded("grpc")
    if authorities is False:
        return grpc.insecure_channel(address)
    trusted = Path(authorities).read_bytes() if isinstance(authorities, str) else None
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted))


@functools.cache
def _shared(addresses: tuple[tuple[str, int], ...], authorities: bool | str = False) -> Balance[Any]:
    """Channels of what is no gRPC alias: a plain address, or an alias whose other services speak HTTP."""
    return Balance([(_channel(address, authorities), weight) for address, weight in addresses])


class _Channels:
    """One channel to each member of an alias."""

    def __init__(self, alias: Alias) -> None:
        authorities = _authorities(alias)
        self.balance = Balance([(_channel(address, authorities), weight) for address, weight in _addresses(alias)])

    def stop(self, timeout: float) -> None:
        """Close them."""
        for channel in self.balance.members:
            channel.close()


def _authorities(alias: Alias) -> bool | str:
    return (alias.ssl or True) if alias.kind in SECURE else alias.ssl


def _addresses(alias: Alias) -> tuple[tuple[str, int], ...]:
    port = 443 if alias.kind in SECURE else 80
    hosts = [f"[{member.host}]" if ":" in member.host else member.host for member in alias.members]
    return tuple(
        (f"{host}:{member.port or port}", member.weight) for host, member in zip(hosts, alias.members, strict=True)
    )


def grpc_client(runtime: Runtime, aliases: Aliases, target: str, owner: object = None) -> GrpcStub:
    """A client for "@alias/package.Service" or "host:port/package.Service". Raises AliasError, ResourceError, and
    SetupError without grpcio. Any thread.

    Calls are spread over the members by their weights; one that cannot be reached is avoided for a while.
    """
    name, _, service = target.partition("/")
    if not name.startswith("@"):
        return GrpcStub(runtime, _shared(((name, 1),)), service, owner)
    alias = aliases.get(name)
    if alias.kind in (PROTO_HTTP, PROTO_HTTPS):
        return GrpcStub(runtime, _shared(_addresses(alias), _authorities(alias)), service, owner)
    if alias.kind not in (PROTO_GRPC, PROTO_GRPCS):
        remedy = "declare it as atilite.PROTO_GRPC or PROTO_GRPCS"
        raise AliasError(name, f"is declared as {alias.kind.lstrip('*')}, not as a gRPC service; {remedy}")
    return GrpcStub(runtime, aliases.opened(name, _Channels).balance, service, owner)
