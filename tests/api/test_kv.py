from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from atilite.api.kv import versions
from atilite.testing.client import Client
from tests.api.conftest import World

KEY = "/internal/kv/garden/valve"


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "text ä", [1, [2]], {"a": {"b": None}}, "", [], 2**70])
def test_a_key_is_the_json_value_itself(admin: Client, value: Any) -> None:
    body = {"body": b"null"} if value is None else {"json": value}
    put = admin.put(KEY, headers={"Content-Type": "application/json"}, **body)
    got = admin.get(KEY)
    assert (put.status_code, got.status_code) == (200, 200)
    assert put.json() == got.json() == value
    assert got.header("Content-Type") == "application/json; charset=utf-8"


def test_the_etag_is_the_version_and_grows_with_each_change(admin: Client) -> None:
    tags = [admin.put(KEY, json=value).header("ETag") for value in (1, 2, 2)]
    assert tags == ['"1"', '"2"', '"3"']
    assert admin.get(KEY).header("ETag") == '"3"'


def test_a_client_that_has_the_version_is_told_so(admin: Client) -> None:
    admin.put(KEY, json=1)
    known = admin.get(KEY, headers={"If-None-Match": '"1"'})
    assert (known.status_code, known.data) == (304, b"")
    assert admin.get(KEY, headers={"If-None-Match": '"7", W/"8"'}).status_code == 200


@pytest.mark.parametrize("tag", ["1", '"1"', 'W/"1"', '"9", "1"', "*"])
def test_a_value_in_the_demanded_version_is_replaced(admin: Client, tag: str) -> None:
    admin.put(KEY, json="old")
    answer = admin.put(KEY, json="new", headers={"If-Match": tag})
    assert answer.status_code == 200
    assert answer.header("ETag") == '"2"'


@pytest.mark.parametrize("tag", ["2", '"0"', '""', "junk", "-1", ""])
def test_a_value_that_has_changed_meanwhile_stays_and_the_answer_is_412(admin: Client, tag: str) -> None:
    admin.put(KEY, json="old")
    answer = admin.put(KEY, json="new", headers={"If-Match": tag})
    assert answer.status_code == 412
    assert answer.json()["detail"]
    assert admin.get(KEY).json() == "old"


def test_a_key_can_be_demanded_to_be_there_or_not(admin: Client) -> None:
    assert admin.put(KEY, json=1, headers={"If-Match": "*"}).status_code == 412
    assert admin.put(KEY, json=1, headers={"If-None-Match": "*"}).header("ETag") == '"1"'
    assert admin.put(KEY, json=2, headers={"If-None-Match": "*"}).status_code == 412
    assert admin.get(KEY).json() == 1


def test_a_missing_key_is_404_for_reading_and_removing(admin: Client) -> None:
    for method in ("GET", "DELETE"):
        answer = admin.request(method, KEY)
        assert answer.status_code == 404
        assert {"code", "message", "more_info", "detail"} <= set(answer.json())
    admin.put(KEY, json=1)
    assert admin.delete(KEY).status_code == 204
    assert admin.get(KEY).status_code == 404


def test_a_key_may_contain_slashes_and_any_letter(admin: Client) -> None:
    for path in ("/internal/kv/a/b/c", "/internal/kv/a%20b/%C3%A4%2Fx", "/internal/kv/a+b/c+d", "/internal/kv/x/incr"):
        assert admin.put(path, json=path).status_code == 200
        assert admin.get(path).json() == path
    assert {"a", "a b", "a+b", "x"} <= set(admin.get("/internal/kv/").json())
    assert admin.get("/internal/kv/a+b/").json()[0]["key"] == "c+d"


def test_a_list_has_values_versions_and_times_sorted_by_key(admin: Client) -> None:
    for key in ("b2", "a", "b1"):
        admin.put(f"/internal/kv/garden/{key}", json=key.upper())
    found = admin.get("/internal/kv/garden/?prefix=b").json()
    assert [(one["key"], one["value"], one["version"], one["expires"]) for one in found] == [
        ("b1", "B1", 1, None),
        ("b2", "B2", 1, None),
    ]
    assert datetime.fromisoformat(found[0]["updated"]).utcoffset() is not None
    page = admin.get("/internal/kv/garden/?limit=1&after=a&prefix=b")
    assert [one["key"] for one in page.json()] == ["b1"]
    link = page.header("Link") or ""
    following = admin.get("/internal/kv/garden/" + link[link.index("?") : link.index(">")])
    assert [one["key"] for one in following.json()] == ["b2"]
    assert admin.get("/internal/kv/garden/").header("Link") is None
    assert admin.get("/internal/kv/nothing/").json() == []


def test_a_time_to_live_is_shown_as_the_moment_of_expiry(admin: Client) -> None:
    admin.put(KEY + "?ttl=60", json=1)
    (found,) = admin.get("/internal/kv/garden/").json()
    lasts = datetime.fromisoformat(found["expires"]) - datetime.fromisoformat(found["updated"])
    assert lasts.total_seconds() == pytest.approx(60, abs=1)


@pytest.mark.parametrize("ttl", ["0", "-1", "x", "nan", "inf", "1e30"])
def test_a_time_to_live_that_cannot_be_is_400(admin: Client, ttl: str) -> None:
    answer = admin.put(f"{KEY}?ttl={ttl}", json=1)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"ttl"}


def test_a_number_is_added_to_from_zero_on(admin: Client) -> None:
    answers = [admin.post(f"{KEY}/incr{by}").json() for by in ("", "?by=4", "?by=-7", "?by=0.5")]
    assert answers == [1, 5, -2, -1.5]


def test_whole_numbers_stay_exact_however_large(admin: Client) -> None:
    admin.put(KEY, json=2**60)
    assert admin.post(f"{KEY}/incr?by={2**53 + 1}").json() == 2**60 + 2**53 + 1


def test_what_is_no_number_is_not_added_to(admin: Client) -> None:
    admin.put(KEY, json="text")
    assert admin.post(f"{KEY}/incr").status_code == 409
    assert admin.get(KEY).json() == "text"


@pytest.mark.parametrize("by", ["x", "nan", "inf", "1e400", str(2**80)])
def test_what_cannot_be_added_is_400(admin: Client, by: str) -> None:
    assert set(admin.post(f"{KEY}/incr?by={by}").json()["fields"]) == {"by"}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"", "application/json", 400), (b"{", "application/json", 400), (b'"\\ud800"', "application/json", 400),
     (b"NaN", "application/json", 400), (b"a=1", "application/x-www-form-urlencoded", 415)],
)  # fmt: skip
def test_what_is_no_json_value_is_not_stored(admin: Client, body: bytes, kind: str, status: int) -> None:
    headers = {"Content-Type": kind, "Content-Length": str(len(body))}
    assert admin.put(KEY, body=body, headers=headers).status_code == status
    assert admin.get(KEY).status_code == 404


def test_the_writer_of_a_value_is_kept(world: World, admin: Client) -> None:
    admin.put(KEY, json=1)
    item = world.site.catalogue.kv.item("garden", "valve")
    assert item is not None
    assert item.who == "admin-program"


def test_versions_are_read_leniently_and_strangers_match_nothing() -> None:
    assert versions('"1", W/"2", 3, "x", ""') == {1, 2, 3}
    assert versions(" * ") is None
    assert versions('"9999999999999999999999"') == set()


@pytest.mark.row("M17")
def test_a_key_is_removed_only_in_the_version_that_was_demanded(admin: Client) -> None:
    admin.put(KEY, json=1)
    admin.put(KEY, json=2)

    assert admin.delete(KEY, headers={"If-Match": '"1"'}).status_code == 412
    assert admin.get(KEY).json() == 2
    assert admin.delete(KEY, headers={"If-Match": '"2"'}).status_code == 204
    assert admin.delete(KEY, headers={"If-Match": '"2"'}).status_code == 404
