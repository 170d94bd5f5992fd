"""Results that are used again, where several processes serve one program: what one updates, all ask for anew."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.require import require

PATIENCE = 30.0
PROGRAM = """
    import os

    import atilite
    from atilite import Atilite

    atilite.alias("@shop", atilite.DB_SQLITE3, "shop.db")
    atilite.register_g("tables.users")
    if os.environ.get("SHARED"):
        atilite.g.share("shop.times")
    app = Atilite(__name__)
    app.securekey = "a key for the tests of servers"

    def insert(name):
        app.db("@shop", rm_cache="tables.users").execute("insert into users values (?)", [name]).commit()

    @app.route("/count")
    def count(was):
        users = was.db("@shop", use_cache="tables.users").execute("select count(*) as n from users").one().n
        return was.API(users=users, by=os.getpid())

    @app.route("/insert")
    def inserted(was):
        insert("Ann")
        return was.API(by=os.getpid())

    @app.route("/insert-apart")
    def inserted_apart(was):
        was.Process(insert, "Bob", timeout=60).commit()
        return was.API(by=os.getpid())
"""
Ask = Callable[[str], dict[str, Any]]


@contextlib.contextmanager
def two_workers(folder: Path, shared: bool) -> Iterator[Ask]:
    """Let gunicorn serve the program in two processes, which were forked after it was loaded or before."""
    (folder / "shop.py").write_text(textwrap.dedent(PROGRAM))
    made = "import shop; shop.app.db('@shop').execute('create table if not exists users (name text)').commit()"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ATILITE_")}
    environ["SHARED"] = "yes" if shared else ""
    subprocess.run([sys.executable, "-c", made], cwd=folder, env=environ, check=True, timeout=PATIENCE)
    log = folder / "log.txt"
    words = ["-m", "gunicorn", "shop:app", "--bind", "127.0.0.1:0", "--threads", "2", "--workers", "2"]
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *words], cwd=folder, stdout=out, stderr=out, env=environ)
    try:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"at:? (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield lambda path: dict(json.loads(urllib.request.urlopen(found[1] + path, timeout=PATIENCE).read()))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def counted(ask: Ask) -> dict[int, int]:
    """How many users each of the two workers counts."""
    found: dict[int, int] = {}
    end = time.monotonic() + PATIENCE
    while len(found) < 2:
        assert time.monotonic() < end, "only one worker answers"
        answer = ask("/count")
        found[answer["by"]] = answer["users"]
    return found


@pytest.mark.row("A148")
@pytest.mark.parametrize("path", ["/insert", "/insert-apart"])
def test_what_one_process_updates_all_ask_for_anew(tmp_path: Path, path: str) -> None:
    require(bool(importlib.util.find_spec("gunicorn")), "gunicorn is not installed")
    with two_workers(tmp_path, shared=True) as ask:
        assert set(counted(ask).values()) == {0}
        ask(path)
        assert set(counted(ask).values()) == {1}
        ask(path)
        assert set(counted(ask).values()) == {2}


def test_without_a_shared_file_a_process_knows_its_own_updates_only(tmp_path: Path) -> None:
    require(bool(importlib.util.find_spec("gunicorn")), "gunicorn is not installed")
    with two_workers(tmp_path, shared=False) as ask:
        counted(ask)
        by = ask("/insert")["by"]
        found = counted(ask)
        assert found.pop(by) == 1
        assert list(found.values()) == [0]
