"""How a run stands, on its live page."""

from __future__ import annotations

from atilite.console import live
from atilite.store.runs import Progress
from tests.console.samples import FACE, headline


def test_a_run_without_progress_says_since_when_it_runs() -> None:
    standing = live.standing(headline(status="running", ago=42), None, FACE)

    assert (standing.state.kind, standing.percent, standing.small) == ("running", None, "since 14:31:25")


def test_progress_says_the_share_and_how_long_it_will_take() -> None:
    standing = live.standing(headline(status="running", ago=62), Progress(62, 100, "Checking"), FACE)

    assert (standing.text, standing.percent) == ("Checking", 62)
    assert standing.small == "62 % \u00b7 about 38 s left"


def test_progress_without_a_total_has_no_bar() -> None:
    standing = live.standing(headline(status="running"), Progress(5, None, "Copying"), FACE)

    assert (standing.percent, standing.text, standing.small) == (None, "Copying", "5")


def test_progress_beyond_its_total_stays_at_a_hundred() -> None:
    assert live.standing(headline(status="running"), Progress(120, 100, ""), FACE).percent == 100


def test_the_end_links_the_finished_page() -> None:
    standing = live.standing(headline(status="failed", error="OSError: gone"), None, FACE, "/console/runs/7")

    assert (standing.state.word, standing.small, standing.href) == ("Failed", "OSError: gone", "/console/runs/7")
