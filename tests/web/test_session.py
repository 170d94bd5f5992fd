"""Sessions in signed cookies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.cookies import read_cookies
from atilite.web.session import Place, Session
from tests.web.fakes import StepClock

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


class Browser:
    """Keeps cookies from one request to the next, as a browser does."""

    def __init__(self, **place: Any) -> None:
        self.clock = StepClock()
        self.place = Place(**{"key": "a long key", **place})
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    def request(self) -> Session:
        return Session(self.place, lambda name: self.cookies.get(name, ""), self.clock)

    def answer(self, session: Session) -> None:
        self.set_cookies = [text for _, text in session.headers()]
        for text in self.set_cookies:
            self.cookies.update(read_cookies(text.split("; ")[0]))
            if "Max-Age=0" in text:
                del self.cookies[text.partition("=")[0]]

    def keep(self, **values: Any) -> None:
        session = self.request()
        session.update(values)
        self.answer(session)

    @property
    def values(self) -> Mapping[str, Any]:
        return dict(self.request())


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.mark.row("A115")
@given(st.dictionaries(st.text(max_size=10), JSON, max_size=4))
def test_what_is_kept_is_there_at_the_next_request(values: dict[str, Any]) -> None:
    browser = Browser()

    session = browser.request()
    session.update(values)
    browser.answer(session)

    assert browser.values == values
    assert dict(session) == values


@pytest.mark.row("A115")
def test_a_session_is_a_mapping(browser: Browser) -> None:
    session = browser.request()

    session.set("a", 1)
    session["b"] = [2]

    assert ("a" in session, "c" in session, session.get("c", 3), len(session)) == (True, False, 3, 2)
    session.remove("a")
    session.remove("never there")
    del session["b"]
    assert not session
    with pytest.raises(KeyError):
        session["a"]


@pytest.mark.row("A115")
def test_the_cookie_is_hidden_from_scripts_and_lives_as_long_as_the_session() -> None:
    browser = Browser(path="/app", secure=True, timeout=60)

    browser.keep(user="ana")

    (text,) = browser.set_cookies
    name, rest = text.split("=", 1)
    assert name == "ATLSES_DEFAULT"
    assert rest.split("; ")[1:] == ["Path=/app", "Max-Age=60", "Secure", "HttpOnly", "SameSite=Lax"]


@pytest.mark.row("A115")
def test_a_session_that_was_only_read_sends_nothing(browser: Browser) -> None:
    assert browser.request().headers() == []
    browser.keep(user="ana")

    session = browser.request()
    assert session["user"] == "ana"
    browser.clock.step(seconds=1150)
    assert session.impending()
    assert session.headers() == []


@pytest.mark.row("A115")
@given(st.integers(0, 2000), st.characters(exclude_categories=("Cs",)), st.booleans())
def test_a_mutated_cookie_is_never_accepted(place: int, sign: str, instead: bool) -> None:
    browser = Browser()
    browser.keep(role="view")
    name, text = next(iter(browser.cookies.items()))
    place %= len(text)

    browser.cookies[name] = text[:place] + sign + text[place + instead :]

    assert browser.cookies[name] == text or browser.values == {}


@pytest.mark.row("A115")
@pytest.mark.parametrize("text", ["", ".", "e30", "x" * 5000, "a.b.c", "\x00", "ä"])
def test_nonsense_is_an_empty_session(browser: Browser, text: str) -> None:
    browser.cookies["ATLSES_DEFAULT"] = text

    assert browser.values == {}


@pytest.mark.row("A115")
def test_a_truncated_cookie_is_an_empty_session(browser: Browser) -> None:
    browser.keep(role="view")
    text = browser.cookies["ATLSES_DEFAULT"]

    for end in range(len(text)):
        browser.cookies["ATLSES_DEFAULT"] = text[:end]
        assert browser.values == {}


@pytest.mark.row("A115")
def test_one_session_is_worthless_as_another_one(browser: Browser) -> None:
    session = browser.request()
    session.mount("GUEST")
    session["role"] = "admin"
    browser.answer(session)

    browser.cookies["ATLSES_DEFAULT"] = browser.cookies["ATLSES_GUEST"]

    assert browser.values == {}


@pytest.mark.row("A115")
def test_a_new_key_in_front_keeps_the_sessions_of_the_old_one() -> None:
    browser = Browser(key="old")
    browser.keep(user="ana")

    browser.place = Place(["new", "old"])
    assert browser.values == {"user": "ana"}
    browser.keep(user="ben")
    browser.place = Place(["new"])

    assert browser.values == {"user": "ben"}
    browser.place = Place("other")
    assert browser.values == {}


@pytest.mark.row("A115")
@pytest.mark.parametrize("key", [None, "", [], [""]])
def test_a_session_without_a_key_says_what_to_set(key: Any) -> None:
    with pytest.raises(SetupError, match=r"set pref\.securekey"):
        Browser(key=key).request()


@pytest.mark.row("A115")
def test_a_session_roams_unless_it_is_bound_to_an_address() -> None:
    browser = Browser(address="192.0.2.1")
    browser.keep(user="ana")

    assert browser.values == {"user": "ana"}
    for address in ("192.0.2.2", ""):
        browser.place = Place("a long key", address=address)
        assert browser.values == {}


@pytest.mark.row("A115")
@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {"a": [object()]}])
def test_what_is_not_json_is_refused_where_it_is_set(browser: Browser, value: Any) -> None:
    session = browser.request()
    session["kept"] = 1

    with pytest.raises(TypeError, match="session\\['x'\\] cannot be kept"):
        session["x"] = value
    with pytest.raises(TypeError, match="texts"):
        session[1] = 1  # type: ignore[index]

    assert dict(session) == {"kept": 1}


@pytest.mark.row("A115")
def test_more_than_a_cookie_holds_is_refused_where_it_is_set(browser: Browser) -> None:
    session = browser.request()
    session["x"] = "small"

    with pytest.raises(ValueError, match=r"ATLSES_DEFAULT.*at most 4096.*app\.kv"):
        session["x"] = [str(number) + "ä" * 9 for number in range(2000)]

    assert session["x"] == "small"


@pytest.mark.row("A116")
@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.set("b", 2),
        lambda session: session.__setitem__("a", 2),
        lambda session: session.remove("b"),
        lambda session: session.touch(),
        lambda session: session["list"].append(1),
    ],
)
def test_changing_a_session_extends_it(browser: Browser, change: Any) -> None:
    browser.keep(a=1, b=1, list=[])
    browser.clock.step(seconds=1000)

    session = browser.request()
    change(session)
    browser.answer(session)
    browser.clock.step(seconds=1199)

    assert browser.values["a"]


@pytest.mark.row("A116", "D16")
def test_reading_a_session_does_not_extend_it(browser: Browser) -> None:
    browser.keep(a=1)

    for _ in range(12):
        browser.clock.step(seconds=99)
        session = browser.request()
        assert session["a"] == 1
        browser.answer(session)
    browser.clock.step(seconds=12)

    assert browser.values == {}


@pytest.mark.row("A116", "A118")
def test_a_session_mounted_with_extend_false_ends_when_it_was_to_end(browser: Browser) -> None:
    def change(value: int) -> None:
        session = browser.request()
        session.mount("STRICT", session_timeout=100, extend=False)
        session["a"] = value
        browser.answer(session)

    change(1)
    browser.clock.step(seconds=60)
    change(2)
    browser.clock.step(seconds=41)

    session = browser.request()
    session.mount("STRICT")
    assert not session


@pytest.mark.row("A117")
def test_set_expiry_holds_until_changes_would_make_it_last_longer(browser: Browser) -> None:
    start = browser.clock.time()
    session = browser.request()
    session["a"] = 1
    session.set_expiry(3600)
    browser.answer(session)
    assert browser.request().get_expiry() == start + 3600

    browser.clock.step(seconds=2000)
    browser.keep(a=2)
    assert browser.request().get_expiry() == start + 3600

    browser.clock.step(seconds=1000)
    browser.keep(a=3)
    assert browser.request().get_expiry() == start + 3000 + 1200


@pytest.mark.row("A117")
def test_a_short_expiry_holds_for_the_changes_beside_it(browser: Browser) -> None:
    session = browser.request()
    session.set_expiry(60)
    session["a"] = 1
    browser.answer(session)

    browser.clock.step(seconds=59)
    assert browser.values
    browser.clock.step(seconds=1)
    assert browser.values == {}


@pytest.mark.row("A117")
def test_expire_ends_the_session_and_removes_its_cookie(browser: Browser) -> None:
    browser.keep(a=1)

    session = browser.request()
    session.expire()
    browser.answer(session)

    assert (session.get_expiry(), dict(session), browser.cookies) == (None, {}, {})


@pytest.mark.row("A117")
def test_a_session_that_never_was_is_not_removed(browser: Browser) -> None:
    session = browser.request()
    session.expire()
    session.touch()
    session.set_expiry(60)

    assert session.headers() == []
    assert session.get_expiry() is None


@pytest.mark.row("A117")
def test_use_time_and_impending_follow_the_time_since_the_last_change(browser: Browser) -> None:
    assert (browser.request().use_time(), browser.request().impending()) == (0, False)
    browser.keep(a=1)

    seen = []
    for _ in range(3):
        browser.clock.step(seconds=480)
        session = browser.request()
        seen.append((session.use_time(), session.impending()))

    assert seen == [(480, False), (960, True), (0, False)]


@pytest.mark.row("A118")
def test_a_named_session_has_its_own_cookie_path_and_values(browser: Browser) -> None:
    session = browser.request()
    session["user"] = "ana"
    session.mount("ADMIN", path="/admin")
    session.set("login", True)
    assert "user" not in session
    session.mount()
    assert dict(session) == {"user": "ana"}
    browser.answer(session)

    assert [re.sub("=.*Path=", " ", text.partition("; Max")[0]) for text in browser.set_cookies] == [
        "ATLSES_DEFAULT /",
        "ATLSES_ADMIN /admin",
    ]
    session = browser.request()
    session.mount("ADMIN", path="/admin")
    assert dict(session) == {"login": True}


@pytest.mark.row("A118")
def test_a_named_session_takes_options_of_its_own(browser: Browser) -> None:
    session = browser.request()
    session.mount("X", 60, "other key", "/x", "example.org", secure=True, http_only=False)
    session["a"] = 1
    browser.answer(session)

    (text,) = browser.set_cookies
    attributes = text.split("; ")[1:]
    assert attributes == ["Path=/x", "Max-Age=60", "Domain=example.org", "Secure", "SameSite=Lax"]
    session = browser.request()
    session.mount("X")  # with the app's key
    assert not session


@pytest.mark.row("A118")
@pytest.mark.parametrize(("name", "path"), [(None, "/admin"), ("a b", None), ("a;", None), ("A", "/x; Secure")])
def test_a_mount_that_makes_no_cookie_is_refused(browser: Browser, name: Any, path: Any) -> None:
    with pytest.raises(ValueError):
        browser.request().mount(name, path=path)


@pytest.mark.row("A118")
def test_mounting_the_default_session_with_the_root_path_is_allowed(browser: Browser) -> None:
    browser.keep(a=1)
    session = browser.request()
    session.mount("X", path="/x")
    session.mount(path="/")

    assert dict(session) == {"a": 1}


@pytest.mark.row("A114", "A115")
def test_rollback_takes_every_change_back(browser: Browser) -> None:
    browser.keep(a=[1])
    session = browser.request()
    session["a"].append(2)
    session["b"] = 1
    session.set_expiry(9999)
    session.mount("X")
    session["c"] = 1

    session.rollback()

    assert session.headers() == []
    assert dict(session) == {"a": [1]}
