"""Whatever a client sends as parameters: an answer or a 4xx, never a 500 and never a hang."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atilite import Atilite, Pattern, Range
from atilite.testing.client import Client

# Ten times what the profile says: 1,000, and 10,000 with --hypothesis-profile=thorough.
MANY = settings(max_examples=10 * settings().max_examples, suppress_health_check=list(HealthCheck))
pytestmark = pytest.mark.timeout(900)


@dataclass
class Node:
    name: str
    size: Annotated[int, Range(0, 9)] = 0
    children: list[Node] = field(default_factory=list)


def target() -> Atilite:
    app = Atilite("fuzzed")

    @app.route("/typed/<int:id>", methods=["GET", "POST", "PUT"])
    def typed(
        was: Any,
        id: int = 0,
        a: int | None = None,
        b: float = 0,
        c: Literal["x", 1] = "x",
        d: date | datetime | None = None,
        e: list[int] = [],  # noqa: B006
        f: dict[str, Annotated[str, Pattern("[a-z]*")]] | None = None,
        node: Node | None = None,
        **DATA: Any,
    ) -> Any:
        return was.API(ok=True)

    @app.route("/inspected", methods=["GET", "POST", "PUT"])
    @app.inspect("DATA", floats="b", ranges="c")
    @app.inspect(
        required="a a.b", ints="a b.0", booleans="c", emails="d", uuids="e", nones="a f", lists="f", dicts="node",
        safes="d", notags="e", ranges="g", oneof="a b", manyof="c d", a__gt=3, b__len__lte=2, c__in=["x", 1],
        d__regex="a", e__contains="x", f__between=(1, 2), node___children__0___size__lt=3, node___name=str,
        g=re.compile("a+b"),
    )  # fmt: skip
    def inspected(was: Any, **DATA: Any) -> Any:
        return was.API(count=len(was.request.args))

    @app.route("/s/<name>/<float:x>/<path:rest>")
    def pathed(was: Any, name: Any, x: Any, rest: Any) -> Any:
        return was.API(url=was.urlfor("pathed", name, x, rest))

    return app


CLIENT = Client(target())
names = st.sampled_from(
    ["id", "a", "b", "c", "d", "e", "f", "g", "node", "name", "size", "children", "a.b", "b.0", "csrf"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
likely = st.sampled_from(
    ["", "0", "5", "me", "1~2", "x", "a|b", "{}", "[1]", "2030-01-31", "a@b.c", "9" * 400, "\0", "NaN"]
)
values = st.recursive(
    scalars | likely,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
pairs = st.lists(st.tuples(names | st.text(max_size=3), scalars.map(str) | likely), max_size=6)
segments = st.text(max_size=5) | likely | st.sampled_from(["1.5", ".5", "..", "%"])


@pytest.mark.row("A95", "A96", "A98", "A99", "A107", "A108")
@MANY
@given(
    st.sampled_from(["/typed", "/typed/5", "/typed/me", "/inspected"]),
    st.sampled_from(["GET", "POST", "PUT"]),
    pairs,
    st.dictionaries(names, values, max_size=6) | values,
    st.sampled_from(["json", "form", "raw", "none"]),
)
def test_parameters_of_every_shape_are_taken_or_refused(
    path: str, method: str, query: list[tuple[str, str]], data: Any, how: str
) -> None:
    headers, body = {}, b""
    if how == "json":
        headers, body = {"Content-Type": "application/json"}, json.dumps(data).encode()
    elif how == "form" and isinstance(data, dict):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({name: str(value) for name, value in data.items()}, errors="replace").encode()
    elif how == "raw":
        headers, body = {"Content-Type": "application/json"}, repr(data).encode("utf-8", "replace")

    answer = CLIENT.request(method, f"{path}?{urlencode(query, errors='replace')}", headers=headers, body=body)

    assert answer.status_code in (200, 400, 411), answer.text
    if answer.status_code == 400 and "fields" in answer.json():
        told = answer.json()
        assert told["field"] in told["fields"]
        assert all(told["fields"].values())


@pytest.mark.row("A93", "A123")
@MANY
@given(segments, segments, segments)
def test_paths_of_every_shape_lead_somewhere_or_nowhere(name: str, number: str, rest: str) -> None:
    path = "/".join(quote(part, safe="", errors="replace") for part in (name, number, rest))

    answer = CLIENT.get(f"/s/{path}")

    assert answer.status_code in (200, 404)
