"""Basic, digest and bearer authentication of routes, mounts and whole apps."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from atilite import Atilite, Error
from atilite.errors import SetupError
from atilite.testing.client import Answer, Client, environ
from atilite.testing.clock import FakeClock
from atilite.web.digest import hashed, secret_of

REALM = "Partner App Area"
KEY = "rUxz4G0WkL8c5QeJ7sVn2bYt9HpA3fDm"


@pytest.fixture
def app() -> Atilite:
    made = Atilite("tested")
    made.realm = REALM
    made.securekey = KEY
    return made


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


def challenges(answer: Answer) -> list[str]:
    return answer.all_headers("WWW-Authenticate")


def digest(challenge: str, name: str, password: str, *, uri: str = "/", count: int = 1, method: str = "GET") -> str:
    """The Authorization header of a client that answers a challenge, written after the RFC."""
    (nonce,), (realm,) = re.findall(r'nonce="(.+?)"', challenge), re.findall(r'realm="(.+?)"', challenge)
    (algorithm,) = re.findall(r"algorithm=([\w-]+)", challenge)
    secret, action = hashed(algorithm, f"{name}:{realm}:{password}"), hashed(algorithm, f"{method}:{uri}")
    proof = hashed(algorithm, f"{secret}:{nonce}:{count:08x}:c:auth:{action}")
    return (
        f'Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm={algorithm}, qop=auth, '
        f'nc={count:08x}, cnonce="c", response="{proof}"'
    )


def who(app: Atilite, kind: str | None = None, **options: Any) -> None:
    """A route that tells who calls."""

    def index(was: Any) -> Any:
        user = was.request.user
        return was.API(name=user.name, realm=user.realm, info=user.info)

    app.route("/", **options)(app.authorization_required(kind)(index) if kind else index)


@pytest.mark.row("A64", "A66", "A67", "A70", "A71", "D6")
def test_basic_lets_in_who_knows_the_password(app: Atilite, client: Client) -> None:
    app.users = {"ana": ("12:34", False, {"role": "root"}), "bob": None}
    who(app, authenticate="basic")

    asked = client.get("/")
    assert (asked.status_code, challenges(asked)) == (401, [f'Basic realm="{REALM}", charset="UTF-8"'])
    assert client.get("/", headers=basic("ana", "12:34")).json() == {
        "name": "ana", "realm": REALM, "info": {"role": "root"},
    }  # fmt: skip
    wrong = [basic("ana", "1234"), basic("bob", ""), basic("nobody", ""), {"Authorization": "Basic x"}]
    assert [client.get("/", headers=headers).status_code for headers in wrong] == [401] * 4


FORMS = [
    "1234", ("1234", False), ("1234", 0, {"role": "root"}),
    (secret_of("MD5", "ana", REALM, "1234"), True),
    (secret_of("SHA-256", "ana", REALM, "1234"), True, {"role": "root"}),
]  # fmt: skip


@pytest.mark.row("A67", "A69", "A70", "D6")
@pytest.mark.parametrize("entry", FORMS)
@pytest.mark.parametrize("by_handler", [False, True])
def test_every_form_of_an_entry_works_with_basic_and_with_digest(
    app: Atilite, client: Client, entry: Any, by_handler: bool
) -> None:
    if by_handler:
        app.authorization_handler(lambda was, username: entry if username == "ana" else None)
    else:
        app.users = {"ana": entry}
    app.route("/basic", authenticate="basic")(lambda was: was.user.name)
    app.route("/", authenticate="digest")(lambda was: was.user.name)

    assert client.get("/basic", headers=basic("ana", "1234")).text == "ana"
    assert client.get("/basic", headers=basic("ana", "12345")).status_code == 401
    # A client takes the first challenge that it knows; one that does not suit the entry is followed by one that does.
    answer = client.get("/")
    for _ in range(2):
        if answer.status_code == 401:
            answer = client.get("/", headers={"Authorization": digest(challenges(answer)[0], "ana", "1234")})
    assert answer.text == "ana"
    wrong = digest(challenges(client.get("/"))[0], "ana", "12345")
    assert client.get("/", headers={"Authorization": wrong}).status_code == 401


@pytest.mark.row("A68")
def test_a_handler_knows_users_and_may_leave_was_out(app: Atilite, client: Client) -> None:
    @app.authorization_handler
    def entry(username: str) -> tuple[str, bool]:
        return username[::-1], False

    who(app, "basic")

    assert client.get("/", headers=basic("ana", "ana")).status_code == 200
    assert client.get("/", headers=basic("bob", "bo")).status_code == 401


@pytest.mark.row("A64", "A66", "A69", "A71")
@pytest.mark.parametrize("which", [0, 1])
def test_digest_offers_both_algorithms_and_takes_either(app: Atilite, client: Client, which: int) -> None:
    app.users = {"ana": ("1234", False, {"role": "root"})}
    who(app, "digest")

    offered = challenges(client.get("/"))
    assert [re.findall(r"algorithm=([\w-]+)", one)[0] for one in offered] == ["SHA-256", "MD5"]
    assert all(f'realm="{REALM}", qop="auth"' in one and "opaque=" in one for one in offered)
    answer = client.get("/", headers={"Authorization": digest(offered[which], "ana", "1234")})
    assert answer.json() == {"name": "ana", "realm": REALM, "info": {"role": "root"}}


@pytest.mark.row("A69")
def test_a_client_that_reads_the_first_challenge_only_finds_what_it_knows(app: Atilite, client: Client) -> None:
    app.users = {"ana": "1234"}
    who(app, "digest")

    offered = challenges(client.get("/", headers={"User-Agent": "Python-urllib/3.11"}))
    assert [re.findall(r"algorithm=([\w-]+)", one)[0] for one in offered] == ["MD5", "SHA-256"]


@pytest.mark.row("A69")
def test_a_digest_counts_once_and_is_asked_for_again_with_a_fresh_nonce(app: Atilite, client: Client) -> None:
    app.users = {"ana": "1234"}
    who(app, "digest")
    (first, _) = challenges(client.get("/"))

    def send(count: int) -> Answer:
        return client.get("/", headers={"Authorization": digest(first, "ana", "1234", count=count)})

    assert [send(count).status_code for count in (1, 2, 2, 1, 3)] == [200, 200, 401, 401, 200]
    assert "stale=true" in challenges(send(3))[0]


@pytest.mark.row("A69")
def test_a_nonce_grows_old_and_its_password_is_not_asked_for_again(app: Atilite, client: Client) -> None:
    clock = FakeClock()
    app.clock = clock
    app.begin_admission()
    app.users = {"ana": "1234"}
    who(app, "digest")
    (first, _) = challenges(client.get("/"))

    clock.advance(301)
    late = client.get("/", headers={"Authorization": digest(first, "ana", "1234")})
    assert (late.status_code, "stale=true" in challenges(late)[0]) == (401, True)


@pytest.mark.row("A69")
def test_a_digest_is_worthless_for_another_address_method_or_realm(app: Atilite, client: Client) -> None:
    app.users = {"ana": "1234"}
    who(app, "digest")
    app.route("/other", authenticate="digest")(lambda was: "other")
    (first, _) = challenges(client.get("/"))
    header = {"Authorization": digest(first, "ana", "1234")}

    assert client.get("/other", headers=header).status_code == 400
    assert client.post("/", headers=header).status_code == 401
    elsewhere = digest(first.replace(REALM, "Elsewhere"), "ana", "1234")
    assert client.get("/", headers={"Authorization": elsewhere}).status_code == 401
    assert client.get("/", headers=header).status_code == 200


@pytest.mark.row("A69")
def test_a_digest_covers_the_query(app: Atilite, client: Client) -> None:
    app.users = {"ana": "1234"}

    @app.route("/find", authenticate="digest")
    def find(was: Any, q: str) -> str:
        return q

    (first, _) = challenges(client.get("/find?q=1"))
    header = {"Authorization": digest(first, "ana", "1234", uri="/find?q=a%20b")}
    assert client.get("/find?q=a%20b", headers=header).text == "a b"
    assert client.get("/find?q=other", headers=header).status_code == 400


@pytest.mark.row("A69")
@pytest.mark.parametrize(
    ("told", "written", "status"),
    [
        ("/find?q=a%20b", "/find?q=a%20b", 200),
        ("/find?q=a%20b", "http://localhost/find?q=a%20b", 200),
        ("/find?q=a%20b", "/find?q=a+b", 400),
        (None, "/find?q=a%20b", 200),
        (None, "/find?q=%61%20b", 200),
        (None, "/find?q=c", 400),
    ],
)
def test_the_address_is_compared_as_far_as_the_server_knows_it(
    app: Atilite, client: Client, told: str | None, written: str, status: int
) -> None:
    app.users = {"ana": "1234"}
    app.route("/find", authenticate="digest")(lambda was, q: q)
    (first, _) = challenges(client.get("/find?q=x"))
    sent = environ("GET", "/find?q=a%20b", {"Host": "localhost"}, b"")
    sent["HTTP_AUTHORIZATION"] = digest(first, "ana", "1234", uri=written)
    sent.pop("REQUEST_URI")
    if told is not None:
        sent["REQUEST_URI"] = told
    started: list[str] = []
    app(sent, lambda status, headers: started.append(status))

    assert int(started[0][:3]) == status


def test_too_many_wrong_passwords_for_one_name_are_429_even_with_the_right_one(app: Atilite, client: Client) -> None:
    app.users = {"ana": "1234", "bob": "5678"}
    who(app, "basic")

    wrong = [client.get("/", headers=basic("ana", str(number))).status_code for number in range(22)]
    assert wrong == [401] * 20 + [429] * 2
    refused = client.get("/", headers=basic("ana", "1234"))
    assert (refused.status_code, refused.header("Retry-After")) == (429, "60")
    assert client.get("/", headers=basic("bob", "5678")).status_code == 200


@pytest.mark.row("A65")
def test_a_whole_app_authenticates_and_a_route_says_otherwise(app: Atilite, client: Client) -> None:
    app.authenticate = "digest"
    app.users = {"app": ("iamyourpartnerapp", 0, {"role": "root"})}
    who(app)
    app.route("/open", authenticate=None)(lambda was: "open")
    app.route("/basic", authenticate="basic")(lambda was: was.user.info["role"])

    assert client.get("/open").text == "open"
    assert client.get("/basic", headers=basic("app", "iamyourpartnerapp")).text == "root"
    (first, _) = challenges(client.get("/"))
    assert client.get("/", headers={"Authorization": digest(first, "app", "iamyourpartnerapp")}).status_code == 200


@pytest.mark.row("A66", "A72", "A71", "D7")
@pytest.mark.parametrize("claims", [{"username": "ana", "lev": "staff"}, {"uid": 7}])
def test_the_claims_of_a_jwt_are_the_user_whatever_they_are(
    app: Atilite, client: Client, claims: dict[str, Any]
) -> None:
    claims = {**claims, "exp": int(time.time()) + 60}
    app.route("/make")(lambda was: was.encode_jwt(claims))
    app.route("/", authenticate="bearer")(lambda was: was.API(was.request.user))

    token = client.get("/make").text
    assert client.get("/", headers={"Authorization": f"Bearer {token}"}).json() == claims


@pytest.mark.row("A66", "A72", "A74")
@pytest.mark.parametrize(
    ("header", "reason", "challenge"),
    [
        (None, "no bearer token", f'Bearer realm="{REALM}"'),
        ("Basic YTpi", "no bearer token", f'Bearer realm="{REALM}"'),
        ("Bearer x.y.z", "invalid token", f'Bearer realm="{REALM}", error="invalid_token"'),
        ("Bearer LATE", "token expired", f'Bearer realm="{REALM}", error="invalid_token"'),
    ],
)
def test_without_a_good_token_the_answer_says_what_is_missing(
    app: Atilite, client: Client, header: str | None, reason: str, challenge: str
) -> None:
    app.route("/late")(lambda was: was.encode_jwt({"exp": time.time() - 1}))
    who(app, "bearer")

    headers = {} if header is None else {"Authorization": header.replace("LATE", client.get("/late").text)}
    answer = client.get("/", headers=headers)
    assert (answer.status_code, answer.json()["more_info"], challenges(answer)) == (401, reason, [challenge])


@pytest.mark.row("A73")
def test_a_bearer_handler_judges_tokens_of_another_kind(app: Atilite, client: Client) -> None:
    @app.bearer_handler
    def judge(was: Any, token: str) -> str | None:
        if token == "odd":
            return "insufficient_scope"
        if token != "good":
            raise was.Error("401 Unauthorized", "who are you")
        was.request.user = "the good one"
        return None

    app.route("/", authenticate="bearer")(lambda was: was.request.user)

    def send(token: str) -> Answer:
        return client.get("/", headers={"Authorization": f"Bearer {token}"})

    assert send("good").text == "the good one"
    assert challenges(send("odd")) == [f'Bearer realm="{REALM}", error="insufficient_scope"']
    refused = send("bad")
    assert (refused.status_code, refused.json()["more_info"]) == (401, "who are you")
    assert challenges(refused) == [f'Bearer realm="{REALM}", error="invalid_token"']


@pytest.mark.row("A75")
def test_nothing_of_a_request_runs_before_it_is_authenticated(app: Atilite, client: Client) -> None:
    seen: list[str] = []
    app.before_request(lambda was: seen.append("before"))
    app.users = {"ana": "1234"}
    who(app, "basic")

    client.get("/")
    assert seen == []
    client.get("/", headers=basic("ana", "1234"))
    assert seen == ["before"]


def test_a_wrapped_handler_keeps_its_authentication(app: Atilite, client: Client) -> None:
    app.users = {"ana": "1234"}

    @app.route("/")
    @app.run_before(lambda was: None)
    @app.authorization_required("basic")
    def index() -> str:
        return "in"

    assert client.get("/").status_code == 401
    assert client.get("/", headers=basic("ana", "1234")).text == "in"


def unknown_kind(app: Atilite) -> None:
    app.authorization_required("kerberos")


def unknown_option(app: Atilite) -> None:
    app.route("/", authenticate="kerberos")(lambda was: "x")


def no_users(app: Atilite) -> None:
    app.route("/", authenticate="digest")(lambda was: "x")


def no_key(app: Atilite) -> None:
    app.securekey = None
    app.route("/", authenticate="bearer")(lambda was: "x")


def no_origin(app: Atilite) -> None:
    app.route("/", access_control_allow_origin=["example.org"])(lambda was: "x")


@pytest.mark.parametrize("mistake", [unknown_kind, unknown_option, no_users, no_key, no_origin])
def test_what_could_never_work_is_told_at_set_up(app: Atilite, mistake: Callable[[Atilite], None]) -> None:
    def set_up() -> None:
        mistake(app)
        app.freeze()

    with pytest.raises(SetupError):
        set_up()


@pytest.mark.row("A67")
def test_a_malformed_entry_is_a_mistake_of_the_program(app: Atilite, client: Client) -> None:
    app.users = {"ana": 1234}
    who(app, "basic")

    assert client.get("/", headers=basic("ana", "1234")).status_code == 500


def test_an_error_of_a_bearer_handler_keeps_its_own_challenge(app: Atilite, client: Client) -> None:
    @app.bearer_handler
    def judge(was: Any, token: str) -> None:
        raise Error(401, headers=[("www-authenticate", 'Other realm="x"')])

    who(app, "bearer")
    answer = client.get("/", headers={"Authorization": "Bearer x"})

    assert challenges(answer) == ['Other realm="x"']
