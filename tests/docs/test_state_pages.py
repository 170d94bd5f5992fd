"""docs/sessions.md and docs/tokens.md are true: their blocks are executed, and answer what they say."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atilite import Atilite
from atilite.testing.client import Answer, Client
from tests.packages import package

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[tuple[str, str, str]]:
    """The blocks of a page: language, file name or "", text."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```([a-z]+)(?: file=(\S+))?\n(.+?)\n```$", text, re.MULTILINE | re.DOTALL)


def typed(text: str, names: dict[str, Any]) -> list[tuple[str, str]]:
    """Execute a block; each expression with a comment line below it gives (what it was, what the comment says)."""
    told = []
    lines = text.splitlines()
    for statement in ast.parse(text).body:
        source = ast.unparse(statement)
        below = lines[statement.end_lineno] if (statement.end_lineno or 0) < len(lines) else ""
        if isinstance(statement, ast.Expr) and below.startswith("# "):
            told.append((repr(eval(source, names)), below[2:]))
        else:
            exec(compile(ast.Module([statement], []), "docs", "exec"), names)
    return told


def asked(client: Client, line: str) -> Answer:
    """Send what a line of an http block says: method, path, fields of a form. TOKEN is the one of the form there."""
    method, path, *fields = line.split()
    if "TOKEN" in line:
        found = re.search(r'name="csrf" value="(.+?)"', client.get(path).text)
        assert found is not None
        fields = [field.replace("TOKEN", found[1]) for field in fields]
    form = dict(field.split("=", 1) for field in fields)
    return client.request(method, path, form=form) if form else client.request(method, path)


@pytest.mark.row("A114", "A115", "A118", "A119", "A120", "A179")
def test_the_page_about_sessions_is_true(tmp_path: Path) -> None:
    language, name, text = blocks("sessions.md")[0]
    assert (language, name) == ("python", "shop/__init__.py")
    with package(tmp_path, "shop", {name: text}) as shop:
        pref = SimpleNamespace()
        shop.__config__(pref)
        app = shop.__app__()
    assert isinstance(app, Atilite)
    vars(app).update(vars(pref))
    client, asks = Client(app), 0
    rest = blocks("sessions.md")[1:]

    # All handlers are there before the first request: it ends the set-up.
    for text in (text for language, _, text in rest if language == "python"):
        typed(text, {"app": app, "pref": pref})
    for text in (text for language, _, text in rest if language == "http"):
        lines = text.splitlines()
        for line, expected in zip(lines[::2], lines[1::2], strict=True):
            answer, asks = asked(client, line), asks + 1
            assert expected in ("...", str(answer.status_code), answer.text), line

    assert pref.securekey[1] == app.securekey
    assert asks == 11


@pytest.mark.row("A52", "A180", "A181", "A182")
def test_the_page_about_tokens_is_true() -> None:
    app = Atilite("tokens")
    names: dict[str, Any] = {"app": app, "client": Client(app)}

    texts = [text for language, _, text in blocks("tokens.md") if language == "python"]
    texts.sort(key=lambda text: "client." in text)  # all handlers before the first request, which ends the set-up
    told = [pair for text in texts for pair in typed(text, names)]

    assert [was for was, _ in told] == [said for _, said in told]
    assert len(told) == 10


@pytest.mark.parametrize("page", ["sessions.md", "tokens.md"])
def test_every_member_of_was_that_a_page_names_is_there(page: str) -> None:
    was = Atilite("named")._was_for_run(None)
    named = set(re.findall(r"\bwas\.(\w+)", (DOCS / page).read_text(encoding="utf-8")))

    assert sorted(name for name in named if not hasattr(type(was), name) and name not in vars(was)) == []
