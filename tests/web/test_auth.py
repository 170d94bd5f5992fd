from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from atilite.errors import Error
from atilite.web.auth import CSRF_COOKIE, SESSION_COOKIE, Access, Identity, cookie_value, safe_next
from tests.web.fakes import FakeAccounts, FakeKeys, StepClock

Environ = dict[str, Any]


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def accounts(clock: StepClock) -> FakeAccounts:
    return FakeAccounts(clock)


@pytest.fixture
def access(accounts: FakeAccounts, clock: StepClock) -> Access:
    return Access(accounts, FakeKeys(), clock)


def request(method: str = "GET", **headers: str) -> Environ:
    environ: Environ = {"REQUEST_METHOD": method, "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:5000"}
    return {**environ, "wsgi.url_scheme": "http", **{"HTTP_" + name.upper(): value for name, value in headers.items()}}


def signed_in(access: Access, name: str = "ana", password: str = "secret", method: str = "GET", **more: str) -> Environ:
    cookie = access.login(name, password, "127.0.0.1")
    return request(method, cookie=f"{SESSION_COOKIE}={cookie}", **more)


def refusal(call: Callable[[], object]) -> Error:
    with pytest.raises(Error) as refused:
        call()
    return refused.value


# -- identities


def test_a_stranger_is_nobody_and_may_only_what_asks_for_nothing(access: Access) -> None:
    stranger = access.identify(request())
    assert stranger == Identity()
    assert stranger.may(None)
    assert not stranger.may("view")


@pytest.mark.parametrize(
    ("role", "allowed"), [("view", ["view"]), ("run", ["view", "run"]), ("admin", ["view", "run", "admin"])]
)
def test_each_role_may_what_the_one_before_may(role: Any, allowed: list[str]) -> None:
    identity = Identity("x", role, "token")
    assert [asked for asked in ("view", "run", "admin") if identity.may(asked)] == allowed


def test_an_unknown_role_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ValueError, match="view, run, admin"):
        Identity("x", "admin", "token").may("root")


def test_a_token_identifies_its_holder_and_a_wrong_one_says_so(access: Access) -> None:
    assert access.identify(request(authorization="Bearer tok-run")) == Identity("phone", "run", "token")
    assert access.identify(request(authorization="bearer  tok-run ")).name == "phone"
    wrong = access.identify(request(authorization="Bearer nope"))
    assert wrong.via is None
    assert wrong.fault
    assert refusal(lambda: access.check(wrong, "view")).headers == [
        ("WWW-Authenticate", 'Bearer realm="atilite", error="invalid_token"')
    ]


def test_a_wrong_token_is_not_saved_by_a_session_or_by_a_developers_server(
    accounts: FakeAccounts, clock: StepClock
) -> None:
    access = Access(accounts, FakeKeys(), clock, devel=True)
    assert access.identify(signed_in(access, authorization="Bearer nope")).via is None


def test_pages_do_not_take_tokens(access: Access) -> None:
    identity = access.identify(request(authorization="Bearer tok-run"), bearer=False)
    assert identity.role is None
    assert "APIs" in identity.fault


def test_a_role_that_no_version_knows_gives_no_rights(access: Access, accounts: FakeAccounts) -> None:
    accounts.people["ana"] = ("secret", "emperor")
    assert not access.identify(signed_in(access)).may("view")


def test_strangers_get_401_with_a_challenge_and_small_roles_403(access: Access) -> None:
    error = refusal(lambda: access.check(Identity(), "view"))
    assert error.status_code == 401
    assert dict(error.headers)["WWW-Authenticate"].startswith("Bearer")
    assert refusal(lambda: access.check(Identity("eva", "view", "session"), "run")).status_code == 403
    access.check(Identity("ben", "run", "session"), "run")


# -- a developer's server


def test_nobody_is_devel_unless_the_server_was_started_so(access: Access) -> None:
    assert access.identify(request()).via is None


def test_a_developers_server_knows_everybody_on_this_machine_as_devel(accounts: FakeAccounts, clock: StepClock) -> None:
    access = Access(accounts, FakeKeys(), clock, devel=True)
    assert access.identify(request()) == Identity("devel", "admin", "devel")
    assert access.identify({**request(), "REMOTE_ADDR": "::1"}).via == "devel"
    assert access.identify({**request(), "REMOTE_ADDR": "192.168.1.7"}).via is None


def test_who_signs_in_at_a_developers_server_is_that_person(accounts: FakeAccounts, clock: StepClock) -> None:
    access = Access(accounts, FakeKeys(), clock, devel=True)
    assert access.identify(signed_in(access, "eva", "eye")).role == "view"


@pytest.mark.row("reliability-24")
def test_a_developers_server_takes_changes_from_programs_and_from_pages_with_a_token_only(
    accounts: FakeAccounts, clock: StepClock
) -> None:
    access = Access(accounts, FakeKeys(), clock, devel=True)
    assert access.admit(request("POST"), "run").via == "devel"
    for mark in ({"origin": "http://localhost:5000"}, {"cookie": "a=b"}, {"sec_fetch_site": "same-origin"}):
        assert refusal(partial(access.admit, request("POST", **mark), "run")).status_code == 403
    # A page's form needs its token whoever sends it.
    assert refusal(lambda: access.admit(request("POST"), "run", bearer=False)).status_code == 403


@pytest.mark.row("A179")
def test_the_token_of_a_developers_page_is_random_and_bound_to_a_cookie(
    accounts: FakeAccounts, clock: StepClock
) -> None:
    access = Access(accounts, FakeKeys(), clock, devel=True)
    first, second = (access.form_token(request(), access.identify(request())) for _ in range(2))
    assert first.value != second.value
    assert first.cookie is not None
    assert "HttpOnly" in first.cookie
    cookie = first.cookie.partition(";")[0]
    post = request("POST", cookie=cookie, origin="http://localhost:5000")
    access.admit(post, "run", lambda: first.value, bearer=False)
    assert refusal(lambda: access.admit(post, "run", lambda: second.value, bearer=False)).status_code == 403
    again = access.form_token(request(cookie=cookie), Identity())
    assert (again.value, again.cookie) == (first.value, None)


# -- sessions


@pytest.mark.row("reliability-26")
def test_a_login_opens_a_session_that_identifies_the_person(access: Access) -> None:
    identity = access.identify(signed_in(access))
    assert (identity.name, identity.role, identity.via) == ("ana", "admin", "session")
    assert identity.session not in repr(identity)


@pytest.mark.row("reliability-26")
def test_every_login_makes_a_new_id_and_ends_the_old_session(access: Access) -> None:
    old = access.login("ana", "secret", "a")
    new = access.login("ana", "secret", "a", replaces=old)
    assert old != new
    assert access.identify(request(cookie=f"{SESSION_COOKIE}={old}")).via is None
    assert access.identify(request(cookie=f"{SESSION_COOKIE}={new}")).via == "session"


@pytest.mark.row("reliability-26")
def test_an_altered_cookie_or_one_of_another_key_is_nobody(
    access: Access, accounts: FakeAccounts, clock: StepClock
) -> None:
    cookie = access.login("ana", "secret", "a")
    session, _, signature = cookie.rpartition(".")
    other = Access(accounts, FakeKeys(b"two"), clock)
    assert other.identify(request(cookie=f"{SESSION_COOKIE}={cookie}")).via is None
    for altered in (session, session + ".", f"x{session}.{signature}", f"{session}.x{signature}", "", ".", "ä.b"):
        identity = access.identify(request(cookie=f"{SESSION_COOKIE}={altered}"))
        assert identity.via is None


@pytest.mark.row("reliability-26")
def test_a_logout_ends_the_session_on_the_server(access: Access, accounts: FakeAccounts) -> None:
    environ = signed_in(access)
    removed = access.logout(environ)
    assert "Max-Age=0" in removed
    assert accounts.sessions == {}
    assert access.identify(environ).fault


@pytest.mark.row("reliability-26")
def test_an_idle_session_ends_and_a_used_one_goes_on_until_it_is_too_old(access: Access, clock: StepClock) -> None:
    environ = signed_in(access)
    for _ in range(13):
        clock.step(hours=11)
        assert access.identify(environ).via == "session"
    idle = signed_in(access)
    clock.step(hours=12)
    assert access.identify(idle).via is None
    clock.step(days=1)
    assert access.identify(environ).via is None


@pytest.mark.row("reliability-26")
def test_a_used_session_ends_after_seven_days_however_busy(access: Access, clock: StepClock) -> None:
    environ = signed_in(access)
    for _ in range(7 * 24 - 1):
        clock.step(hours=1)
        assert access.identify(environ).via == "session"
    clock.step(hours=1)
    assert access.identify(environ).via is None


def test_who_asked_to_stay_signed_in_stays_for_thirty_days(access: Access, clock: StepClock) -> None:
    cookie = access.login("ana", "secret", "a", keep=True)
    environ = request(cookie=f"{SESSION_COOKIE}={cookie}")
    clock.step(days=29)
    assert access.identify(environ).via == "session"
    clock.step(days=1)
    assert access.identify(environ).via is None
    assert f"Max-Age={30 * 86400}" in access.session_cookie(request(), cookie, keep=True)


def test_reading_pages_writes_the_session_once_a_minute_at_most(
    access: Access, accounts: FakeAccounts, clock: StepClock
) -> None:
    environ = signed_in(access)
    for _ in range(60):
        clock.step(seconds=2)
        access.identify(environ)
    assert accounts.touched == 2


def test_a_changed_role_counts_at_the_next_request(access: Access, accounts: FakeAccounts) -> None:
    environ = signed_in(access)
    session = next(iter(accounts.sessions))
    accounts.sessions[session] = type(accounts.sessions[session])(
        **{**vars(accounts.sessions[session]), "role": "view"}
    )
    assert access.identify(environ).role == "view"


@pytest.mark.row("reliability-26")
@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_cookies_are_hidden_from_scripts_and_secure_under_tls(access: Access, scheme: str, secure: bool) -> None:
    environ = {**request(), "wsgi.url_scheme": scheme}
    fresh = access.form_token(environ, Identity()).cookie
    assert fresh is not None
    for value in (access.session_cookie(environ, "x"), fresh, access.logout(environ)):
        assert "; HttpOnly" in value
        assert "; SameSite=Lax" in value
        assert "; Path=/" in value
        assert ("; Secure" in value) is secure
    assert "Max-Age" not in access.session_cookie(environ, "x")


# -- login


@pytest.mark.row("reliability-27")
def test_wrong_names_and_wrong_passwords_are_told_alike_and_both_hashed(
    access: Access, accounts: FakeAccounts
) -> None:
    wrong_password = refusal(lambda: access.login("ana", "x", "a"))
    wrong_name = refusal(lambda: access.login("zoe", "secret", "a"))
    assert str(wrong_password) == str(wrong_name)
    assert wrong_name.status_code == 401
    assert accounts.verified == ["ana", "zoe"]


@pytest.mark.row("reliability-27")
def test_after_five_tries_in_a_minute_even_the_right_password_has_to_wait(access: Access, clock: StepClock) -> None:
    for _ in range(5):
        refusal(lambda: access.login("ana", "x", "10.0.0.1"))
    refused = refusal(lambda: access.login("ana", "secret", "10.0.0.1"))
    assert refused.status_code == 429
    assert dict(refused.headers)["Retry-After"] == "60"
    assert access.login("ana", "secret", "10.0.0.2")
    clock.step(seconds=60)
    assert access.login("ana", "secret", "10.0.0.1")


def test_huge_names_and_passwords_are_never_hashed(access: Access, accounts: FakeAccounts) -> None:
    refusal(lambda: access.login("n" * 10_000, "x", "a"))
    refusal(lambda: access.login("ana", "x" * 10_000, "a"))
    assert accounts.verified == ["", ""]


# -- changes


@pytest.mark.row("reliability-24")
def test_a_change_of_a_session_needs_its_token(access: Access) -> None:
    environ = signed_in(access, method="POST")
    token = access.form_token(environ, access.identify(environ)).value
    assert access.admit(environ, "run", lambda: token).name == "ana"
    assert access.admit({**environ, "HTTP_X_CSRF_TOKEN": token}, "run").name == "ana"
    for wrong in ("", "x", token + "x"):
        assert refusal(partial(access.admit, environ, "run", partial(str, wrong))).status_code == 403
    other = signed_in(access, method="POST")
    assert refusal(lambda: access.admit(other, "run", lambda: token)).status_code == 403


@pytest.mark.row("reliability-24")
@pytest.mark.parametrize("mark", [{"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}])
def test_a_change_from_another_site_is_refused_even_with_its_token(access: Access, mark: dict[str, str]) -> None:
    environ = signed_in(access, method="POST", **mark)
    token = access.form_token(environ, access.identify(environ)).value
    assert refusal(lambda: access.admit(environ, "run", lambda: token)).status_code == 403


@pytest.mark.row("reliability-24")
def test_a_cookie_that_another_site_set_does_not_help_against_a_session(access: Access) -> None:
    planted = access.form_token(request(), Identity())
    assert planted.cookie is not None
    environ = signed_in(access, method="POST")
    environ["HTTP_COOKIE"] += "; " + planted.cookie.partition(";")[0]
    assert refusal(lambda: access.admit(environ, "run", lambda: planted.value)).status_code == 403


def test_a_bearer_token_needs_no_form_token_and_may_come_from_anywhere(access: Access) -> None:
    environ = request("POST", authorization="Bearer tok-run", origin="http://elsewhere.example")
    assert access.admit(environ, "run").name == "phone"


def test_reading_needs_no_token(access: Access) -> None:
    assert access.admit(signed_in(access), "view").name == "ana"


def test_the_door_checks_the_host_first_and_open_routes_ask_for_nothing_else(access: Access) -> None:
    assert refusal(lambda: access.admit({**request(), "HTTP_HOST": "evil.example"}, None)).status_code == 400
    assert access.admit(request("POST", origin="http://evil.example"), None).via is None
    assert refusal(lambda: access.admit(request(), "view")).status_code == 401


def test_the_login_form_has_a_token_of_its_own(access: Access) -> None:
    page = access.form_token(request(), Identity())
    assert page.cookie is not None
    post = request("POST", cookie=page.cookie.partition(";")[0], origin="http://localhost:5000")
    access.check_change(post, Identity(), lambda: page.value)
    assert refusal(lambda: access.check_change(request("POST"), Identity(), lambda: page.value)).status_code == 403


# -- where to go


@pytest.mark.row("reliability-25")
@pytest.mark.parametrize("path", ["/", "/console/runs?status=failed&before=3", "/a%20b", "/console/actions/a%2Fb"])
def test_a_path_of_this_server_is_a_good_place_to_go_next(path: str) -> None:
    assert safe_next(path, "/home") == path


@pytest.mark.row("reliability-25")
@pytest.mark.parametrize(
    "target",
    [
        None, "", "console", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "http://evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "/a\r\nSet-Cookie: a=b",
        "/a%0d%0aSet-Cookie:a=b", "/%5cevil.example", "/%09/evil.example", " /console", "/ä", "/" + "a" * 3000,
    ],
)  # fmt: skip
def test_anything_else_is_replaced_by_the_default(target: str | None) -> None:
    assert safe_next(target, "/home") == "/home"


def test_the_first_cookie_of_a_name_counts() -> None:
    environ = {"HTTP_COOKIE": f'a=1; {CSRF_COOKIE}="two";{CSRF_COOKIE}=three; b'}
    assert cookie_value(environ, CSRF_COOKIE) == "two"
    assert cookie_value(environ, "none") == ""
    assert cookie_value({}, "a") == ""
