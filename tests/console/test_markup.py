"""Every page as a strict parser reads it: no mistake, no id twice, nothing that points nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from atilite.errors import StoreFull
from atilite.site import Site
from tests.console.conftest import Garden, Person
from tests.require import require

PAGES = (
    "/", "/actions", "/actions?q=nothing", "/actions/Water", "/actions/Unlock", "/runs", "/runs?status=bad&text=gone",
    "/runs?until=2020-01-01", "/services", "/schedules", "/kv", "/kv/garden", "/kv/garden/plan", "/flow", "/api",
    "/settings", "/tasks", "/notices", "/audit", "/runs/999",
)  # fmt: skip
# Attributes that name other elements by their ids.
POINTERS = ("for", "form", "popovertarget", "aria-labelledby", "aria-describedby")
HEADINGS = ("h1", "h2", "h3", "h4")
People = Callable[[str], Person]


def parsed(text: str) -> Element:
    """The page as elements; fails at the first mistake in it."""
    try:
        import html5lib
    except ImportError:
        require(False, "html5lib is not installed (pip install -r requirements-dev.txt)")
    page: Any = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    return page


def mistakes(text: str) -> list[str]:
    """What keeps a reader's program from relying on the page; raises at the first mistake of the markup itself."""
    page = parsed(text)
    elements = list(page.iter())
    ids = Counter(one.get("id") for one in elements if one.get("id"))
    named = {name for one in elements for pointer in POINTERS for name in one.get(pointer, "").split()}
    jumps = {one.get("href", "")[1:] for one in elements if one.get("href", "").startswith("#")}
    levels = [HEADINGS.index(one.tag) for one in elements if one.tag in HEADINGS]
    titles = [one.text or "" for one in page.findall("head/title")]
    wordless = [one for one in elements if one.tag == "button" and not "".join(one.itertext()).strip()]
    posted = [one for one in elements if one.tag == "form" and one.get("method") == "post"]
    told = {
        "ids that are there twice": [id for id, count in ids.items() if count > 1],
        "points nowhere": sorted((named | jumps) - ids.keys()),
        "language": [page.get("lang")] if page.get("lang") != "en" else [],
        "first headings": levels.count(0) if levels.count(0) != 1 else [],
        "headings that skip a level": [pair for pair in pairwise(levels) if pair[1] - pair[0] > 1],
        "title": titles if len(titles) != 1 or not titles[0].endswith(" · board") else [],
        "buttons without words": [one.attrib for one in wordless],
        "forms without a token": [one.get("action") for one in posted if one.find(".//input[@name='csrf']") is None],
    }
    return [f"{name}: {found}" for name, found in told.items() if found != []]


@pytest.fixture
def lived_in(site: Site, person: People) -> Site:
    """A board on which something has happened: runs of all ends, a value, names that HTML must escape."""
    for name, params in (("Read", {}), ("Break", {}), ("Move", {"seconds": 3, "zone": '<"north">'})):
        site.catalogue.start_action(name, params, "call")[1].wait(20)
    admin = person("admin")
    admin.post("/kv/x", namespace="garden", key="plan", value='{"<b>": "&amp;"}', version="0")
    return site


@pytest.mark.parametrize("role", ["view", "admin"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_mistake(lived_in: Site, person: People, path: str, role: str) -> None:
    assert mistakes(person(role).get(path).text) == []


def test_a_page_of_an_empty_board_has_no_mistake(person: People) -> None:
    admin = person("admin")

    for path in ("/", "/actions", "/runs", "/services", "/schedules", "/kv"):
        assert mistakes(admin.get(path).text) == []


def test_pages_of_runs_have_no_mistake(lived_in: Site, garden: Garden, person: People) -> None:
    admin = person("admin")
    running, _ = lived_in.catalogue.start_action("Hold", {}, "call")

    for number in (1, 2, 3, running):
        assert mistakes(admin.get(f"/runs/{number}?live=0").text) == []
    garden.go.set()


def test_answers_to_forms_have_no_mistake(lived_in: Site, person: People) -> None:
    admin = person("admin")

    assert mistakes(admin.post("/actions/Water", seconds="45").text) == []
    assert mistakes(admin.post("/actions/Water", seconds="900", zone="<south>").text) == []
    assert mistakes(admin.post("/kv/garden", key="k", value="{oops", version="0").text) == []
    assert mistakes(person("").get("/login").text) == []
    assert mistakes(person("").sign_in("viewer", "wrong").text) == []


def test_a_page_that_says_what_cannot_be_stored_has_no_mistake(
    lived_in: Site, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = person("admin")
    database = lived_in.database()
    monkeypatch.setattr(database.writer, "fault", StoreFull(f"{database.path}: the disk is full (free some space)"))

    for path in ("/", "/runs", "/settings"):
        page = admin.get(path).text
        assert "Nothing can be stored: the disk is full (free some space)" in page
        assert mistakes(page) == []
