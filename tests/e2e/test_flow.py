"""The page of a house in a browser: the mission of the example, scripts off, phone and desktop, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import served
from tests.e2e.example import PASSWORD
from tests.e2e.looks import faults, lasting_overflow, looks

Look = Callable[..., Any]
PATHS = (
    "/flow", "/flow/box1", "/flow/box1?framer=mission&script=1", "/flow/box1?shares=all&history=all",
    "/flow/box1?live=1",
)  # fmt: skip
SLOWEST = 30_000  # milliseconds; only to tell what hangs from what is slow
HOUSE_BYTES = 24_000


@pytest.fixture(scope="module")
def console(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """The console of the example, and the cookies of somebody who has signed in."""
    with served(tmp_path_factory.mktemp("example"), program="example.py") as address:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{address}/console/login")
        page.fill("[name=user]", "admin")
        page.fill("[name=password]", PASSWORD)
        page.locator("form button").first.click()
        page.wait_for_url(f"{address}/console/")
        yield f"{address}/console", context.cookies()
        context.close()


def opened(look: Look, console: tuple[str, Any], path: str, **options: Any) -> Any:
    """A page as who has signed in sees it."""
    address, cookies = console
    return look(address + path, storage_state={"cookies": cookies, "origins": []}, **options)


@pytest.mark.row("I49")
def test_a_live_page_shows_later_turns_without_scripts(look: Look, console: tuple[str, Any]) -> None:
    page = opened(look, console, "/flow/box1?live=1&framer=mission", wait_until="commit")
    from playwright.sync_api import expect  # where there is a browser there is this, too

    shown = page.locator(".s:visible")
    # Each turn that comes hides the one before it, once the style sheet is there.
    expect(shown).to_have_count(1, timeout=SLOWEST)
    first = shown.last.inner_text()
    page.wait_for_selector(".s ~ .s ~ .s ~ .s", state="attached", timeout=SLOWEST)
    expect(shown.last).not_to_have_text(first, timeout=SLOWEST)
    expect(shown).to_have_count(1, timeout=SLOWEST)


@pytest.mark.row("I49")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_person_pauses_the_clock_goes_turn_by_turn_and_sets_a_share(
    look: Look, console: tuple[str, Any], width: int
) -> None:
    page = opened(look, console, "/flow/box1", width=width, wait_until="load")
    page.get_by_role("button", name="Pause the clock").click()
    page.wait_for_selector("text=Paused")
    page.get_by_role("button", name="Run one turn").click()
    page.wait_for_url(re.compile(r"/flow/box1$"))
    page.fill("[name=field-value]", "2.25")
    page.get_by_role("button", name="Set share").click()
    page.wait_for_selector("text=is written before the next turn")
    page.get_by_role("button", name="Run one turn").click()
    page.wait_for_url(re.compile(r"/flow/box1$"))
    page.reload()
    assert page.locator("[name=field-value]").input_value() == "2.25"
    page.get_by_role("button", name="Resume the clock").click()
    page.wait_for_selector("text=goes on")


@pytest.mark.row("I48", "I49")
@pytest.mark.parametrize("path", PATHS)
def test_no_page_of_plans_scrolls_sideways_or_has_a_fault(look: Look, console: tuple[str, Any], path: str) -> None:
    live = "live" in path
    page = opened(look, console, path, java_script_enabled=True, wait_until="commit" if live else "load")
    page.wait_for_selector("text=mission" if path == "/flow" else "text=eastleg", state="attached", timeout=SLOWEST)

    assert [shown for shown in looks(page) if lasting_overflow(page, 20 if live else 1) > 0] == []
    assert [(shown, found) for shown in looks(page, (390, 1280)) if (found := faults(page))] == []


def test_a_house_is_light(browser: Any, console: tuple[str, Any]) -> None:
    address, cookies = console
    context = browser.new_context()
    context.add_cookies(cookies)
    assert len(context.request.get(f"{address}/flow/box1").body()) < HOUSE_BYTES
    context.close()
