"""Whatever a client makes of its cookies and tokens: it gets an answer, never a 500, and never somebody's rights."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atilite import Atilite
from atilite.testing.client import Client
from tests.web.fakes import StepClock

pytestmark = pytest.mark.timeout(900)
# Ten times what the profile says: 1,000, and 10,000 with --hypothesis-profile=thorough.
MANY = settings(max_examples=10 * settings().max_examples, suppress_health_check=list(HealthCheck))
NAMES = ("ATLSES_DEFAULT", "ATLSES_ADMIN", "ATLMBX_DEFAULT", "atilite_csrf", "XSRF_TOKEN", "other")
# What can stand in a header as a server hands it on: bytes as latin-1, no line ends.
HEADER = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
BASE64 = st.text(string.ascii_letters + string.digits + "-_.=", max_size=120)


def application() -> Atilite:
    app = Atilite("fuzzed")
    app.securekey, app.clock = "a long random key, only known here", StepClock()

    @app.route("/keep")
    def keep(was: Any) -> Any:
        was.session["role"] = "admin"
        was.session.mount("ADMIN")
        was.session["role"] = "admin"
        was.mbox.send("secret")
        claims = {"role": "admin", "exp": was.timestamp + 3600}
        return was.API(jwt=was.encode_jwt(claims), ott=was.encode_ott("admin"), csrf=was.csrf_token)

    @app.route("/read")
    def read(was: Any, token: str = "", code: str = "") -> Any:
        rights = [was.session.get("role"), was.request.JWT.get("role"), was.decode_ott(token)]
        was.session.mount("ADMIN")
        rights += [was.session.get("role"), *(message.msg for message in was.mbox.get())]
        was.revoke_ott(token)
        return was.API(rights=[right for right in rights if right], csrf=was.csrf_token, form=was.verify_csrf())

    return app


APP = application()
GIVEN = Client(APP)
TOKENS = GIVEN.get("/keep").json()
COOKIES = dict(GIVEN.cookies)


def spoiled(text: str, place: int, sign: str, kind: int) -> str:
    """`text` with a change: a sign in place of another, one put in, one taken out, or the end cut off."""
    place %= len(text)
    end = (text[place + 1 :], text[place:], text[place + 1 :], "")[kind]
    return text[:place] + ("" if kind >= 2 else sign) + end


SPOIL = st.tuples(st.integers(0, 10_000), st.characters(min_codepoint=33, max_codepoint=255), st.integers(0, 3))


def rights(path: str = "/read", **headers: str) -> list[str]:
    answer = Client(APP).get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert not found["form"]
    return list(found["rights"])


def test_the_right_cookies_and_tokens_do_give_rights() -> None:
    sent = "; ".join(f"{name}={value}" for name, value in COOKIES.items())

    assert rights(Cookie=sent, Authorization=f"Bearer {TOKENS['jwt']}") == ["admin", "admin", "admin", "secret"]


@pytest.mark.row("A114", "A115", "A119", "A179")
@MANY
@given(st.lists(st.tuples(st.sampled_from(NAMES) | HEADER, HEADER | BASE64), max_size=4), HEADER)
def test_invented_cookies_give_nothing(pairs: list[tuple[str, str]], rest: str) -> None:
    assert rights(Cookie="; ".join([*(f"{name}={value}" for name, value in pairs), rest])) == []


@pytest.mark.row("A115", "A118", "A119")
@MANY
@given(st.sampled_from([name for name in COOKIES if name.startswith("ATL")]), st.sampled_from(NAMES[:3]), SPOIL)
def test_spoiled_and_exchanged_cookies_give_nothing(name: str, other: str, spoil: tuple[int, str, int]) -> None:
    altered = spoiled(COOKIES[name], *spoil)
    # Blanks around a value, quotation marks and escapes are what a cookie's value is read without.
    if altered.strip() != COOKIES[name] and not set(altered) & set('";%'):
        assert rights(Cookie=f"{name}={altered}") == []
    if other != name:
        assert rights(Cookie=f"{other}={COOKIES[name]}") == []


@pytest.mark.row("A74", "A180")
@MANY
@given(HEADER | BASE64.map("Bearer {}".format) | SPOIL.map(lambda spoil: "Bearer " + spoiled(TOKENS["jwt"], *spoil)))
def test_invented_and_spoiled_jwts_give_nothing(header: str) -> None:
    if header.split() != ["Bearer", TOKENS["jwt"]]:
        assert rights(Authorization=header) == []


@pytest.mark.row("A181", "A182")
@MANY
@given(st.text(max_size=40) | BASE64 | SPOIL.map(lambda spoil: spoiled(TOKENS["ott"], *spoil)))
def test_invented_and_spoiled_one_time_tokens_give_nothing(text: str) -> None:
    was = APP._was_for_run(None)

    assert text == TOKENS["ott"] or was.decode_ott(text) is None
    assert not was.verify_otp(text) or text in {was.generate_otp()}
