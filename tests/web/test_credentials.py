from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.credentials import Claims, Entry, User, read_basic
from atilite.web.digest import secret_of

MD5 = secret_of("MD5", "ana", "shop", "1234")
SHA = secret_of("SHA-256", "ana", "shop", "1234")


@pytest.mark.row("A67")
@pytest.mark.parametrize(
    ("given", "entry"),
    [
        ("1234", Entry("1234")),
        (("1234", False), Entry("1234")),
        (["1234", 0, {"role": "root"}], Entry("1234", False, {"role": "root"})),
        ((MD5, True), Entry(MD5, True)),
        ((SHA, 1, None), Entry(SHA, True)),
        (None, None),
    ],
)
def test_every_form_of_an_entry_is_understood(given: object, entry: Entry | None) -> None:
    assert Entry.of(given) == entry


@pytest.mark.row("A67")
@pytest.mark.parametrize(
    "given", [1234, (), ("1234",), (1234, False), ("a", 0, 1, 2), {"password": "x"}, ("1234", True)]
)
def test_another_form_is_told(given: object) -> None:
    with pytest.raises(SetupError, match=r"entry|encrypted"):
        Entry.of(given)


@pytest.mark.row("A67", "A70", "D6")
@pytest.mark.parametrize("entry", [Entry("1234"), Entry(MD5, True), Entry(MD5.upper(), True), Entry(SHA, True)])
def test_a_password_matches_whether_it_is_kept_encrypted_or_not(entry: Entry) -> None:
    assert entry.matches("ana", "shop", "1234")
    assert not any(entry.matches(*other) for other in [("ana", "shop", "12345"), ("ana", "shop", entry.password + "x")])
    assert not Entry(MD5, True).matches("ana", "another realm", "1234")
    assert not Entry(MD5, True).matches("ana", "shop", MD5)


@pytest.mark.row("A67", "A69")
def test_an_encrypted_password_makes_digests_of_its_own_algorithm_only() -> None:
    assert (Entry("1234").secret("MD5", "ana", "shop"), Entry("1234").secret("SHA-256", "ana", "shop")) == (MD5, SHA)
    assert (Entry(MD5, True).secret("MD5", "", ""), Entry(MD5, True).secret("SHA-256", "", "")) == (MD5, None)
    assert Entry(SHA, True).secret("SHA-256", "", "") == SHA


@pytest.mark.row("A70", "D6")
@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("Basic " + b64encode(b"ana:12:34").decode(), ("ana", "12:34")),
        ("bAsIc  " + b64encode("jürg:Größe".encode()).decode(), ("jürg", "Größe")),
        ("Basic " + b64encode(b":").decode(), ("", "")),
        ("Basic " + b64encode(b"no colon").decode(), None),
        ("Basic " + b64encode(b"\xff:x").decode(), None),
        ("Basic !!!", None),
        ("Basic", None),
        ("", None),
        ("Bearer " + b64encode(b"ana:1234").decode(), None),
    ],
)
def test_a_basic_header_is_read(header: str, read: Any) -> None:
    assert read_basic(header) == read


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=100))
def test_no_header_makes_the_reader_fail(text: str) -> None:
    read_basic("Basic " + text)


@pytest.mark.row("A71", "D7")
def test_claims_are_a_dictionary_with_attributes() -> None:
    claims = Claims({"uid": 7, "sub": "ana"}, "shop")

    assert (claims, claims.uid, claims.name, claims.realm, claims.info) == (
        {"uid": 7, "sub": "ana"}, 7, "ana", "shop", {"uid": 7, "sub": "ana"},
    )  # fmt: skip
    assert Claims({"username": "bob", "sub": "1"}).name == "bob"
    assert Claims({}).name == ""
    with pytest.raises(AttributeError, match="no claim 'lev'"):
        _ = claims.lev


@pytest.mark.row("A71")
def test_a_user_is_its_name() -> None:
    assert str(User("ana", "shop", {"role": "root"})) == "ana"
