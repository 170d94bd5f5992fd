"""The configurations for nginx that BINP's manual prints, before its first sample; and samples without any server.

As printed but for the ports, which are free ones, and the file of passwords. They pass on the name of the program
instead of the client's, so that changes from a browser's page are refused; `--nginx-conf` writes what passes that on.
"""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import pytest

from tests.docs.test_binp_samples import CURRENT, EMITTER, HELLO, KV, KV_MODEL
from tests.e2e.test_nginx import MAIN, free_port, until_listening
from tests.packages import write
from tests.require import require
from tests.running import PATH, Running

WITHOUT = """
    server {
        listen 80;
        server_name default;

        location / {
            proxy_pass http://127.0.0.1:8000;
            proxy_http_version 1.1;
            proxy_cache_bypass $http_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }
    }
"""

BASIC = """
    server {
        listen 80;
        server_name default;

        location / {
            proxy_pass http://127.0.0.1:8000;
            proxy_http_version 1.1;
            proxy_cache_bypass $http_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            auth_basic "Administrator's Area";
            auth_basic_user_file /etc/apache2/.htpasswd;
        }
    }
"""

INTERNAL = """
    server {
        listen 80;
        server_name default;

        location /internal/ {
            proxy_pass http://127.0.0.1:8000/internal/;
            proxy_http_version 1.1;
            proxy_cache_bypass $http_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            auth_basic "Administrator's Area";
            auth_basic_user_file /etc/apache2/.htpasswd;
        }

        location / {
            proxy_pass http://127.0.0.1:8000;
            proxy_http_version 1.1;
            proxy_cache_bypass $http_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }
    }
"""

AS_PROGRAM = "import sys; from atilite.cli.main import main; sys.exit(main(['--app', 'sample:app', *sys.argv[1:]]))"


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    """Where nginx listens: with each of the three configurations, all before one program."""
    require(shutil.which("nginx"), "nginx is not installed (apt-get install nginx-light)")
    # nginx reads the files as a user of its own, and pytest's own folders are closed to others.
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        ask = '\n@app.get("/hello")\ndef hello_of_the_user():\n    return {"message": "hello world"}\n'
        write(folder, {"sample.py": dedent(HELLO) + ask, "passwords": "admin:{PLAIN}secret\n"})
        program = Running(folder, AS_PROGRAM, "--devel").start()
        found = [free_port() for _ in range(3)]
        servers = "".join(
            text.replace("listen 80", f"listen 127.0.0.1:{port}")
            .replace("127.0.0.1:8000", f"127.0.0.1:{program.port}")
            .replace("/etc/apache2/.htpasswd", str(folder / "passwords"))
            for port, text in zip(found, (WITHOUT, BASIC, INTERNAL), strict=True)
        )
        user = "www-data" if os.geteuid() == 0 else "nobody"
        main = dedent(MAIN).format(folder=folder, conf=folder / "servers.conf", user=user)
        write(folder, {"servers.conf": servers, "main.conf": main})
        nginx = subprocess.Popen(["nginx", "-p", name, "-c", "main.conf"], stderr=subprocess.DEVNULL)
        try:
            for port in found:
                until_listening(port)
            yield found
        finally:
            nginx.terminate()
            nginx.wait(20)
            program.close()


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers)
    try:
        answer = connection.getresponse()
        return answer.status, b"" if answer.status == 101 else answer.read()
    finally:
        connection.close()


@pytest.mark.row("B43")
@pytest.mark.parametrize(
    ("place", "stranger"),
    [(0, [200, 200, 200, 200]), (1, [401, 401, 401, 401]), (2, [200, 200, 401, 401])],
    ids=["without authorization", "with basic authorization", "of the internal API"],
)
def test_the_printed_configurations_let_in_whom_they_say(ports: list[int], place: int, stranger: list[int]) -> None:
    asked = [("GET", "/hello"), ("GET", "/console/"), ("GET", "/internal/actions/"), ("POST", "/internal/action/hello")]
    known = {"Authorization": "Basic " + base64.b64encode(b"admin:secret").decode()}

    assert [ask(ports[place], method, path)[0] for method, path in asked] == stranger
    assert [ask(ports[place], method, path, **known)[0] for method, path in asked] == [200] * 4


@pytest.mark.row("B43")
def test_web_sockets_pass_through_the_printed_configurations(ports: list[int]) -> None:
    asks = {
        "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    known = {"Authorization": "Basic " + base64.b64encode(b"admin:secret").decode()}

    assert [ask(port, "GET", "/internal/journals/updates", **asks, **known)[0] for port in ports] == [101] * 3


@pytest.mark.row("B43")
def test_a_browser_s_page_is_told_what_they_lack(ports: list[int]) -> None:
    status, told = ask(ports[0], "POST", "/internal/action/hello", Origin=f"http://127.0.0.1:{ports[0]}")

    assert (status, b"a proxy does not pass on the client's Host" in told) == (403, True)


@pytest.mark.row("B13", "B23", "B24", "B33", "B35")
def test_samples_run_in_a_script_of_ones_own_that_serves_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"kv.py": KV, "model.py": KV_MODEL, "current.py": CURRENT, "emitter.py": EMITTER})
    scene = """
        import asyncio, threading, kv, model, current, emitter

        async def main():
            await kv.save_something()
            await model.save_something()
            await current.invoke()
            heard = threading.Event()
            emitter.print = lambda *words: (print(*words), heard.set())
            emitter.emitter()
            await asyncio.to_thread(heard.wait, 20)
            print(await kv.app.kv.namespaces())

        asyncio.run(main())
        """
    write(tmp_path, {"script.py": scene})
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": PATH},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["Journal ID: 1", "['default']", "payload: hello world"]
