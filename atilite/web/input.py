"""What a client gave with a request: the parameters of path, query and body, and the body itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

from atilite.errors import Error
from atilite.web import forms, params
from atilite.web.body import announced, parse_json, read_body
from atilite.web.lazy import lazy

Environ = dict[str, Any]
NOTHING: Mapping[str, Any] = {}
# The environ key of a procedure call; see web.calls.
CALL = "atilite.call"
WRITING = ("POST", "PUT", "PATCH")


def media_type(environ: Mapping[str, Any]) -> str | None:
    """Return the media type of the body in lower case, without its parameters; None if the client gave none."""
    text: str = environ.get("CONTENT_TYPE") or ""
    return text.partition(";")[0].strip().lower() or None


class Input:
    """The part of a request that reads its parameters; see Request for the attributes."""

    env: Environ
    PARAMS: Mapping[str, Any]
    DEFAULT: Mapping[str, Any]
    routable: Mapping[str, Any]
    max_body: int
    _corrections: Mapping[str, Any] = NOTHING

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
        """The value of a body of type application/json, or the parameters of a call; None for another type."""
        if CALL in self.env:
            return self.env[CALL].params
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
        """`given`, checked and converted as the handler gets it, and the handler's defaults for what is not."""
        return {**self.DEFAULT, **self.given, **self._corrections}

    @property
    def ARGS(self) -> dict[str, Any]:
        return self.args

    def scope(self, name: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return what `app.inspect` looks at for this scope, and its name; None if the scope is another request's."""
        method = str(self.env["REQUEST_METHOD"]).upper()
        is_json = self._body_kind == "application/json"
        if name in ("FORM", "JSON", "DATA"):
            if method not in WRITING or (name == "JSON" and not is_json):
                return None
        elif name not in ("ARGS", "URL"):
            if method != name:
                return None
            name = "URL" if name not in WRITING else "JSON" if is_json else "FORM"
        values = getattr(self, name)
        return name, values if isinstance(values, dict) else NOTHING

    def correct(self, scope: str, changes: Mapping[str, Any]) -> None:
        """Show these values from now on in place of what was sent."""
        if scope != "ARGS":
            values = getattr(self, scope)
            if isinstance(values, dict):
                values.update(changes)
            return
        self._corrections = {**self._corrections, **changes}
        made = self.__dict__.get("args")
        if made is not None:
            made.update(changes)

    def check_kind(self, kinds: Collection[str]) -> None:
        """Raise Error 415 for a body whose media type is none of `kinds`, such as "application/json" or "image/*"."""
        env = self.env
        if env.get("CONTENT_LENGTH") in (None, "", "0") and not env.get("HTTP_TRANSFER_ENCODING"):
            return
        kind = media_type(env)
        if kind is None or not any(fnmatchcase(kind, wanted.lower()) for wanted in kinds):
            accepted = ", ".join(kinds)
            raise Error(415, f"send one of {accepted}", headers=[("Accept", accepted)])

    @property
    def has_body(self) -> bool:
        """True if the client sent a body that the route did not ask to stream itself."""
        env = self.env
        if CALL in env:
            return True
        if not (env.get("CONTENT_LENGTH") or env.get("HTTP_TRANSFER_ENCODING")):
            # A form without a length cannot be told from one that was lost on the way.
            if env.get("CONTENT_TYPE") and str(env.get("REQUEST_METHOD")).upper() in WRITING:
                raise Error(411, "the request announces a body but not its length")
            return False
        return not self.routable.get("input_stream") and announced(env) != 0

    @lazy
    def _body_kind(self) -> str | None:
        if CALL in self.env:
            return "application/json"
        return media_type(self.env) if self.has_body else None

    @lazy
    def _body(self) -> bytes:
        return read_body(self.env, self.max_body)

    def get_body(self) -> bytes:
        """Return the whole body. Blocks until it has arrived: a worker thread or a greenlet calls it."""
        return self._body
