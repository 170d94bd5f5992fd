"""The page of a house: complete at once, or open while the plan turns, without script and without a thread."""

from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

from atilite.console import flow, words
from atilite.console.desk import Visit
from atilite.console.feeds import Feed

# Seconds between two pieces at least and at most, and how many pieces a page takes before it wants to be opened anew.
PAUSE, BEAT = 0.5, 1.0
MOST = 300
REFRESH = 3
MARK = "\x00"


def piece(visit: Visit, last: str = "") -> str:
    """The house as it is now; `last` is what the link says that ends the page."""
    page = flow.page(visit, live=True)
    names = {"page": page, "frame": SimpleNamespace(at=visit.at), "last": last if not page.ended else "See the house"}
    text: str = visit.desk.app.templates.render("house_piece.html", names)
    return text


def snapshot(visit: Visit) -> str:
    """The page as it stands, which loads again, where too many live pages are open."""
    visit.was.response.set_header("Refresh", str(REFRESH))
    told = f"{visit.desk.feeds.count} live pages are open, so this one loads again every {REFRESH} s"
    page = flow.page(visit, live=True)
    return visit.render("house_live.html", page, effort=told, stream=Markup(piece(visit)))


def stream(visit: Visit, feed: Feed) -> Generator[Any, Any, None]:
    """The page that stays open: each piece takes the place of the one before. Yields HTML and promises."""
    was, loop = visit.was, visit.desk.app.runtime.loop
    told = f"streaming, {words.plural(visit.desk.feeds.count, 'live page')} open"
    try:
        whole = visit.render("house_live.html", flow.page(visit, live=True), effort=told, stream=MARK)
        top, bottom = whole.split(MARK)
        house = flow.house_of(visit)
        sent = piece(visit)
        yield top + sent
        for number in range(MOST):
            news = feed.news()
            timer = loop.call_later(BEAT, news.set, None)
            yield news
            timer.cancel()
            now = piece(visit, "Watch on" if number == MOST - 1 else "")
            yield now if now != sent else "\n"
            sent = now
            if not house.plan.alive:
                break
            yield was.Sleep(PAUSE)
        yield bottom
    finally:
        feed.close()
