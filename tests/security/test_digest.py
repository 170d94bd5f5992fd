"""Digest and basic authentication with the clients that people have: curl, and Python's own."""

from __future__ import annotations

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from atilite.web.digest import secret_of
from tests.require import require
from tests.running import Running

REALM = "Partner App Area of mysite.com"
ENTRIES = {
    "plain": "1234",
    "md5": (secret_of("MD5", "md5", REALM, "1234"), True),
    "sha": (secret_of("SHA-256", "sha", REALM, "1234"), True, {"role": "root"}),
}
SCRIPT = f"""
    import atilite

    app = atilite.Atilite(__name__)
    app.authenticate = "digest"
    app.realm = {REALM!r}
    app.users = {ENTRIES!r}

    @app.route("/hello/<name>")
    def hello(was, name, q=""):
        return f"{{was.request.user.name}}: {{name}} {{q}}"

    @app.route("/send", methods=["POST"])
    def send(was, text):
        return f"{{was.request.user.name}} sent {{text}}"

    @app.route("/basic/<name>", authenticate="basic")
    def basic(was, name):
        return was.request.user.name

    @app.route("/sent")
    def sent(was):
        return was.request.get_header("authorization")

    @app.route("/stats", authenticate=None)
    def stats(was):
        return "open"

    if __name__ == "__main__":
        atilite.mount("/app", app)
        atilite.run(port=5000)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("digest"), SCRIPT)
    try:
        yield running.start()
    finally:
        running.close()


def curl(program: Running, path: str, *flags: str) -> tuple[int, str]:
    require(shutil.which("curl"), "curl is not installed")
    command = ["curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}", *flags]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{program.port}{path}"], stdout=subprocess.PIPE, text=True, timeout=30, check=False
    )
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


@pytest.mark.row("A65", "A67", "A69")
@pytest.mark.parametrize("name", ENTRIES)
def test_curl_is_let_in_with_each_kind_of_password(program: Running, name: str) -> None:
    user = ("--user", f"{name}:1234")

    assert curl(program, "/app/hello/a%20b?q=%C3%A4", "--digest", *user) == (200, f"{name}: a b ä")
    assert curl(program, "/app/send", "--digest", *user, "--data", "text=it") == (200, f"{name} sent it")
    assert curl(program, "/app/basic/x", *user) == (200, name)


@pytest.mark.row("A66", "A69", "A70")
@pytest.mark.parametrize("flags", [("--digest", "--user", "plain:wrong"), ("--digest", "--user", "nobody:1234"), ()])
def test_curl_is_not_let_in_without_the_right_password(program: Running, flags: tuple[str, ...]) -> None:
    assert curl(program, "/app/hello/x", *flags)[0] == 401
    assert curl(program, "/app/basic/x", *flags[1:])[0] == 401
    assert curl(program, "/app/stats") == (200, "open")


@pytest.mark.row("A69")
@pytest.mark.parametrize("name", ["plain", "md5"])
def test_pythons_own_client_is_let_in_again_and_again(program: Running, name: str) -> None:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    base = f"http://127.0.0.1:{program.port}/app"
    passwords.add_password(None, base, name, "1234")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPDigestAuthHandler(passwords)
    )

    for number in range(3):
        with opener.open(f"{base}/hello/{number}", timeout=20) as answer:
            assert answer.read().decode() == f"{name}: {number} "


@pytest.mark.row("A69")
def test_pythons_own_client_is_refused_with_a_wrong_password(program: Running) -> None:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    base = f"http://127.0.0.1:{program.port}/app"
    passwords.add_password(None, base, "plain", "wrong")
    handlers: Any = (urllib.request.ProxyHandler({}), urllib.request.HTTPDigestAuthHandler(passwords))

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(*handlers).open(f"{base}/hello/x", timeout=20)
    with refused.value as answer:
        assert answer.code == 401


@pytest.mark.row("A69")
def test_what_curl_sent_cannot_be_sent_again(program: Running) -> None:
    status, header = curl(program, "/app/sent", "--digest", "--user", "plain:1234")
    assert (status, header[:7]) == (200, "Digest ")

    status, body = program.ask("GET", "/app/sent", None, Authorization=header)

    assert (status, b"this request was sent before" in body) == (401, True)
