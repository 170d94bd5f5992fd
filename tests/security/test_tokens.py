"""Tokens of every kind: what was altered, cut off, is too old, was used before or is of another kind lets nobody in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.store.database import Database
from atilite.store.keys import Keys
from atilite.testing.client import Client
from atilite.web.auth import SESSION_COOKIE, Access
from atilite.web.digest import hashed
from tests.web.fakes import StepClock

HOUR = 3600.0
REALM = "here"


def application(clock: StepClock) -> Atilite:
    app = Atilite("tokens")
    app.securekey, app.clock = "a long random key, only known here", clock
    app.realm, app.users = REALM, {"ana": "secret"}
    app.begin_admission()  # its nonces go by this clock

    @app.route("/keep")
    def keep(was: Any) -> Any:
        was.session["role"] = "admin"
        was.mbox.send("secret", valid=60)
        claims = {"role": "admin", "exp": was.timestamp + HOUR}
        return was.API(jwt=was.encode_jwt(claims), ott=was.encode_ott("admin", HOUR), csrf=was.csrf_token)

    @app.route("/session")
    def session(was: Any) -> Any:
        return was.API(ok=was.session.get("role") == "admin")

    @app.route("/mbox")
    def mbox(was: Any) -> Any:
        return was.API(ok=[message.msg for message in was.mbox.get()] == ["secret"])

    @app.route("/csrf", methods=["POST"])
    def csrf(was: Any) -> Any:
        return was.API(ok=was.verify_csrf())

    @app.route("/jwt")
    def jwt(was: Any) -> Any:
        return was.API(ok=was.request.JWT.get("role") == "admin")

    @app.route("/otp")
    def otp(was: Any, code: str) -> Any:
        return was.API(ok=was.verify_otp(code))

    @app.route("/ott")
    def ott(was: Any, token: str, revoke: bool = False) -> Any:
        ok = was.decode_ott(token) == "admin"
        if revoke:
            was.revoke_ott(token)
        return was.API(ok=ok)

    @app.route("/digest", authenticate="digest")
    def digest(was: Any) -> Any:
        return was.API(ok=was.request.user.name == "ana")

    return app


@dataclass
class Kind:
    """One kind of token: the one that is good now, how to show one, and for how many seconds it is good."""

    token: str
    show: Callable[[str], bool]
    lifetime: float | None
    once: bool = False  # showing it uses it up
    alphabet: str = "Ax0"
    use_up: Callable[[str], object] = field(default=lambda token: None)


def ok(answer: Any) -> bool:
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200 and bool(answer.json()["ok"])


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = StepClock()
        self.app = application(self.clock)
        self.database = Database.open(f"sqlite:///{folder}/data.db", clock=self.clock)
        self.access = Access(self.database.accounts, Keys(self.database), self.clock)
        self.count = 0
        self.database.accounts.add("ana", "secret", "admin")
        browser = Client(self.app)
        told, cookies = browser.get("/keep").json(), dict(browser.cookies)
        self.binding = {name: text for name, text in cookies.items() if not name.startswith("ATL")}
        nonce = self.ask("/digest").all_headers("WWW-Authenticate")[-1].split('nonce="')[1].split('"')[0]
        # A phone shows a code for 30 seconds; one window before and after is taken as well.
        code = self.app._was_for_run(None).generate_otp()
        accounts = self.database.accounts
        self.kinds = {
            "session": Kind(cookies["ATLSES_DEFAULT"], self.cookie("/session", "ATLSES_DEFAULT"), 1200),
            "mbox": Kind(cookies["ATLMBX_DEFAULT"], self.cookie("/mbox", "ATLMBX_DEFAULT"), 60),
            "csrf": Kind(told["csrf"], self.csrf, None),
            "jwt": Kind(told["jwt"], lambda text: ok(self.ask("/jwt", Authorization=f"Bearer {text}")), HOUR),
            "otp": Kind(code, lambda text: ok(self.ask("/otp", {"code": text})), 90, once=True, alphabet="0123456789"),
            "ott": Kind(
                told["ott"],
                lambda text: ok(self.ask("/ott", {"token": text})),
                HOUR,
                use_up=lambda text: self.ask("/ott", {"token": text, "revoke": "true"}),
            ),
            "bearer": Kind(
                accounts.add_token("phone", "run", days=1),
                lambda text: self.access.identify({"HTTP_AUTHORIZATION": f"Bearer {text}"}).role is not None,
                24 * HOUR,
                use_up=lambda text: accounts.remove_token("phone"),
            ),
            "login": Kind(
                self.access.login("ana", "secret", "10.0.0.1"),
                self.login,
                12 * HOUR,
                use_up=lambda text: self.access.logout({"HTTP_COOKIE": f"{SESSION_COOKIE}={text}"}),
            ),
            "digest": Kind(nonce, self.digest, 300, use_up=lambda text: self.digest(text, 1)),
        }

    def ask(self, path: str, query: dict[str, str] | None = None, cookies: Any = None, **headers: str) -> Any:
        client = Client(self.app)
        client.cookies.update(cookies or {})
        options: dict[str, Any] = {"headers": {name.replace("_", "-"): text for name, text in headers.items()}}
        if query is not None:
            return client.post(path, form=query, **options)
        return client.request("POST" if path == "/csrf" else "GET", path, **options)

    def cookie(self, path: str, name: str) -> Callable[[str], bool]:
        return lambda text: ok(self.ask(path, cookies={name: text}))

    def csrf(self, text: str) -> bool:
        return ok(self.ask("/csrf", cookies=self.binding, X_XSRF_TOKEN=text))

    def login(self, text: str) -> bool:
        return self.access.identify({"HTTP_COOKIE": f"{SESSION_COOKIE}={text}"}).role is not None

    def digest(self, nonce: str, count: int = 0) -> bool:
        self.count += 1
        nc = f"{count or self.count:08x}"
        proof = hashed("MD5", f"ana:{REALM}:secret") + f":{nonce}:{nc}:x:auth:" + hashed("MD5", "GET:/digest")
        fields = f'username="ana", realm="{REALM}", nonce="{nonce}", uri="/digest", qop=auth, nc={nc}, cnonce="x"'
        return ok(self.ask("/digest", Authorization=f'Digest {fields}, response="{hashed("MD5", proof)}"'))


KINDS = ("session", "mbox", "csrf", "jwt", "otp", "ott", "bearer", "login", "digest")
every_kind = pytest.mark.parametrize("name", KINDS)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


@pytest.mark.row("A69", "A74", "A115", "A119", "A179", "A180", "A181", "A182", "reliability-26")
@every_kind
def test_a_good_token_is_taken(world: World, name: str) -> None:
    assert world.kinds[name].show(world.kinds[name].token)


@pytest.mark.row("A69", "A74", "A115", "A119", "A179", "A180", "A181", "A182", "reliability-26")
@every_kind
def test_a_token_with_another_sign_anywhere_is_refused(world: World, name: str) -> None:
    kind = world.kinds[name]
    taken = []
    for place, sign in enumerate(kind.token):
        for other in kind.alphabet:
            altered = kind.token[:place] + other + kind.token[place + 1 :]
            if other != sign and kind.show(altered):
                taken.append(altered)
    assert taken == []
    assert kind.show(kind.token)


@pytest.mark.row("A69", "A74", "A115", "A119", "A179", "A180", "A181", "A182", "reliability-26")
@every_kind
def test_a_token_that_is_cut_off_or_has_more_is_refused(world: World, name: str) -> None:
    kind = world.kinds[name]
    cut = [kind.token[:end] for end in range(len(kind.token))] + [kind.token[1:]]
    more = [kind.token + "x", "x" + kind.token, kind.token * 2, kind.token + "=", kind.token + "."]
    assert [text for text in cut + more if kind.show(text)] == []
    assert kind.show(kind.token)


@pytest.mark.row("A69", "A74", "A115", "A119", "A180", "A181", "A182", "reliability-23", "reliability-26")
@pytest.mark.parametrize("name", [name for name in KINDS if name != "csrf"])
def test_a_token_is_good_until_its_time_is_over(world: World, name: str) -> None:
    kind = world.kinds[name]
    assert kind.lifetime is not None
    if not kind.once:
        world.clock.step(seconds=kind.lifetime - 2)
        assert kind.show(kind.token)
        if name == "login":  # a visit makes it good for as long again
            world.database.writer.flush()
            world.clock.step(seconds=kind.lifetime)
        world.clock.step(seconds=3)
    else:
        world.clock.step(seconds=kind.lifetime)
    assert not kind.show(kind.token)


@pytest.mark.row("A69", "A181", "A182", "D22", "reliability-26")
@pytest.mark.parametrize("name", ["otp", "ott", "bearer", "login", "digest"])
def test_a_token_that_was_used_up_or_taken_back_is_refused(world: World, name: str) -> None:
    kind = world.kinds[name]
    assert kind.show(kind.token)
    kind.use_up(kind.token)
    again = world.digest(kind.token, 1) if name == "digest" else kind.show(kind.token)
    assert not again


@pytest.mark.row("A179")
def test_the_token_of_one_browser_is_refused_from_another(world: World) -> None:
    theirs = Client(world.app)
    other = theirs.get("/keep").json()["csrf"]
    assert not world.csrf(other)
    world.binding = {}
    assert not world.csrf(world.kinds["csrf"].token)


@pytest.mark.row("A115")
def test_a_session_that_is_bound_to_an_address_is_refused_from_another(world: World) -> None:
    vars(world.app)["session_binds_address"] = True
    assert not world.kinds["session"].show(world.kinds["session"].token)


@pytest.mark.row("A74", "A115", "A119", "A179", "A180", "A182", "reliability-26")
@every_kind
def test_a_token_is_no_token_of_another_kind(world: World, name: str) -> None:
    shown = {other for other in KINDS if other != name and world.kinds[name].show(world.kinds[other].token)}
    assert shown == set()


@pytest.mark.row("A115", "A119", "A180", "A182", "reliability-26")
@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("otp", "digest")])
def test_a_token_of_another_server_is_refused(world: World, name: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other")
    vars(other.app)["securekey"] = "another long random key"
    elsewhere = Client(other.app)
    told, cookies = elsewhere.get("/keep").json(), elsewhere.cookies
    names = {"session": "ATLSES_DEFAULT", "mbox": "ATLMBX_DEFAULT"}
    foreign = cookies[names[name]] if name in names else told.get(name, other.kinds[name].token)
    other.database.close()
    assert not world.kinds[name].show(foreign)
