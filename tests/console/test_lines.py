"""Runs as lines of lists."""

from __future__ import annotations

import pytest

from atilite.console import lines
from tests.console.samples import FACE, action, headline


def parameters(zone: str) -> None:
    """An action with one field."""


def test_a_running_action_is_watched() -> None:
    deed = lines.deed(action(), headline(9, "running"), may_run=False)

    assert deed is not None
    assert (deed.kind, deed.run) == ("watch", 9)


@pytest.mark.row("B45")
def test_an_action_with_parameters_has_a_form_one_with_a_question_asks_and_the_others_run() -> None:
    form, ask = lines.deed(action(parameters), None, True), lines.deed(action(confirm="Sure?"), None, True)
    post = lines.deed(action(), headline(), True)

    assert form is not None
    assert ask is not None
    assert post is not None
    assert (form.kind, ask.kind, post.kind) == ("form", "ask", "post")
    assert ask.confirm == "Sure?"


def test_who_may_not_run_an_action_sees_no_button() -> None:
    assert lines.deed(action(), None, may_run=False) is None


def test_the_path_of_an_action_quotes_its_name() -> None:
    assert lines.action_path("a/b c?") == "/actions/a%2Fb%20c%3F"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"status": "succeeded", "duration": 1.8}, "in 1.8 s"),
        ({"status": "failed", "attempt": 3}, "after 3 attempts"),
        ({"status": "timed_out", "duration": 600.0}, "after 10 min"),
        ({"status": "running", "who": "ana"}, "by ana"),
        ({"status": "cancelled", "who": "ana"}, "after 1.5 s"),
        ({"status": "interrupted", "duration": None}, ""),
    ],
)
def test_the_words_after_a_state_say_what_matters_there(given: dict[str, object], said: str) -> None:
    assert lines.line(headline(**given), FACE).more == said  # type: ignore[arg-type]


@pytest.mark.row("B46")
def test_a_row_shows_the_error_of_a_bad_run_and_the_parameters_of_a_good_one() -> None:
    bad = lines.row(headline(status="failed", error="OSError: gone\nfor good"), FACE)
    good = lines.row(headline(parameters={"zone": "north"}), FACE)

    assert (bad.more, bad.wrong) == ("OSError: gone", True)
    assert (good.more, good.wrong) == ("zone north", False)


@pytest.mark.row("B46")
def test_a_row_of_the_table_shows_texts_as_they_are_and_never_as_html() -> None:
    hostile = "<i>&'\""
    row = lines.row(headline(7, "failed", operation=hostile, who=hostile, error=hostile, labels=(hostile,)), FACE)
    html = str(row.html("/console"))

    assert "<i>" not in html
    assert html.count("&lt;i&gt;&amp;&#39;&#34;") == 4
    assert 'href="/console/runs/7"' in html
    assert '<small class="err">' in html
    assert html.count("<td") == 5


def test_a_running_row_tells_its_progress_and_how_long_it_takes_already() -> None:
    row = lines.row(headline(status="running", ago=42), FACE, "62 %")

    assert row.more == "62 %"
    assert row.took is not None
    assert row.took.words == "42 s"


@pytest.mark.parametrize(
    ("trigger", "who", "said"),
    [
        ("console", "ana", "by ana from the console"),
        ("schedule", None, "by its schedule"),
        ("call", None, ""),
        ("api", "phone", "by phone through the API"),
    ],
)
def test_a_sentence_says_who_started_a_run(trigger: str, who: str | None, said: str) -> None:
    assert lines.started_by(headline(trigger=trigger, who=who)) == said


def test_secret_fields_are_dots() -> None:
    shown = lines.pairs({"zone": "north", "key": "hush"}, {"key"})

    assert [(pair.name, pair.value, pair.secret) for pair in shown] == [
        ("zone", "north", False), ("key", "\u2022\u2022\u2022\u2022", True),
    ]  # fmt: skip
