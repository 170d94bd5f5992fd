"""JSON Web Tokens."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.jwts import bearer, make_jwt, read_jwt
from tests.web.fakes import StepClock

KEY = "a key of more than thirty-two bytes, ä"
CLOCK = StepClock()
LATER = CLOCK.time() + 60
# RFC 7515, appendix A.1: the key, and a token that expired in 2011.
RFC_KEY = bytes.fromhex(
    "0323354b2b0fa5bc837e0665777ba68f5ab328e6f054c928a90f84b2d2502ebf"
    "d3fb5a92d20647ef968ab4c377623d223d2e2172052e4f08c0cd9af567d080a3"
)
RFC_TOKEN = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)


def part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.row("A180")
@given(st.dictionaries(st.text(max_size=8), st.text() | st.integers() | st.lists(st.booleans()), max_size=4))
def test_claims_come_back(claims: dict[str, Any]) -> None:
    claims |= {"exp": int(LATER)}
    for name in ("nbf", "iat", "iss"):
        claims.pop(name, None)

    assert read_jwt(KEY, make_jwt(KEY, claims), CLOCK) == claims


@pytest.mark.row("A180")
def test_registered_claims_are_passed_on_unchecked() -> None:
    claims = {"exp": int(LATER), "aud": "others", "iss": "example.com", "sub": 5, "jti": "1", "iat": int(LATER)}

    assert read_jwt(KEY, make_jwt(KEY, claims), CLOCK) == claims


@pytest.mark.row("A180")
def test_the_key_is_used_as_utf8_and_other_libraries_read_the_token() -> None:
    token = make_jwt(KEY, {"exp": 4_000_000_000, "user": "ana"})

    assert jwt.decode(token, KEY.encode(), algorithms=["HS256"])["user"] == "ana"
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    foreign = jwt.encode({"exp": LATER, "user": "ben"}, KEY.encode(), algorithm="HS256")
    assert read_jwt(KEY, foreign, CLOCK)["user"] == "ben"


@pytest.mark.row("A74", "A180")
def test_the_token_of_the_rfc_is_right_but_old() -> None:
    clock = StepClock()

    assert read_jwt(RFC_KEY, RFC_TOKEN, clock) == {"err": "token expired"}
    clock.at = 1300819379
    assert read_jwt(RFC_KEY, RFC_TOKEN, clock)["iss"] == "joe"


@pytest.mark.row("A180")
def test_a_short_key_makes_the_same_token_as_elsewhere(recwarn: pytest.WarningsRecorder) -> None:
    token = make_jwt("short", {"exp": 4_000_000_000})

    assert read_jwt("short", token, CLOCK) == {"exp": 4_000_000_000}
    assert len(recwarn) == 0
    assert jwt.decode(token, b"short", algorithms=["HS256"])


@pytest.mark.row("A180")
@pytest.mark.parametrize("exp", [datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 1), 4_102_444_800.5])
def test_times_may_be_datetimes_or_fractions(exp: Any) -> None:
    assert read_jwt(KEY, make_jwt(KEY, {"exp": exp}), CLOCK) == {"exp": 4_102_444_800}


@pytest.mark.row("A180")
@pytest.mark.parametrize("claims", [{}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": math.inf}])
def test_a_token_that_never_expires_is_not_made(claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exp"):
        make_jwt(KEY, claims)


@pytest.mark.row("A74")
@pytest.mark.parametrize(
    ("claims", "err"),
    [
        ({"exp": LATER - 61}, "token expired"),
        ({"exp": LATER - 60}, "token expired"),
        ({"exp": LATER, "nbf": LATER - 30}, "token not activated yet"),
        ({"exp": LATER - 61, "nbf": LATER}, "token expired"),
    ],
)
def test_a_token_out_of_its_time_is_told_why(claims: dict[str, Any], err: str) -> None:
    assert read_jwt(KEY, make_jwt(KEY, claims), CLOCK) == {"err": err}


@pytest.mark.row("A74")
@pytest.mark.parametrize("token", [None, ""])
def test_no_token_is_told(token: str | None) -> None:
    assert read_jwt(KEY, token) == {"err": "no bearer token"}


FORGED = {
    "no algorithm": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'exp': LATER})}.",
    "another hash": jwt.encode({"exp": LATER}, KEY.encode().ljust(64), algorithm="HS512"),
    "another key": make_jwt("another key", {"exp": LATER}),
    "no exp": jwt.encode({"user": "ana"}, KEY.encode(), algorithm="HS256"),
    "exp is text": jwt.encode({"exp": str(int(LATER))}, KEY.encode(), algorithm="HS256"),
    "nbf is text": jwt.encode({"exp": LATER, "nbf": "0"}, KEY.encode(), algorithm="HS256"),
    "a list": jwt.PyJWS().encode(b"[1]", KEY.encode(), algorithm="HS256"),
    "no json": jwt.PyJWS().encode(b"[", KEY.encode(), algorithm="HS256"),
    "deep": jwt.PyJWS().encode(b"[" * 100_000, KEY.encode(), algorithm="HS256"),
    "nonsense": "nonsense",
    "dots": "..",
    "more dots": "a.b.c.d",
    "not ascii": "\xff.\xff.\xff",
    "surrogate": "\ud800.a.b",
    "truncated": make_jwt(KEY, {"exp": LATER})[:-1],
    "padded": make_jwt(KEY, {"exp": LATER}) + "=",
}


@pytest.mark.row("A74", "A180")
@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_invalid(token: str) -> None:
    assert read_jwt(KEY, token, CLOCK) == {"err": "invalid token"}


@pytest.mark.row("A180")
@given(st.integers(0, 2000), st.characters(exclude_categories=("Cs",)), st.booleans())
def test_a_mutated_token_is_invalid(place: int, sign: str, instead: bool) -> None:
    token = make_jwt(KEY, {"exp": LATER, "role": "view"})
    place %= len(token)
    mutated = token[:place] + sign + token[place + instead :]

    assert mutated == token or read_jwt(KEY, mutated, CLOCK) == {"err": "invalid token"}


@pytest.mark.row("A180")
def test_a_new_key_in_front_signs_and_the_old_one_still_counts() -> None:
    old, new = make_jwt("old", {"exp": LATER}), make_jwt(["new", "old"], {"exp": LATER})

    assert "err" not in read_jwt(["new", "old"], old, CLOCK)
    assert "err" not in read_jwt("new", new, CLOCK)
    assert read_jwt(["new"], old, CLOCK) == {"err": "invalid token"}


@pytest.mark.row("A180")
def test_without_a_key_it_says_what_to_set() -> None:
    with pytest.raises(SetupError, match=r"pref\.securekey"):
        make_jwt(None, {"exp": LATER})
    with pytest.raises(SetupError, match=r"pref\.securekey"):
        read_jwt(None, None)


@pytest.mark.row("A74")
@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("", None),
        (None, None),
    ],
)
def test_the_bearer_token_is_found(header: str | None, token: str | None) -> None:
    assert bearer({} if header is None else {"HTTP_AUTHORIZATION": header}) == token
