"""docs/flows-app.md is true: its plan turns in its app, and answers what the page says."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from atilite import plans
from atilite.config import Settings
from atilite.flow.behaviors import Behavior
from atilite.runtime.promise import Promise
from atilite.site import Site
from atilite.testing.client import Client
from tests.docs.test_state_pages import DOCS, blocks, typed
from tests.packages import package

PAGE = "flows-app.md"
WAIT = 20.0  # seconds; only to tell what hangs from what is slow


@pytest.mark.row("I49")
def test_the_page_about_flows_in_an_app_is_true(tmp_path: Path) -> None:
    files = {name: text for _, name, text in blocks(PAGE) if name}
    with package(tmp_path, "house", files) as house:
        site = Site(tmp_path)
        site.mount("/", house)
        site.open(Settings(devel=True, db=f"sqlite:///{tmp_path}/data.db"))
        site.start()
        try:
            client = Client(site)
            plan: Any = next(iter(site.apps["house"].automation.plans))
            asked = [text.splitlines() for language, _, text in blocks(PAGE) if language == "http"]
            for line, expected in asked:
                # For developers the answer has the description of its route as well.
                answer = client.get(line.partition(" ")[2]).json()
                assert {name: answer[name] for name in ("duty", "told")} == json.loads(expected)
            rang: Promise[None] = Promise()
            share = plan.running.houses["box"].store.find(".action.ring")

            def look() -> None:
                if share.fields["ended"]:
                    rang.set(None)

            plan.running.after_turn(look)
            rang.wait(WAIT)
            assert (share.fields["status"], share.fields["result"]) == ("succeeded", "ding ding ")
            assert client.get("/fan").json()["houses"]["box"]["shares"][".fan.duty"] == {"value": 100}
            (listed,) = client.get("/internal/flows/").json()
            assert (listed["name"], listed["framers"][0]["outline"]) == ("box", ["blow"])
            assert client.get("/console/flow/box.json").status_code == 200
        finally:
            site.stop(5.0)
            site.close()


def test_the_behaviour_on_the_page_is_one() -> None:
    (text,) = [text for language, name, text in blocks(PAGE) if language == "python" and not name]
    names: dict[str, Any] = {}
    typed(text, names)
    assert isinstance(names["forecast"].__behavior__, Behavior)
    assert names["forecast"].__behavior__.ios["outside"].path == ".outside"


def test_the_page_names_every_parameter() -> None:
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    for name in list(inspect.signature(plans.declare).parameters)[2:]:
        assert f"| `{name}` |" in text, name
