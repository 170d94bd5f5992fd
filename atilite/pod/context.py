"""What a bean knows of the pod that it lives in."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from atilite.pod.signals import Listener, Signals
from atilite.runtime.engine import Runtime
from atilite.runtime.functions import kind_of
from atilite.runtime.promise import Promise
from atilite.runtime.stopping import Stopping
from atilite.runtime.task import Task

if TYPE_CHECKING:
    import asyncio

F = TypeVar("F", bound=Callable[..., Any])

# Where `pass_context` leaves the label that it was given.
MARK = "__bean_label__"


class Member(Listener, Protocol):
    """A bean, as its context sees it."""

    @property
    def name(self) -> str: ...
    @property
    def instance(self) -> Any: ...
    @property
    def life(self) -> Stopping | None: ...
    def is_ready(self) -> None: ...
    def ending(self) -> Promise[None]: ...


class Container(Protocol):
    """A pod, as a context sees it; beans are given a whole Pod."""

    config: Any
    process: int | None
    runtime: Runtime
    signals: Signals

    def get_beans(self, id_or_label: int | str) -> list[Any]: ...
    def wait_beans_done(self, id_or_label: int | str) -> Task: ...
    def send_signal(self, signal: Hashable, labels: Any = None, *, sender: Any = None, **passed: Any) -> Task: ...


class Settled(Task):
    """What a method has come to at once: to be awaited, yielded or ignored, and as true as its data."""

    __slots__ = ()

    def __init__(self, value: Any) -> None:
        super().__init__(Promise.completed(value))

    def __bool__(self) -> bool:
        return bool(self.fetch())


class Context:
    """One bean's view of its pod. All methods from any thread, greenlet or coroutine.

    `bean` and `pod` are the objects themselves, `config` is the pod's configuration, `loop` the asyncio loop of its
    coroutines, `log` the bean's logger.
    """

    __slots__ = ("__weakref__", "_container", "_member", "bean", "pod")

    def __init__(self, bean: Member, pod: Container) -> None:
        self._member, self._container = bean, pod
        self.bean: Any = bean
        self.pod: Any = pod

    @property
    def id(self) -> int:
        return self._member.id

    @property
    def label(self) -> str | None:
        return self._member.label

    @property
    def instance(self) -> Any:
        """The object of a bean that is a class; None of any other."""
        return self._member.instance

    @property
    def process(self) -> int | None:
        """Which of the bean's own processes this is, from 1; None for a bean of the pod's process."""
        return self._container.process

    @property
    def config(self) -> Any:
        return self._container.config

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._container.runtime.aio.loop

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(f"atilite.pod.{self._member.name}")

    # -- its own life

    @property
    def cancelled(self) -> bool:
        """Whether it has been asked to end; a plain function has to look at it."""
        life = self._member.life
        return life is not None and life.cancelled

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep for so long, but only until it should end; True if it should. Blocks: not in coroutines."""
        life = self._member.life
        return life is not None and life.wait(seconds)

    @property
    def ending(self) -> Task:
        """The task that ends when it should end: `await` it or `yield` it. LookupError before its first life.

        A bean that asks for it has its `stop_timeout` to end by itself before it is cancelled.
        """
        return Task(self._member.ending(), timeout=None, runner=self._container.runtime.run)

    def ready(self) -> None:
        """Say that it does its work from now on; a bean with `ready="explicit"` counts as started only then."""
        self._member.is_ready()

    # -- the other beans

    def get_beans(self, id_or_label: int | str) -> list[Any]:
        """The bean with this id, or those with this label in the order of their creation. KeyError if there is none."""
        return self._container.get_beans(id_or_label)

    def wait_beans_done(self, id_or_label: int | str) -> Task:
        """The task of the end of all these beans, to be awaited, yielded or waited for. KeyError if there are none."""
        return self._container.wait_beans_done(id_or_label)

    # -- signals. Their results may be awaited, yielded or ignored.

    def add_signal_handler(self, signal: Hashable, callback: Callable[..., Any]) -> Settled:
        """Call `callback` at each such signal, from now on; "SIGINT" and "SIGTERM" ask the bean to end.

        It is called where the bean runs, with as many of `signal`, `senders`, `keys` and what the sender passed as it
        takes, all by keyword. It is held weakly: keep it alive, best as a method of the bean.
        """
        self._container.signals.add(self._member, signal, callback)
        return Settled(None)

    def remove_signal_handler(self, signal: Hashable, callback: Callable[..., Any]) -> Settled:
        """Call it no more; false if it was not called."""
        return Settled(self._container.signals.remove(self._member, signal, callback))

    def send_signal(self, signal: Hashable, labels: Any = None, **passed: Any) -> Task:
        """Tell the beans that listen to `signal`; with `labels` only those of this label or id, or of a list of them.

        The task ends when all callbacks have, with their number; nobody has to wait for it.
        """
        return self._container.send_signal(signal, labels, sender=self._member, **passed)

    def __repr__(self) -> str:
        return f"<Context of {self._member}>"


@overload
def pass_context(function: F, /) -> F: ...
@overload
def pass_context(*, label: str | None = None) -> Callable[[F], F]: ...
def pass_context(function: Any = None, /, *, label: str | None = None) -> Any:
    """Decorator: a pod gives the function its Context as first argument; anybody else calls it as it is.

    `label` is the bean's if the configuration gives it none. TypeError for what is no coroutine or generator function.
    """
    if function is None:
        return functools.partial(pass_context, label=label)
    if inspect.isclass(function) or kind_of(function) == "plain":
        raise TypeError(f"{function!r} is neither `async def` nor a generator function; pass_context is for those")
    setattr(function, MARK, label)
    return function


def takes_context(function: Any) -> bool:
    """Whether a pod gives `function` its Context: it is marked, or plain with a first parameter called `context`."""
    if hasattr(function, MARK):
        return True
    if inspect.isclass(function) or inspect.iscoroutine(function) or kind_of(function) != "plain":
        return False
    try:
        return next(iter(inspect.signature(function).parameters), None) == "context"
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False
