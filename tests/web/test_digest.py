"""Digest authentication, against the examples of RFC 7616 and for what attackers try."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atilite.testing.clock import FakeClock
from atilite.web.digest import Nonces, Proof, challenge, hashed, quoted, secret_of

# RFC 7616, 3.9.1
USER, REALM, PASSWORD = "Mufasa", "http-auth@example.org", "Circle of Life"
EXAMPLE = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RESPONSES = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


def example(algorithm: str, **changed: str) -> Proof | None:
    return Proof.read(EXAMPLE.format(**{"algorithm": algorithm, "response": RESPONSES[algorithm], **changed}))


@pytest.mark.row("A69")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_the_examples_of_the_rfc_hold(algorithm: str) -> None:
    proof = example(algorithm)

    assert proof is not None
    assert (proof.username, proof.uri, proof.count) == (USER, "/dir/index.html", 1)
    assert proof.holds(secret_of(algorithm, USER, REALM, PASSWORD), "GET")


@pytest.mark.row("A69")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_another_password_method_or_response_does_not_hold(algorithm: str) -> None:
    proof, altered = example(algorithm), example(algorithm, response="0" * 32)
    secret = secret_of(algorithm, USER, REALM, PASSWORD)

    assert proof is not None
    assert altered is not None
    assert not proof.holds(secret_of(algorithm, USER, REALM, "circle of life"), "GET")
    assert not proof.holds(secret, "POST")
    assert not altered.holds(secret, "GET")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Digest ", "Basic "), ("Digest ", "Digest"), ("qop=auth", "qop=auth-int"), (", qop=auth", ""),
        ("nc=00000001", "nc=1"), ("nc=00000001", "nc=0000000g"), ("nc=00000001", "nc=00000001, nc=00000002"),
        ("MD5", "SHA-512-256"), ("MD5", "MD5-sess"), ('username="Mufasa", ', ""), ('realm="', 'realm='),
        ('uri="/dir/index.html"', 'uri="/dir'), ('username="Mufasa"', "username*=latin-1''x"),
    ],
)  # fmt: skip
def test_what_is_malformed_or_not_offered_is_no_proof(old: str, new: str) -> None:
    text = EXAMPLE.format(algorithm="MD5", response=RESPONSES["MD5"])
    assert old in text

    assert Proof.read(text.replace(old, new)) is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (r'username="a\"b\\c"', 'a"b\\c'),
        ("username=Mufasa", "Mufasa"),
        ("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe", "Jäsøn Doe"),  # RFC 7616, 3.9.2
        ('username="Jäsøn"'.encode().decode("latin-1"), "Jäsøn"),
    ],
)
def test_a_name_is_read_in_each_of_its_spellings(written: str, name: str) -> None:
    text = EXAMPLE.format(algorithm="MD5", response=RESPONSES["MD5"]).replace('username="Mufasa"', written)
    proof = Proof.read(text)

    assert proof is not None
    assert proof.username == name


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_no_header_makes_the_reader_fail(text: str) -> None:
    Proof.read(text)
    proof = Proof.read(EXAMPLE.format(algorithm="MD5", response=text))
    assert proof is None or not proof.holds("secret", "GET")


@pytest.mark.row("A66")
def test_a_challenge_names_realm_quality_nonce_and_opaque() -> None:
    text = challenge("SHA-256", 'the "back" office', "n0nce", stale=True)

    assert text.startswith(r'Digest realm="the \"back\" office", qop="auth", algorithm=SHA-256, nonce="n0nce", opaq')
    assert text.endswith("charset=UTF-8, stale=true")
    assert "stale" not in challenge("MD5", "x", "n", stale=False)


def test_a_quoted_text_ends_no_header() -> None:
    assert quoted("a\r\nSet-Cookie: b") == '"a  Set-Cookie: b"'


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_nonce_is_fresh_for_its_lifetime(clock: FakeClock) -> None:
    nonces = Nonces(clock, lifetime=300)
    nonce = nonces.make()

    assert nonces.fresh(nonce)
    clock.advance(299)
    assert nonces.fresh(nonce)
    clock.advance(2)
    assert not nonces.fresh(nonce)


def test_a_nonce_of_somebody_else_or_an_altered_one_is_not_fresh(clock: FakeClock) -> None:
    nonces, others = Nonces(clock), Nonces(clock)
    raw = urlsafe_b64decode(nonces.make())
    altered = [urlsafe_b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode() for at in range(len(raw))]

    assert not any(nonces.fresh(text) for text in [others.make(), "", "x", "äö", *altered])


@pytest.mark.row("A69")
def test_each_count_of_a_nonce_is_taken_once_even_when_requests_overtake_each_other(clock: FakeClock) -> None:
    nonces = Nonces(clock)
    nonce = nonces.make()

    assert [nonces.spend(nonce, count) for count in (1, 3, 2, 4)] == [True] * 4
    assert [nonces.spend(nonce, count) for count in (1, 2, 3, 4)] == [False] * 4
    assert not nonces.spend(nonce, 0)
    assert nonces.spend(nonce, 1000)
    assert [nonces.spend(nonce, count) for count in (5, 1000 - 128, 1000 - 127, 999)] == [False, False, True, True]


def test_only_so_many_nonces_are_kept_and_those_forgotten_are_worthless(clock: FakeClock) -> None:
    nonces = Nonces(clock, most=2)
    kept = []
    for _ in range(3):
        kept.append(nonces.make())
        clock.advance(1)
        assert nonces.spend(kept[-1], 1)

    assert [nonces.spend(nonce, 2) for nonce in kept] == [False, True, True]


@given(st.lists(st.integers(0, 300), max_size=200))
def test_a_count_is_never_taken_twice(counts: list[int]) -> None:
    nonces = Nonces(FakeClock())
    nonce = nonces.make()
    taken: list[Any] = [count for count in counts if nonces.spend(nonce, count)]

    assert len(taken) == len(set(taken))


def test_a_hash_is_of_utf_8() -> None:
    assert hashed("MD5", "ä") == "8419b71c87a225a2c70b50486fbee545"
