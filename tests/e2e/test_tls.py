"""A program with a certificate of its own, as programs and browsers see it."""

from __future__ import annotations

import http.client
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.server.certificates import Certificates
from atilite.server.cipher import Cipher
from tests.require import require
from tests.resources.authority import Authority
from tests.running import Running

SERVE = """
    import atilite

    app = atilite.Atilite(__name__)
    app.securekey = "something that nobody guesses"

    PAGE = '''<!doctype html><title>Board</title><p id="said"></p><script>
    const socket = new WebSocket("wss://" + location.host + "/echo");
    socket.onmessage = event => { document.getElementById("said").textContent = event.data; };
    socket.onopen = () => socket.send("heard over TLS");
    </script>'''

    @app.route("/")
    def page(was):
        was.response.set_header("Content-Type", "text/html; charset=utf-8")
        was.response.set_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline'")
        return PAGE

    @app.route("/keep")
    def keep(was):
        was.session["name"] = "Ann"
        return was.request.scheme

    @app.route("/pieces")
    def pieces(was):
        for number in range(3):
            yield was.Sleep(0.01)
            yield f"piece {number} "

    @app.route("/echo")
    @app.websocket(atilite.WS_CHANNEL)
    def echo(was, message):
        return message

    atilite.mount("/", app)
    atilite.run()
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> tuple[str, str]:
    return authority.certificate("IP:127.0.0.1,DNS:localhost")


@pytest.fixture
def running(tmp_path: Path, authority: Authority, pair: tuple[str, str]) -> Iterator[Running]:
    running = Running(tmp_path, SERVE, "--tls-cert", pair[0], "--tls-key", pair[1])
    running.trust = ssl.create_default_context(cafile=authority.file)
    try:
        yield running.start()
    finally:
        running.close()


def refused(folder: Path, *flags: str, **environ: str) -> str:
    """The line with which a program does not start."""
    (folder / "serve.py").write_text("import atilite\natilite.mount('/', atilite.Atilite('board'))\natilite.run()\n")
    words, environ["PYTHONPATH"] = [sys.executable, "serve.py", "--port", "0", *flags], ":".join(sys.path)
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False, env=environ)
    assert done.returncode == 2, done.stderr
    assert not (folder / "data.db").exists(), "nothing was begun"
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.row("I45")
def test_it_serves_over_tls_and_everything_knows_that(running: Running) -> None:
    connection = running.connect()
    connection.request("GET", "/keep")
    answer = connection.getresponse()
    assert answer.read() == b"https"
    assert "; secure" in answer.headers["Set-Cookie"].lower()
    sock = connection.sock
    connection.request("GET", "/pieces")
    assert connection.getresponse().read() == b"piece 0 piece 1 piece 2 "
    assert connection.sock is sock, "it is the same connection"
    connection.close()
    assert f"served at https://127.0.0.1:{running.port}" in running.log.read_text()
    assert running.terminate() == 0


@pytest.mark.row("I45")
def test_a_browser_loads_a_page_and_talks_over_tls(running: Running, browser: Any) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"https://localhost:{running.port}/")
    page.locator("#said", has_text="heard over TLS").wait_for(timeout=15_000)
    page.goto(f"https://localhost:{running.port}/console")
    assert page.url.startswith(f"https://localhost:{running.port}/console")
    context.close()


@pytest.mark.row("I45")
def test_curl_is_content_and_plain_http_is_told_better(running: Running, authority: Authority) -> None:
    require(shutil.which("curl"), "the curl command")
    words = ["curl", "-sS", "--cacert", authority.file, "--max-time", "30", f"https://localhost:{running.port}/pieces"]
    assert subprocess.run(words, capture_output=True, timeout=60, check=True).stdout == b"piece 0 piece 1 piece 2 "
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.request("GET", "/keep")
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"https://" in answer.read()
    connection.close()


def test_files_that_do_not_fit_are_one_line_before_anything_begins(
    tmp_path: Path, authority: Authority, pair: tuple[str, str]
) -> None:
    cert, key = pair
    other = authority.certificate("DNS:other")[1]
    assert "tls_cert is given without tls_key" in refused(tmp_path, "--tls-cert", cert)
    assert "there is no file /nowhere.pem" in refused(tmp_path, ATILITE_TLS_CERT="/nowhere.pem", ATILITE_TLS_KEY=key)
    assert f"{other} is not the key of {cert}" in refused(tmp_path, "--tls-cert", cert, "--tls-key", other)
    flags = ("--tls-cert", cert, "--tls-key", key, "--unix", "s")
    assert "tls_cert does not go with unix" in refused(tmp_path, *flags)
    (tmp_path / "atilite.toml").write_text(f'tls_cert = "{cert}"\ntls_key = "{cert}"\n')
    assert f"tls_key: {cert} has no private key in it" in refused(tmp_path)


@pytest.mark.row("I45")
def test_the_commands_of_the_manual_make_a_certificate_that_clients_accept(tmp_path: Path) -> None:
    require(shutil.which("openssl"), "the openssl command")
    manual = (Path(__file__).parents[2] / "docs/operating.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", manual, re.DOTALL) if block.startswith("openssl req")]
    assert len(blocks) == 2
    for block in blocks:
        subprocess.run(["sh", "-e", "-c", block], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    for name in ("board.local", "192.168.1.20"):
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        trust.verify_flags |= ssl.VERIFY_X509_STRICT
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trust.wrap_bio(incoming, outgoing, server_hostname=name)
        server = Cipher(Certificates(str(tmp_path / "board.pem"), str(tmp_path / "board.key")).current())
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        server.handshake(outgoing.read())
        incoming.write(server.sealed())
        client.do_handshake()
        assert server.handshake(outgoing.read())
