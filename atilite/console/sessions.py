"""Signing in and out, and what a person sees who may not see a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any
from urllib.parse import quote

from atilite.automation.trail import note
from atilite.console.desk import Desk, Visit
from atilite.console.flash import Flash
from atilite.console.login import LoginPage
from atilite.console.plain import HTML_ONLY
from atilite.errors import Error
from atilite.quickly import dataclass
from atilite.web.auth import SESSION_COOKIE, remote_address, safe_next
from atilite.web.negotiate import wants_html

TITLES = {
    400: "That could not be understood",
    403: "Not allowed",
    404: "Not found",
    409: "That has changed meanwhile",
    413: "Too large",
    429: "Too many tries",
    503: "The store does not answer",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A way out."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class Message:
    """A page that only says something."""

    title: str
    text: str
    links: tuple[Link, ...] = field(default=(Link("Overview", "/"),), metadata=HTML_ONLY)


def declare(desk: Desk) -> None:
    """The routes that need no session."""

    def form(was: Any, **given: Any) -> Any:
        visit = Visit(desk, was)
        if visit.identity.role is not None:
            return visit.go("/")
        return _gate(visit, LoginPage(next=visit.arg("next"), plain_http=_plain(visit)))

    def login(was: Any, **given: Any) -> Any:
        return enter(Visit(desk, was))

    def logout(was: Any, **given: Any) -> Any:
        visit = Visit(desk, was)
        was.response.add_header("Set-Cookie", desk.site.access.logout(was.request.env))
        return visit.go("/login", Flash("You are signed out."))

    desk.answer("/login", "GET", form)
    desk.answer("/login", "POST", login, csrf=True)
    desk.answer("/logout", "POST", logout, role="view")


def enter(visit: Visit) -> Any:
    """Check name and password, and go where the person wanted to."""
    access, env = visit.desk.site.access, visit.was.request.env
    name, target = visit.field("user").strip(), visit.field("next")
    try:
        cookie = access.login(
            name,
            visit.field("password"),
            remote_address(env),
            replaces=visit.was.request.cookie.get(SESSION_COOKIE, ""),
        )
    except Error as refusal:
        if refusal.status_code in (401, 429):
            visit.desk.attempts.failed(name, remote_address(env), refusal.status)
        page = LoginPage(target, name, refusal.explanation[:1].upper() + refusal.explanation[1:], _plain(visit))
        return visit.was.response(refusal.status, _gate(visit, page), list(refusal.headers))
    note(visit.desk.site.database(), "log in", who=name, via="console", address=remote_address(env), wait=True)
    answer = visit.was.redirect(safe_next(target, visit.at + "/"), "303 See Other")
    answer.add_header("Set-Cookie", access.session_cookie(env, cookie))
    return answer


def refusals(desk: Desk) -> Callable[..., Any]:
    """The hook that answers what failed: a stranger is led to the login, a person reads why in the console's frame."""

    def failed_request(was: Any, info: Any) -> Any:
        error = info[1]
        if not isinstance(error, Error) or error.status_code >= 500 or not wants_html(was.request.accept):
            return None
        visit = Visit(desk, was)
        if error.status_code == 401:
            return visit.go(f"/login{_back(visit)}")
        title = TITLES.get(error.status_code, error.reason)
        page = Message(title, error.explanation[:1].upper() + error.explanation[1:])
        text = visit.render("message.html", page, bare=visit.identity.role is None, twin=False)
        return was.response(error.status, text, list(error.headers))

    return failed_request


def _back(visit: Visit) -> str:
    request = visit.was.request
    if request.method != "GET" or request.env.get("PATH_INFO") == "/":
        return ""
    return "?next=" + quote(request.uri, safe="/")


def _gate(visit: Visit, page: LoginPage) -> str:
    return visit.render("login.html", page, bare=True)


def _plain(visit: Visit) -> bool:
    return bool(visit.was.request.scheme == "http")
