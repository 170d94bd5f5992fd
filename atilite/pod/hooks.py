"""Hooks around the start and the end of beans, which can say no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from atilite.errors import SetupError, TaskCancelled, Vetoed
from atilite.pod.places import call_beside
from atilite.runtime.engine import Runtime
from atilite.runtime.functions import Kind
from atilite.runtime.promise import Promise
from atilite.runtime.traces import line_of

F = TypeVar("F", bound=Callable[..., Any])

NAMES = ("before_start", "after_start", "before_stop", "after_stop")


class Hooks:
    """The hooks of a pod, which are asked for each of its beans; a class may have methods of these names as well."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._functions: dict[str, list[Callable[..., Any]]] = {}

    def add(self, name: str, function: F) -> F:
        """Ask `function(bean)` as well. SetupError for an unknown name."""
        if name not in NAMES:
            raise SetupError(f"there is no hook {name!r}; there are {', '.join(NAMES)}")
        self._functions.setdefault(name, []).append(function)
        return function

    def ask(self, name: str, bean: Any, kind: Kind) -> Promise[None]:
        """Ask all hooks of this name, the bean's own first, one after the other. Any thread.

        Fails with Vetoed at the first that answers False or raises.
        """
        calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        own = getattr(bean.instance, name, None)
        if callable(own):
            calls.append((own, ()))
        calls += [(function, (bean,)) for function in self._functions.get(name, ())]
        if not calls:
            return Promise.completed(None)
        return _Asking(name, calls, lambda function, args: call_beside(kind, self._runtime, function, args)).promise


class _Asking:
    """Hooks that are asked one after the other."""

    def __init__(
        self,
        name: str,
        calls: list[tuple[Callable[..., Any], tuple[Any, ...]]],
        call: Callable[[Callable[..., Any], tuple[Any, ...]], Promise[Any]],
    ) -> None:
        self._name, self._calls, self._call = name, calls, call
        self._current: Promise[Any] | None = None
        self.promise: Promise[None] = Promise(self._cancel)
        self._next()

    def _next(self) -> None:
        if not self._calls:
            self.promise.set(None)
            return
        self._current = work = self._call(*self._calls.pop(0))
        work.on_done(self._answered)

    def _answered(self, work: Promise[Any]) -> None:
        if isinstance(work.error, TaskCancelled):
            self.promise.fail(work.error)
        elif work.error is not None:
            veto = Vetoed(f"{self._name} failed: {line_of(work.error)}")
            veto.__cause__ = work.error
            self.promise.fail(veto)
        elif work.value is False:
            self.promise.fail(Vetoed(f"{self._name} said no"))
        else:
            self._next()

    def _cancel(self) -> bool | None:
        self._calls.clear()
        return None if self._current is not None and self._current.cancel() else False
