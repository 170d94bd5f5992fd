"""What a start loads: every module costs a board milliseconds and memory, so what is needed later is loaded later."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A site with a page, an action and an interval answers its first request.
PROGRAM = """\
import sys
from pathlib import Path
from wsgiref.util import setup_testing_defaults

# Peewee loads every driver that is installed, with all that it needs. Only those pay for it who have installed one.
sys.modules.update(dict.fromkeys(("psycopg", "psycopg2", "psycopg2cffi", "pymysql", "MySQLdb")))

import atilite
from atilite.cli import entry, serve
from atilite.config import load
from atilite.site import Site

app = atilite.Atilite("board")


@app.get("/")
def index(was):
    return "hello"


@app.schedule(every="1m")
@app.action
def read(): ...


site = Site(Path.cwd())
site.mount("/", app)
site.open(load())
site.start()
environ = {}
setup_testing_defaults(environ)
assert list(site(environ, lambda *_: None)) == [b"hello"]
print(*sorted(name for name, module in sys.modules.items() if module is not None))
site.warm()
print(*sorted(name for name, module in sys.modules.items() if module is not None))
site.stop(1)
site.close()
"""

# Our own rooms, and what others bring, that a first answer can do without.
LATER = {
    "atilite.beans", "atilite.pod", "atilite.flow", "atilite.plans", "atilite.mountedplan",
    "atilite.api", "atilite.automation.apart", "atilite.automation.commands", "atilite.automation.notice",
    "atilite.automation.template", "atilite.cli.install", "atilite.cli.run", "atilite.console",
    "atilite.description", "atilite.reload", "atilite.resources.databases", "atilite.resources.http",
    "atilite.resources.outgoing", "atilite.resources.pool", "atilite.runtime.conveyor", "atilite.runtime.isolated",
    "atilite.runtime.outflow", "atilite.runtime.pickled", "atilite.runtime.processes",
    "atilite.runtime.subprocesses", "atilite.runtime.wire", "atilite.server.certificates", "atilite.server.cipher",
    "atilite.server.secure", "atilite.server.securechannel", "atilite.store.outbox", "atilite.store.querying",
    "atilite.testing", "atilite.was.clients", "atilite.was.files", "atilite.was.forms", "atilite.was.passwords",
    "atilite.was.pipe", "atilite.was.proxy", "atilite.was.render", "atilite.was.results", "atilite.was.statics",
    "atilite.was.tokens", "atilite.was.trace", "atilite.was.urls", "atilite.web.charts", "atilite.web.cors",
    "atilite.web.credentials", "atilite.web.digest", "atilite.web.inspection", "atilite.web.jwts",
    "atilite.web.mapped", "atilite.web.mbox", "atilite.web.minify", "atilite.web.operators", "atilite.web.otp",
    "atilite.web.ott", "atilite.web.session", "atilite.web.webhooks", "asyncio", "concurrent.futures", "cronsim",
    "difflib", "html", "itsdangerous", "jinja2", "jwt", "multipart", "multiprocessing", "playhouse", "pyotp",
    "subprocess", "tomllib", "urllib3", "wsproto", "xml", "zoneinfo",
}  # fmt: skip


# What also waits until somebody asks, when the console and the API are loaded behind the first answer.
LATER_STILL = {
    "atilite.beans", "atilite.pod", "atilite.flow", "atilite.plans", "atilite.mountedplan",
    "atilite.api.reference", "atilite.description", "atilite.resources.databases", "atilite.schema", "atilite.testing",
    "atilite.web.inspection", "asyncio", "concurrent.futures", "html", "jinja2", "multiprocessing", "subprocess", "xml",
    "atilite.automation.watching", "csv", "ctypes",
    "atilite.console.actions", "atilite.console.api", "atilite.console.attention", "atilite.console.changes",
    "atilite.console.confirm", "atilite.console.flow", "atilite.console.flowdeeds", "atilite.console.flowlive",
    "atilite.console.forms", "atilite.console.kv", "atilite.console.lines", "atilite.console.live",
    "atilite.console.notices", "atilite.console.overview", "atilite.console.run", "atilite.console.runs",
    "atilite.console.schedules", "atilite.console.services", "atilite.console.settings", "atilite.console.states",
    "atilite.console.tasks",
}  # fmt: skip


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> list[set[str]]:
    """The modules of the second start, at the first answer and once all is loaded; the first makes the database."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "serve.py").write_text(PROGRAM, encoding="utf-8")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "serve.py"],
            cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def loaded(starts: list[set[str]]) -> set[str]:
    """The modules at the first answer."""
    return starts[0]


def test_a_start_loads_what_it_serves_with(loaded: set[str]) -> None:
    assert {"atilite.serving", "atilite.cli.serve", "atilite.store.database", "gevent", "bottle"} <= loaded


@pytest.mark.row("M14")
def test_a_start_loads_nothing_that_is_only_needed_later(loaded: set[str]) -> None:
    assert loaded & LATER == set()


@pytest.mark.row("M14")
def test_a_site_at_rest_has_loaded_nothing_that_few_ask_for(starts: list[set[str]]) -> None:
    assert {"atilite.console.pages", "atilite.api.routes"} <= starts[1]
    assert starts[1] & LATER_STILL == set()


def test_a_site_at_rest_has_declared_its_dataclasses_quickly(starts: list[set[str]]) -> None:
    slow = [
        name for name in starts[1]
        if (source := ROOT / f"{name.replace('.', '/')}.py").is_file() and name != "atilite.quickly"
        and re.search(r"^from dataclasses import .*\bdataclass\b", source.read_text("utf-8"), re.MULTILINE)
    ]  # fmt: skip
    assert slow == []
