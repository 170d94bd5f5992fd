"""What an app keeps with its clients: sessions, messages, form tokens and one-time things, through whole requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bottle
import pytest

import atilite
from atilite import Atilite, Error
from atilite.config import Settings
from atilite.mounting import Preference
from atilite.site import Site
from atilite.testing.client import Answer, Client
from tests.web.fakes import StepClock

KEY = "ds8fdsflksdjf9879dsf;?<>Asda"


@pytest.fixture
def app() -> Atilite:
    app = Atilite("protected")
    app.securekey = KEY
    return app


@pytest.fixture
def client(app: Atilite) -> Client:
    return Client(app)


def cookie(answer: Answer, name: str) -> str:
    """The Set-Cookie text for this cookie, "" if none was sent."""
    return next((text for text in answer.all_headers("Set-Cookie") if text.startswith(f"{name}=")), "")


# -- sessions and messages ----------------------------------------------------------------------------------------


@pytest.mark.row("A50", "A82", "A115")
def test_a_session_lasts_from_request_to_request(app: Atilite, client: Client) -> None:
    @app.route("/in")
    def enter(was: Any, name: str) -> str:
        was.session["user"] = name
        return "in"

    @app.route("/")
    def index(was: Any) -> Any:
        assert was.session is was.request.session
        return was.API(user=was.session.get("user"))

    assert client.get("/").json() == {"user": None}
    answer = client.get("/in?name=ana")
    assert client.get("/").json() == {"user": "ana"}

    kept = cookie(answer, "ATLSES_DEFAULT")
    assert kept.split("; ")[1:] == ["Path=/", "Max-Age=1200", "HttpOnly", "SameSite=Lax"]
    client.cookies["ATLSES_DEFAULT"] = "x" + client.cookies["ATLSES_DEFAULT"]
    assert client.get("/").json() == {"user": None}


@pytest.mark.row("A115", "A116")
def test_the_preferences_of_the_app_rule_its_session(tmp_path: Path) -> None:
    app, clock, pref = Atilite("mounted"), StepClock(), Preference()
    pref.securekey, pref.session_timeout, pref.clock = [KEY, "old"], 60, clock  # type: ignore[attr-defined]

    @app.route("/")
    def index(was: Any) -> Any:
        return was.API(seen=was.session.get("seen", 0), until=was.session.get_expiry())

    @app.route("/count")
    def count(was: Any) -> str:
        was.session["seen"] = was.session.get("seen", 0) + 1
        return "counted"

    with opened(tmp_path, app, pref, "/shop") as site:
        client = Client(site)
        kept = cookie(client.get("/shop/count"), "ATLSES_DEFAULT")
        assert kept.split("; ")[1:3] == ["Path=/shop", "Max-Age=60"]
        assert client.get("/shop/").json() == {"seen": 1, "until": clock.time() + 60}
        clock.step(seconds=60)
        assert client.get("/shop/").json() == {"seen": 0, "until": None}


@pytest.mark.row("A114", "A115")
def test_cookies_and_session_are_secure_under_https(app: Atilite) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        was.session["a"] = was.cookie["b"] = "1"
        was.mbox.send("hello")
        return str(was.csrf_token)

    def encrypted(env: dict[str, Any], start: Any) -> Any:
        return app(env | {"wsgi.url_scheme": "https"}, start)

    sent = Client(encrypted).get("/").all_headers("Set-Cookie")

    assert len(sent) == 5
    assert [text for text in sent if "; Secure" not in text] == []


@pytest.mark.row("A115")
def test_a_session_can_be_bound_to_an_address(app: Atilite) -> None:
    app.session_binds_address = True
    address = "192.0.2.1"

    @app.route("/")
    def index(was: Any) -> Any:
        seen = was.session.get("seen", 0)
        was.session["seen"] = seen + 1
        return was.API(seen=seen)

    client = Client(lambda env, start: app(env | {"REMOTE_ADDR": address}, start))

    assert [client.get("/").json()["seen"] for _ in range(2)] == [0, 1]
    address = "192.0.2.2"
    assert client.get("/").json()["seen"] == 0


@pytest.mark.row("A115")
def test_a_session_without_a_key_is_an_error_that_says_what_to_set(caplog: pytest.LogCaptureFixture) -> None:
    app = Atilite("bare")

    @app.route("/")
    def index(was: Any) -> str:
        return str(was.session.get("a"))

    assert Client(app).get("/").status_code == 500
    assert "set pref.securekey" in caplog.text


@pytest.mark.row("A115")
def test_more_than_a_session_holds_is_an_error_and_nothing_is_kept(
    app: Atilite, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        was.session["list"] = []
        was.session["list"] += [str(number) for number in range(5000)]
        return "kept"

    @app.route("/late")
    def late(was: Any) -> str:
        was.session["list"] = kept = [0]
        kept.extend(range(9000))  # the session cannot see this before the answer is made
        return "kept"

    for path in ("/", "/late"):
        answer = client.get(path)
        assert (answer.status_code, answer.all_headers("Set-Cookie")) == (500, [])
        assert "a browser keeps at most 4096" in caplog.text
        caplog.clear()


FAILURES = {
    "raised": lambda was: was.Error("403 Forbidden"),
    "a bug": lambda was: ZeroDivisionError(),
}


@pytest.mark.row("A114")
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_a_request_that_failed_keeps_nothing(app: Atilite, client: Client, failure: Any, kind: str) -> None:
    def change(was: Any) -> None:
        was.cookie["a"] = was.session["a"] = "1"
        was.mbox.send("hello")
        raise failure(was)

    @app.route("/plain")
    def plain(was: Any) -> str:
        change(was)
        return "never"

    @app.route("/coroutine", coroutine=True)
    def coroutine(was: Any) -> Any:
        yield was.Mask(1)
        change(was)

    answer = client.get(f"/{kind}")

    assert answer.status_code in (403, 500)
    assert answer.all_headers("Set-Cookie") == []


@pytest.mark.row("A114")
@pytest.mark.parametrize("raised", [True, False])
def test_a_redirect_in_the_manner_of_bottle_is_no_failure(app: Atilite, client: Client, raised: bool) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        was.session["user"] = was.cookie["a"] = "1"
        answer = bottle.HTTPResponse("", 303, Location="/next")
        if raised:
            raise answer
        return answer

    answer = client.get("/")

    assert answer.status_code == 303
    assert sorted(client.cookies) == ["ATLSES_DEFAULT", "a"]


@pytest.mark.row("A114", "A115")
def test_a_failure_page_that_keeps_too_much_still_is_an_answer(app: Atilite, client: Client) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        raise Error(409)

    @app.failed_request
    def failed(was: Any, info: Any) -> str:
        was.session["list"] = kept = [0]
        kept.extend(range(9000))
        return "sorry"

    answer = client.get("/")

    assert (answer.status_code, answer.all_headers("Set-Cookie")) == (500, [])


@pytest.mark.row("A114")
def test_what_the_answer_to_a_failure_sets_is_kept(app: Atilite, client: Client) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        was.cookie["a"] = "1"
        raise Error(409)

    @app.failed_request
    def failed(was: Any, info: Any) -> str:
        assert "a" not in was.cookie
        was.cookie["b"] = "2"
        return "sorry"

    assert [text.partition(";")[0] for text in client.get("/").all_headers("Set-Cookie")] == ["b=2"]


@pytest.mark.row("A114")
def test_an_error_that_is_returned_keeps_what_was_set(app: Atilite, client: Client) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        was.cookie["tries"] = "1"
        return was.response("400 Bad Request", "no")

    assert client.get("/").all_headers("Set-Cookie") == ["tries=1; Path=/; HttpOnly; SameSite=Lax"]


@pytest.mark.row("A118")
def test_a_named_session_is_kept_beside_the_other(app: Atilite, client: Client) -> None:
    @app.route("/")
    def index(was: Any) -> str:
        was.session["user"] = "ana"
        was.session.mount("ADMIN", path="/admin")
        was.session.set("login", True)
        was.session.mount()
        return str(was.session["user"])

    @app.route("/admin")
    def admin(was: Any) -> Any:
        was.session.mount("ADMIN", path="/admin")
        return was.API(dict(was.session))

    assert "Path=/admin" in cookie(client.get("/"), "ATLSES_ADMIN")
    assert client.get("/admin").json() == {"login": True}


@pytest.mark.row("A50", "A119", "A120")
def test_a_message_waits_for_the_next_page(app: Atilite, client: Client) -> None:
    @app.route("/send")
    def send(was: Any) -> Any:
        was.mbox.send("Saved", "flash")
        return was.redirect("/")

    @app.route("/")
    def index(was: Any) -> Any:
        assert was.mbox is was.request.mbox
        return was.API(shown=[msg for _, _, _, _, msg, _ in was.mbox.get("flash")])

    client.get("/send")

    assert [client.get("/").json()["shown"] for _ in range(2)] == [["Saved"], []]
    assert client.cookies == {}


@pytest.mark.row("A119")
def test_messages_need_no_key_of_their_own(tmp_path: Path) -> None:
    app = Atilite("keyless")

    @app.route("/")
    def index(was: Any) -> Any:
        shown = [message.msg for message in was.mbox.get()]
        was.mbox.send("again")
        return was.API(shown=shown)

    for _ in range(2):  # the key is there after a restart
        with opened(tmp_path, app) as site:
            client = Client(site)
            client.get("/")
            assert client.get("/").json() == {"shown": ["again"]}


# -- forms --------------------------------------------------------------------------------------------------------


def with_form(app: Atilite) -> None:
    @app.route("/form", methods=["GET"])
    def form(was: Any) -> str:
        return f"<form method=post>{was.csrf_token_input}</form>"

    @app.route("/enter", methods=["GET"])
    def enter(was: Any) -> str:
        was.session["user"] = "ana"
        return "entered"

    @app.route("/save", methods=["GET", "POST"])
    @app.csrf_verification_required
    def save(was: Any, **data: Any) -> Any:
        return was.API(data)

    @app.route("/bare", methods=["POST"])
    @app.csrf_verification_required
    def bare(name: str = "") -> str:
        return f"saved {name}"

    @app.route("/once", methods=["POST"])
    def once(was: Any) -> Any:
        return was.API(right=was.verify_csrf(keep=False))

    @app.route("/remove", methods=["POST"])
    def remove(was: Any) -> Any:
        before = was.csrf_token
        was.remove_csrf()
        return was.API(same=was.csrf_token == before)

    @app.route("/forget", methods=["POST"])
    def forget(was: Any) -> str:
        was.remove_csrf()
        return "forgotten"


def token_in(page: Answer) -> str:
    found = re.search(r'<input type="hidden" name="csrf" value="([\w-]{32})">', page.text)
    assert found is not None, page.text
    return found[1]


@pytest.fixture(params=["an app", "a site"])
def forms(request: pytest.FixtureRequest, app: Atilite, tmp_path: Path) -> Iterator[Client]:
    """A browser in front of the same forms: of an app alone, and of one with a site and its accounts around it."""
    with_form(app)
    if request.param == "an app":
        yield Client(app)
        return
    with opened(tmp_path, app) as site:
        yield Client(site)


@pytest.mark.row("A179")
def test_a_form_of_our_own_page_is_accepted(forms: Client) -> None:
    token = token_in(forms.get("/form"))

    assert forms.post("/save", form={"csrf": token, "a": "1"}).json() == {"a": "1"}
    assert forms.post("/save", form={"XSRF_TOKEN": token, "a": "1"}).json() == {"a": "1"}
    assert forms.post("/save", json={"XSRF_TOKEN": token, "a": 1}).json() == {"a": 1}
    assert forms.post("/save", headers={"X-XSRF-TOKEN": token}).status_code == 200
    assert forms.post("/bare", form={"csrf": token, "name": "x"}).text == "saved x"


@pytest.mark.row("A179")
@pytest.mark.parametrize("path", ["/save", "/bare"])
def test_a_change_without_the_right_token_is_refused(forms: Client, path: str) -> None:
    token = token_in(forms.get("/form"))

    for wrong in ("", token[:-1], token[::-1], "x", token + "x", "ä"):
        answer = forms.post(path, form={"csrf": wrong})
        assert (answer.status_code, answer.json()["more_info"]) == (400, "CSRF token error")
    assert forms.post(path).status_code == 400


@pytest.mark.row("A179")
def test_reading_needs_no_token(forms: Client) -> None:
    assert forms.get("/save?a=1").json() == {"a": "1"}


@pytest.mark.row("A179")
def test_the_token_of_one_browser_is_worthless_in_another(forms: Client) -> None:
    other = Client(forms._app)
    token, own = token_in(forms.get("/form")), token_in(other.get("/form"))

    assert token != own
    assert other.post("/save", form={"csrf": token}).status_code == 400
    assert other.post("/save", form={"csrf": own}).status_code == 200


@pytest.mark.row("A179")
def test_a_request_of_another_site_is_refused_whatever_its_token(forms: Client) -> None:
    token = token_in(forms.get("/form"))

    for header in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert forms.post("/save", headers={"X-XSRF-TOKEN": token, **header}).status_code == 400


@pytest.mark.row("A179")
def test_the_token_stays_the_same_and_scripts_find_it_in_a_cookie(forms: Client) -> None:
    first = forms.get("/form")
    token = token_in(first)

    assert cookie(first, "XSRF_TOKEN") == f"XSRF_TOKEN={token}; Path=/; SameSite=Lax"
    assert cookie(first, "atilite_csrf").split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Lax"]
    again = forms.get("/form")
    assert (token_in(again), again.all_headers("Set-Cookie")) == (token, [])
    assert forms.post("/save", headers={"X-XSRF-TOKEN": forms.cookies["XSRF_TOKEN"]}).status_code == 200


@pytest.mark.row("A179")
def test_a_session_gets_a_token_of_its_own_that_no_planted_cookie_replaces(forms: Client) -> None:
    before, planted = token_in(forms.get("/form")), forms.cookies["atilite_csrf"]
    assert forms.get("/enter").status_code == 200
    # The form that was open before the session began still works.
    assert forms.post("/save", form={"csrf": before}).status_code == 200

    token = token_in(forms.get("/form"))
    assert token != before
    assert forms.post("/save", form={"csrf": token}).status_code == 200
    forms.cookies["atilite_csrf"] = planted
    assert forms.post("/save", form={"csrf": before}).status_code == 400
    assert token_in(forms.get("/form")) == token


@pytest.mark.row("A179")
def test_a_token_that_is_not_kept_counts_once(forms: Client) -> None:
    for enter in (False, True):
        if enter:
            forms.get("/enter")
        token = token_in(forms.get("/form"))
        assert [forms.post("/once", form={"csrf": token}).json()["right"] for _ in range(2)] == [True, False]
        assert token_in(forms.get("/form")) != token


@pytest.mark.row("A200")
def test_a_removed_token_is_refused_and_the_next_page_has_a_new_one(forms: Client) -> None:
    for enter in (False, True):
        if enter:
            forms.get("/enter")
        token = token_in(forms.get("/form"))
        assert forms.post("/remove").json() == {"same": False}
        assert forms.post("/save", form={"csrf": token}).status_code == 400
        token = token_in(forms.get("/form"))
        assert forms.post("/save", form={"csrf": token}).status_code == 200
        forms.post("/forget")
        assert not {"atilite_csrf", "XSRF_TOKEN"} & set(forms.cookies)
        assert forms.post("/save", form={"csrf": token}).status_code == 400


@pytest.mark.row("A179")
def test_a_removed_token_that_never_was_sends_nothing(forms: Client) -> None:
    assert forms.post("/forget").all_headers("Set-Cookie") == []


@pytest.mark.row("A179")
def test_the_decorator_guards_a_hook_as_well(app: Atilite, client: Client) -> None:
    with_form(app)

    @app.before_request
    @app.csrf_verification_required
    def before(was: Any) -> None:
        return None

    token = token_in(client.get("/form"))
    assert client.post("/once").status_code == 400
    assert client.post("/forget", form={"csrf": token}).status_code == 200


@pytest.mark.row("A179")
def test_the_decorator_guards_coroutines(app: Atilite, client: Client) -> None:
    with_form(app)

    @app.route("/wait", methods=["POST"], coroutine=True)
    @app.csrf_verification_required
    def wait(was: Any) -> Any:
        task = yield was.Mask("done")
        return task.fetch()

    token = token_in(client.get("/form"))
    assert client.post("/wait").status_code == 400
    assert client.post("/wait", form={"csrf": token}).text == "done"


@pytest.mark.row("A179")
def test_the_pages_of_a_site_take_the_same_token(app: Atilite, tmp_path: Path) -> None:
    with_form(app)

    @app.route("/guarded", methods=["POST"], csrf=True)
    def guarded(was: Any) -> str:
        return "passed"

    with opened(tmp_path, app) as site:
        client = Client(site)
        for enter in (False, True):
            if enter:
                client.get("/enter")
            token = token_in(client.get("/form"))
            assert client.post("/guarded", form={"csrf": token}).text == "passed"
            assert client.post("/guarded", form={"csrf": "x" * 32}).status_code == 403


@pytest.mark.row("A179")
def test_the_token_of_a_login_is_bound_to_it(app: Atilite, tmp_path: Path) -> None:
    with_form(app)
    with opened(tmp_path, app) as site:
        site.database().accounts.add("ana", "a long password", "admin")
        client = Client(site)
        outside = token_in(client.get("/form"))
        login = {"user": "ana", "password": "a long password", "next": "/form", "csrf": outside}
        assert client.post("/console/login", form=login).status_code == 303

        inside = token_in(client.get("/form"))
        assert inside != outside
        assert client.post("/save", form={"csrf": outside}).status_code == 400
        assert client.post("/save", form={"csrf": inside}).status_code == 200


# -- one-time things ----------------------------------------------------------------------------------------------


@pytest.mark.row("A74", "A180")
def test_a_jwt_goes_out_and_comes_back(app: Atilite, client: Client) -> None:
    app.clock = clock = StepClock()

    @app.route("/make")
    def make(was: Any) -> str:
        assert was.mkjwt == was.encode_jwt
        return str(was.encode_jwt({"iss": "example.com", "exp": clock.time() + 3600}))

    @app.route("/read")
    def read(was: Any) -> Any:
        assert was.dejwt() is was.request.JWT
        return was.API(was.request.JWT)

    headers = {"Authorization": "Bearer " + client.get("/make").text}

    assert client.get("/read", headers=headers).json() == {"iss": "example.com", "exp": int(clock.time()) + 3600}
    assert client.get("/read").json() == {"err": "no bearer token"}
    assert client.get("/read", headers={"Authorization": "Bearer x"}).json() == {"err": "invalid token"}
    clock.step(hours=1)
    assert client.get("/read", headers=headers).json() == {"err": "token expired"}


@pytest.mark.row("A181")
def test_a_client_opens_a_door_with_a_one_time_password(app: Atilite, client: Client) -> None:
    @app.route("/door")
    def door(was: Any, again: bool = False) -> Any:
        given = was.request.get_header("x-otp")
        return was.API(right=was.verify_otp(given, once=not again), same=given == was.generate_otp())

    code = {"X-OTP": atilite.generate_otp(KEY)}

    assert client.get("/door?again=1", headers=code).json() == {"right": True, "same": True}
    assert client.get("/door", headers=code).json()["right"]
    assert not client.get("/door", headers=code).json()["right"]
    assert not client.get("/door").json()["right"]


@pytest.mark.row("A181")
def test_a_one_time_password_may_have_a_secret_of_its_own(app: Atilite, client: Client) -> None:
    @app.route("/")
    def index(was: Any) -> Any:
        secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        code = was.generate_otp(secret)
        return was.API(own=was.verify_otp(code, secret), usual=was.verify_otp(code), secret=was.otp_secret)

    found = client.get("/").json()

    assert (found["own"], found["usual"]) == (True, False)
    assert atilite.generate_otp(found["secret"]) == atilite.generate_otp(KEY)


@pytest.mark.row("A182")
def test_a_one_time_token_travels_in_a_url_and_is_revoked(app: Atilite, client: Client) -> None:
    @app.route("/ask")
    def ask(was: Any, key: str | None = None) -> str:
        return str(was.urlfor("reset", was.encode_ott("hans", 3600, key)))

    @app.route("/reset/<token>")
    def reset(was: Any, token: str, done: str = "") -> Any:
        if done:
            was.revoke_ott(token)
        return was.API(user=was.decode_ott(token))

    for key in ("", "?key=rset"):
        url = client.get(f"/ask{key}").text
        assert client.get(url).json() == {"user": "hans"}
        assert Client(app).get(url).json() == {"user": None if key else "hans"}
        assert client.get(url[:-1]).json() == {"user": None}
        before = dict(client.cookies)
        assert client.get(f"{url}?done=1").json() == {"user": None}
        assert client.get(url).json() == {"user": None}
        client.cookies.update(before)
        assert client.get(url).json() == {"user": None}


@pytest.mark.row("A182")
def test_a_revoked_token_stays_revoked_after_a_restart(app: Atilite, tmp_path: Path) -> None:
    @app.route("/ask")
    def ask(was: Any) -> str:
        return str(was.encode_ott("hans"))

    @app.route("/use/<token>")
    def use(was: Any, token: str, done: str = "") -> Any:
        if done:
            was.revoke_ott(token)
        return was.API(user=was.decode_ott(token))

    with opened(tmp_path, app) as site:
        used, unused = (Client(site).get("/ask").text for _ in range(2))
        Client(site).get(f"/use/{used}?done=1")
    del app.revoked  # as in a new process
    with opened(tmp_path, app) as site:
        assert Client(site).get(f"/use/{used}").json() == {"user": None}
        assert Client(site).get(f"/use/{unused}").json() == {"user": "hans"}


# -- was everywhere -----------------------------------------------------------------------------------------------


@pytest.mark.row("A49")
def test_was_comes_first_wherever_a_function_asks_for_it(app: Atilite, client: Client) -> None:
    told: list[str] = []

    @app.before_request
    def with_was(was: Any) -> None:
        told.append(f"before {was.request.path}")

    @app.before_request
    def without_was() -> None:
        told.append("before, without")

    @app.finish_request
    def finish(was: Any, response: Any) -> None:
        told.append(f"finish {was.app is app} {response}")

    @app.teardown_request
    def end(was: Any) -> None:
        told.append(f"end {was.request.path}")

    @app.on("before_mount")
    def before_mount(was: Any) -> None:
        told.append(f"event {was.app is app}")

    @app.route("/")
    def index(was: Any) -> str:
        return "done"

    client.get("/")

    assert told == ["event True", "before /", "before, without", "finish True done", "end /"]


@pytest.mark.row("A49")
def test_each_request_has_a_was_of_its_own(app: Atilite, client: Client) -> None:
    seen: list[Any] = []

    @app.route("/")
    def index(was: Any) -> str:
        seen.append(was)
        return "done"

    client.get("/")
    client.get("/")

    assert seen[0] is not seen[1]


@pytest.mark.row("A50")
def test_was_has_its_members(tmp_path: Path) -> None:
    app = Atilite("members")
    app.securekey = KEY
    names = ["request", "response", "app", "g", "env", "cookie", "session", "mbox", "apps", "websocket", "ID"]

    @app.route("/")
    def index(was: Any) -> Any:
        assert was.env is was.request.env
        assert was.apps["members"] is app
        assert was.uniqid == was.ID
        return was.API(missing=[name for name in names if not hasattr(was, name)])

    with opened(tmp_path, app) as site:
        assert Client(site).get("/").json() == {"missing": []}


@pytest.mark.row("A50")
def test_without_a_request_there_is_no_session_and_it_says_so(app: Atilite) -> None:
    was = app._was_for_run(None)

    for name in ("session", "mbox", "cookie"):
        with pytest.raises(atilite.errors.TaskError, match=r"was\.request: there is no request here"):
            getattr(was, name)
    assert was.decode_ott(was.encode_ott("hans")) == "hans"
    assert was.verify_otp(was.generate_otp())


@contextmanager
def opened(folder: Path, app: Atilite, pref: Preference | None = None, point: str = "/") -> Iterator[Site]:
    """A site with this one app, opened and closed again."""
    site = Site(folder)
    site.mount(point, app, pref)
    try:
        yield site.open(Settings(db=f"sqlite:///{folder}/data.db"))
    finally:
        site.stop(2.0)
        site.close()
