"""The live page of a run as bytes that come one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from atilite.console import live
from atilite.site import Site
from tests.console.conftest import Garden, Person

People = Callable[[str], Person]


class Opened:
    """A response that is read piece by piece by a thread of its own, as a browser does."""

    def __init__(self, site: Site, somebody: Person, path: str) -> None:
        self.text, self.headers = "", {}
        self._site, self._cookies, self._path = site, somebody.client.cookies, path
        self._more = threading.Condition()
        self.ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/console" + self._path.partition("?")[0], "SCRIPT_NAME": "",
            "QUERY_STRING": self._path.partition("?")[2], "SERVER_NAME": "localhost", "SERVER_PORT": "80",
            "HTTP_HOST": "localhost", "HTTP_COOKIE": cookies, "HTTP_ACCEPT": "text/html", "wsgi.url_scheme": "http",
            "SERVER_PROTOCOL": "HTTP/1.1",
        }  # fmt: skip
        body = self._site(environ, lambda status, headers, *rest: self.headers.update(headers))
        for piece in body:
            with self._more:
                self.text += piece.decode()
                self._more.notify_all()
        with self._more:
            self.ended = True
            self._more.notify_all()

    def until(self, text: str) -> str:
        """Wait until this has arrived; everything so far."""
        with self._more:
            arrived = self._more.wait_for(lambda: text in self.text or self.ended, 20)
            assert arrived
            assert text in self.text, self.text[-2000:]
            return self.text

    def end(self) -> str:
        """Wait for the end; everything."""
        with self._more:
            assert self._more.wait_for(lambda: self.ended, 20)
            return self.text


@pytest.fixture
def opened(site: Site, garden: Garden) -> Iterator[Callable[[Person, str], Opened]]:
    """Open a page that stays open."""
    pages: list[Opened] = []

    def open_page(somebody: Person, path: str) -> Opened:
        pages.append(Opened(site, somebody, path))
        return pages[-1]

    yield open_page
    garden.go.set()
    for page in pages:
        page.end()


Open = Callable[[Person, str], Opened]


@pytest.mark.row("B47", "M4")
def test_records_appear_while_the_run_goes_on_and_the_end_links_the_finished_page(
    garden: Garden, site: Site, person: People, opened: Open
) -> None:
    runner = person("run")
    number, _ = site.catalogue.start_action("Hold", {}, "console", "runer")
    page = opened(runner, f"/runs/{number}")

    page.until("half way")
    # The progress is told at once, the record when it is stored.
    so_far = page.until("before &lt;the&gt; gate")
    assert 'aria-valuenow="50"' in so_far
    assert "behind the gate" not in so_far
    assert "</html>" not in so_far
    garden.go.set()
    whole = page.end()

    assert whole.count("behind the gate") == 1
    assert whole.count("before &lt;the&gt; gate") == 1
    assert whole.rindex('class="st succeeded"') < whole.rindex(f'href="/console/runs/{number}">See the finished run')
    assert whole.rstrip().endswith("</html>")


def test_a_paused_page_is_complete_and_offers_to_go_on(site: Site, person: People) -> None:
    viewer = person("view")
    number, _ = site.catalogue.start_action("Hold", {}, "call")

    page = viewer.get(f"/runs/{number}?live=0")

    assert page.text.rstrip().endswith("</html>")
    assert "Watch it live" in page.text
    assert page.header("Refresh") is None


def test_beyond_the_most_live_pages_a_page_loads_itself_again(
    site: Site, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atilite.console.feeds.Feeds.open", lambda feeds, run: None)
    number, _ = site.catalogue.start_action("Hold", {}, "call")

    page = person("view").get(f"/runs/{number}")

    assert page.header("Refresh") == "3"
    assert "loads again every 3 s" in page.text


def test_who_may_not_cancel_sees_no_button_for_it(garden: Garden, site: Site, person: People) -> None:
    number, _ = site.catalogue.start_action("Hold", {}, "call")

    assert f'action="/console/runs/{number}/cancel"' not in person("view").get(f"/runs/{number}?live=0").text
    assert f'action="/console/runs/{number}/cancel"' in person("run").get(f"/runs/{number}?live=0").text


def test_a_run_is_cancelled_by_its_button(site: Site, person: People, opened: Open) -> None:
    runner = person("run")
    number, _ = site.catalogue.start_action("Hold", {}, "call")
    page = opened(runner, f"/runs/{number}")
    page.until("half way")

    answer = runner.post(f"/runs/{number}/cancel")

    assert answer.header("Location") == f"/console/runs/{number}"
    assert 'class="st cancelled"' in page.end()
    assert "was asked to end" in runner.get(f"/runs/{number}").text


def test_a_closed_page_leaves_no_feed(garden: Garden, site: Site, person: People, opened: Open) -> None:
    runner = person("run")
    number, _ = site.catalogue.start_action("Hold", {}, "call")
    page = opened(runner, f"/runs/{number}")
    page.until("half way")

    garden.go.set()

    assert "streaming, 1 live page open" in page.end()
    garden.go.clear()
    other, _ = site.catalogue.start_action("Hold", {}, "call")
    second = opened(runner, f"/runs/{other}")
    second.until("half way")
    garden.go.set()
    assert "streaming, 1 live page open" in second.end()


def test_a_run_that_wrote_more_than_a_piece_before_it_ended_is_sent_to_its_end_at_once(
    garden: Garden, site: Site, person: People, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AT_ONCE", 3)
    monkeypatch.setattr(live, "BEAT", 3600.0)
    number, _ = site.catalogue.start_action("Flood", {"lines": 10}, "call")
    page = opened(person("view"), f"/runs/{number}")
    page.until("Running")

    garden.go.set()
    whole = page.end()

    assert [whole.count(f"<span>line {line}</span>") for line in range(10)] == [1] * 10
    assert "See the finished run" in whole


def test_a_page_says_when_it_shows_no_more_records(
    garden: Garden, site: Site, person: People, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AT_ONCE", 3)
    monkeypatch.setattr(live, "MOST", 4)
    number, _ = site.catalogue.start_action("Flood", {"lines": 10}, "call")
    page = opened(person("view"), f"/runs/{number}")
    page.until("Running")

    garden.go.set()
    whole = page.end()

    assert ("line 3<" in whole, "line 4<" in whole) == (True, False)
    assert whole.count("4 records are shown; the others are on the page of the finished run") == 1
