"""Fixtures for tests of programs. A test that uses none of them loads nothing of the framework."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .clock import FakeClock

if TYPE_CHECKING:
    from .caller import Caller
    from .inside import LocalSite
    from .remote import Remote

__all__ = ["atilite_sites", "client", "clock", "launch", "site"]

# How many sites of apps that come from the fixture `app` are open at once.
KEPT = 8


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves when it is told; `site` and what a test hands it to go by it."""
    return FakeClock()


@pytest.fixture
def site() -> Iterator[Callable[..., LocalSite]]:
    """Opens sites in this process, closed after the test: `site(app, devel=True).get("/")`. See `local_site`."""
    from .inside import local_site

    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(local_site(*args, **options))


@pytest.fixture
def launch(request: pytest.FixtureRequest) -> Iterator[Callable[..., Remote]]:
    """Starts programs, ended after the test: `launch("serve.py", devel=True)`. See `atilite.test_client`."""
    from .process import test_client

    here = request.path.parent

    def start(script: str | Path, *args: Any, **options: Any) -> Remote:
        beside = here / script
        return stack.enter_context(test_client(beside if beside.is_file() else script, *args, **options))

    with ExitStack() as stack:
        yield start


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Caller:
    """A client with no cookies yet: of the fixture `app` if there is one, of the project's serve.py otherwise.

    An app is served in this process; a serve.py is started once for all tests, with --devel.
    """
    sites: Sites = request.getfixturevalue("atilite_sites")
    try:
        app = request.getfixturevalue("app")
    except pytest.FixtureLookupError as error:
        if error.argname != "app":
            raise
        return sites.of_script()
    return sites.of_app(app)


@pytest.fixture(scope="session")
def atilite_sites(request: pytest.FixtureRequest) -> Iterator[Sites]:
    """What `client` keeps open from one test to the next."""
    sites = Sites(project_folder(request.config))
    yield sites
    sites.close()


class Sites:
    """The sites of apps and the server of serve.py that tests of one session share."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._open: dict[int, LocalSite] = {}

    def of_app(self, app: Any) -> Caller:
        """A new client of the app's site, which is opened with the first one."""
        from .inside import local_site

        found = self._open.get(id(app))
        if found is None:
            found = self._open[id(app)] = local_site(app)
            if len(self._open) > KEPT:
                self._open.pop(next(iter(self._open))).stop()
        return found.client()

    @functools.cached_property
    def _server(self) -> Remote:
        from .process import test_client

        script = self._project / "serve.py"
        if not script.is_file():
            raise pytest.UsageError(f"client: there is no fixture app and no {script} (define one of them)")
        return test_client(script, devel=True)

    def of_script(self) -> Caller:
        """A new client of the server."""
        from .remote import Remote

        return Remote(self._server.host, self._server.port)

    def close(self) -> None:
        """End all of them."""
        for site in self._open.values():
            site.stop()
        if "_server" in self.__dict__:
            self._server.stop()


def project_folder(config: pytest.Config) -> Path:
    """Where the project is: pytest's root, or the folder above when that one has the serve.py."""
    root = config.rootpath
    above = not (root / "serve.py").is_file() and (root.parent / "serve.py").is_file()
    return root.parent if above else root
