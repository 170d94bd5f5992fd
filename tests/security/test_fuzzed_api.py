"""Random parameters and bodies against every operation of the API: whatever comes, it is no error of ours."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atilite.api.routes import INTERNAL, ROOT
from atilite.testing.client import Client
from tests.api.conftest import World, sample

ENDPOINTS = (*INTERNAL, *ROOT)
NUMBERS = st.integers() | st.sampled_from([0, -1, 1, 2**31, 2**63 - 1, 2**63, 2**64, 10**30])
# Half a surrogate pair cannot be sent as UTF-8; JSON can write it as an escape, see BODIES.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["", "%", "..", "../..", "a/b", "'", '"', "--", "*", '" OR 1=1', "AND", "NEAR(", "ä", "\u202e", "\0", "+", "~"]
)
VALUES = TEXTS | NUMBERS.map(str) | st.floats().map(str) | st.booleans().map(str) | st.datetimes().map(str)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "operation", "failed", "pending", "labels", "label", "status", "since", "until", "text", "kind", "who", "trigger",
    "running", "who", "page", "before",
]  # fmt: skip
BODIES = (
    st.dictionaries(st.sampled_from(FIELDS), JSON | VALUES, max_size=5).map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"", b"{", b"\xff\xfe", b'"\\ud800"', b'{"operation": "\\udfff"}', b"[" * 5000, b"-", b"1e999"])
    | st.binary(max_size=60)
)
KINDS = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    gate = threading.Event()
    gate.set()
    made = World(tmp_path_factory.mktemp("site"), sample(gate), gate)
    yield made
    made.close()


def names(world: World) -> list[str]:
    actions = [info.name for info in world.site.catalogue.actions if not info.name.endswith(("broken", "slow"))]
    return actions + [info.name for info in world.site.catalogue.services]


@pytest.mark.row("reliability-21", "reliability-22")
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.operation)
def test_no_request_is_an_error_of_ours(world: World, endpoint: Any) -> None:
    client, known = Client(world.site, headers={"Authorization": f"Bearer {world.tokens['admin']}"}), names(world)
    prefix = "/internal" if endpoint in INTERNAL else ""

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        path = prefix + endpoint.path
        for name in re.findall(r"{(\w+)}", path):
            drawn = data.draw((NUMBERS.map(str) if name == "id" else st.sampled_from(known)) | TEXTS)
            path = path.replace("{" + name + "}", quote(drawn, safe=""))
        wanted = [parameter.name for parameter in endpoint.parameters if parameter.place == "query"]
        query = data.draw(st.lists(st.tuples(st.sampled_from(wanted), VALUES), max_size=4)) if wanted else []
        headers = {"Content-Type": data.draw(KINDS)}
        for name in ("If-Match", "If-None-Match", "Last-Event-ID"):
            value = data.draw(st.none() | st.sampled_from(['"1"', "*", "x", '"9999999999999999999999"', "-1", "5"]))
            if value is not None:
                headers[name] = value
        body = data.draw(BODIES) if endpoint.method != "GET" else b""
        if not body:
            headers["Content-Length"] = "0"
        answer = client.request(endpoint.method, f"{path}?{urlencode(query)}", headers=headers, body=body)
        assert answer.status_code < 500, (answer.status, answer.text, path, query, headers, body)
        if answer.status_code >= 400:
            assert {"code", "message", "more_info"} <= set(answer.json())

    ask()


def test_a_planted_error_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(number: Any) -> int:
        return 10 // (int(number) - 1)

    monkeypatch.setattr("atilite.api.journals._number", broken)
    endpoint = next(one for one in INTERNAL if one.operation == "getJournal")
    with pytest.raises(AssertionError, match="500"):
        test_no_request_is_an_error_of_ours(world, endpoint)
