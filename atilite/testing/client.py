"""A client that calls a WSGI app in this process: no server, no socket."""

from __future__ import annotations

import io
import json as jsonlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered. `headers` are in the order in which they would be sent."""

    status: str
    headers: tuple[tuple[str, str], ...]
    data: bytes

    @property
    def status_code(self) -> int:
        return int(self.status[:3])

    @property
    def text(self) -> str:
        return self.data.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return jsonlib.loads(self.data)

    def header(self, name: str) -> str | None:
        """The first header of this name, None without one."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    def all_headers(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


class Client:
    """Calls `app` as a WSGI server that cannot park requests would. Keeps cookies between calls; one thread."""

    def __init__(self, app: Wsgi, *, host: str = "localhost", headers: Mapping[str, str] | None = None) -> None:
        self._app, self._host, self._headers = app, host, dict(headers or {})
        self.cookies: dict[str, str] = {}

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        json: Any = None,
        form: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request. `path` is percent-encoded and may have a query; `json` or `form` make the body."""
        sent = {"Host": self._host, **self._headers, **(headers or {})}
        if json is not None:
            body = jsonlib.dumps(json).encode()
            sent.setdefault("Content-Type", "application/json")
        elif form is not None:
            body = urlencode(form, doseq=True).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        return self._call(environ(method, path, sent, body))

    def get(self, path: str, **options: Any) -> Answer:
        """GET `path`; options as in `request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        """POST to `path`; options as in `request`."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        """PUT `path`; options as in `request`."""
        return self.request("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        """DELETE `path`; options as in `request`."""
        return self.request("DELETE", path, **options)

    def _call(self, env: dict[str, Any]) -> Answer:
        started: list[Any] = []
        written: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
            started[:] = [status, tuple(headers)]
            return written.append

        body = self._app(env, start_response)
        try:
            data = b"".join([*body])
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
        answer = Answer(started[0], started[1], b"".join(written) + data)
        self._keep_cookies(answer)
        return answer

    def _keep_cookies(self, answer: Answer) -> None:
        for text in answer.all_headers("Set-Cookie"):
            pair, *attributes = text.split(";")
            name, _, value = pair.strip().partition("=")
            if any(attribute.strip().lower() == "max-age=0" for attribute in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def environ(method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The WSGI environ of a request."""
    raw, _, query = path.partition("?")
    env: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
        "REQUEST_URI": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        env[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    if body:
        env["CONTENT_LENGTH"] = str(len(body))
    return env
