"""URLs of resources: whatever they are made of, the handler gets it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atilite import Atilite
from atilite.config import Settings
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Client
from atilite.was.urls import Urls
from atilite.was.was import Was
from atilite.web.routes import MissingArgument, TooManyArguments


def made() -> Atilite:
    app = Atilite("tested")

    @app.route("/")
    def index(was: Any) -> str:
        return "index"

    @app.route("/profiles/<int:id>")
    def profile(was: Any, id: Any = None, detail: Any = "no", page: Any = 1) -> Any:
        return was.API(
            patched=was.urlpatch("profile", page=2),
            gone=was.urlpatch(profile, detail=None),
            other=was.partial("index"),
            base=was.baseurl("profile"),
        )

    @app.route("/show")
    def show(was: Any, name: Any, size: Any = 1) -> str:
        return f"{name} {size}"

    @app.route("/a b/<name>/<path:rest>")
    def deep(was: Any, name: Any, rest: Any) -> str:
        return f"{name} {rest}"

    return app


@pytest.fixture
def urls() -> Urls:
    return Was(made())._urls


@pytest.mark.row("A123", "A124")
@pytest.mark.parametrize(
    ("args", "params", "url"),
    [
        (("index",), {}, "/"),
        (("profile",), {}, "/profiles"),
        (("profile", 5), {}, "/profiles/5"),
        (("profile", "me"), {}, "/profiles/me"),
        (("profile", 5, "yes"), {}, "/profiles/5?detail=yes"),
        (("profile",), {"id": 5, "detail": "a b&c"}, "/profiles/5?detail=a+b%26c"),
        (("profile",), {"id": None, "detail": None}, "/profiles"),
        (("profile", 5), {"tag": [1, 2], "on": True}, "/profiles/5?tag=1&tag=2&on=true"),
        (("show", "Hans Roh"), {}, "/show?name=Hans+Roh"),
        (("deep", "ö %", "x y/z"), {}, "/a%20b/%C3%B6%20%25/x%20y/z"),
        (("/index.htm",), {}, "/index.htm"),
        (("/a b.htm",), {}, "/a%20b.htm"),
    ],
)
def test_a_url_is_made_of_a_name_and_values(urls: Urls, args: Any, params: dict[str, Any], url: str) -> None:
    assert urls.urlfor(*args, **params) == url


@pytest.mark.row("A123")
@pytest.mark.parametrize(
    ("args", "params", "error"),
    [
        (("nobody",), {}, NameError),
        ((made,), {}, NameError),
        (("other:index",), {}, NameError),
        (("deep", "a"), {}, MissingArgument),
        (("deep",), {"rest": "x"}, MissingArgument),
        (("index", 1), {}, TooManyArguments),
        (("show", 1, 2, 3), {}, TooManyArguments),
        (("profile", "you"), {}, ValueError),
        (("deep", "a/b", "x"), {}, ValueError),
    ],
)
def test_what_makes_no_url_is_told_apart(urls: Urls, args: Any, params: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        urls.urlfor(*args, **params)


@pytest.mark.row("A126")
def test_urlpatch_changes_what_the_request_came_with(urls: Urls) -> None:
    client = Client(made())

    told = client.get("/profiles/5?detail=yes&page=7").json()

    assert told == {
        "patched": "/profiles/5?detail=yes&page=2",
        "gone": "/profiles/5?page=7",
        "other": "/",
        "base": "/profiles/",
    }


@pytest.mark.row("A126")
def test_urlspec_tells_what_a_route_takes(urls: Urls) -> None:
    assert urls.urlspec("deep") == {
        "methods": ["GET", "POST"],
        "path": "/a b/:name/:rest",
        "params": ["name", "rest"],
        "args": {"name": {"required": True}, "rest": {"required": True}},
    }
    assert urls.urlspec("profile")["args"]["detail"] == {"default": "no"}
    assert (urls.baseurl("deep"), urls.baseurl("index")) == ("/a%20b/", "/")


@pytest.mark.row("A125")
def test_files_have_urls_below_their_folder() -> None:
    app = made()
    urls = Was(app)._urls
    assert urls.static("img/ä.png") == "/img/%C3%A4.png"
    with pytest.raises(LookupError, match="set_media"):
        urls.media("x")
    app.config.STATIC_URL, app.config.MEDIA_URL = "/static", "/media/"
    assert (urls.static("img/x.png"), urls.media("y:z.pdf")) == ("/static/img/x.png", "/media/y:z.pdf")
    for make in (urls.static, urls.media):
        with pytest.raises(ValueError, match="begins with"):
            make("/x.png")


@pytest.mark.row("A48", "A123", "A125")
def test_another_app_s_resources_are_named_after_it(tmp_path: Path) -> None:
    app, other = made(), made()

    @app.route("/links")
    def links(was: Any) -> Any:
        return was.API(
            page=was.urlfor("shop:profile", 5),
            path=was.urlfor("shop:/index.htm"),
            static=was.static("shop:img/x.png"),
            own=was.urlfor("profile", 5),
            patched=was.urlpatch("shop:show", name="b"),
        )

    site = Site(tmp_path)
    pref = Preference()
    pref.config.STATIC_URL = "/files"
    site.mount("/main", app, name="main")
    site.mount("/shop", other, pref, name="shop")
    client = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db")))

    assert client.get("/main/links").json() == {
        "page": "/shop/profiles/5",
        "path": "/shop/index.htm",
        "static": "/shop/files/img/x.png",
        "own": "/main/profiles/5",
        "patched": "/shop/show?name=b",
    }


RULES = {
    "text": ("/s/<name>", ["name"]),
    "two": ("/s/<name>/x/<other>", ["name", "other"]),
    "dashed": ("/d/<name>.<other>", ["name"]),
    "whole": ("/a b/ü/<path:name>", ["name"]),
    "middle": ("/m/<path:name>/edit", ["name"]),
    "number": ("/i/<int:name>", ["name"]),
    "real": ("/f/<float:name>", ["name"]),
    "signed": ("/n/<name:int>", ["name"]),
    "word": ("/r/<name:re:[a-zé %/]+>", ["name"]),
    "plus": ("/c+d/<name>", ["name"]),
}


def echoing() -> Atilite:
    app = Atilite("echo")
    for name, (rule, _) in RULES.items():

        @app.route(rule, name=name)
        def handler(was: Any, name: Any, other: Any = "fixed", q: Any = None) -> Any:
            return was.API(name=name, other=other, q=q)

    return app


ECHO = echoing()
odd = st.sampled_from(
    [" ", "%", "%2F", "+", "?", "#", "&", "=", ";", "..", ".", "a_b", "é", "日本", "\U0001f600", "~", "\\"]
)
segment = st.lists(odd | st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1), min_size=1).map(
    "".join
)
path = st.lists(segment, min_size=1, max_size=4).map("/".join)
values = {
    "text": segment,
    "two": segment,
    "dashed": st.sampled_from(["a", "a b", "ü%"]),
    "whole": path,
    "middle": path,
    "number": st.integers(0, 10**20) | st.sampled_from(["me", "notme", "new"]),
    "real": st.floats(0, 1e15).map(lambda number: round(number, 3)),
    "signed": st.integers(-(10**9), 10**9),
    "word": st.text("aé %/", min_size=1),
    "plus": segment,
}


@pytest.mark.row("A93", "A123")
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(sorted(RULES)), st.none() | segment)
def test_what_a_url_was_made_of_is_what_the_handler_gets(data: Any, name: str, query: str | None) -> None:
    sent = {"name": data.draw(values[name]), "q": query}
    if name in ("two", "dashed"):
        sent["other"] = data.draw(segment.filter(lambda text: "." not in text) if name == "dashed" else segment)

    url = Was(ECHO)._urls.urlfor(name, **sent)
    answer = Client(ECHO).get(url)

    assert url.isascii()
    assert " " not in url
    assert unquote(url.partition("?")[0]).count("\ufffd") == str(sent).count("\ufffd")
    assert answer.json() == {"other": "fixed", **sent}


@pytest.mark.row("A123")
def test_a_value_without_a_name_reaches_a_parameter_that_is_no_part_of_the_path() -> None:
    app = Atilite("messages")

    @app.route("/msg")
    def msg(was: Any) -> Any:
        return was.redirect(was.urlfor(showmsg, "Hans Roh"), status="302 Object Moved")

    @app.route("/showmsg")
    @app.run_before(lambda was: None)
    def showmsg(was: Any, name: str) -> str:
        return name

    client = Client(app)
    moved = client.get("/msg")
    assert (moved.status, moved.header("Location")) == ("302 Object Moved", "/showmsg?name=Hans+Roh")
    assert client.get("/showmsg?name=Hans+Roh").text == "Hans Roh"
