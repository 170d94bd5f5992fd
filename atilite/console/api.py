"""The page of the HTTP API: what the platform answers below /internal/, and the user's own routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from atilite.console import forms, words
from atilite.console.desk import Visit
from atilite.console.lines import HTML_ONLY
from atilite.lazily import function_of
from atilite.quickly import dataclass

if TYPE_CHECKING:
    from atilite.description import describe_site
else:
    # Loaded with the first visit to the page.
    describe_site = function_of("atilite.description", "describe_site")

PLATFORM = {
    "Runs": (
        ("GET", "/internal/journals/", "Runs, newest first, 20 a page.", "view"),
        ("POST", "/internal/journals/search", "Runs that match the conditions of the body.", "view"),
        (
            "GET",
            "/internal/journals/updates",
            "Changes of runs as they come, as WebSocket or server-sent events.",
            "view",
        ),
        ("GET", "/internal/journal/{id}", "One run with its records.", "view"),
        ("GET", "/internal/journal/{id}/updates", "Records as they come, as WebSocket or server-sent events.", "view"),
        ("POST", "/internal/journal/{id}/cancel", "Ask a running action to end.", "run"),
    ),
    "Services": (
        ("GET", "/internal/services/", "Services with their states.", "view"),
        ("PUT", "/internal/service/{name}", 'Start or stop a service: {"running": true}.', "run"),
    ),
    "Tasks": (
        ("GET", "/internal/tasks/", "What runs or waits at the moment, one by one.", "view"),
        ("POST", "/internal/task/{id}/cancel", "Ask a run or a task to end.", "run"),
    ),
    "Schedules": (("GET", "/internal/schedules/", "Schedules with their last and next times.", "view"),),
    "KV": (
        ("GET", "/internal/kv/{namespace}/", "Keys of a namespace with values and versions.", "view"),
        ("GET", "/internal/kv/{namespace}/{key}", "The value itself, as JSON.", "view"),
        ("PUT", "/internal/kv/{namespace}/{key}", "Store the body as the value; If-Match names the version.", "admin"),
        ("DELETE", "/internal/kv/{namespace}/{key}", "Remove a key.", "admin"),
        ("POST", "/internal/kv/{namespace}/{key}/incr", "Add to a number in one step.", "admin"),
    ),
    "Health": (
        ("GET", "/healthz", "200, or 503 with reasons. No login.", ""),
        ("GET", "/readyz", "200 once everything has started. No login.", ""),
    ),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that answers."""

    method: str
    path: str
    does: str
    role: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Routes of one concern."""

    id: str = field(metadata=HTML_ONLY)
    name: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link beside the heading."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class ApiPage:
    """All routes by concern."""

    groups: tuple[Group, ...]
    links: tuple[Link, ...] = field(metadata=HTML_ONLY)
    summary: str = field(metadata=HTML_ONLY)
    title: str = field(default="API", metadata=HTML_ONLY)


def platform(actions: Iterable[Any]) -> tuple[Group, ...]:
    """What the platform answers; each action has a route of its own."""
    own = tuple(
        Route(
            "POST",
            f"/internal/action/{quote(action.name)}",
            action.description or "Runs the action.",
            action.role,
            forms.script(action.name, action.schema),
        )
        for action in actions
    )
    listed = Route("GET", "/internal/actions/", "Names, descriptions and parameters.", "view")
    groups = [Group("api-actions", "Actions", (listed, *own))]
    for name, routes in PLATFORM.items():
        groups.append(Group(words.slug(name), name, tuple(Route(*route) for route in routes)))
    return tuple(groups)


def yours(site: Any) -> tuple[Group, ...]:
    """What the mounts of this program answer."""
    routes = tuple(
        Route(method, route.template, route.summary or "Answers.", route.access.role or "")
        for route in describe_site(site)
        for method in route.methods
        if route.name is not None and method != "*"
    )
    return (Group("yours", "Yours", routes),) if routes else ()


def present(groups: Sequence[Group], at: str) -> ApiPage:
    """The page; `at` is the path of the console, beside which the documents are."""
    count = sum(len(group.routes) for group in groups)
    root = at.rpartition("/")[0]
    links = (
        Link("OpenAPI of the platform", root + "/internal/openapi.json"),
        Link("OpenAPI of yours", root + "/openapi.json"),
        Link("Try yours", root + "/docs"),
    )
    return ApiPage(tuple(groups), links, f"{words.plural(count, 'route')} for scripts, with a token")


def page(visit: Visit) -> ApiPage:
    """Present the routes."""
    return present([*yours(visit.desk.site), *platform(visit.reads.actions())], visit.at)
