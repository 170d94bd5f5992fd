"""HTTP as tasks: `was.stub("https://host/base")` and `was.get(url)`. They run on the hub and hold no thread."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ..errors import ResourceError
from ..lazily import LazyModule
from ..runtime.engine import Runtime
from ..runtime.outcome import STA_REQFAIL, Outcome
from ..runtime.task import Task
from . import outgoing
from .aliases import Aliases
from .balance import to_all
from .received import Answer, Headers, HttpError, Refused

# Loaded with the first request: urllib3 costs 14 MB that a server without HTTP tasks need not hold.
_service: Any = LazyModule("atilite.resources.service")

# What a task takes.
_OF_TASKS = ("meta", "filter", "callback")


class HttpTask(Task):
    """A request that is under way. `fetch()` gives the decoded body, and raises for an answer of 400 and more.

    `response`, `status_code` and `headers` wait for the answer whatever its status, and raise only if there is none.
    """

    __slots__ = ()

    @property
    def response(self) -> Answer:
        """The whole answer."""
        self._await_end(None)
        answer: Answer = self.promise.result()
        return answer

    @property
    def status_code(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> Headers:
        return self.response.headers

    def commit(self, timeout: float | None = None) -> None:
        """Wait for the end; raise as fetch does, but leave the data."""
        self._await_end(timeout)
        self._accepted()

    def dispatch(self, timeout: float | None = None) -> Outcome:
        """Wait for the end and tell how it went, without raising; `data` is the body of a refusal, too."""
        outcome = super().dispatch(timeout)
        if isinstance(outcome.expt, HttpError):
            answer = outcome.expt.response
            return Outcome(STA_REQFAIL, answer.status_code, _data_of(answer), outcome.expt)
        if isinstance(outcome.expt, Refused):
            return Outcome(STA_REQFAIL, outcome.status_code, None, outcome.expt)
        code = self.promise.result().status_code if outcome.expt is None else outcome.status_code
        return Outcome(outcome.status, code, outcome.data, outcome.expt)

    def _accepted(self) -> Any:
        answer = self.promise.result()
        if isinstance(answer, Answer) and not answer.ok:
            raise HttpError(outgoing.shown(answer.url), answer)
        return answer

    def _raw(self) -> Any:
        answer = self._accepted()
        return answer.data if isinstance(answer, Answer) else answer


class WholeTask(HttpTask):
    """The same, but its data is the answer itself."""

    __slots__ = ()

    def _raw(self) -> Any:
        return self._accepted()


def _data_of(answer: Answer) -> Any:
    try:
        return answer.data
    except ResourceError:
        return answer.content


class Stub:
    """A client for one service: `with was.stub("@rates") as stub: task = stub.get("/latest?base={}", "EUR")`.

    Each method makes a task that has already started. `{}` in the path takes the positional arguments and `{name}`
    the ones of that name, URL-quoted; one more positional argument is the payload. Any thread.

    Options of the stub hold for all its requests: `headers`, `auth` ((user, password) or a token), `params`,
    `timeout` for the whole request, `connect_timeout`, `read_timeout` for each wait (seconds), `retries` of what may be
    sent twice, `redirects`, `max_size` of the answer (bytes), `cookies=True` to keep and send them, `ca` (a PEM file)
    and `verify` for TLS where no alias says it.
    """

    def __init__(
        self,
        runtime: Runtime,
        aliases: Aliases,
        base: str = "",
        *,
        owner: object = None,
        everybody: bool = False,
        ca: str | None = None,
        verify: bool = True,
        cookies: bool = False,
        **options: Any,
    ) -> None:
        self._runtime, self._owner, self._everybody = runtime, owner, everybody
        self._service, self._path = _service.service_of(runtime, aliases, base, ca=ca, verify=verify)
        self._options = options
        self._jar = importlib.import_module("atilite.resources.cookies").Jar() if cookies else None

    @property
    def headers(self) -> dict[str, Any]:
        """What the stub was told to send with every request."""
        return dict(self._options.get("headers", {}))

    def __enter__(self) -> Stub:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to release: connections are shared and kept alive."""

    def request(self, method: str, path: str = "", *args: Any, **options: Any) -> Any:
        """Start a request. `options`, besides those of the stub: `payload` or `json` (the body), `form` (fields),
        `files` (multipart), `params` (the query), `stream=True` for a body to read piece by piece, `whole=True` for
        the answer itself as the data; `meta`, `filter` and `callback` of the task.
        """
        of_task = {name: options.pop(name) for name in _OF_TASKS if name in options}
        streams = options.pop("stream", False)
        kind = WholeTask if options.pop("whole", False) else HttpTask
        order, terms = self._order(method.upper(), path, args, {**self._options, **options}, options)

        def start(target: Any = None) -> Task:
            perform = self._opened if streams else self._answered
            promise = self._runtime.loop.spawn(perform, order, terms, target)
            # It ends in time by itself, so a wait for it needs no second limit.
            return kind(promise, timeout=None, runner=self._runtime.run, owner=self._owner, **of_task)

        return to_all(self._service.balance.members, start) if self._everybody else start()

    def events(self, path: str = "", *args: Any, **options: Any) -> Any:
        """The server-sent events of `path`, as an iterator; see `Events`."""
        options.setdefault("read_timeout", None)
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache", **options.pop("headers", {})}
        return importlib.import_module("atilite.resources.streams").Events(
            lambda more: self.request("GET", path, *args, stream=True, headers={**headers, **more}, **options),
            self._runtime.loop,
        )

    def _answered(self, order: outgoing.Order, terms: Any, target: Any) -> Answer:
        answer: Answer = self._service.answer(order, terms, target)
        if self._jar is not None:
            self._jar.keep(answer.url, answer.headers)
        return answer

    def _opened(self, order: outgoing.Order, terms: Any, target: Any) -> Any:
        received = self._service.open(order, terms, target)
        if received.status_code >= 400:
            received.close()
            answer = Answer(received.url, received.status_code, received.reason, received.headers)
            raise HttpError(outgoing.shown(received.url), answer)
        streams = importlib.import_module("atilite.resources.streams")
        return streams.Download(received, self._runtime)

    def _order(
        self, method: str, path: str, args: tuple[Any, ...], options: dict[str, Any], given: dict[str, Any]
    ) -> tuple[outgoing.Order, Any]:
        """What the arguments of a method mean. Raises TypeError for what no request takes."""
        if path.startswith("@"):
            # The manual repeats the alias in the path.
            path = path.removeprefix(self._service.name) if self._service.name else path
        path, left, used = outgoing.fill(path, args, given)
        for name in used:
            options.pop(name)
        if len(left) > 1:
            raise TypeError(f"{method} {path} has {len(left)} values more than placeholders; one can be the payload")
        terms = _service.Terms.of(options)
        payload = options.pop("json", options.pop("payload", left[0] if left else None))
        form, files = options.pop("form", None), options.pop("files", None)
        params, auth = options.pop("params", None), options.pop("auth", None)
        headers: Mapping[str, Any] = {**self._options.get("headers", {}), **options.pop("headers", {})}
        if options:
            raise TypeError(f"a request takes no {', '.join(map(repr, options))}")
        url = outgoing.joined(self._path, path)
        if payload is not None and method in outgoing.BODYLESS:
            params, payload = {**(params or {}), **payload}, None
        if params:
            url = outgoing.with_query(url, params)
        body, kind = outgoing.encode(payload, form=form, files=files)
        own = {"Content-Type": kind, "Authorization": outgoing.authorization(auth) if auth else None}
        if self._jar is not None:
            own["Cookie"] = self._jar.header(outgoing.joined(self._service.balance.members[0].base, url))
        return outgoing.Order(method, url, outgoing.merged(outgoing.USUAL, own, headers), body), terms

    def get(self, path: str = "", *args: Any, **options: Any) -> Any:
        """GET `path`; a payload is the query."""
        return self.request("GET", path, *args, **options)

    def post(self, path: str = "", *args: Any, **options: Any) -> Any:
        """POST the payload to `path`."""
        return self.request("POST", path, *args, **options)

    def put(self, path: str = "", *args: Any, **options: Any) -> Any:
        """PUT the payload at `path`."""
        return self.request("PUT", path, *args, **options)

    def patch(self, path: str = "", *args: Any, **options: Any) -> Any:
        """PATCH `path` with the payload."""
        return self.request("PATCH", path, *args, **options)

    def delete(self, path: str = "", *args: Any, **options: Any) -> Any:
        """DELETE `path`."""
        return self.request("DELETE", path, *args, **options)

    def options(self, path: str = "", *args: Any, **options: Any) -> Any:
        """Ask what may be done with `path`: the headers of the answer say it."""
        return self.request("OPTIONS", path, *args, **options)

    def head(self, path: str = "", *args: Any, **options: Any) -> Any:
        """The headers of `path` without its body."""
        return self.request("HEAD", path, *args, **options)


class Stubs:
    """Makes stubs: `was.stub("@name")`; `was.stub.map("@name")` asks all members, `was.stub.lb` one by weight.

    A plain stub is balanced, too: the members of an alias share the requests, and one that does not answer is avoided
    for a while.
    """

    def __init__(self, app: Any, owner: object = None) -> None:
        self._app, self._owner = app, owner

    def __call__(self, base: str = "", **options: Any) -> Stub:
        """A client for `base`: a URL, "@alias" or "@alias/path"; none for whole URLs in each request."""
        return Stub(self._app.runtime, self._app.aliases, base, owner=self._owner, **options)

    lb = __call__

    def map(self, base: str, **options: Any) -> Stub:
        """A client whose requests go to every member: its tasks are `Tasks`, `dispatch()` tells how each went."""
        return self(base, everybody=True, **options)
