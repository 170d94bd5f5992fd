"""docs/routing.md and docs/validation.md are true: their handlers are declared, and answer what the pages say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from atilite import Atilite
from atilite.testing.client import Answer, Client
from atilite.web.inspection import LISTS
from atilite.web.operators import ALIASES, OPERATORS

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)\n```$", page(name), re.MULTILINE | re.DOTALL)


def asked(app: Atilite, line: str) -> Answer:
    """Send what a line says: method, path, and a JSON object or the fields of a form."""
    method, url, *rest = line.split(" ", 2)
    parts = urlsplit(url)
    client = Client(app, host=parts.netloc or "localhost")
    path = url.removeprefix(f"http://{parts.netloc}")
    if rest and rest[0].startswith("{"):
        return client.request(method, path, json=json.loads(rest[0]))
    form = dict(field.split("=", 1) for field in rest[0].split()) if rest else None
    return client.request(method, path, form=form)


@pytest.mark.row("A34", "A89", "A90", "A91", "A92", "A93", "A94", "A95", "A96", "A97", "A122", "A123", "A125", "A126")
@pytest.mark.row("A99", "A100", "A101", "A105", "A106", "A107", "A108", "A109")
@pytest.mark.parametrize(("name", "asks"), [("routing.md", 23), ("validation.md", 8)])
def test_the_page_is_true(name: str, asks: int) -> None:
    app = Atilite(__name__)
    names: dict[str, Any] = {"app": app, "__name__": __name__}
    for text in blocks(name, "python"):
        exec(compile(text, name, "exec", dont_inherit=True), names)

    lines = [line for text in blocks(name, "http") for line in text.splitlines()]
    for line, expected in zip(lines[::2], lines[1::2], strict=True):
        answer = asked(app, line)
        told: Any = answer.text
        if name == "validation.md" and answer.status_code == 400:
            told = json.dumps(answer.json()["fields"], separators=(",", ":"))
        status, _, text = expected.partition(" ")
        assert (answer.status_code, told if text != "..." else "...") == (int(status), text), line

    assert len(lines) == 2 * asks


def test_the_page_about_validation_names_every_list_and_operator() -> None:
    named = set(re.findall(r"`(\w+)`", page("validation.md")))

    assert {*LISTS, *OPERATORS, *ALIASES, "required", "oneof", "manyof", "nones"} - named == set()


@pytest.mark.parametrize("name", ["routing.md", "validation.md"])
def test_every_member_of_was_that_a_page_names_is_there(name: str) -> None:
    was = Atilite("named")._was_for_run(None)
    named = set(re.findall(r"\bwas\.(\w+)", page(name)))

    assert [one for one in named if not hasattr(type(was), one) and one not in vars(was)] == []
