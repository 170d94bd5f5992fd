"""One table row an operation: its route, its role and its description come from the same place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, Literal

from ..quickly import dataclass
from .answers import tell_failure
from .audit import audited, refused

Schema = Mapping[str, Any]
Role = Literal["view", "run", "admin"]

WILDCARD = re.compile(r"<(\w+)(?::[^>]*)?>")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation, in the words of OpenAPI; those of the path are required."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    place: Literal["query", "path", "header"] = "query"


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible answer: its meaning, and the schema and media type of its body if it has one."""

    description: str
    schema: Schema | None = None
    kind: str = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation. `rule` is the route below the mount, `role` None for everybody, `options` those of the route.

    `body` is what it takes as JSON, `forms` what as other media types.

    `handler(was, **path)` takes the variable parts of its path by name and reads query and body itself.
    """

    method: str
    rule: str
    handler: Callable[..., Any]
    operation: str
    summary: str
    role: Role | None = "view"
    tag: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    body_required: bool = True
    forms: Mapping[str, Schema] = field(default_factory=dict)
    answers: Mapping[int, Answer] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path as OpenAPI writes it: `/journal/{id}`."""
        return WILDCARD.sub(r"{\1}", self.rule)


def declare(app: Any, endpoints: Iterable[Endpoint]) -> None:
    """Register operations as routes of `app`. At set-up only."""
    app.failed_request(_tell)
    # Addresses that lead nowhere are told in the same form as all other errors.
    app.tells_missing = True
    for endpoint in endpoints:
        options = {"role": endpoint.role, "bind": False, **endpoint.options}
        app.route(endpoint.rule, methods=[endpoint.method], name=endpoint.operation, **options)(
            apart(audited(endpoint, endpoint.handler))
        )


def _tell(was: Any, info: Any) -> Any:
    refused(was, info[1])
    return tell_failure(was, info)


def apart(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler as the pipeline calls it: with the values of the path only.

    Query and body are kept apart from the path on purpose: an action may well have a parameter called `name`.
    """

    def call(was: Any) -> Any:
        return handler(was, **was.request.PARAMS)

    call.__name__, call.__qualname__, call.__doc__ = handler.__name__, handler.__qualname__, handler.__doc__
    return call
