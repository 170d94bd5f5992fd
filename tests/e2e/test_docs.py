"""The page of the user's routes in a browser: scripts off, phone and desktop, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import served
from tests.e2e.looks import faults, looks, overflow
from tests.e2e.test_console import CONTROLS

Look = Callable[..., Any]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a library that asks nobody to sign in."""
    with served(tmp_path_factory.mktemp("library"), "--devel", program="library.py") as address:
        yield address


def opened(page: Any) -> None:
    """Open every route."""
    for summary in page.locator("details.route > summary").all():
        summary.click()


def sending(page: Any) -> None:
    """Go to the last look before a POST."""
    page.click("#lend > summary")
    page.fill("#lend [name='p.reader']", "ana")
    page.click("#lend form button")


@pytest.mark.parametrize("arrive", [opened, sending])
def test_neither_page_scrolls_sideways(library: str, look: Look, arrive: Callable[[Any], None]) -> None:
    page = look(f"{library}/docs", wait_until="load")
    arrive(page)
    page.wait_for_load_state()

    assert [shown for shown in looks(page) if overflow(page) > 0] == []


@pytest.mark.parametrize("arrive", [opened, sending])
def test_axe_finds_no_fault_on_either(library: str, look: Look, arrive: Callable[[Any], None]) -> None:
    page = look(f"{library}/docs", java_script_enabled=True, wait_until="load")
    arrive(page)
    page.wait_for_load_state()

    assert [(shown, found) for shown in looks(page, (390, 1280)) if (found := faults(page))] == []


def test_every_control_on_a_phone_is_large_enough_for_a_finger(library: str, look: Look) -> None:
    page = look(f"{library}/docs", 390, has_touch=True, is_mobile=True)
    for arrive in (opened, sending):
        page.goto(f"{library}/docs")
        arrive(page)
        boxes = page.eval_on_selector_all(
            CONTROLS,
            """found => found.filter(one => one.checkVisibility() && !one.classList.contains('skip')).map(
                one => [one.outerHTML.slice(0, 120), one.getBoundingClientRect().height])""",
        )
        assert [(html, height) for html, height in boxes if height < 43.9] == [], page.url


def test_nothing_violates_the_policy(library: str, look: Look) -> None:
    page = look(f"{library}/docs", java_script_enabled=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for arrive in (opened, sending):
        page.goto(f"{library}/docs")
        arrive(page)
    assert said == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_get_is_tried_without_scripts(library: str, look: Look, width: int) -> None:
    page = look(f"{library}/docs", width)
    page.click("#search > summary")
    page.fill("#search [name='p.q']", "a & b")
    page.select_option("#search [name='p.shelf']", "south")
    page.click("#search form button")
    assert page.url == f"{library}/books?q=a+%26+b&shelf=south"
    assert page.text_content("pre") == "[]"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_post_is_looked_at_and_sent_without_scripts(library: str, look: Look, width: int) -> None:
    page = look(f"{library}/docs", width)
    sending(page)
    assert "ana" in page.inner_text("dl")
    page.get_by_role("button", name="Send POST /loans").click()
    assert page.url == f"{library}/loans"
    assert '"reader":"ana","days":14' in page.text_content("pre")
