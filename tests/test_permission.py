"""Permissions: what a request needs, and who judges it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from atilite import Atilite, Error
from atilite.errors import SetupError
from atilite.permission import Demand
from atilite.testing.client import Client


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


@pytest.fixture
def asked(app: Atilite) -> list[Any]:
    """What the permission handler was asked; it lets everybody in."""
    seen: list[Any] = []
    app.permission_handler(lambda was, permissions: seen.append(permissions))
    return seen


@pytest.mark.row("A60", "A61", "A63", "D5")
@pytest.mark.parametrize(
    ("method", "given", "expected"),
    [
        ("GET", {}, {"user"}),
        ("GET", {"id": "me"}, {"user"}),
        ("GET", {"id": None}, {"user"}),
        ("GET", {"id": 100}, {"staff"}),
        ("GET", {"id": "notme"}, {"staff"}),
        ("GET", {"id": "new"}, {"staff"}),
        ("DELETE", {}, {"user", "admin"}),
        ("DELETE", {"id": "me"}, {"user", "admin"}),
        ("DELETE", {"id": 100}, {"staff", "admin"}),
        ("DELETE", {"id": 100, "file": "x"}, {"staff", "clerk", "admin"}),
    ],
)
def test_permissions_of_a_parameter_replace_and_those_of_a_method_are_added(
    method: str, given: dict[str, Any], expected: set[str]
) -> None:
    demand = Demand(["user"], {"id": ["staff"], "file": "clerk", "DELETE": ["admin"]})

    assert demand.of(method, given) == expected


@pytest.mark.row("A62")
@pytest.mark.parametrize(
    ("method", "refused"),
    [(method, False) for method in ("GET", "HEAD", "OPTIONS")]
    + [(method, True) for method in ("POST", "PUT", "PATCH", "DELETE")],
)
def test_notme_is_for_reading(method: str, refused: bool) -> None:
    demand = Demand((), {"id": ["staff"]})
    if not refused:
        assert demand.of(method, {"id": "notme"}) == {"staff"}
        return
    with pytest.raises(Error) as error:
        demand.of(method, {"id": "notme"})
    assert error.value.status_code == 421


@pytest.mark.row("A59", "A60", "A61", "A62", "A63", "D5")
def test_the_handler_is_asked_for_what_the_request_needs(app: Atilite, client: Client, asked: list[Any]) -> None:
    @app.route("/animals/<id>", methods=["GET", "DELETE"])
    @app.permission_required(["user"], id=["staff"], DELETE=["admin"])
    def animals(was: Any, id: str | None = None) -> str:
        return f"animal {id}"

    @app.route("/profile")
    @app.login_required
    def profile() -> str:
        return "profile"

    texts = [client.get(path).text for path in ("/animals", "/animals/me", "/animals/100", "/profile")]
    assert texts == ["animal None", "animal me", "animal 100", "profile"]
    assert client.delete("/animals/me").text == "animal me"
    assert client.delete("/animals/notme").status_code == 421
    assert asked == [{"user"}, {"user"}, {"staff"}, set(), {"user", "admin"}]


@pytest.mark.row("A57")
def test_the_handler_refuses_by_an_error_and_answers_by_returning(app: Atilite, client: Client) -> None:
    @app.permission_handler
    def judge(was: Any, permissions: set[str]) -> Any:
        if "admin" in permissions:
            raise was.Error("403 Permission Denied", "owners only operation")
        return was.redirect("/login") if "staff" in permissions else None

    for name in ("admin", "staff", "user"):
        app.route(f"/{name}", name=name)(app.permission_required([name])(lambda was: "in"))

    refused = client.get("/admin")
    assert (refused.status, refused.json()["more_info"]) == ("403 Permission Denied", "owners only operation")
    assert client.get("/staff").header("Location") == "/login"
    assert client.get("/user").text == "in"


@pytest.mark.row("A58")
def test_identification_asks_and_ignores_refusals(app: Atilite, client: Client) -> None:
    @app.permission_handler
    def judge(was: Any, permissions: set[str]) -> None:
        assert permissions == set()
        if was.request.get_header("authorization") is None:
            raise was.Error("401 Unauthorized")
        was.request.user = "ana"

    @app.route("/")
    @app.identification_required
    def index(was: Any) -> str:
        return f"hello {was.request.user}"

    assert client.get("/").text == "hello None"
    assert client.get("/", headers={"Authorization": "x"}).text == "hello ana"


@pytest.mark.row("A58")
def test_identification_ignores_no_bugs(app: Atilite, client: Client) -> None:
    app.permission_handler(lambda was, permissions: 1 / 0)
    app.route("/")(app.identification_required(lambda was: "in"))

    assert client.get("/").status_code == 500


@pytest.mark.row("A60")
def test_without_a_handler_the_set_up_ends_with_an_error(app: Atilite) -> None:
    @app.route("/")
    @app.permission_required(["staff"])
    def index(was: Any) -> str:
        return "in"

    with pytest.raises(RuntimeError, match=r"index demands permissions: add an @app\.permission_handler"):
        app.freeze()


def login(app: Atilite) -> Callable[..., Any]:
    return app.login_required


def permission(app: Atilite) -> Callable[..., Any]:
    return app.permission_required(["staff"])


def identification(app: Atilite) -> Callable[..., Any]:
    return app.identification_required


@pytest.mark.parametrize("decorator", [login, permission, identification])
def test_above_the_route_they_are_refused_because_the_route_would_be_open(
    app: Atilite, decorator: Callable[[Atilite], Callable[..., Any]]
) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        return "in"

    with pytest.raises(SetupError, match=r"must stand below @app\.route"):
        decorator(app)(index)


@pytest.mark.row("A61")
def test_a_misspelt_parameter_is_refused(app: Atilite) -> None:
    with pytest.raises(SetupError, match="names uid"):
        app.permission_required(uid=["staff"])(lambda was, id: "x")
    app.permission_required(uid=["staff"])(lambda was, **rest: "x")


@pytest.mark.row("A57")
def test_coroutines_and_async_functions_are_guarded_too(app: Atilite, client: Client) -> None:
    @app.permission_handler
    def judge(was: Any, permissions: set[str]) -> None:
        if was.request.get_header("x-who") is None:
            raise was.Error(403)

    @app.route("/coroutine")
    @app.login_required
    def coroutine(was: Any) -> Any:
        task = yield was.Mask("coroutine")
        return task.fetch()

    @app.route("/async")
    @app.login_required
    async def asynchronous() -> str:
        return "async"

    for path in ("/coroutine", "/async"):
        assert client.get(path).status_code == 403
        assert client.get(path, headers={"X-Who": "ana"}).text == path[1:]


@pytest.mark.row("A60")
def test_several_of_them_ask_one_after_the_other(app: Atilite, client: Client, asked: list[Any]) -> None:
    @app.route("/")
    @app.permission_required(["outer"])
    @app.permission_required(["inner"])
    def index() -> str:
        return "in"

    assert client.get("/").text == "in"
    assert asked == [{"outer"}, {"inner"}]


def test_a_handler_in_bottles_style_keeps_it_below_a_decorator(app: Atilite, client: Client, asked: list[Any]) -> None:
    import bottle

    @app.route("/<name>")
    @app.login_required
    def index(name: str) -> str:
        bottle.response.set_header("X-Name", name)
        return "in"

    answer = client.get("/ana")
    assert (answer.text, answer.header("X-Name")) == ("in", "ana")
