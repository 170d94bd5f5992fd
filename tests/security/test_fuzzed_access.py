"""Whatever a client sends to prove who it is: nobody gets in who was not let in, and never with a 500."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atilite import Atilite
from atilite.testing.client import Client
from atilite.web.auth import CSRF_COOKIE, SESSION_COOKIE, Access, Identity, safe_next
from atilite.web.digest import hashed
from atilite.web.hosts import Hosts
from tests.web.fakes import FakeAccounts, FakeKeys, StepClock

pytestmark = pytest.mark.timeout(900)
# Ten times what the profile says: 1,000, and 10,000 with --hypothesis-profile=thorough.
MANY = settings(max_examples=10 * settings().max_examples, suppress_health_check=list(HealthCheck))
# What can stand in a header as a server hands it on: bytes as latin-1, no line ends.
HEADER = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
BASE64 = st.text(string.ascii_letters + string.digits + "-_.=+/", max_size=120)
SPOIL = st.tuples(st.integers(0, 10_000), st.characters(min_codepoint=33, max_codepoint=255), st.integers(0, 3))
REALM = "here"


def spoiled(text: str, spoil: tuple[int, str, int]) -> str:
    """`text` with a change: a sign in place of another, one put in, one taken out, or the end cut off."""
    place, sign, kind = spoil[0] % len(text), spoil[1], spoil[2]
    return text[:place] + ("" if kind >= 2 else sign) + (text[place + 1 :], text[place:], text[place + 1 :], "")[kind]


# -- the console and the API


CLOCK = StepClock()
ACCESS = Access(FakeAccounts(CLOCK), FakeKeys(), CLOCK)
LOGIN = ACCESS.login("ana", "secret", "10.0.0.1")
SIGNED_IN = {"HTTP_COOKIE": f"{SESSION_COOKIE}={LOGIN}", "HTTP_HOST": "localhost", "REQUEST_METHOD": "POST"}
TOKEN = ACCESS.form_token(SIGNED_IN, ACCESS.identify(SIGNED_IN)).value
# What a cookie's value is read without.
QUIET = set('";') | set(string.whitespace) | {"\x85", "\xa0", "\x1c", "\x1d", "\x1e", "\x1f"}


def test_the_right_proofs_do_let_in() -> None:
    assert ACCESS.admit({**SIGNED_IN, "HTTP_X_CSRF_TOKEN": TOKEN}, "admin").name == "ana"
    assert ACCESS.identify({"HTTP_AUTHORIZATION": "Bearer tok-run"}).role == "run"


@pytest.mark.row("reliability-26")
@MANY
@given(SPOIL | BASE64 | HEADER, HEADER)
def test_no_other_cookie_than_that_of_a_login_is_a_session(change: Any, rest: str) -> None:
    cookie = spoiled(LOGIN, change) if isinstance(change, tuple) else change
    if cookie != LOGIN and not set(cookie) & QUIET:
        environ = {"HTTP_COOKIE": f"{SESSION_COOKIE}={cookie}; {CSRF_COOKIE}={rest}"}
        assert ACCESS.identify(environ).role is None
        assert isinstance(ACCESS.form_token(environ, Identity()).value, str)
    assert isinstance(ACCESS.identify({"HTTP_COOKIE": rest}), Identity)


@pytest.mark.row("reliability-24")
@MANY
@given(SPOIL.map(lambda spoil: spoiled(TOKEN, spoil)) | BASE64 | st.text(max_size=40))
def test_no_other_token_than_its_own_is_a_forms(token: str) -> None:
    assert ACCESS.tokens.valid(ACCESS.identify(SIGNED_IN).session, token) is (token == TOKEN)


@pytest.mark.row("reliability-23")
@MANY
@given(HEADER | st.tuples(st.sampled_from(["Bearer", "bearer", "Basic", "Digest"]), HEADER | BASE64).map(" ".join))
def test_no_other_bearer_token_than_a_known_one_opens_the_api(header: str) -> None:
    identity = ACCESS.identify({"HTTP_AUTHORIZATION": header})
    known = header.strip().partition(" ")[2].strip() in ("tok-run", "tok-view")
    assert known or identity.role is None


@pytest.mark.row("reliability-25")
@MANY
@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["/", "\\", "//", "evil.example", "http:", "%0d%0a", "%5c", "\t", "@", ":"])).map(
        "".join
    )
)
def test_a_login_never_leads_to_another_server(target: str) -> None:
    place = safe_next(target, "/home")
    assert place == "/home" or (place == target and place[0] == "/" and place[1:2] not in ("/", "\\"))
    assert place.isascii()
    assert place.isprintable()
    assert "\\" not in place


@pytest.mark.row("reliability-25")
@MANY
@given(HEADER | st.text("abc.:[]/@, 0123456789-", max_size=20))
def test_a_host_header_of_any_shape_is_judged(header: str) -> None:
    if Hosts(["*"], addresses=True).allows(header):
        assert not set(header) & set("/@, \\?#%\t")
    if Hosts().allows(header):
        assert header.lower().startswith(("localhost", "127.", "[", "0"))


# -- an app with users of its own


def application() -> Atilite:
    app = Atilite("fuzzed")
    app.securekey, app.realm, app.users = "a long random key, only known here", REALM, {"ana": "secret"}

    for kind in ("basic", "digest", "bearer"):

        @app.route(f"/{kind}", name=kind, authenticate=kind)
        def entered(was: Any) -> str:
            return "in"

    return app


CLIENT = Client(application())
FIELDS = ["username", "username*", "realm", "nonce", "uri", "qop", "nc", "cnonce", "response", "algorithm", "opaque"]
LIKELY = st.sampled_from(
    ["ana", "UTF-8''ana", REALM, "/digest", "auth", "auth-int", "00000001", "ffffffff", "MD5", "SHA-256", "x", ""]
)


def nonce() -> str:
    asked = CLIENT.get("/digest").all_headers("WWW-Authenticate")[-1]
    return asked.split('nonce="')[1].split('"')[0]


NONCE = nonce()
PROOF = hashed("MD5", f"ana:{REALM}:secret") + f":{NONCE}:00000001:x:auth:" + hashed("MD5", "GET:/digest")
RIGHT = (
    f'Digest username="ana", realm="{REALM}", nonce="{NONCE}", uri="/digest", qop=auth, nc=00000001, cnonce="x", '
    f'response="{hashed("MD5", PROOF)}"'
)
PAIRS = st.dictionaries(st.sampled_from(FIELDS), LIKELY | st.just(NONCE) | HEADER, max_size=11)
WRITTEN = PAIRS.map(lambda pairs: "Digest " + ", ".join(f'{name}="{value}"' for name, value in pairs.items()))


def refused(path: str, header: str) -> bool:
    answer = CLIENT.get(path, headers={"Authorization": header})
    assert answer.status_code in (200, 400, 401, 429), answer.text
    return answer.status_code != 200


@pytest.mark.row("A66", "A69")
@MANY
@given(WRITTEN | HEADER.map("Digest {}".format) | SPOIL.map(lambda spoil: spoiled(RIGHT, spoil)))
def test_no_invented_or_spoiled_digest_lets_in(header: str) -> None:
    # A sign of the scheme's name or of a blank may be written otherwise; the proof stays whole then.
    whole = all(part in header for part in (NONCE, hashed("MD5", PROOF), '"ana"', '"x"', "00000001", '"/digest"'))
    assert refused("/digest", header) or whole


@pytest.mark.row("A66", "A70", "A72")
@MANY
@given(
    st.sampled_from(["/basic", "/bearer"]),
    HEADER | st.tuples(st.sampled_from(["Basic", "Bearer"]), BASE64).map(" ".join),
)
def test_no_invented_password_or_token_lets_in(path: str, header: str) -> None:
    assert refused(path, header)
