"""`pytest --docs`: listens to what tests ask, and writes the documentation when all of them have passed."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Container
from pathlib import Path
from typing import Any

import pytest

from ..api.paths import document
from ..description import Route, describe_app, describe_site
from ..version import VERSION
from .answers import Answer
from .apidoc import page
from .apispec import Document, merged, routes_of, with_examples
from .examples import Examples, Told, find
from .fixtures import project_folder
from .watch import Exchange, process_exchanges

INDEX = "index"
FOLDER = ("docs", "api")
DOCUMENT = "openapi.json"


class Program:
    """What one program tells of its routes: its OpenAPI document, or itself when it is in this process."""

    def __init__(self, client: Any) -> None:
        self.document: Document | None = None
        self.routes: list[Told] = []
        target: Any = getattr(client, "target", None)
        if hasattr(target, "catalogue"):
            self._describe(describe_site(target), target.settings.name)
        elif hasattr(target, "complete_routes"):
            self._describe(describe_app(target), target.import_name)
        elif hasattr(client, "url"):
            self._ask(client)

    def _describe(self, found: list[Route], title: str) -> None:
        self.routes = [route.plain for route in found]
        self.document = document(found, title, VERSION)

    def _ask(self, client: Any) -> None:
        answer: Answer = client.send("GET", f"/{DOCUMENT}", client.headers, b"")
        if answer.status_code == 200 and answer.content_type == "application/json":
            found = answer.json()
            if isinstance(found, dict) and "paths" in found:
                self.document, self.routes = found, list(routes_of(found))

    def route_of(self, exchange: Exchange) -> Told | None:
        """The route of a request, best as its answer told it."""
        told = exchange.answer.spec
        if told is None or "path" not in told or "template" not in told:
            return find(self.routes, exchange.method, exchange.path)
        if told not in self.routes:
            self.routes.insert(0, told)
        return told


class Recorder:
    """Registered with pytest for `--docs`."""

    def __init__(self, config: pytest.Config) -> None:
        self._project = project_folder(config)
        chosen = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        self._folders = [config.invocation_params.dir.joinpath(arg.partition("::")[0]).resolve() for arg in chosen]
        self._whole = {"tests", "test", *config.getini("testpaths")}
        self._spread = bool(config.getoption("numprocesses", None))
        self._programs: dict[object, Program] = {}
        self._pages: dict[str, Examples] = {}
        self._page = INDEX
        self._written: list[Path] = []
        self._stop = process_exchanges().listen(self._heard)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """From now on requests are of this test."""
        self._page = page_name(item.path, self._folders, self._whole)

    def _heard(self, exchange: Exchange) -> None:
        route = self._program(exchange.client).route_of(exchange)
        if route is not None:
            self._pages.setdefault(self._page, Examples()).add(route, exchange)

    def _program(self, client: Any) -> Program:
        target = getattr(client, "target", None)
        # Another program may have the port of one that has ended.
        process = getattr(client, "process", None)
        key = target if target is not None else (getattr(client, "url", ""), process and process.pid)
        found = self._programs.get(key)
        if found is None:
            found = self._programs[key] = Program(client)
        return found

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the pages when every test has passed."""
        self._stop()
        shown = {name: examples.shown for name, examples in self._pages.items()}
        if exitstatus != 0 or not any(shown.values()):
            return
        folder = self._project.joinpath(*FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        for name, routes in sorted(shown.items()):
            self._write(folder / f"{name}.md", page(routes))
        documents = [program.document for program in self._programs.values() if program.document is not None]
        made = merged(documents, self._project.name, VERSION)
        made = with_examples(made, [one for routes in shown.values() for one in routes])
        self._write(folder / DOCUMENT, jsonlib.dumps(made, indent=2, ensure_ascii=False) + "\n")

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        self._written.append(path)

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        """Tell what was written, or why nothing was."""
        if self._written:
            said = "wrote " + ", ".join(str(path.relative_to(self._project)) for path in self._written)
        elif exitstatus != 0:
            said = "wrote nothing: not all tests have passed"
        elif self._spread:
            said = "wrote nothing: the tests ran in other processes (leave -n out)"
        else:
            said = "wrote nothing: no test asked a route of a program (is it started with --devel?)"
        terminalreporter.write_line(f"docs: {said}")


def page_name(test: Path, folders: list[Path], whole: Container[str]) -> str:
    """The page of a test: that of the chosen folder in which it is, "index" when all were chosen.

    `whole` are the names of folders with all tests.
    """
    for folder in folders:
        if folder.is_dir() and folder in test.parents and folder.name not in whole:
            holds_all = (folder / "tests").is_dir() or (folder / "test").is_dir()
            return INDEX if holds_all else folder.name
    return INDEX
