from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import AliasError, ResourceError, TaskCancelled, TaskTimeout
from atilite.resources import service, transport
from atilite.resources.aliases import PROTO_HTTP, PROTO_HTTPS, Aliases
from atilite.resources.http import Stub, Stubs
from atilite.resources.received import HttpError, Lost, NotConnected, TooLarge
from atilite.runtime.engine import Runtime
from atilite.runtime.outcome import STA_NETERR, STA_NORMAL, STA_REQFAIL, STA_TIMEOUT
from tests.resources.authority import Authority
from tests.resources.webpeer import WebPeer

pytestmark = pytest.mark.row("A134")


@pytest.fixture
def peer() -> Iterator[WebPeer]:
    peer = WebPeer()
    yield peer
    peer.close()


class App:
    """What the makers need of one."""

    def __init__(self, runtime: Runtime, aliases: Aliases) -> None:
        self.runtime, self.aliases = runtime, aliases


@pytest.fixture
def app(runtime: Runtime) -> App:
    return App(runtime, Aliases())


@pytest.fixture
def stub(app: App, peer: WebPeer) -> Stub:
    app.aliases.add("@peer", PROTO_HTTP, f"{peer.host}/echo")
    return Stubs(app)("@peer/base")


def test_the_manuals_sample(app: App, peer: WebPeer) -> None:
    app.aliases.add("@myapi", PROTO_HTTP, peer.host)
    with Stubs(app)("@myapi/api") as stub:
        task1 = stub.get("/profiles/{}?limit={}", 100, 10)
        task2 = stub.put("/profiles/{}", 100, {"name": "Hans Roh"})

    assert (task1.fetch()["method"], task1.fetch()["target"]) == ("GET", "/api/profiles/100?limit=10")
    told = task2.fetch()
    assert (told["method"], told["target"], told["body"]) == ("PUT", "/api/profiles/100", '{"name": "Hans Roh"}')
    assert told["headers"]["content-type"] == "application/json"
    assert told["headers"]["accept"] == "application/json, */*"
    assert told["headers"]["user-agent"].startswith("atilite/")


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_each_method_has_a_maker(stub: Stub, method: str) -> None:
    assert getattr(stub, method)("/x").fetch()["method"] == method.upper()


def test_head_tells_the_headers(stub: Stub) -> None:
    task = stub.head("/x")

    assert (task.fetch(), task.headers.all("X-Two"), task.status_code) == (None, ["a", "b"], 200)


@pytest.mark.row("A204")
def test_whole_urls_need_no_alias(app: App, peer: WebPeer) -> None:
    assert Stubs(app)().get(f"{peer.url}/echo?x=1").fetch()["target"] == "/echo?x=1"
    assert Stubs(app)(peer.url).get("").fetch()["target"] == "/"


def test_a_form_and_files_are_sent(stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"jpeg" * 1000)
    with (tmp_path / "photo.jpg").open("rb") as photo:
        told = stub.post("/x", form={"name": "Hans"}, files={"photo": photo}).fetch()

    assert 'name="name"\r\n\r\nHans\r\n' in told["body"]
    assert 'name="photo"; filename="photo.jpg"' in told["body"]
    assert int(told["headers"]["content-length"]) == len(told["body"])
    told = stub.post("/x", form={"name": "Hans"}).fetch()
    assert (told["body"], told["headers"]["content-type"]) == ("name=Hans", "application/x-www-form-urlencoded")


def test_a_stream_goes_up_in_chunks_that_a_thread_makes(stub: Stub) -> None:
    threads = set()

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            threads.add(threading.current_thread().name)
            yield b"%d" % number

    told = stub.post("/x", pieces()).fetch()
    assert (told["body"], told["headers"]["transfer-encoding"]) == ("012", "chunked")
    assert not any("hub" in name for name in threads)


def test_a_body_that_fails_is_the_callers_error_and_no_fault_of_the_server(app: App, peer: WebPeer) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise ValueError("no more of it")

    stub = Stubs(app)(peer.url)
    with pytest.raises(ValueError, match="no more of it"):
        stub.post("/echo", pieces()).fetch()
    assert stub._service.balance.resting == []
    assert stub.get("/echo").status_code == 200


def test_a_slow_reader_is_no_slow_connection(app: App, peer: WebPeer) -> None:
    stub = Stubs(app)(peer.url, connect_timeout=0.2)
    for _ in range(2):  # on a new connection and on a used one
        assert stub.post("/sluggish", b"x" * 20_000_000).fetch() == "20000000"


def test_a_server_that_never_reads_ends_in_time(app: App, peer: WebPeer) -> None:
    outcome = Stubs(app)(peer.url, timeout=0.2).post("/sluggish", b"x" * 20_000_000).dispatch()

    assert outcome.status == STA_TIMEOUT


def test_the_payload_of_a_get_is_its_query(stub: Stub) -> None:
    assert stub.get("/x?a=1", {"b": "2"}, params={"c": 3}).fetch()["target"] == "/echo/base/x?a=1&c=3&b=2"


def test_headers_and_auth_of_the_stub_hold_for_each_request(app: App, peer: WebPeer) -> None:
    stub = Stubs(app)(peer.url, headers={"X-Own": "1", "Accept": "text/plain"}, auth=("me", "secret"))

    headers = stub.get("/echo", headers={"X-More": "2"}).fetch()["headers"]
    assert (headers["x-own"], headers["x-more"], headers["accept"]) == ("1", "2", "text/plain")
    assert headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert stub.get("/echo", auth="token").fetch()["headers"]["authorization"] == "Bearer token"


def test_the_user_of_a_member_or_url_is_sent_and_never_shown(app: App, peer: WebPeer) -> None:
    app.aliases.add("@secret", PROTO_HTTP, f"me:p%40ss@{peer.host}")
    for stub in (Stubs(app)("@secret"), Stubs(app)(f"http://me:p%40ss@{peer.host}")):
        told = stub.get("/echo").fetch()
        assert told["headers"]["authorization"].startswith("Basic bWU6c")
        assert "me:" not in str(stub.get("/status/500?token=1").dispatch().expt)


@pytest.mark.parametrize("given", [{"tiemout": 1}, {"headers": {"X": "1\r\nY: 2"}}])
def test_what_no_request_takes_is_an_error_at_once(stub: Stub, given: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        stub.get("/x", **given)


def test_too_many_values_are_an_error(stub: Stub) -> None:
    with pytest.raises(TypeError, match="2 values more than placeholders"):
        stub.get("/x/{}", 1, 2, 3)


# -- answers


def test_a_refusal_is_raised_by_fetch_and_told_by_everything_else(app: App, peer: WebPeer) -> None:
    task = Stubs(app)(peer.url).get("/status/404")

    with pytest.raises(HttpError, match="answered 404 Said So") as caught:
        task.fetch()
    with pytest.raises(ResourceError):
        task.commit()
    assert caught.value.response.json() == {"why": "asked for"}
    assert (task.status_code, task.response.ok) == (404, False)
    outcome = task.dispatch()
    assert (outcome.status, outcome.status_code, outcome.data) == (STA_REQFAIL, 404, {"why": "asked for"})


def test_an_answer_tells_its_status(stub: Stub) -> None:
    outcome = stub.get("/x").dispatch()

    assert (outcome.status, outcome.status_code, outcome.data["method"]) == (STA_NORMAL, 200, "GET")


def test_the_answer_itself_can_be_the_data(stub: Stub) -> None:
    answer = stub.get("/x", whole=True).fetch()

    assert (answer.status, answer.headers["content-type"]) == ("200 OK", "application/json")


def test_filter_meta_and_callback_are_the_tasks(stub: Stub) -> None:
    told: list[Any] = []
    ended = threading.Event()
    task = stub.get("/x", filter=lambda data: data["method"], meta={"mine": 1}, callback=lambda _: ended.set())

    told.append(task.fetch())
    assert (told, task.meta, ended.wait(5)) == (["GET"], {"mine": 1}, True)


def test_compressed_answers_are_unpacked_within_the_limit(app: App, peer: WebPeer) -> None:
    stub = Stubs(app)(peer.url, max_size=1_000_000)

    assert stub.get("/zipped?n=5000").fetch() == "a" * 5000
    with pytest.raises(TooLarge, match="larger than 1000000 bytes"):
        stub.get("/zipped?n=50000000").fetch()


def test_connections_are_used_again(app: App, peer: WebPeer) -> None:
    stub = Stubs(app)(peer.url)
    for _ in range(5):
        stub.get("/echo").fetch()
        stub.get("/status/404").wait()

    assert peer.accepted == 1


def test_no_more_connections_than_the_alias_allows(app: App, peer: WebPeer) -> None:
    app.aliases.add("@few", PROTO_HTTP, peer.host, max_conns=2)
    stub = Stubs(app)("@few")
    tasks = [stub.get("/slow?ms=10") for _ in range(10)]

    assert [task.fetch() for task in tasks] == ["slow"] * 10
    assert peer.accepted == 2


def test_idle_connections_are_closed(app: App, peer: WebPeer) -> None:
    stub = Stubs(app)(peer.url)
    stub.get("/echo").fetch()
    app.runtime.loop.spawn(stub._service.transport.close_idle).wait(5)
    assert stub._service.transport._origins == {}

    stub.get("/echo").fetch()
    assert peer.accepted == 2


def test_cookies_are_forgotten_unless_one_wants_them(app: App, peer: WebPeer) -> None:
    forgetful, keeping = Stubs(app)(peer.url), Stubs(app)(peer.url, cookies=True)

    assert [forgetful.get("/cookies").fetch() for _ in range(2)] == ["", ""]
    assert [keeping.get("/cookies").fetch() for _ in range(2)] == ["", "a=1"]


# -- redirects


def test_redirects_are_followed(stub: Stub, app: App, peer: WebPeer) -> None:
    stub = Stubs(app)(peer.url)

    assert stub.get("/away?to=/echo/there").fetch()["target"] == "/echo/there"
    told = stub.post("/away?to=/echo", {"a": 1}).fetch()
    assert (told["method"], told["body"], told["headers"].get("content-type")) == ("GET", "", None)
    told = stub.post("/away?code=307&to=/echo", {"a": 1}).fetch()
    assert (told["method"], told["body"]) == ("POST", '{"a": 1}')
    assert stub.get("/away?to=/echo", redirects=0).response.headers["Location"] == "/echo"


def test_secrets_stay_with_their_server(app: App, peer: WebPeer) -> None:
    other = WebPeer()
    stub = Stubs(app)(peer.url, auth="token", headers={"Cookie": "a=1", "X-Mine": "1"})
    headers = stub.get(f"/away?to={other.url}/echo").fetch()["headers"]
    other.close()

    assert "authorization" not in headers
    assert "cookie" not in headers
    assert headers["x-mine"] == "1"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/away?to=/away%3Fto=/x", "more than 1 times"), ("/away?to=file:///etc/passwd", "no HTTP server")],
)
def test_redirects_have_limits(app: App, peer: WebPeer, path: str, reason: str) -> None:
    with pytest.raises(ResourceError, match=reason):
        Stubs(app)(peer.url, redirects=1).get(path).fetch()


def test_a_streamed_body_is_not_sent_to_another_place(app: App, peer: WebPeer) -> None:
    with pytest.raises(ResourceError, match="cannot be sent again"):
        Stubs(app)(peer.url).post("/away?code=307&to=/echo", iter([b"x"])).fetch()


# -- retries, limits


@pytest.mark.parametrize("path", ["/flaky?n=2", "/dropping?n=2"])
def test_what_may_be_repeated_is_repeated(app: App, peer: WebPeer, path: str) -> None:
    assert Stubs(app)(peer.url).get(path).fetch() == "at last"
    assert len(peer.asked) == 3


def test_a_wait_that_nobody_can_read_does_not_fail_the_request(app: App, peer: WebPeer) -> None:
    assert Stubs(app)(peer.url).get("/unclear").fetch() == "at last"


@pytest.mark.parametrize("path", ["/flaky?n=1", "/dropping?n=1"])
def test_a_post_is_sent_once(app: App, peer: WebPeer, path: str) -> None:
    assert Stubs(app)(peer.url).post(path, {}).dispatch().expt is not None
    assert len(peer.asked) == 1


def test_no_retries_if_nobody_wants_them(app: App, peer: WebPeer) -> None:
    assert Stubs(app)(peer.url, retries=0).get("/flaky").dispatch().status_code == 503


@pytest.mark.parametrize(
    ("path", "error", "status"),
    [
        ("/never", TaskTimeout, STA_TIMEOUT),
        ("/drip", TaskTimeout, STA_TIMEOUT),
        ("/garbage", Lost, STA_NETERR),
        ("/middle", Lost, STA_NETERR),
        ("/endless", TooLarge, STA_NETERR),
        ("/big?n=1000000000", TooLarge, STA_NETERR),
    ],
)
def test_a_bad_peer_is_an_error_in_time(
    app: App, peer: WebPeer, path: str, error: type[Exception], status: int
) -> None:
    outcome = Stubs(app)(peer.url, timeout=1.0, retries=0, max_size=100_000).get(path).dispatch(60)

    assert isinstance(outcome.expt, error)
    assert outcome.status == status
    assert "127.0.0.1" in str(outcome.expt)


def test_nobody_there(app: App) -> None:
    outcome = Stubs(app)("http://127.0.0.1:1").get("/").dispatch()

    assert isinstance(outcome.expt, NotConnected)
    assert (outcome.status, outcome.status_code) == (STA_NETERR, 502)


def test_a_name_without_address(app: App) -> None:
    with pytest.raises(NotConnected, match="no connection"):
        Stubs(app)("http://nobody.invalid", retries=0).get("/").fetch()


def test_a_url_that_is_none(app: App) -> None:
    for url in ("file:///etc/passwd", "//host/x", "just text"):
        with pytest.raises(ResourceError, match="no URL"):
            Stubs(app)().get(url).fetch()


def test_an_alias_of_another_kind(app: App) -> None:
    app.aliases.add("@lite", "*sqlite3", "x.db")
    with pytest.raises(AliasError, match="not as an HTTP service"):
        Stubs(app)("@lite")


def test_a_cancelled_request_lets_its_connection_go(app: App, peer: WebPeer) -> None:
    stub = Stubs(app)(peer.url)
    task = stub.get("/never")
    stub.get("/echo").fetch()
    assert task.cancel()

    with pytest.raises(TaskCancelled):
        task.fetch(20)
    (origin,) = stub._service.transport._origins.values()
    assert origin.free == service.MAX_CONNS


# -- members


@pytest.mark.row("A147")
def test_map_asks_every_member(app: App, peer: WebPeer) -> None:
    other = WebPeer(name="other")
    app.aliases.add("@myapi", PROTO_HTTP, [peer.host, other.host, "127.0.0.1:1"])
    with Stubs(app).map("@myapi", retries=0) as stub:
        task = stub.get("@myapi/profiles/{}?limit={}", 100, 10)
    found = task.dispatch()
    other.close()

    assert [outcome.status for outcome in found] == [STA_NORMAL, STA_NORMAL, STA_NETERR]
    assert [outcome.data["peer"] for outcome in found if outcome.status == STA_NORMAL] == ["peer", "other"]
    assert found[0].data["target"] == "/profiles/100?limit=10"


@pytest.mark.row("A147")
def test_lb_asks_one_member_by_weight(app: App, peer: WebPeer) -> None:
    other = WebPeer(name="other")
    app.aliases.add("@myapi", PROTO_HTTP, [f"{peer.host} 20", f"{other.host} 10"])
    with Stubs(app).lb("@myapi") as stub:
        asked = [stub.get("@myapi/x").fetch()["peer"] for _ in range(9)]
    other.close()

    assert (asked.count("peer"), asked.count("other")) == (6, 3)


@pytest.mark.row("A147")
def test_a_member_that_is_away_is_avoided(app: App, peer: WebPeer) -> None:
    app.aliases.add("@myapi", PROTO_HTTP, ["127.0.0.1:1 9", peer.host])
    stub = Stubs(app)("@myapi")

    # Also what may not be repeated: nothing of it was sent.
    assert [stub.post("/x", {}).fetch()["peer"] for _ in range(4)] == ["peer"] * 4
    assert len(stub._service.balance.resting) == 1


# -- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(authority: Authority) -> Iterator[WebPeer]:
    peer = WebPeer(tls=authority.certificate("IP:127.0.0.1"))
    yield peer
    peer.close()


def test_an_authority_of_ones_own_is_trusted_when_one_says_so(app: App, secure: WebPeer, authority: Authority) -> None:
    app.aliases.add("@safe", PROTO_HTTPS, secure.host, ssl=authority.file)

    assert Stubs(app)("@safe").get("/echo").fetch()["method"] == "GET"
    assert Stubs(app)(secure.url, ca=authority.file).get("/echo").fetch()["method"] == "GET"
    assert Stubs(app)(secure.url, verify=False).get("/echo").fetch()["method"] == "GET"


def test_certificates_are_checked_if_nobody_says_otherwise(app: App, secure: WebPeer) -> None:
    with pytest.raises(NotConnected, match="certificate is not accepted"):
        Stubs(app)(secure.url, retries=0).get("/echo").fetch()


def test_a_certificate_is_for_its_host(app: App, authority: Authority) -> None:
    peer = WebPeer(tls=authority.certificate("DNS:elsewhere.example"))
    outcome = Stubs(app)(peer.url, ca=authority.file, retries=0).get("/echo").dispatch()
    peer.close()

    assert isinstance(outcome.expt, NotConnected)
    assert "certificate is not accepted" in str(outcome.expt)


def test_a_file_of_authorities_that_is_not_there(app: App, secure: WebPeer) -> None:
    with pytest.raises(ResourceError, match=r"nowhere\.pem: cannot be used to check certificates"):
        Stubs(app)(secure.url, ca="nowhere.pem").get("/echo").fetch()


def test_plain_http_at_a_tls_port_and_the_other_way_round(app: App, secure: WebPeer, peer: WebPeer) -> None:
    with pytest.raises(ResourceError):
        Stubs(app)(f"http://{secure.host}", retries=0, timeout=5).get("/").fetch()
    with pytest.raises((ResourceError, TaskTimeout)):  # it waits for the end of a header that never comes
        Stubs(app)(f"https://{peer.host}", retries=0, timeout=1).get("/").fetch()


def test_many_encrypted_requests_at_once(app: App, secure: WebPeer, authority: Authority) -> None:
    stub = Stubs(app)(secure.url, ca=authority.file)
    tasks = [stub.get("/slow?ms=20") for _ in range(100)]

    assert {task.fetch(60) for task in tasks} == {"slow"}


def test_the_secrets_of_a_url_are_not_in_its_explanation() -> None:
    error = transport.explained(OSError("broken"), "http://me:pass@h/x?token=1")

    assert str(error) == "http://h/x: no usable answer: broken"
