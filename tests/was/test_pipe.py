"""`was.pipe`: other resources of the program, called with checked parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite, Error
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Answer, Client


@pytest.fixture
def app() -> Atilite:
    app = Atilite("tested")

    @app.route("/1")
    @app.inspect(offset=int)
    def index(was: Any, offset: Any = 1) -> Any:
        return was.API(result=offset)

    @app.route("/toc/<int:chapter>")
    def toc(was: Any, chapter: Any, size: int = 1) -> Any:
        return was.API(chapter=chapter, size=size)

    @app.route("/plain")
    def plain(a: Any = 1) -> str:
        return f"plain {a}"

    @app.route("/scoped")
    @app.inspect("FORM", required="name", name__len__lte=3)
    def scoped(was: Any, **DATA: Any) -> Any:
        return was.API(DATA)

    @app.route("/pipe")
    def pipe(was: Any) -> Any:
        target, args, params = was.app.g["pipe"]
        return was.pipe(target, *args, **params)

    @app.route("/steps")
    def steps(was: Any) -> Iterator[Any]:
        yield was.Sleep(0)
        return "stepped"

    return app


def piped(app: Atilite, target: Any, *args: Any, **params: Any) -> Answer:
    """What a handler answers that pipes to `target`."""
    app.g["pipe"] = (target(app) if callable(target) else target, args, params)
    return Client(app).get("/pipe")


def handler(name: str) -> Any:
    return lambda app: app.pipeline.resources.find(name).function


@pytest.mark.row("A122")
@pytest.mark.parametrize("target", ["index", handler("index")])
def test_a_pipe_answers_what_the_other_handler_answers(app: Atilite, target: Any) -> None:
    assert piped(app, target).json() == {"result": 1}


@pytest.mark.row("A122")
@pytest.mark.parametrize(
    ("target", "args", "params", "answer"),
    [
        ("index", (4,), {}, {"result": 4}),
        ("index", (), {"offset": "4"}, {"result": 4}),
        ("index", ("4",), {}, {"result": 4}),
        ("toc", (5,), {}, {"chapter": 5, "size": 1}),
        ("toc", ("5", "7"), {}, {"chapter": 5, "size": 7}),
        ("toc", ("me",), {"size": 2}, {"chapter": "me", "size": 2}),
        ("scoped", (), {"name": "abc"}, {"name": "abc"}),
    ],
)
def test_its_parameters_are_converted_as_those_of_a_request(
    app: Atilite, target: str, args: Any, params: dict[str, Any], answer: dict[str, Any]
) -> None:
    assert piped(app, target, *args, **params).json() == answer
    assert piped(app, handler(target), *args, **params).json() == answer


@pytest.mark.row("A122")
@pytest.mark.parametrize(
    ("target", "args", "params", "faulty"),
    [
        ("index", (), {"offset": "t"}, "offset"),
        ("index", ("t",), {}, "offset"),
        ("index", (), {"other": 1}, "other"),
        ("index", (1,), {"offset": 1}, "offset"),
        ("toc", (), {}, "chapter"),
        ("toc", ("you",), {}, "chapter"),
        ("toc", (1, "x"), {}, "size"),
        ("scoped", (), {}, "name"),
        ("scoped", (), {"name": "long"}, "name"),
    ],
)
def test_its_parameters_are_refused_as_those_of_a_request_in_every_form(
    app: Atilite, target: str, args: Any, params: dict[str, Any], faulty: str
) -> None:
    for form in (target, handler(target)):
        answer = piped(app, form, *args, **params)
        assert (answer.status_code, answer.json()["field"]) == (400, faulty)


@pytest.mark.row("A122")
def test_too_many_values_are_refused(app: Atilite) -> None:
    assert piped(app, "index", 1, 2).json()["more_info"] == "too many parameter(s)"


@pytest.mark.row("A122")
def test_an_unknown_name_is_a_mistake_of_the_program(app: Atilite) -> None:
    raised: list[str] = []

    @app.failed_request
    def failed(was: Any, info: Any) -> None:
        raised.append(f"{info[0].__name__}: {info[1]}")

    for target in ("nothing", "other:index", lambda app: handler):
        assert piped(app, target).status_code == 500
    assert [text.partition(" (")[0] for text in raised] == [
        "NameError: no route is called 'nothing'",
        "NameError: no app is called 'other', which 'other:index' is to be of",
        "NameError: handler is no handler of a route of this app",
    ]


def test_a_handler_without_was_and_one_of_several_steps_can_be_piped_to(app: Atilite) -> None:
    assert piped(app, "plain", 5).text == "plain 5"
    assert piped(app, "steps").text == "stepped"


def test_the_request_s_own_parameters_stay_what_they_are(app: Atilite) -> None:
    @app.route("/outer")
    @app.inspect(ints="n")
    def outer(was: Any, n: Any) -> Any:
        before = dict(was.request.args)
        was.pipe("index", offset="7")
        return was.API(same=before == was.request.args, n=n)

    assert Client(app).get("/outer?n=5").json() == {"same": True, "n": 5}


def test_what_a_decorator_refuses_is_refused_in_a_pipe_too(app: Atilite) -> None:
    def nobody(was: Any) -> None:
        raise Error("403 Forbidden")

    @app.route("/guarded")
    @app.run_before(nobody)
    def guarded(was: Any) -> str:
        return "never"

    assert piped(app, "guarded").status_code == 403


@pytest.mark.row("A48", "A122")
def test_another_app_s_handler_sees_its_own_app_and_this_request(app: Atilite, tmp_path: Path) -> None:
    other = Atilite("other")

    @other.route("/it")
    def it(was: Any, n: int) -> str:
        was.response.add_header("X-From", "other")
        return f"{was.app is other} {was.request.path} {was.urlfor('it')} {n}"

    @app.route("/across")
    def across(was: Any) -> Any:
        return was.pipe("other:it", n="5")

    site = Site(tmp_path)
    site.mount("/", app, name="main")
    site.mount("/o", other, name="other")
    answer = Client(site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))).get("/across")

    assert answer.text == "True /across /o/it 5"
    assert answer.header("X-From") == "other"
