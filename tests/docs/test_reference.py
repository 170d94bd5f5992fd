"""The reference pages are true: their blocks run in order, and answer what they say. `…` stands for anything."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from atilite import Atilite, Database
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from tests.docs.test_state_pages import DOCS, blocks, typed
from tests.e2e.test_tutorial import commands, matches
from tests.packages import package

# A page of reference, with how many of its lines say what comes out of them.
PAGES = {
    "actions.md": 25,
    "console.md": 3,
    "events.md": 7,
    "http-api.md": 22,
    "journals-and-kv.md": 20,
    "mounts.md": 7,
    "notifications.md": 3,
    "openapi.md": 7,
    "schedules-and-services.md": 8,
    "secrets.md": 3,
    "tasks.md": 15,
    "testing.md": 10,
    "triggers.md": 5,
}

Run = Callable[[str], int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the blocks of a page in one module called `garden`, on a database of its own; counts what was compared."""
    monkeypatch.chdir(tmp_path)
    database = Database.open(f"sqlite:///{tmp_path}/data.db")
    monkeypatch.setattr("atilite.app.process_database", lambda url: database)
    site = Site(tmp_path)
    site.use(database)
    monkeypatch.setattr("atilite.launch.default_site", lambda: site)
    monkeypatch.setattr("atilite.run", lambda **options: site.open(Settings(devel=True)).start(), raising=False)
    garden = ModuleType("garden")
    monkeypatch.setitem(sys.modules, "garden", garden)
    names = vars(garden)

    def everything(page: str) -> int:
        # Most pages print what the routes answer, without what a developer's server adds to it.
        monkeypatch.setattr(Atilite, "expose_spec", "__spec__" in (DOCS / page).read_text(encoding="utf-8"))
        compared = 0
        files = {name: text for _, name, text in blocks(page) if name}
        inits = [name.partition("/")[0] for name in files if name.endswith("/__init__.py")]
        with ExitStack() as loaded:
            for name in inits or ["empty"]:
                loaded.enter_context(package(tmp_path, name, {"empty/__init__.py": "", **files}))
            for language, name, text in blocks(page):
                if language == "python" and name and "/" not in name:
                    exec(compile(text, name, "exec"), {"__name__": name})
                elif language == "python" and not name:
                    compared += told(text, names)
                elif language == "console":
                    compared += answered(text, served(site, names))
        return compared

    yield everything
    app = names.get("app")
    if isinstance(app, Atilite) and not site.mounts:
        app.stop(5)
    site.stop(5)
    site.close()


def told(text: str, names: dict[str, Any]) -> int:
    """Execute a block; compare each expression with the comment below it."""
    pairs = typed(text, names)
    for was, said in pairs:
        assert matches(said, was), f"{was} instead of {said}"
    return len(pairs)


def served(site: Site, names: dict[str, Any]) -> Site:
    """The page's app as `python serve.py --devel` serves it, unless the page has said so itself."""
    if not site.mounts:
        site.mount("/", names["app"])
        site.open(Settings(devel=True)).start()
    return site


def answered(text: str, site: Site) -> int:
    """Send what the curl commands of a block send; compare what they print."""
    pairs = commands(text)
    for command, expected in pairs:
        printed = curl(command, Client(site, host="127.0.0.1:5000"))
        assert matches(expected, printed), f"$ {command}\n{printed}\ninstead of\n{expected}"
    return len(pairs)


def curl(command: str, client: Client) -> str:
    """What curl prints: the flags -X, -d, -H and -i, which is here the status line alone, and a URL."""
    words = shlex.split(command)
    assert words.pop(0) == "curl"
    method, url, body, status = "", "", "", False
    headers: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-d":
            body = "&".join(filter(None, (body, words.pop(0))))
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif word == "-H":
            name, _, value = words.pop(0).partition(":")
            headers[name] = value.strip()
        elif word == "-i":
            status = True
        else:
            assert not word.startswith("-"), word
            url = word
    path = url.removeprefix("http://127.0.0.1:5000")
    answer = client.request(method or ("POST" if body else "GET"), path, headers=headers, body=body.encode())
    return f"HTTP/1.1 {answer.status}" if status else answer.text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: str, run: Run) -> None:
    assert run(page) == PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_found(page: str) -> None:
    root = Path(__file__).parents[2]

    assert f"(docs/{page})" in (root / "README.md").read_text(encoding="utf-8")
    assert f"({page})" in (root / "docs/tutorial.md").read_text(encoding="utf-8")
