"""docs/client.md is true: its board is served by a real server, and what drives it gets what the page says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from atilite.config import Settings
from atilite.runtime.loop import process_loop
from atilite.server.server import Server
from atilite.site import Site
from atilite.store.accounts import Accounts
from tests.docs.test_state_pages import blocks, typed

ADDRESS = "http://pump.local:5000"


@contextmanager
def opened(folder: Path, app: Any) -> Iterator[Site]:
    """A site with this app and a database of its own."""
    folder.mkdir()
    site = Site(folder)
    site.mount("/", app)
    site.open(Settings(db=f"sqlite:///{folder}/data.db"))
    site.start()
    try:
        yield site
    finally:
        site.stop(5)
        site.close()


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The address of a server in front of a site."""
    server = Server(site, loop=process_loop(), listeners=["127.0.0.1:0"], policy=site.policy)
    server.bind()
    server.start()
    try:
        yield f"http://{server.addresses[0]}"
    finally:
        server.stop(0).wait(20)


def test_the_page_about_the_client_is_true(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    compared = 0
    with ExitStack() as open_ones:
        for language, name, text in blocks("client.md"):
            text = text.replace(ADDRESS, names.get("address", ADDRESS))
            if language == "python" and name:
                # Each file is a program of its own: what it defines is not what the other one sees.
                defined: dict[str, Any] = {"token": names.get("token")}
                exec(compile(text, name, "exec"), defined)
                names["app"] = defined["app"]
                site = open_ones.enter_context(opened(tmp_path / name, defined["app"]))
            if name == "pump.py":
                accounts = Accounts(site.database())
                names["token"], names["admin_token"] = (accounts.add_token(role, role) for role in ("run", "admin"))
                names["address"] = open_ones.enter_context(served(site))
            elif language == "python" and not name:
                for was, said in typed(text, names):
                    assert was == said
                    compared += 1
    assert compared == 20
