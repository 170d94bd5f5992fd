"""`__spec__`: in a developer's server, JSON answers to this machine say what their route takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answer import Reply
from .lazily import LazyModule
from .web.auth import on_this_machine, remote_address
from .web.encoding import encode_json
from .web.request import Request

if TYPE_CHECKING:
    from . import description
else:
    # Only a developer's server tells anything.
    description = LazyModule("atilite.description")

# A proxy on this machine would make everybody look like somebody here.
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA")


class Exposure:
    """The part of an app that tells its routes inside its answers, for tests that write the API's documentation.

    With `--devel`, and unless `expose_spec` is off, each answer that is a JSON object has a member `__spec__`:
    `atilite.description` says what is in it. A list has none, and nobody on another machine gets it.
    """

    expose_spec = True

    debug: bool
    routes: list[Any]

    def begin_exposure(self) -> None:
        """Make what the specifications are kept in."""
        self._specs: dict[Any, bytes] = {}

    def expose(self, request: Request, reply: Reply) -> None:
        """Add the member to an answer that is to have it. Any thread; the pipeline asks in debug mode only."""
        body = reply.body
        if not (self.expose_spec and isinstance(body, bytes) and body[:1] == b"{" and _is_json(reply)):
            return
        env = request.env
        route: Any = env.get("bottle.route")
        # An application of another framework says what it says.
        if not hasattr(route, "facts") or route.facts["options"].get("foreign"):
            return
        if not remote_address(env) or not on_this_machine(env):
            return
        if any(mark in env for mark in FORWARDED):
            return
        inside = body.rstrip().removesuffix(b"}").rstrip()
        comma = b"" if inside == b"{" else b","
        reply.body = b"".join((inside, comma, b'"__spec__":', self._spec(route), b"}"))
        others = [header for header in reply.headers if header[0].lower() != "content-length"]
        reply.headers[:] = [*others, ("Content-Length", str(len(reply.body)))]

    def _spec(self, route: Any) -> bytes:
        found = self._specs.get(route)
        if found is None:
            facts = route.facts
            same = [
                one
                for one in self.routes
                if hasattr(one, "facts")
                and one.facts["resource"] is facts["resource"]
                and one.facts["rule"].text == facts["rule"].text
            ]
            found = self._specs[route] = encode_json(description.describe(self, same or [route]).plain)
        return found


def _is_json(reply: Reply) -> bool:
    headers = {name.lower(): value for name, value in reply.headers}
    return headers.get("content-type", "").startswith("application/json") and "content-encoding" not in headers
