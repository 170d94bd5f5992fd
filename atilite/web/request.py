"""One HTTP request, read from its WSGI environ only as far as somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from atilite.web.exchange import MAX_BODY
from atilite.web.input import NOTHING, Environ, Input, media_type
from atilite.web.lazy import lazy
from atilite.web.state import State


def sent_path(environ: Mapping[str, Any]) -> str:
    """Return the path below the mount point as the client wrote it, percent-encoded; "" if the server doesn't tell."""
    uri = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if "://" in uri[:10]:  # absolute form, as sent to a proxy
        uri = "/" + uri.split("/", 3)[3] if uri.count("/") > 2 else "/"
    path, point = uri.partition("?")[0], environ.get("SCRIPT_NAME", "")
    return path[len(point) :] if path.startswith(point) else path


class Request(State, Input):
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
        point = decoded(self.env.get("SCRIPT_NAME", ""))
        info = self.env.get("PATH_INFO", "")
        # Bottle decodes PATH_INFO in place and keeps the original under its own key.
        return point + (info if "bottle.raw_path" in self.env else decoded(info))

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

    def get_user_agent(self) -> str | None:
        return self.env.get("HTTP_USER_AGENT")

    def get_content_type(self) -> str | None:
        """Return the media type of the body in lower case, without its parameters; None if the client gave none."""
        return media_type(self.env)

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

    # State of the request

    @lazy
    def g(self) -> dict[Any, Any]:
        """A dictionary for whatever hooks and handler want to tell each other."""
        return {}


def decoded(text: str) -> str:
    """WSGI gives bytes as latin-1 texts; paths are UTF-8."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")
