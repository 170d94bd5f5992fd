"""One HTTP request, read from its WSGI environ only as far as somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from atilite.errors import Error
from atilite.web import forms, params
from atilite.web.body import announced, parse_json, read_body
from atilite.web.cookies import Cookies
from atilite.web.exchange import MAX_BODY
from atilite.web.lazy import lazy

Environ = dict[str, Any]
NOTHING: Mapping[str, Any] = {}


def sent_path(environ: Mapping[str, Any]) -> str:
    """Return the path below the mount point as the client wrote it, percent-encoded; "" if the server doesn't tell."""
    uri = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if "://" in uri[:10]:  # absolute form, as sent to a proxy
        uri = "/" + uri.split("/", 3)[3] if uri.count("/") > 2 else "/"
    path, point = uri.partition("?")[0], environ.get("SCRIPT_NAME", "")
    return path[len(point) :] if path.startswith(point) else path


class Request:
    """The request of one handler call. It belongs to one thread or greenlet at a time.

    `path` are the converted values of the route's variable parts, `defaults` those of the handler's parameters,
    `routed` is the handler and `routable` the options of its route. `max_body` is in bytes. Attributes that read the
    body block until it has arrived, and raise Error 400 or 413.
    """

    user: Any = None

    def __init__(
        self,
        environ: Environ,
        path: Mapping[str, Any] = NOTHING,
        *,
        routed: Callable[..., Any] | None = None,
        routable: Mapping[str, Any] = NOTHING,
        defaults: Mapping[str, Any] = NOTHING,
        max_body: int = MAX_BODY,
    ) -> None:
        self.env = environ
        self.PARAMS = path
        self.DEFAULT = defaults
        self.routed = routed
        self.routable = routable
        self.max_body = max_body

    # What the request line says

    @property
    def method(self) -> str:
        return str(self.env["REQUEST_METHOD"]).upper()

    @property
    def version(self) -> str:
        """The HTTP version: "1.0" or "1.1"."""
        return str(self.env.get("SERVER_PROTOCOL", "HTTP/1.1")).rpartition("/")[2]

    @property
    def scheme(self) -> str:
        return str(self.env.get("wsgi.url_scheme", "http"))

    @lazy
    def path(self) -> str:
        """The decoded path, mount point included."""
        point = _decoded(self.env.get("SCRIPT_NAME", ""))
        info = self.env.get("PATH_INFO", "")
        # Bottle decodes PATH_INFO in place and keeps the original under its own key.
        return point + (info if "bottle.raw_path" in self.env else _decoded(info))

    @lazy
    def uri(self) -> str:
        """Path and query, percent-encoded, as the client sent them."""
        path = quote(self.path, safe="/:@!$&'()*+,;=~-._") or "/"
        query = self.env.get("QUERY_STRING", "")
        return f"{path}?{query}" if query else path

    def split_uri(self) -> tuple[str, str | None, str | None, str | None]:
        """Return (path, params, query, fragment) of `uri`; each keeps its leading sign and is None if absent."""
        rest, mark, fragment = self.uri.partition("#")
        rest, asked, query = rest.partition("?")
        path, semicolon, parameters = rest.partition(";")
        return (
            path,
            semicolon + parameters if semicolon else None,
            asked + query if asked else None,
            mark + fragment if mark else None,
        )

    # Headers and client

    def get_header(self, name: str, default: Any = None) -> Any:
        """Return a header's text, upper and lower case being the same."""
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        value = self.env.get(key)
        return default if value is None or (value == "" and not key.startswith("HTTP_")) else value

    def get_headers(self) -> list[tuple[str, str]]:
        """Return all headers as (Name, value)."""
        found = []
        for key, value in self.env.items():
            name = key[5:] if key.startswith("HTTP_") else key
            if name is not key or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value):
                found.append((name.replace("_", "-").title(), value))
        return found

    def get_remote_addr(self) -> str:
        """Return the client's address; behind a proxy the one that a configured, trusted proxy tells."""
        return str(self.env.get("REMOTE_ADDR", ""))

    @property
    def real_ip(self) -> str:
        return self.get_remote_addr()

    def get_user_agent(self) -> str | None:
        return self.env.get("HTTP_USER_AGENT")

    def get_content_type(self) -> str | None:
        """Return the media type of the body in lower case, without its parameters; None if the client gave none."""
        text: str = self.env.get("CONTENT_TYPE") or ""
        return text.partition(";")[0].strip().lower() or None

    def get_main_type(self) -> str | None:
        return (self.get_content_type() or "").partition("/")[0] or None

    def get_sub_type(self) -> str | None:
        return (self.get_content_type() or "").partition("/")[2] or None

    @property
    def accept(self) -> str:
        return str(self.env.get("HTTP_ACCEPT", ""))

    def acceptable(self, media: str) -> bool:
        """Tell whether the text `media` occurs in the Accept header."""
        return media in self.accept

    # Parameters

    @lazy
    def URL(self) -> dict[str, Any]:
        """The query's parameters; a repeated name has a list."""
        query = self.env.get("QUERY_STRING")
        return forms.parse_urlencoded(query) if query else {}

    @lazy
    def FORM(self) -> dict[str, Any]:
        """The fields and uploads of a form; {} for a body of another type."""
        kind = self._body_kind
        if kind == "application/x-www-form-urlencoded":
            return forms.parse_urlencoded_body(self.get_body())
        if kind == "multipart/form-data":
            return forms.parse_multipart(self.env, self.max_body)
        return {}

    @lazy
    def JSON(self) -> Any:
        """The value of a body of type application/json; None for another type."""
        return parse_json(self.get_body()) if self._body_kind == "application/json" else None

    @property
    def DATA(self) -> Any:
        """What the body says: JSON if it is JSON, else the form's fields."""
        return self.JSON if self._body_kind == "application/json" else self.FORM

    @lazy
    def given(self) -> dict[str, Any]:
        """What the client gave: path, query and body in one dictionary, without the handler's defaults."""
        data = self.DATA if self.has_body else None
        if not data and not self.env.get("QUERY_STRING"):
            return dict(self.PARAMS)
        return params.merge(self.PARAMS, self.URL, data if isinstance(data, dict) else NOTHING)

    @lazy
    def args(self) -> dict[str, Any]:
        """`given`, and the handler's defaults for what is not."""
        return {**self.DEFAULT, **self.given}

    @property
    def ARGS(self) -> dict[str, Any]:
        return self.args

    # Body

    @property
    def has_body(self) -> bool:
        """True if the client sent a body that the route did not ask to stream itself."""
        env = self.env
        if not (env.get("CONTENT_LENGTH") or env.get("HTTP_TRANSFER_ENCODING")):
            # A form without a length cannot be told from one that was lost on the way.
            if env.get("CONTENT_TYPE") and self.method in ("POST", "PUT", "PATCH"):
                raise Error(411, "the request announces a body but not its length")
            return False
        return not self.routable.get("input_stream") and announced(env) != 0

    @lazy
    def _body_kind(self) -> str | None:
        return self.get_content_type() if self.has_body else None

    @lazy
    def _body(self) -> bytes:
        return read_body(self.env, self.max_body)

    def get_body(self) -> bytes:
        """Return the whole body. Blocks until it has arrived: a worker thread or a greenlet calls it."""
        return self._body

    # State of the request

    @lazy
    def g(self) -> dict[Any, Any]:
        """A dictionary for whatever hooks and handler want to tell each other."""
        return {}

    @lazy
    def cookie(self) -> Cookies:
        env = self.env
        return Cookies(env.get("HTTP_COOKIE", ""), env.get("SCRIPT_NAME") or "/", self.scheme == "https")

    def cookie_headers(self) -> list[tuple[str, str]]:
        """Return the Set-Cookie headers; nothing if nobody touched a cookie."""
        cookie = self.__dict__.get("cookie")
        return cookie.headers() if cookie is not None else []


def _decoded(text: str) -> str:
    """WSGI gives bytes as latin-1 texts; paths are UTF-8."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")


