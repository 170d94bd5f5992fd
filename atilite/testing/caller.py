"""What every client of a test can do, whatever carries its requests."""

from __future__ import annotations

import functools
import json as jsonlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .answers import Answer
from .multipart import encode, has_files
from .rpc import Procedures, json_procedures, xml_procedures
from .watch import Exchange, process_exchanges


class Verbs(ABC):
    """The methods of HTTP, each of which is a `request`."""

    @abstractmethod
    def request(self, method: str, path: str, *data: Any, **options: Any) -> Answer:
        """Send one request."""

    def get(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """GET `path`; options as in `request`."""
        return self.request("GET", path, params=params, **options)

    def delete(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """DELETE `path`; options as in `request`."""
        return self.request("DELETE", path, params=params, **options)

    def post(self, path: str, data: Any = None, **options: Any) -> Answer:
        """POST `data` to `path`; options as in `request`."""
        return self.request("POST", path, data, **options)

    def put(self, path: str, data: Any = None, **options: Any) -> Answer:
        """PUT `data` at `path`; options as in `request`."""
        return self.request("PUT", path, data, **options)

    def patch(self, path: str, data: Any = None, **options: Any) -> Answer:
        """PATCH `path` with `data`; options as in `request`."""
        return self.request("PATCH", path, data, **options)


class Caller(Verbs):
    """Sends requests and keeps the cookies that come back. One thread.

    `headers` go with every request. Redirects are not followed: what the app said is what a test wants to see.
    """

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self.headers: dict[str, str] = dict(headers or {})
        self.cookies: dict[str, str] = {}

    @abstractmethod
    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Carry one request to the app and bring the answer back; `request` is what a test calls."""

    def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request. `path` is percent-encoded and may have a query, to which `params` are added.

        The body is one of `json`, `form` (with files if a value is one), `body` and `data`: bytes or text as they
        are, anything else as the form, or as JSON if the headers say so.
        """
        sent = {**self.headers, **(headers or {})}
        if data is not None:
            json, form, body = _sorted(data, sent)
        content, kind = _content(json, form, body)
        if kind and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = kind
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        path = _with_query(_local(path), params)
        answer = self.send(method, path, sent, content)
        self._keep_cookies(answer)
        process_exchanges().emit(Exchange(method, path, sent, content, answer, self))
        return answer

    def head(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """HEAD `path`; options as in `request`."""
        return self.request("HEAD", path, params=params, **options)

    def options(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """OPTIONS of `path`; options as in `request`."""
        return self.request("OPTIONS", path, params=params, **options)

    def upload(self, path: str, fields: Mapping[str, Any], **options: Any) -> Answer:
        """POST a form with files: open files, paths, or `(name, content)`; other values are its plain fields."""
        body, kind = encode(fields)
        return self.post(path, body=body, headers={**options.pop("headers", {}), "Content-Type": kind}, **options)

    def rpc(self, path: str = "/RPC2") -> Procedures:
        """The XML-RPC procedures at `path`: `client.rpc("/rpc").add(1, 2)`."""
        return xml_procedures(functools.partial(self.post, path))

    def jsonrpc(self, path: str = "/jsonrpc") -> Procedures:
        """The JSON-RPC procedures at `path`: `client.jsonrpc("/rpc").add(a=1, b=2)`."""
        return json_procedures(functools.partial(self.post, path))

    @property
    def axios(self) -> Axios:
        """The same client, speaking JSON: `client.axios.post("/pets", {"name": "Rex"})`."""
        return Axios(self)

    @property
    def api(self) -> Api:
        """JSON with paths written as attributes: `client.api.pets(7).get(limit=3)`."""
        return Api(self.axios)

    def _keep_cookies(self, answer: Answer) -> None:
        for text in answer.all_headers("Set-Cookie"):
            pair, *attributes = text.split(";")
            name, _, value = pair.strip().partition("=")
            if any(_expired(attribute.strip().lower()) for attribute in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


class Axios(Verbs):
    """A client whose bodies are JSON and that asks for JSON. Shares cookies and headers with the one it is of."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def request(self, method: str, path: str, data: Any = None, **options: Any) -> Answer:
        """Send one request, `data` as JSON; other options as in `Caller.request`."""
        headers = {"Accept": "application/json", **options.pop("headers", {})}
        return self._caller.request(method, path, json=data, headers=headers, **options)


class Api:
    """A path that grows by attributes and calls; the verbs send. Keywords are the query."""

    def __init__(self, axios: Axios, path: str = "") -> None:
        self._axios, self._path = axios, path

    def __getattr__(self, name: str) -> Api:
        if name.startswith("__"):
            raise AttributeError(name)
        return Api(self._axios, f"{self._path}/{name}")

    def __call__(self, *parts: Any) -> Api:
        """Go on with parts of the path that are no names: `api.pets(7)`, `api("/v1/pets")`."""
        more = "".join(f"/{quote(str(part).strip('/'), safe='/' if str(part).startswith('/') else '')}"
                       for part in parts)  # fmt: skip
        return Api(self._axios, self._path + more)

    def get(self, **params: Any) -> Answer:
        """GET it."""
        return self._axios.get(self._path or "/", params)

    def delete(self, **params: Any) -> Answer:
        """DELETE it."""
        return self._axios.delete(self._path or "/", params)

    def post(self, data: Any = None, **params: Any) -> Answer:
        """POST `data` to it."""
        return self._axios.post(self._path or "/", data, params=params)

    def put(self, data: Any = None, **params: Any) -> Answer:
        """PUT `data` there."""
        return self._axios.put(self._path or "/", data, params=params)

    def patch(self, data: Any = None, **params: Any) -> Answer:
        """PATCH it with `data`."""
        return self._axios.patch(self._path or "/", data, params=params)


def _sorted(data: Any, headers: Mapping[str, str]) -> tuple[Any, Mapping[str, Any] | None, bytes]:
    """What `data` stands for: JSON, a form or the body itself."""
    if isinstance(data, (bytes, str)):
        return None, None, data.encode() if isinstance(data, str) else data
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    if "json" in kind or not isinstance(data, Mapping):
        return data, None, b""
    return None, data, b""


def _content(json: Any, form: Mapping[str, Any] | None, body: bytes) -> tuple[bytes, str]:
    if json is not None:
        return jsonlib.dumps(json).encode(), "application/json"
    if form is not None and has_files(form):
        return encode(form)
    if form is not None:
        return urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
    return body, ""


def _local(path: str) -> str:
    if path.startswith(("http://", "https://")):
        parts = urlsplit(path)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return path if path.startswith(("/", "*")) else f"/{path}"


def _with_query(path: str, params: Mapping[str, Any] | None) -> str:
    if not params:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(params, doseq=True)}"


def _expired(attribute: str) -> bool:
    name, _, value = attribute.partition("=")
    if name == "max-age":
        return value.lstrip("-").isdigit() and int(value) <= 0
    if name == "expires":
        try:
            return parsedate_to_datetime(value).year <= 1970
        except ValueError:
            return False
    return False
