"""docs/websockets.md is true: its blocks are executed, and clients hear what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from tests.websockets.peer import Peer, Served, served

DOCS = Path(__file__).parents[2] / "docs"


def talk(site: Served, text: str) -> int:
    """Do what a block says; return how many of its lines were true."""
    peer: Peer | None = None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "refused":
            status, path = rest.split()
            assert site.refused(path).status == int(status), line
            continue
        if word == "open":
            peer = site.open(rest)
            continue
        assert peer is not None
        if word == ">":
            peer.send(rest)
        elif word == "<":
            assert peer.receive() == rest, line
        else:
            code, _, reason = rest.partition(" ")
            assert word == "closed"
            closed = peer.closing()
            assert closed == (int(code), reason or closed[1]), line
    if peer is not None:
        peer.vanish()
    return len(text.splitlines())


@pytest.mark.row("A183", "A184", "A185", "A186", "A187", "A188", "A189", "A190")
def test_the_page_about_websockets_is_true() -> None:
    text = (DOCS / "websockets.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "pages"}
    for block in re.findall(r"^```python\n(.+?)\n```$", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs", "exec"), names)
    app = names["app"]
    assert isinstance(app, Atilite)

    with served(app) as site:
        blocks = re.findall(r"^```websocket\n(.+?)\n```$", text, re.MULTILINE | re.DOTALL)
        assert sum(talk(site, block) for block in blocks) == 26
        with site.open("/chat?room=a") as peer:
            assert site.local.get("/closing-time").text == "1"
            assert [peer.receive(), peer.receive()] == ["welcome", "We close in ten minutes"]
        assert site.local.get("/item_in_stock?client=nobody").text == "False"


def test_every_member_of_was_that_the_page_names_is_there() -> None:
    was = Atilite("named")._was_for_run(None)
    named = set(re.findall(r"\bwas\.(\w+)", (DOCS / "websockets.md").read_text(encoding="utf-8")))

    assert sorted(name for name in named if not hasattr(type(was), name) and name not in vars(was)) == []
