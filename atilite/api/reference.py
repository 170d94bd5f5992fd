"""`/openapi.json` and `/docs`: the user's routes, told to programs and to people.

A mount of its own at the root of the site, loaded when somebody asks for it. Who may read it: role view, or everybody
with the setting `public_docs`. The pages need neither scripts nor the console; they have its sheet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from atilite.description import Route, describe_site
from atilite.errors import Error
from atilite.version import VERSION
from atilite.web.negotiate import wants_html
from atilite.web.response import Response

from . import page, paths, trial
from .answers import raw, reply

SHEET = Path(__file__).parents[1] / "console" / "static" / "console.css"
# The pages have a sheet and forms, nothing else.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
CACHED = [("Cache-Control", "public, max-age=31536000, immutable")]


def __mount__(app: Any, mntopt: dict[str, Any]) -> None:
    role = None if app.site.settings.public_docs else "view"
    app.access_control_allow_origin = app.site.settings.origins
    app.failed_request(lead_to_login)

    def answer(path: str, handler: Callable[[Any], Any], methods: tuple[str, ...] = ("GET",)) -> None:
        app.route(path, methods=methods, role=role, bind=False)(handler)

    answer("/openapi.json", openapi_json)
    answer("/docs", docs)
    answer("/redoc", docs)  # where BINP had a second page of the same content
    answer("/docs/try", attempt, ("GET", "POST"))
    app.route("/docs/console.css", methods=["GET"], bind=False)(sheet)


def openapi_json(was: Any) -> Response:
    """The user's routes as OpenAPI 3.1."""
    return reply(document(was))


def document(was: Any) -> dict[str, Any]:
    """The document of this site, as it is served."""
    site, prefix = was.app.site, was.request.env.get("SCRIPT_NAME", "")
    return paths.document(describe_site(site), site.settings.name, VERSION, prefix)


def docs(was: Any) -> str:
    """The page of all routes."""
    site, request = was.app.site, was.request
    root = f"{request.scheme}://{request.env.get('HTTP_HOST', 'localhost')}{at(was)}"
    schemas = {name: one for name, one in document(was)["components"]["schemas"].items() if name != "Error"}
    groups, kinds = page.groups(describe_site(site), root), page.kinds(schemas)
    return render(was, "docs.html", page.Page(site.settings.name, VERSION, sheet_mark(), groups, kinds, was.form.value))


def attempt(was: Any) -> Any:
    """Send a GET with what was typed, or show what a POST would send."""
    request = was.request
    form = request.FORM if request.method == "POST" else request.URL
    route = operation(was, str(form.get("operation", "")), request.method)
    values = trial.entered(route, form)
    if request.method != "POST":
        return was.redirect(at(was) + trial.address(route, values, query=True), "303 See Other")
    shown = page.Sending(
        title=was.app.site.settings.name,
        sheet=sheet_mark(),
        version=VERSION,
        path=route.template,
        action=at(was) + trial.address(route, values, query=False),
        values=tuple(trial.said(values, route.parameters)),
        files=files(route),
        csrf=was.form.value,
    )
    return render(was, "try.html", shown)


def operation(was: Any, name: str, method: str) -> Route:
    """The route of the operation that a form names. Raises Error 404 if it cannot be tried with this method."""
    for found, route, its_method in paths.operations(describe_site(was.app.site)):
        if page.id_of(found) == name and its_method == method and trial.fields(route, method, found) is not None:
            return route
    raise Error(404, "there is no such route any more; load the page again")


def files(route: Route) -> tuple[trial.Field, ...]:
    """The fields for files: only the form that sends them can have them."""
    found = trial.fields(route, "POST", "send") or ()
    return tuple(replace(one, name=one.label) for one in found if one.kind == "file")


def render(was: Any, template: str, shown: Any) -> str:
    """A page in its frame."""
    was.response.set_header("Content-Security-Policy", POLICY)
    text: str = was.app.templates.render(template, {"page": shown, "at": at(was)})
    return text


def at(was: Any) -> str:
    """Where the site is below its host: "" unless a proxy put it elsewhere."""
    return str(was.request.env.get("SCRIPT_NAME", ""))


def sheet(was: Any) -> Response:
    """The console's sheet, which is here as well when there is no console."""
    return raw(sheet_text(), "text/css; charset=utf-8", headers=CACHED)


@cache
def sheet_text() -> bytes:
    """The sheet, read once."""
    return SHEET.read_bytes()


@cache
def sheet_mark() -> str:
    """What makes the sheet's address change with it, so that browsers keep it for good."""
    return sha256(sheet_text()).hexdigest()[:12]


def lead_to_login(was: Any, info: Any) -> Response | None:
    """The hook that leads a person who is not signed in to the console's login."""
    error, settings = info[1], was.app.site.settings
    if not isinstance(error, Error) or error.status_code != 401 or settings.no_console:
        return None
    if not wants_html(was.request.accept) or was.request.method != "GET":
        return None
    target: Response = was.redirect(
        f"{at(was)}{settings.console_path}/login?next={quote(was.request.uri, safe='/')}", "303 See Other"
    )
    return target
