"""A component of a pod: what runs, and how one life of it is begun."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from atilite.errors import SetupError
from atilite.pod.context import MARK, Context, takes_context
from atilite.pod.loading import load
from atilite.pod.spec import BeanSpec
from atilite.runtime.functions import Kind, kind_of
from atilite.runtime.kinds import run_function
from atilite.runtime.promise import Promise
from atilite.runtime.unit import Life

if TYPE_CHECKING:
    from atilite.pod.pod import Pod

Form = Literal["function", "class", "coroutine"]


class BeanStatus(NamedTuple):
    """A bean at one moment. `since` is when its state began, `uptime` is in seconds and None unless it runs."""

    id: int
    label: str | None
    name: str
    state: str
    reason: str
    since: datetime
    uptime: float | None
    restarts: int
    error: str | None
    traceback: str | None
    critical: bool


class Bean:
    """A component: `id` counts from 1, `name` is its label or else the path of its core. Any thread.

    Its life is the pod's affair; `Pod.start_bean` and the like are what one asks for.
    """

    def __init__(self, spec: BeanSpec, pod: Pod, number: int, core: Any) -> None:
        """Raises SetupError, TypeError, and what the class of the bean raises."""
        self.spec = spec
        self.core = core
        self.id = number
        self.form, self.kind = form_of(core, spec.key)
        self.label: str | None = spec.label or getattr(core, MARK, None)
        self.name = self.label or spec.key
        self.context = Context(self, pod)
        self.instance: Any = core(self.context) if self.form == "class" else None
        self.life: Life | None = None
        self._pod = pod
        self._lives = 0

    @property
    def state(self) -> str:
        """new, starting, running, degraded, restarting, stopping, stopped or failed."""
        return self.status().state

    @property
    def error(self) -> str | None:
        """What it failed with last, in one line."""
        return self.status().error

    @property
    def done(self) -> bool:
        """Whether it has ended and nothing is going to start it again by itself."""
        return self.state in ("stopped", "failed")

    def status(self) -> BeanStatus:
        """Describe it as it is now."""
        return self._pod.status(self)

    def begin(self, life: Life) -> Promise[Any]:
        """Begin one life; promises its end."""
        self.life = life
        self._lives += 1
        again = self._lives > 1
        if again and self.form == "coroutine":
            raise SetupError(f"{self} is a coroutine object, which runs once; give the function to start it again")
        if again and self.form == "class":
            self.instance = self.core(self.context)
        work = self._call()
        life.ready()
        return work

    def is_ready(self) -> None:
        """What it says itself with `context.ready()`."""
        if self.life is not None:
            self.life.ready()

    def _call(self) -> Promise[Any]:
        runtime = self._pod.runtime
        if self.form == "coroutine":
            return runtime.aio.run(self.core)
        function = self.instance if self.form == "class" else self.core
        args = (self.context,) if self.form == "function" and takes_context(self.core) else ()
        return run_function(
            function, args, self.spec.kwargs, runtime=runtime,
            start="hub" if self.kind == "generator" else "dedicated",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"bean {self.id} ({self.name})"

    def __repr__(self) -> str:
        return f"<{self}>"


def form_of(core: Any, name: str) -> tuple[Form, Kind]:
    """What a core is and how it runs. TypeError for what cannot be a bean."""
    if inspect.iscoroutine(core):
        return "coroutine", "async"
    if inspect.isclass(core):
        call = next((vars(one)["__call__"] for one in core.__mro__ if "__call__" in vars(one)), None)
        kind = "plain" if call is None else kind_of(call)
        if kind == "plain":
            raise TypeError(f"{name}: the __call__ of a class has to be `async def`, or a generator that yields tasks")
        return "class", kind
    if not callable(core):
        raise TypeError(f"{name} is {core!r}; a bean is a function, a coroutine object or a class")
    if inspect.isasyncgenfunction(core):
        raise TypeError(f"{name} is an asynchronous generator, whose values nobody takes; write `async def` alone")
    return "function", kind_of(core)


def loaded(spec: BeanSpec, pod: Pod, number: int) -> Bean:
    """Make a bean, with its core loaded. Raises SetupError, TypeError, and what the class of the bean raises."""
    return Bean(spec, pod, number, load(spec.core))


