"""HTTP as tasks: `was.stub("https://host/base")` and `was.get(url)`, on urllib3 in the task threads."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from ..errors import ResourceError
from ..runtime.engine import Runtime
from ..runtime.task import Task
from .aliases import Aliases

# Seconds for connecting, and for each wait for the peer's next bytes.
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 10.0
BODYLESS = ("GET", "HEAD", "DELETE", "OPTIONS")


@functools.cache
def _pool() -> Any:
    # Imported when the first request is made: urllib3 costs 14 MB that a server without HTTP tasks need not hold.
    import urllib3

    return urllib3.PoolManager(maxsize=32, retries=False)


def _send(method: str, url: str, payload: Any, headers: Mapping[str, str], timeout: float | None) -> Any:
    """Send one request and return its decoded body: JSON as data, text as str, anything else as bytes. Blocks.

    Raises ResourceError for a peer that cannot be reached or answers 400 and more.
    """
    import urllib3

    body, sent = None, {"Accept": "application/json, */*", **headers}
    if payload is not None and method not in BODYLESS:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sent.setdefault("Content-Type", "application/json")
    elif payload:
        url += ("&" if "?" in url else "?") + urlencode(payload, doseq=True)
    wait = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout or READ_TIMEOUT)
    try:
        response = _pool().request(method, url, body=body, headers=sent, timeout=wait)
    except urllib3.exceptions.HTTPError as error:
        raise ResourceError(url, f"no answer: {error}") from error
    if response.status >= 400:
        raise ResourceError(url, f"answered {response.status} {response.reason or ''}".strip())
    return _decode(response.headers.get("Content-Type", ""), response.data)


def _decode(content_type: str, data: bytes) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(data)
        except ValueError as error:
            raise ResourceError(content_type, f"the answer is not JSON: {error}") from error
    if kind.startswith("text/"):
        return data.decode("utf-8", "replace")
    return data


class Stub:
    """A client for one base URL or alias: `with was.stub("@rates") as stub: task = stub.get("/latest?base={}", "EUR")`.

    Each method makes a task that has already started; `{}` in the path takes the positional arguments, URL-quoted.
    Any thread. A task's `fetch()` raises ResourceError when the peer does not answer, or answers 400 and more.
    """

    def __init__(
        self,
        runtime: Runtime,
        aliases: Aliases,
        base: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        owner: object = None,
    ) -> None:
        self._runtime, self._headers, self._timeout, self._owner = runtime, dict(headers or {}), timeout, owner
        self._base = aliases.url(base) if base.startswith("@") else base

    def __enter__(self) -> Stub:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to release: connections belong to the pool."""

    def request(self, method: str, path: str, *args: Any, **options: Any) -> Task:
        """Start a request. `options`: `headers`, `timeout` (seconds), `meta`, `filter`; the last extra positional
        argument beyond the placeholders is the payload (JSON body, or the query of a GET)."""
        holes = path.count("{}")
        filled = path.format(*(quote(str(value), safe="") for value in args[:holes]))
        payload = args[holes] if len(args) > holes else options.pop("payload", None)
        headers = {**self._headers, **options.pop("headers", {})}
        timeout = options.pop("timeout", self._timeout)
        return self._runtime.Thread(
            _send,
            args=(method, self._base + filled, payload, headers, timeout),
            timeout=timeout or 30.0,
            owner=self._owner,
            **options,
        )

    def get(self, path: str = "", *args: Any, **options: Any) -> Task:
        """GET `path`."""
        return self.request("GET", path, *args, **options)

    def post(self, path: str = "", *args: Any, **options: Any) -> Task:
        """POST `payload` to `path`."""
        return self.request("POST", path, *args, **options)

    def put(self, path: str = "", *args: Any, **options: Any) -> Task:
        """PUT `payload` to `path`."""
        return self.request("PUT", path, *args, **options)

    def patch(self, path: str = "", *args: Any, **options: Any) -> Task:
        """PATCH `path` with `payload`."""
        return self.request("PATCH", path, *args, **options)

    def delete(self, path: str = "", *args: Any, **options: Any) -> Task:
        """DELETE `path`."""
        return self.request("DELETE", path, *args, **options)
