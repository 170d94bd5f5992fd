"""docs/responses.md, docs/templates.md, docs/uploads.md are true: their files make an app that does what they say."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from tests.docs.test_state_pages import blocks, typed
from tests.packages import package

FILES = {
    "shop/static/logo.svg": "<svg/>",
    "shop/static/robots.real.txt": "User-Agent: *",
    "shop/static/long.css": "a { color: red }\n" * 200,
    "photos/cat.jpg": "a photo",
}


def served(folder: Path, page: str) -> tuple[Site, list[str]]:
    """A site made of the page's files, and its other blocks."""
    files = {name: text for _, name, text in blocks(page) if name}
    for name, text in {**FILES, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with package(folder, "shop", {"shop/__init__.py": files["shop/__init__.py"]}) as shop:
        site = Site(folder)
        site.mount("/", shop)
        site.open(Settings(no_console=True, db=f"sqlite:///{folder}/data.db"))
    return site, [text for language, name, text in blocks(page) if language == "python" and not name]


@pytest.mark.row("A19", "A152", "A156", "A158", "A160", "A162")
def test_the_page_about_answers_is_true(tmp_path: Path) -> None:
    site, examples = served(tmp_path, "responses.md")
    names: dict[str, Any] = {"client": Client(site)}

    for text in examples:
        for was, said in typed(text, names):
            assert was == said
    found = names["client"].get("/secret-report", headers={"Accept-Encoding": "gzip"})
    assert found.header("Content-Encoding") is None


@pytest.mark.row("A111", "A112", "D14")
def test_the_page_about_uploads_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, (example,) = served(tmp_path / "site", "uploads.md")
    monkeypatch.chdir(tmp_path)

    for was, said in typed(example, {"client": Client(site)}):
        assert was == said


@pytest.mark.row("A173", "A174", "A175", "A176")
def test_the_page_about_templates_is_true(tmp_path: Path) -> None:
    site, (example,) = served(tmp_path, "templates.md")
    said = "".join(f"{line[2:]}\n" for line in example.splitlines() if line.startswith("# "))

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "docs", "exec"), {"client": Client(site)})
    assert printed.getvalue() == said
