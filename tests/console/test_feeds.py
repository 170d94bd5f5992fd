"""The feeds of live pages."""

from __future__ import annotations

from types import SimpleNamespace

from atilite.console.feeds import Feeds
from atilite.events import Emitter


def news() -> SimpleNamespace:
    return SimpleNamespace(updated=Emitter(), recorded=Emitter(), progressed=Emitter())


def following(source: SimpleNamespace, most: int = 200) -> Feeds:
    feeds = Feeds(most)
    feeds.follow(source)
    return feeds


def test_a_page_is_woken_by_news_of_its_run_only() -> None:
    source = news()
    feed = following(source).open(7)
    assert feed is not None
    waiting = feed.news()

    source.recorded.emit(8)
    assert not waiting.done
    source.recorded.emit(7)
    assert waiting.done


def test_what_came_while_nobody_waited_is_told_at_once_and_only_once() -> None:
    source = news()
    feed = following(source).open(7)
    assert feed is not None

    source.updated.emit(7)
    source.progressed.emit(7)

    assert feed.news().done
    assert not feed.news().done


def test_beyond_the_most_there_is_no_further_feed_until_one_closes() -> None:
    feeds = following(news(), most=1)
    first = feeds.open(1)
    assert first is not None

    assert feeds.open(2) is None
    first.close()

    assert feeds.count == 0
    assert feeds.open(2) is not None


def test_after_a_reload_only_the_new_news_wake_a_page() -> None:
    old, new = news(), news()
    feeds = following(old)
    feed = feeds.open(7)
    assert feed is not None

    feeds.follow(new)
    waiting = feed.news()
    old.recorded.emit(7)
    assert not waiting.done
    new.recorded.emit(7)
    assert waiting.done
