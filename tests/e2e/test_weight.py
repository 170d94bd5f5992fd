"""What a page of the console costs on the way: requests and bytes, counted by a browser with an empty cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.conftest import served
from tests.e2e.example import PASSWORD

# The heaviest pages of what atilite learned from have 130 kB: their scripts and sheets, before any data.
FIRST_VISIT = 40_000
SHEET = 12_288
HEADER = 1_500  # what is around a body: status and fields, the cookie of a session among them
# Bytes of HTML after a day of work on a board: about a fifth above what there is.
PAGES = {
    "/": 16_000, "/actions": 9_500, "/actions/Write%20a%20memo": 8_000, "/runs": 27_000, "/runs/1": 7_000,
    "/services": 6_000, "/schedules": 9_000, "/kv": 7_000, "/kv/board": 7_000, "/flow": 5_000, "/api": 13_000,
    "/settings": 7_500, "/tasks": 9_000,
}  # fmt: skip


class Visit(NamedTuple):
    """What one page took: the addresses that were asked for, and the bytes that came for it."""

    asked: list[str]
    size: int


class Reader:
    """A browser of somebody's, with scripts allowed: a script would be fetched, and counted."""

    def __init__(self, browser: Any, address: str) -> None:
        self.address = address
        self._asked: dict[str, str] = {}
        self._bytes = 0
        self.context = browser.new_context(viewport={"width": 390, "height": 844})
        self.page = self.context.new_page()
        # What the browser itself says of the network: what it has kept is not asked for.
        network = self.context.new_cdp_session(self.page)
        network.on("Network.requestWillBeSent", lambda told: self._begin(told["requestId"], told["request"]["url"]))
        network.on("Network.requestServedFromCache", lambda told: self._asked.pop(told["requestId"], None))
        network.on("Network.loadingFinished", lambda told: self._end(told["encodedDataLength"]))
        network.send("Network.enable")

    def _begin(self, number: str, url: str) -> None:
        if not url.startswith("data:"):
            self._asked[number] = url.removeprefix(self.address)

    def _end(self, size: int) -> None:
        self._bytes += size

    def sign_in(self) -> None:
        self.page.goto(f"{self.address}/console/login")
        self.page.fill("[name=user]", "admin")
        self.page.fill("[name=password]", PASSWORD)
        self.page.locator("form button").first.click()
        self.page.wait_for_url(f"{self.address}/console/")
        self.page.wait_for_load_state("load")

    def visit(self, path: str) -> Visit:
        self._asked.clear()
        self._bytes = 0
        answer = self.page.goto(f"{self.address}/console{path}", wait_until="load")
        assert answer.status == 200, path
        self.page.wait_for_timeout(50)  # the end of the answer is told after the page was shown
        return Visit(list(self._asked.values()), self._bytes)


@pytest.fixture(scope="module")
def reader(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with served(tmp_path_factory.mktemp("example"), program="example.py") as address:
        made = Reader(browser, address)
        made.sign_in()
        yield made
        made.context.close()


@pytest.mark.row("B44")
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_one_request_and_light(reader: Reader, path: str) -> None:
    visit = reader.visit(path)

    assert visit.asked == [f"/console{path}"], "the sheet is kept, and there is nothing else to fetch"
    assert 1000 < visit.size <= PAGES[path] + HEADER


@pytest.mark.row("B44")
def test_the_first_visit_fetches_a_page_and_a_sheet(browser: Any, reader: Reader) -> None:
    fresh = Reader(browser, reader.address)
    fresh.context.add_cookies(reader.context.cookies())

    visit = fresh.visit("/runs")
    sheet = fresh.context.request.get(reader.address + next(url for url in visit.asked if ".css" in url))
    size = len(sheet.body())
    fresh.context.close()

    assert len(visit.asked) == 2
    assert 15_000 < visit.size <= FIRST_VISIT
    assert size <= SHEET
