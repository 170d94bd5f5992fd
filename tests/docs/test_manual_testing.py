"""The sample of the Atila manual's chapter "Integrating pytest and API Documentation".

It runs as it is printed, with `atilite` in place of `skitai` and of `atila`, and the corrections that
docs/from-atila.md lists. What the print leaves out is filled in: the program with its tickers, a call of its other
route, and the second of two tests of one name is called `test_app_launched`. The ports are free ones.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.packages import write
from tests.running import Running

SERVE = """
    import atilite

    app = atilite.Atilite (__name__)

    @app.route ("/apis/tickers")
    def tickers (was):
        return was.API (tickers = ['a', 'b'])

    @app.route ("/apis/tickers/<int:product_code>")
    def product_tickers (was, product_code):
        return was.API (instock = 2)

    if __name__ == '__main__':
        atilite.mount ("/", app)
        atilite.run (port = 5000)
"""

CONFTEST = """
    # tests/conftest.py
    from atilite.pytest_hooks import * # HERE
    import atilite

    @pytest.fixture
    def launch ():
        return partial (atilite.test_client, port = LAUNCHED, silent = False)

    @pytest.fixture (scope = "module")
    def client ():
        _client = atilite.test_client (port = RUNNING)
        yield _client
        _client.stop ()
"""

TESTS = """
    # tests/test_app.py
    def test_app (client):
        resp = client.get ('/apis/tickers')
        assert resp.status_code == 200
        assert client.get ('/apis/tickers/123').json () ['instock'] == 2

    def test_app_launched (launch):
        # launch test server on 30371 with --devel option
        with launch ('../serve.py', devel = True) as client:
            resp = client.get ('/apis/tickers')
            assert resp.status_code == 200
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.row("A191", "A193", "A201", "A202")
def test_pytest_and_api_documentation(tmp_path: Path) -> None:
    program = Running(tmp_path, SERVE, "--devel")
    try:
        program.start()
        conftest = CONFTEST.replace("RUNNING", str(program.port)).replace("LAUNCHED", str(free_port()))
        write(tmp_path / "tests", {"conftest.py": conftest, "test_app.py": TESTS})
        # cd tests && pytest --docs
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--docs", "-q", "-p", "no:cacheprovider"],
            cwd=tmp_path / "tests", capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    finally:
        program.close()

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("docs/api/*"))
    assert any(name.endswith("docs/api/index.md") for name in found), found
    page = next(tmp_path.rglob("docs/api/index.md")).read_text(encoding="utf-8")
    for said in ("/apis/tickers/<int:product_code>", "product_code", "200 OK", "GET", '"instock": 2'):
        assert said in page
    for text in dedent(page).split("```json")[1:]:
        assert json.loads(text.split("```")[0])
