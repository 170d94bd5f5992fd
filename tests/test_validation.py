"""`@app.inspect` and annotations as a client meets them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from atilite import Atilite, Pattern, Range
from atilite.errors import SetupError
from atilite.testing.client import Client


@pytest.fixture
def app() -> Atilite:
    return Atilite("tested")


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


@dataclass
class Valve:
    name: Literal["north", "south"]
    seconds: Annotated[int, Range(1, 600)] = 30


@pytest.mark.row("A99", "A109")
def test_converted_values_are_what_the_handler_gets_and_what_request_args_shows(app: Atilite, client: Client) -> None:
    @app.route("/profiles/<int:id>", methods=["GET"])
    @app.inspect(ints=["id", "page"], booleans=["detail"], nones=["note"], lists="tags")
    def profile(was: Any, id: Any = None, detail: Any = False, page: Any = 1, note: Any = "", tags: Any = ()) -> Any:
        args = {name: was.request.args[name] for name in ("id", "detail", "page", "note", "tags")}
        assert args == {"id": id, "detail": detail, "page": page, "note": note, "tags": tags}
        return was.API(args)

    answer = client.get("/profiles/5?detail=yes&page=2&note=&tags=a%7Cb")

    assert answer.json() == {"id": 5, "detail": True, "page": 2, "note": None, "tags": ["a", "b"]}
    assert client.get("/profiles/me").json()["id"] == "me"
    assert client.get("/profiles").json() == {"id": None, "detail": False, "page": 1, "note": "", "tags": []}


@pytest.mark.row("A99")
def test_a_refusal_names_every_fault_as_data(app: Atilite, client: Client) -> None:
    @app.route("/members", methods=["POST"])
    @app.inspect("ARGS", ["name"], emails="mail", age__gte=18, mobile=re.compile("^[0-9-]+$"))
    def member(was: Any, **DATA: Any) -> Any:
        return was.API(DATA)

    answer = client.post("/members", json={"mail": "nowhere", "age": "17", "mobile": "x"})

    assert answer.status_code == 400
    assert answer.json() == {
        "code": 40050,
        "message": "missing or bad parameter in ARGS",
        "more_info": "parameter `name` is missing; parameter `mail` must be an e-mail address; "
        "parameter `age` must be at least 18; parameter `mobile` must match ^[0-9-]+$",
        "field": "name",
        "fields": {
            "name": "is missing",
            "mail": "must be an e-mail address",
            "age": "must be at least 18",
            "mobile": "must match ^[0-9-]+$",
        },
    }
    good = {"name": "Hans", "mail": "a@b.c", "age": "18", "mobile": "010-1"}
    assert client.post("/members", json=good).json() == good


@pytest.mark.row("A96", "A99")
def test_faults_of_the_signature_the_annotations_and_the_inspection_come_together(app: Atilite, client: Client) -> None:
    @app.route("/water")
    @app.inspect(note__len__lte=3)
    def water(was: Any, zone: str, seconds: int, note: str = "") -> Any:
        return "ok"

    told = client.get("/water?seconds=x&note=long&other=1").json()

    assert (told["code"], told["more_info"], told["field"]) == (40000, "parameter `zone` is missing", "zone")
    assert told["fields"] == {
        "zone": "is missing",
        "other": "is not needed",
        "seconds": "must be a whole number",
        "note": "its length must be at most 3",
    }


@pytest.mark.row("A99")
@pytest.mark.parametrize(
    ("scope", "method", "kind", "seen"),
    [
        ("ARGS", "GET", "", "ARGS"),
        ("ARGS", "POST", "form", "ARGS"),
        ("URL", "GET", "", "URL"),
        ("URL", "POST", "", "URL"),
        ("FORM", "POST", "form", "FORM"),
        ("FORM", "GET", "", None),
        ("JSON", "POST", "json", "JSON"),
        ("JSON", "POST", "form", None),
        ("DATA", "POST", "form", "DATA"),
        ("DATA", "PUT", "json", "DATA"),
        ("DATA", "GET", "", None),
        ("GET", "GET", "", "URL"),
        ("GET", "POST", "form", None),
        ("POST", "POST", "form", "FORM"),
        ("POST", "POST", "json", "JSON"),
        ("POST", "PUT", "json", None),
        ("PUT", "PUT", "json", "JSON"),
        ("PATCH", "PATCH", "form", "FORM"),
        ("DELETE", "DELETE", "", "URL"),
        ("DELETE", "GET", "", None),
    ],
)
def test_a_scope_says_what_is_looked_at_and_when(
    app: Atilite, client: Client, scope: str, method: str, kind: str, seen: str | None
) -> None:
    @app.route("/x", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @app.inspect(scope, ints="n")
    def handler(was: Any, n: Any = None) -> Any:
        return was.API(n=n, args=was.request.args["n"])

    def send(n: str) -> Any:
        if not kind:
            return client.request(method, f"/x?n={n}")
        return client.request(method, "/x", **{kind: {"n": n}})

    assert send("7").json() == ({"n": 7, "args": 7} if seen else {"n": "7", "args": "7"})
    refused = send("x")
    assert refused.status_code == (400 if seen else 200)
    assert not seen or refused.json()["message"] == f"missing or bad parameter in {seen}"


@pytest.mark.row("A105", "A108")
def test_json_is_looked_into(app: Atilite, client: Client) -> None:
    @app.route("/orders", methods=["POST"])
    @app.inspect("JSON", required=["buyer.name"], items___0___count__gt=3, items___0___price=float)
    def order(was: Any, buyer: Any, items: Any) -> Any:
        return was.API(price=items[0]["price"], shown=was.request.JSON["items"])

    good = client.post("/orders", json={"buyer": {"name": "Hans"}, "items": [{"count": 4, "price": "1.5"}]})
    assert good.json() == {"price": 1.5, "shown": [{"count": 4, "price": 1.5}]}

    bad = client.post("/orders", json={"buyer": {"name": ""}, "items": [{"count": 3, "price": "x"}]})
    assert bad.json()["message"] == "missing or bad parameter in JSON"
    assert bad.json()["fields"] == {
        "buyer.name": "is missing",
        "items.0.count": "must be more than 3",
        "items.0.price": "must be a number",
    }


@pytest.mark.row("A99")
@pytest.mark.parametrize("name", ["inspect", "require", "parameters_required"])
def test_inspect_has_the_manuals_other_names(app: Atilite, client: Client, name: str) -> None:
    @app.route("/x")
    @getattr(app, name)(ints="n")
    def handler(was: Any, n: Any) -> Any:
        return was.API(n=n)

    assert client.get("/x?n=5").json() == {"n": 5}
    assert client.get("/x?n=x").status_code == 400


@pytest.mark.row("A99")
def test_inspections_stack_and_a_bare_one_demands_nothing(app: Atilite, client: Client) -> None:
    @app.route("/x", methods=["GET", "POST"])
    @app.inspect
    @app.inspect("GET", ints="n")
    @app.inspect(n__gt=3)
    def handler(was: Any, n: Any) -> Any:
        return was.API(n=n)

    assert client.get("/x?n=5").json() == {"n": 5}
    assert client.get("/x?n=x").json()["message"] == "missing or bad parameter in URL"
    assert client.get("/x?n=3").json()["message"] == "missing or bad parameter in ARGS"


@pytest.mark.row("A99", "A105")
def test_a_handler_without_parameters_may_demand_some(app: Atilite, client: Client) -> None:
    app.restrict_parameter_count = False

    @app.route("/x")
    @app.inspect(required="n", ints="n")
    def handler(was: Any) -> Any:
        return was.API(n=was.request.args["n"])

    assert client.get("/x?n=5").json() == {"n": 5}
    assert client.get("/x").json()["fields"] == {"n": "is missing"}


def test_an_inspection_that_cannot_be_meant_is_found_at_set_up(app: Atilite) -> None:
    with pytest.raises(SetupError, match="scope"):
        app.inspect("EVERYWHERE", ints="n")


@pytest.mark.row("A99", "A100")
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"requird": ["age"]}, "takes no parameter 'requird', and there is no such list (did you mean required?)"),
        ({"int": "age"}, "'int', and there is no such list (did you mean ints?)"),
        ({"agee__lt": 5}, "'agee', and there is no such list (did you mean age?)"),
        ({"colour": "red"}, "'colour', and there is no such list (its parameters: id, age)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_misspelt_list_or_parameter_is_an_error_at_set_up(app: Atilite, wanted: dict[str, Any], told: str) -> None:
    @app.route("/x/<int:id>")
    @app.inspect(**wanted)
    def handler(was: Any, id: int, age: int = 0) -> str:
        return "never"

    with pytest.raises(SetupError, match=re.escape(told)):
        app.freeze()


@pytest.mark.row("A99")
def test_what_a_route_could_be_given_may_be_called_anything(app: Atilite, client: Client) -> None:
    @app.route("/everything")
    @app.inspect(email="a@b.c", requird=["x"])
    def everything(was: Any, **DATA: Any) -> Any:
        return was.API(DATA)

    @app.route("/one/<int>")
    @app.inspect(email="a@b.c", int__lt=5, a___b__0___c__gt=3)
    def one(was: Any, int: Any, email: str, a: Any = None) -> Any:
        return was.API(int=int, email=email)

    app.freeze()

    allowed = {"email": "a@b.c", "requird": ["x"]}
    assert client.post("/everything", json=allowed).json() == allowed
    assert client.post("/everything", json={**allowed, "requird": ["y"]}).status_code == 400
    assert client.get("/one/4?email=a%40b.c").json() == {"int": "4", "email": "a@b.c"}
    assert client.get("/one/5?email=a%40b.c").status_code == 400


@pytest.mark.row("A99")
def test_where_parameters_are_not_counted_a_handler_may_look_at_any(app: Atilite, client: Client) -> None:
    @app.route("/x")
    @app.inspect(email="a@b.c")
    def handler(was: Any) -> Any:
        return was.API(email=was.request.args["email"])

    app.restrict_parameter_count = False
    app.freeze()

    assert client.get("/x?email=a%40b.c").json() == {"email": "a@b.c"}
    assert client.get("/x?email=c%40b.c").status_code == 400


@pytest.mark.row("A96")
def test_unneeded_parameters_are_left_out_when_the_app_says_so(app: Atilite, client: Client) -> None:
    @app.route("/x")
    def handler(was: Any, a: Any = 1) -> Any:
        return was.API(a=a)

    app.restrict_parameter_count = False

    assert client.get("/x?a=2&b=3").json() == {"a": "2"}


@pytest.mark.row("A95", "A109")
def test_annotations_check_structures_as_actions_do(app: Atilite, client: Client) -> None:
    @app.route("/valves", methods=["POST"])
    def valves(was: Any, valves: list[Valve], code: Annotated[str, Pattern("[a-z]+", "letters only")] = "a") -> Any:
        assert was.request.args["valves"] == valves
        return was.API(total=sum(valve.seconds for valve in valves))

    good = client.post("/valves", json={"valves": [{"name": "north"}, {"name": "south", "seconds": "5"}]})
    assert good.json() == {"total": 35}

    bad = client.post("/valves", json={"valves": [{"name": "west"}, {"seconds": 0}], "code": "1"})
    assert bad.status_code == 400
    assert bad.json()["fields"] == {
        "valves.0.name": "must be one of north, south",
        "valves.1.name": "is missing",
        "valves.1.seconds": "must be at least 1",
        "code": "letters only",
    }


@pytest.mark.row("A110", "A173")
def test_a_template_sees_the_values_and_the_request_s_parameters(app: Atilite, client: Client, tmp_path: Path) -> None:
    (tmp_path / "profile.j2").write_text("{{ context.id + 1 }} {{ request.args.id + 1 }} {{ request.args.detail }}")
    app.use_templates([tmp_path], reload=False)

    @app.route("/profiles/<id>")
    @app.inspect(ints="id")
    def profile(was: Any, id: Any, detail: Any = "yes") -> Any:
        return was.render("profile.j2", id=id, detail=detail)

    assert client.get("/profiles/5").text == "6 6 yes"
