"""The rectangles of the figures."""

from __future__ import annotations

from atilite.console import figures


def test_the_longest_duration_fills_the_figure_and_a_bad_run_is_marked() -> None:
    figure = figures.durations([(1.0, True), (2.0, False)])

    assert figure is not None
    assert [(bar.y, bar.height, bar.look) for bar in figure.bars] == [(12, 12, ""), (0, 24, "bad")]
    assert figure.title == "Last 2 durations, 1 not succeeded"


def test_only_the_last_ten_durations_are_shown_and_none_make_no_figure() -> None:
    figure = figures.durations([(float(n), True) for n in range(25)])

    assert figure is not None
    assert len(figure.bars) == 10
    assert figures.durations([]) is None


def test_runs_that_took_no_time_at_all_still_have_bars() -> None:
    figure = figures.durations([(0.0, True)])

    assert figure is not None
    assert figure.bars[0].height == 2


def test_a_day_draws_success_upwards_and_the_rest_downwards_and_says_so() -> None:
    figure = figures.day([{"succeeded": 4}, {"failed": 1, "timed_out": 1, "interrupted": 2}, {}, {"running": 1}])

    looks = {bar.look: bar for bar in figure.bars}
    assert looks["ok"].y + looks["ok"].height == figures.UP_FROM
    assert looks["bad"].y == figures.DOWN_FROM
    assert looks["lost"].y == looks["bad"].y + looks["bad"].height
    assert len(figure.bars) == 3
    assert figure.title == (
        "Runs over the last 24 hours: 4 succeeded, drawn upwards; 2 failed and 2 interrupted, drawn downwards"
    )


def test_a_quiet_day_has_no_bars() -> None:
    figure = figures.day([{}] * 48)

    assert figure.bars == ()
    assert figure.title.endswith("0 succeeded, drawn upwards; none failed")
