"""The message box."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.web.cookies import read_cookies
from atilite.web.mbox import COOKIE, MessageBox
from tests.web.fakes import StepClock


class Browser:
    """Keeps the box's cookie from one request to the next."""

    def __init__(self) -> None:
        self.clock, self.text, self.sent = StepClock(), "", ""

    def request(self) -> MessageBox:
        return MessageBox("a long key", self.text, path="/app", clock=self.clock)

    def answer(self, box: MessageBox) -> None:
        for _, text in box.headers():
            self.sent, self.text = text, read_cookies(text.split("; ")[0])[COOKIE]


@pytest.fixture
def browser() -> Browser:
    browser = Browser()
    box = browser.request()
    box.send("saved", "flash")
    box.send("look out", "alarm", valid=60)
    box.send("red", "news", colour="red", size=1)
    browser.answer(box)
    return browser


def texts(messages: Any) -> list[str]:
    return [message.msg for message in messages]


@pytest.mark.row("A119", "A120")
def test_a_message_is_there_at_the_next_request_with_all_its_parts(browser: Browser) -> None:
    message_id, category, created, valid, msg, extra = browser.request().get()[2]

    assert (category, created, valid, msg, extra) == (
        "news",
        browser.clock.time(),
        0,
        "red",
        {"colour": "red", "size": 1},
    )
    assert browser.request().search("news") == [message_id]
    assert browser.sent.split("; ")[1:] == ["Path=/app", "HttpOnly", "SameSite=Lax"]


@pytest.mark.row("A119")
def test_the_usual_category_is_info_and_messages_differ_by_id() -> None:
    box = Browser().request()

    first, second = box.send("a"), box.send("a")

    assert first != second
    assert [(message.category, message.valid, message.extra) for message in box.get()] == [("info", 0, {})] * 2


@pytest.mark.row("A119", "A120")
def test_a_message_is_shown_once_or_as_long_as_it_is_valid(browser: Browser) -> None:
    shown = []
    for _ in range(3):
        box = browser.request()
        shown.append(texts(box.get()))
        browser.answer(box)
        browser.clock.step(seconds=30)

    assert shown == [["saved", "look out", "red"], ["look out"], []]


@pytest.mark.row("A120", "D17")
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (("flash",), ["saved"]),
        (("alarm",), ["look out"]),
        (("colour", "red"), ["red"]),
        (("size", 1), ["red"]),
        (("colour", "blue"), []),
        (("notice", "news"), []),
        (("nobody",), []),
    ],
)
def test_get_takes_what_was_asked_for_and_leaves_the_rest(
    browser: Browser, asked: tuple[Any, ...], shown: list[str]
) -> None:
    box = browser.request()
    assert texts(box.get(*asked)) == shown
    browser.answer(box)

    dropped = [text for text in shown if text != "look out"]
    assert texts(browser.request().get()) == [t for t in ["saved", "look out", "red"] if t not in dropped]


@pytest.mark.row("A120")
def test_a_request_that_takes_nothing_sends_no_cookie(browser: Browser) -> None:
    box = browser.request()
    box.get("nobody")
    box.search("flash")

    assert box.headers() == []


@pytest.mark.row("A120")
def test_an_empty_box_is_removed_from_the_browser(browser: Browser) -> None:
    browser.clock.step(seconds=60)

    box = browser.request()
    box.get()
    browser.answer(box)

    assert browser.text == ""
    assert "Max-Age=0" in browser.sent


@pytest.mark.row("A121")
def test_search_finds_ids_and_remove_drops_them(browser: Browser) -> None:
    box = browser.request()

    assert box.search("colour") == []
    assert box.search("colour", "blue") == []
    (found,) = box.search("colour", "red")
    box.remove(found)
    box.remove("never there")
    browser.answer(box)

    assert texts(browser.request().get()) == ["saved", "look out"]


@pytest.mark.row("A119")
def test_what_cannot_be_kept_is_refused_and_the_rest_stays(browser: Browser) -> None:
    box = browser.request()

    with pytest.raises(TypeError):
        box.send("a", extra=object())
    while len(box.search("filler")) < 10:
        box.send("x" * 300, "filler")
    with pytest.raises(ValueError, match="message box is full"):
        box.send("".join(map(str, range(2000))))

    assert len(box.get()) == 13
    assert texts(browser.request().get()) == ["saved", "look out", "red"]


@pytest.mark.row("A119")
@given(st.text(max_size=50), st.text(max_size=10), st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_every_text_comes_back(msg: str, category: str, extra: dict[str, str]) -> None:
    browser = Browser()
    box = browser.request()
    box.send(msg, category, **{f"x{name}": value for name, value in extra.items()})
    browser.answer(box)

    (message,) = browser.request().get(category)
    assert (message.msg, len(message.extra)) == (msg, len(extra))


@pytest.mark.row("A119")
@given(st.integers(0, 2000), st.characters(exclude_categories=("Cs",)), st.booleans())
def test_a_mutated_cookie_is_an_empty_box(place: int, sign: str, instead: bool) -> None:
    browser = Browser()
    box = browser.request()
    box.send("hello")
    browser.answer(box)
    text, place = browser.text, place % len(browser.text)

    browser.text = text[:place] + sign + text[place + instead :]

    assert browser.text == text or browser.request().get() == []


@pytest.mark.row("A114", "A119")
def test_rollback_puts_the_messages_back(browser: Browser) -> None:
    box = browser.request()
    box.get()
    box.send("new")

    box.rollback()

    assert box.headers() == []
    assert len(box.get()) == 3
