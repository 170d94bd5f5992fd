"""The files behind the list of runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from atilite.site import Site
from tests.console.conftest import Person
from tests.console.test_pages import finished


@pytest.mark.row("M13")
def test_the_list_of_runs_links_to_the_same_runs_as_files(person: Callable[[str], Person], site: Site) -> None:
    finished(site, "Water", zone="north", seconds=1)
    finished(site, "Water", zone="south", seconds=1)
    viewer = person("view")
    page = viewer.get("/runs?action=Water&status=succeeded")
    links = [unescape(link) for link in re.findall(r'href="/console(/runs/export[^"]+)"', page.text)]

    assert [link.partition("?")[0] for link in links] == ["/runs/export.csv", "/runs/export.jsonl"]
    table, everything = (viewer.get(link) for link in links)
    shown = len(re.findall(r'class="name go"', page.text))
    assert table.header("Content-Disposition") == 'attachment; filename="runs.csv"'
    assert len(table.text.splitlines()) == shown + 1
    assert everything.text.count('{"type":"run"') == shown
    assert person("").get(links[0]).status_code in (303, 401)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_list_without_runs_is_an_empty_file(person: Callable[[str], Person], format: str) -> None:
    answer = person("view").get(f"/runs/export.{format}?action=nothing")

    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == (format == "csv")
