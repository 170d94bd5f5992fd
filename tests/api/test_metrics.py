from __future__ import annotations

from atilite.api.metrics import Metric, text


def test_figures_of_one_name_stand_together_below_one_head() -> None:
    shown = text(
        [
            Metric("up", "gauge", "Whether it runs.", 1, {"service": "a"}),
            Metric("total", "counter", "How many.", 7),
            Metric("up", "gauge", "Whether it runs.", 0, {"service": "b"}),
        ]
    )
    assert shown == (
        "# HELP up Whether it runs.\n# TYPE up gauge\n"
        'up{service="a"} 1\nup{service="b"} 0\n'
        "# HELP total How many.\n# TYPE total counter\ntotal 7\n"
    )


def test_a_name_cannot_break_out_of_its_label() -> None:
    assert 'x{service="a\\"} 1\\n\\\\"} 0' in text([Metric("x", "gauge", "X.", 0, {"service": 'a"} 1\n\\'})])
