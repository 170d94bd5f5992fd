"""The console in a browser: scripts off, phone and desktop, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import served
from tests.e2e.looks import SCHEMES, faults, looks, overflow

PAGES = (
    "/", "/actions", "/actions/Water", "/runs", "/services", "/schedules", "/kv/garden", "/kv/garden/plan", "/flow",
    "/api", "/settings", "/tasks", "/runs/3", "/runs/4",
)  # fmt: skip
CONTROLS = (
    "a.btn, button, .chip, nav a, summary, select, textarea, input:not([type=hidden], [type=checkbox], [type=radio])"
)
Look = Callable[..., Any]


@pytest.fixture(scope="module")
def board(greenhouse: str, browser: Any) -> str:
    """The console of a greenhouse in which something has happened."""
    console = f"{greenhouse}/console"
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for name in ("Fetch currency rates", "Read sensors"):  # runs 3 and 4, after those of the two services
        page.goto(f"{console}/actions")
        page.get_by_role("button", name=f"Run {name}").click()
        page.wait_for_url(re.compile(r"/runs/\d+$"), wait_until="commit")
    page.goto(f"{console}/kv/garden")
    page.fill("#key", "plan")
    page.fill("#value", '{"north": 30, "months": ["apr", "may"], "a_very_long_name_that_cannot_be_broken_anywhere": 1}')
    page.get_by_role("button", name="Save value").click()
    page.wait_for_url(re.compile(r"#edit$"))
    context.close()
    return console


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways(board: str, look: Look, path: str) -> None:
    page = look(board + path, wait_until="load")

    assert [shown for shown in looks(page) if overflow(page) > 0] == []


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_fault_on_any_page(board: str, look: Look, path: str) -> None:
    # The checker is a script itself; the pages stay without.
    page = look(board + path, java_script_enabled=True, wait_until="load")

    assert [(shown, found) for shown in looks(page) if (found := faults(page))] == []


def test_what_is_too_wide_or_faint_is_found_in_each_look(look: Look) -> None:
    page = look("about:blank", java_script_enabled=True)
    page.set_content(
        "<!doctype html><html lang=en><title>t</title><style>p { width: 700px; color: black; background: white }"
        "@media (prefers-color-scheme: dark) { p { background: #111 } }</style>"
        "<main><h1>t</h1><p>faint</p></main></html>"
    )

    assert {shown for shown in looks(page) if overflow(page) > 0} == {(w, s) for w in (320, 390) for s in SCHEMES}
    seen = {shown: [rule for rule, _ in faults(page)] for shown in looks(page, (768,))}
    assert seen == {(768, "light"): [], (768, "dark"): ["color-contrast"]}


def test_every_control_on_a_phone_is_large_enough_for_a_finger(board: str, look: Look) -> None:
    page = look(board + "/", 390, has_touch=True, is_mobile=True)

    for path in PAGES:
        page.goto(board + path)
        boxes = page.eval_on_selector_all(
            CONTROLS,
            """found => found.filter(one => one.checkVisibility() && !one.classList.contains('skip')).map(
                one => [one.outerHTML.slice(0, 120), one.getBoundingClientRect().height])""",
        )
        assert [(html, height) for html, height in boxes if height < 43.9] == [], path


def test_a_page_makes_two_requests(board: str, look: Look) -> None:
    page = look(board + "/")
    page.wait_for_load_state()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{board}/runs", wait_until="networkidle")

    assert len(asked) <= 2, asked


def test_nothing_on_a_page_violates_its_policy(board: str, look: Look) -> None:
    page = look(board + "/", java_script_enabled=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    for path in PAGES:
        page.goto(board + path)

    assert said == []


@pytest.mark.row("B47")
def test_rows_appear_while_a_run_with_500_records_goes_on(board: str, look: Look) -> None:
    page = look(f"{board}/actions/Count")
    page.get_by_role("button", name="Run Count").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"), wait_until="commit")

    page.locator(".rec").nth(20).wait_for(state="attached", timeout=20_000)
    assert page.locator(".rec").count() < 500
    assert page.get_by_text("See the finished run").count() == 0
    standing = page.locator(".s:visible")
    assert standing.count() == 1
    assert "Counting" in standing.inner_text()
    page.get_by_text("See the finished run").wait_for(timeout=30_000)

    assert page.locator(".rec").count() == 500
    assert page.locator(".s:visible").count() == 1
    assert len(page.content()) < 200_000
    page.get_by_text("See the finished run").click()
    page.wait_for_load_state()
    assert page.locator(".rec").first.inner_text().endswith("Counted 499")


def test_the_newest_record_stays_in_view_without_scrolling(board: str, look: Look) -> None:
    page = look(f"{board}/actions/Count")
    page.fill("#p-records", "120")
    page.get_by_role("button", name="Run Count").click()
    page.get_by_text("See the finished run").wait_for(timeout=30_000)

    inside = page.evaluate(
        """() => { const box = document.querySelector('.tail').getBoundingClientRect();
        const last = [...document.querySelectorAll('.rec')].at(-1).getBoundingClientRect();
        return last.top >= box.top && last.bottom <= box.bottom + 1 }"""
    )

    assert inside


def test_a_live_page_offers_to_cancel_and_to_pause_only_until_the_run_has_ended(board: str, look: Look) -> None:
    page = look(f"{board}/actions/Count")
    page.get_by_role("button", name="Run Count").click()
    page.locator(".rec").nth(3).wait_for(state="attached", timeout=20_000)
    offers = page.get_by_role("button", name="Cancel run").or_(page.get_by_role("link", name="Pause updates"))
    assert page.get_by_text("See the finished run").count() == 0
    assert offers.count() == 2

    page.get_by_text("See the finished run").wait_for(timeout=30_000)

    assert offers.count() == 0


def test_a_run_is_cancelled_after_a_question(board: str, look: Look) -> None:
    page = look(f"{board}/actions/Count")
    page.fill("#p-records", "10000")
    page.get_by_role("button", name="Run Count").click()
    page.locator(".rec").nth(3).wait_for(state="attached", timeout=20_000)

    assert not page.get_by_role("button", name="Cancel the run").is_visible()
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("button", name="Cancel the run").click()

    page.get_by_text("was asked to end").wait_for(timeout=10_000)
    page.goto(page.url)
    page.get_by_text("See the finished run").or_(page.locator("p .st.cancelled")).first.wait_for(timeout=10_000)


def test_an_action_asks_before_it_runs_and_tells_what_is_wrong_with_its_form(board: str, look: Look) -> None:
    page = look(f"{board}/actions/Water")
    page.fill("#p-seconds", "900")

    page.get_by_role("button", name="Run Water").first.click()
    page.locator("#ask-run").get_by_role("button", name="Run Water").click()

    page.get_by_role("alert").wait_for()
    assert page.title().startswith("Error: Water")
    page.get_by_role("link", name="Seconds must be at most 600").click()
    assert page.locator(":focus, :target").first.get_attribute("name") == "seconds"
    assert page.input_value("#p-seconds") == "900"


def test_the_console_works_without_its_sheet(board: str, look: Look) -> None:
    page = look(board + "/")
    page.route("**/console.css*", lambda route: route.abort())

    page.goto(f"{board}/actions")
    page.get_by_role("button", name="Run Read sensors").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"), wait_until="commit")

    assert page.get_by_role("heading", level=1).inner_text() == "Read sensors"


def test_a_phone_reaches_every_section(board: str, look: Look) -> None:
    page = look(board + "/")

    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="Schedules").click()

    assert page.get_by_role("heading", level=1).inner_text() == "Schedules"


def test_a_person_signs_in_and_out(tmp_path: Any, look: Look) -> None:
    from atilite.store.accounts import Accounts
    from atilite.store.database import Database

    with Database.open(f"sqlite:///{tmp_path / 'data.db'}") as database:
        Accounts(database).add("ana", "a long enough password", "view")

    with served(tmp_path) as address:
        page = look(f"{address}/console/runs")
        assert page.get_by_role("heading", level=1).inner_text() == "Sign in to greenhouse"
        page.get_by_label("Name").fill("ana")
        page.get_by_label("Password").fill("a long enough password")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(re.compile(r"/console/runs$"))

        page.get_by_role("button", name="More").click()
        page.get_by_role("button", name="Sign out").click()

        page.wait_for_url(re.compile(r"/console/login$"))
        assert page.get_by_text("You are signed out.").count() == 1
