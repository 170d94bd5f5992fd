"""A page as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from atilite.console import states, words
from atilite.console.plain import plain
from atilite.console.words import Clockface

NOW = datetime(2026, 11, 21, 13, 32, 7, 250000, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    state: states.State
    when: words.Moment
    took: words.Span | None
    labels: tuple[str, ...]
    hidden: str = field(default="only for the eye", metadata={"json": False})


def test_words_become_values_and_what_is_for_the_eye_is_left_out() -> None:
    sample = Sample(states.of_run("timed_out"), Clockface(NOW, UTC).ago(NOW), words.took(1.5), ("a",))

    assert plain({"rows": [sample]}) == {
        "rows": [{"state": "timed_out", "when": "2026-11-21T13:32:07.250000+00:00", "took": 1.5, "labels": ["a"]}]
    }


def test_every_state_of_a_run_has_a_word_and_an_unknown_one_keeps_its_own() -> None:
    assert [states.of_run(status).word for status in states.RUN_STATES] == list(states.RUN_STATES.values())
    assert states.of_run("melted") == states.State("queued", "melted")
    assert states.of_service("backoff") == states.State("restarting", "Restarting")
