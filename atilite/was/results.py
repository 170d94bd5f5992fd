"""The part of `was` that answers later: with tasks' results, from a thread, or as a stream that a thread feeds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..answer import Coroutine, Course
from ..errors import status_line
from ..runtime.conveyor import Conveyor
from ..runtime.functions import wants_was
from ..runtime.task import Task, Tasks
from ..web.answers import API
from ..web.mapped import Named, at

# What `was.Map` is told about the answer as a whole, beside the names of its results.
META = ("__timeout", "__maxage", "__etag", "__mtime")


class Mapped(Tasks):
    """Tasks whose data is the answer: their results by name, as an API value. `values` has the results alone."""

    __slots__ = ("_entries", "_meta", "_status", "_unnamed", "_was")

    def __init__(
        self, was: Any, status: str | None, unnamed: list[Task], named: Mapping[str, Any], meta: Mapping[str, Any]
    ) -> None:
        self._was, self._status, self._meta, self._unnamed = was, status, meta, len(unnamed)
        # (name in the answer, which part of whose data; None: the value itself is a constant)
        self._entries: list[tuple[str, Named | None, Any]] = []
        for text, value in named.items():
            what = Named.of(text) if isinstance(value, Task) else None
            self._entries.append((what.name if what else text, what, value))
        names = [name for name, _, _ in self._entries]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two results would be called {twice!r}")
        for name in ("__etag", "__mtime"):
            dotted = meta.get(name)
            if isinstance(dotted, str) and dotted.partition(".")[0] not in names:
                raise ValueError(f"{name}={dotted!r} names no result; there are {', '.join(names) or 'none'}")
        limit = {"timeout": meta["__timeout"]} if "__timeout" in meta else {}
        super().__init__([*unnamed, *(value for _, what, value in self._entries if what)], **limit)

    def values(self) -> dict[str, Any]:
        """The results by name, with what they say about the answer's age set on `was.response`.

        Raises the first error in the order of the tasks, 410 and 409 as `one` does, 412 as `set_etag` does.
        """
        self._await_end(None)
        for task in self._positional[: self._unnamed]:
            task.commit()
        found = {name: what.result(value) if what else value for name, what, value in self._entries}
        self._tell_age(found)
        return found

    def _raw(self) -> API:
        values = self.values()
        return API(self._status, values) if self._status else API(values)

    def _tell_age(self, values: Mapping[str, Any]) -> None:
        if not self._meta.keys() & {"__maxage", "__etag", "__mtime"}:
            return
        told = {name: at(values, given) if isinstance(given, str) else given for name, given in self._meta.items()}
        age = int(told.get("__maxage") or 0)
        response = self._was.response
        if told.get("__etag") is not None:
            response.set_etag(told["__etag"], age)
        if told.get("__mtime") is not None:
            response.set_mtime(told["__mtime"], age)
        if age:
            response.set_max_age(age)


class Queued(Course):
    """A streamed answer whose pieces a thread makes: `producer(queue)` puts them, None is the end."""

    __slots__ = ("_max_size", "_producer", "_runtime", "_wait")

    def __init__(self, runtime: Any, producer: Callable[[Conveyor], object], max_size: int, wait: float | None) -> None:
        self._runtime, self._producer, self._max_size, self._wait = runtime, producer, max_size, wait

    def steps(self) -> Coroutine:
        """Start the producer; yield its items as they come. Closed before the end, it ends the producer as well."""
        queue = Conveyor(self._max_size, self._wait)
        working = self._runtime.producers.submit(self._producer, queue)
        working.on_done(lambda ended: queue.end(ended.error))
        try:
            # The first thing is a wait, so that the request gives its thread back.
            yield queue.more()
            sent = 0
            while (item := queue.take()) is not None:
                sent += 1
                yield item
                if not queue:
                    yield queue.more()
            return None if sent else ""
        finally:
            queue.close()
            working.cancel()


class Results:
    """Makes the answers that come later, for one request. The thread that has `was` calls it."""

    def __init__(self, was: Any) -> None:
        self._was = was

    def map(self, *tasks: Any, **named: Any) -> Mapped:
        """`was.Map(rows=task, count__one=task)`: JSON of the named results when all tasks have ended.

        A text in front is the status; tasks without a name are only completed; values that are no tasks are reported
        as they are. Raises ValueError for names that cannot be told apart.
        """
        status, unnamed = _status(tasks)
        meta = {name: named.pop(name) for name in META if name in named}
        return Mapped(self._was, status, [one for item in unnamed for one in _flat(item)], named, meta)

    def mapped(self, *given: Any) -> Task:
        """`was.Mapped(tasks)`, `was.Mapped("201 Created", tasks)`: the data of tasks that one has already, as JSON."""
        status, (tasks,) = _status(given)
        if isinstance(tasks, Tasks) and tasks.names:
            return Mapped(self._was, status, tasks.unnamed, tasks.names, {"__timeout": tasks.timeout})
        made: Task = tasks.then(lambda task: API(status, task.fetch()) if status else API(task.fetch()))
        return made

    def render_or_map(self, template: str, **named: Any) -> Task:
        """`was.render_or_Map(template, rows=task)`: the page with the results, or JSON for a client that names it."""
        return self._page(template, self.map(**named))

    def render_or_mapped(self, template: str, tasks: Task) -> Task:
        """`was.render_or_Mapped(template, tasks)`: the same with tasks that one has already. They need names."""
        return self._page(template, self.mapped(tasks))

    def _page(self, template: str, mapped: Task) -> Task:
        was = self._was

        def render(task: Task) -> Any:
            values = task.fetch().data
            if not isinstance(values, Mapping):
                raise TypeError("a template needs names: was.Tasks(rows=task, ...)")
            return was.render.or_api(template, values)

        # A large template would keep the loop, so it is rendered in a task thread.
        mapped.runner = was.app.runtime.run
        return mapped.then(render)

    def thread_pass(self, function: Callable[..., Any], *given: Any, args: tuple[Any, ...] = ()) -> Task:
        """`was.ThreadPass(f, args=(1,))`: `f(was, 1)` makes the answer in a task thread."""
        was = self._was
        if wants_was(function):
            function = functools.partial(function, was)
        runtime = was.app.runtime
        made: Task = runtime.task(runtime.run(function, *given, *args), timeout=None, owner=was)
        return made

    def queue(
        self, producer: Callable[[Conveyor], object], max_size: int = 8, wait_timeout: float | None = 8
    ) -> Queued:
        """`was.Queue(producer)`: what `producer(queue)` puts into the queue from a thread is streamed; None ends it.

        At most `max_size` items wait. A client that takes none of them within `wait_timeout` seconds ends the stream:
        then, and when the client has left, `put` raises.
        """
        return Queued(self._was.app.runtime, producer, max_size, wait_timeout)

    def tasks(self, *tasks: Any, **named: Any) -> Tasks:
        """`was.Tasks`: several tasks as one; what follows them by `then` gets this `was`."""
        made = Tasks(*tasks, **named)
        made.owner, made.runner = self._was, self._was.app.runtime.run
        return made

    def mask(self, data: Any = None, **options: Any) -> Task:
        """`was.Mask`: a finished task around `data`."""
        runtime = self._was.app.runtime
        made: Task = runtime.Mask(data, **{"owner": self._was, "runner": runtime.run, **options})
        return made

    def sleep(self, seconds: float, **options: Any) -> Task:
        """`was.Sleep`: a task that ends after so many seconds."""
        runtime = self._was.app.runtime
        made: Task = runtime.Sleep(seconds, **options)
        made.owner, made.runner = self._was, runtime.run
        return made


def _status(given: tuple[Any, ...]) -> tuple[str | None, list[Any]]:
    if given and isinstance(given[0], str):
        return status_line(given[0]), list(given[1:])
    return None, list(given)


def _flat(item: Any) -> list[Task]:
    if isinstance(item, Task):
        return [item]
    if isinstance(item, (list, tuple)):
        return [one for inner in item for one in _flat(inner)]
    raise TypeError(f"was.Map runs tasks without a name, not {type(item).__name__}; give a value a name")
