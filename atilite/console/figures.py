"""The console's figures as rectangles: the 24 hours of the overview and the last durations of an action. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup

from atilite.console import words
from atilite.quickly import dataclass

MINI_HEIGHT, MINI_BARS = 24, 10
DAY_WIDTH, DAY_HEIGHT = 480, 72
# Succeeded grows upwards from UP_FROM, everything else hangs down from DOWN_FROM, so it reads without colour.
UP_FROM, UP_ROOM, DOWN_FROM, DOWN_ROOM = 52, 45, 55, 14


class Bar(NamedTuple):
    """One rectangle; `look` is a class of the sheet, or "" for ink."""

    x: int
    y: int
    width: int
    height: int
    look: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Bars in a view box, and the sentence that says the same to who cannot see them; `base` is a line's height."""

    look: str
    width: int
    height: int
    title: str
    bars: tuple[Bar, ...]
    base: float | None = None

    @property
    def raw(self) -> str:
        """What the JSON page says: the sentence."""
        return self.title

    @property
    def rects(self) -> Markup:
        """The bars as SVG. A page of actions has hundreds: numbers and classes of our own, so nothing is escaped."""
        return _rects(self.bars)


@lru_cache(maxsize=256)
def _rects(bars: tuple[Bar, ...]) -> Markup:
    return Markup("".join(map(_rect, bars)))


def _rect(bar: Bar) -> str:
    look = f' class="{bar.look}"' if bar.look else ""
    return f'<rect{look} x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{bar.height}"/>'


def durations(runs: Sequence[tuple[float, bool]]) -> Figure | None:
    """The last ten durations in seconds, oldest first, each with whether it succeeded; None when there are none."""
    return _mini(tuple(runs[-MINI_BARS:])) if runs else None


# An action that has not run meanwhile has the figure that it had.
@lru_cache(maxsize=256)
def _mini(shown: tuple[tuple[float, bool], ...]) -> Figure:
    longest = max(seconds for seconds, _ in shown) or 1.0
    bars = tuple(_mini_bar(place, seconds / longest, good) for place, (seconds, good) in enumerate(shown))
    bad = sum(not good for _, good in shown)
    title = f"Last {words.plural(len(shown), 'duration')}, {bad} not succeeded"
    return Figure("mini", 10 * MINI_BARS, MINI_HEIGHT, title, bars)


def values(numbers: Sequence[float]) -> Figure | None:
    """The last ten values of a share, oldest first, from the least to the greatest; None for fewer than two."""
    shown = tuple(numbers[-MINI_BARS:])
    if len(shown) < 2:
        return None
    least, most = min(shown), max(shown)
    room = most - least
    heights = [round(2 + (MINI_HEIGHT - 2) * ((one - least) / room if room else 0.5)) for one in shown]
    bars = tuple(Bar(10 * place, MINI_HEIGHT - height, 8, height) for place, height in enumerate(heights))
    title = f"Last {words.number(len(shown))} values, from {least:.6g} to {most:.6g}"
    return Figure("mini", 10 * MINI_BARS, MINI_HEIGHT, title, bars)


def _mini_bar(place: int, share: float, good: bool) -> Bar:
    height = max(2, round(MINI_HEIGHT * share))
    return Bar(10 * place, MINI_HEIGHT - height, 8, height, "" if good else "bad")


def day(buckets: Sequence[Mapping[str, int]]) -> Figure:
    """The runs of a day, oldest bucket first: per bucket the number of runs by status."""
    step = DAY_WIDTH / max(1, len(buckets))
    most_up = max((bucket.get("succeeded", 0) for bucket in buckets), default=0) or 1
    most_down = max((_bad(bucket) + _lost(bucket) for bucket in buckets), default=0) or 1
    bars: list[Bar] = []
    for place, bucket in enumerate(buckets):
        x, width = round(place * step) + 1, max(1, round(step) - 3)
        up = _height(bucket.get("succeeded", 0), most_up, UP_ROOM)
        bad, lost = (_height(count, most_down, DOWN_ROOM) for count in (_bad(bucket), _lost(bucket)))
        if up:
            bars.append(Bar(x, UP_FROM - up, width, up, "ok"))
        if bad:
            bars.append(Bar(x, DOWN_FROM, width, bad, "bad"))
        if lost:
            bars.append(Bar(x, DOWN_FROM + bad, width, lost, "lost"))
    return Figure("day", DAY_WIDTH, DAY_HEIGHT, _day_title(buckets), tuple(bars), 53.5)


def _bad(bucket: Mapping[str, int]) -> int:
    return bucket.get("failed", 0) + bucket.get("timed_out", 0)


def _lost(bucket: Mapping[str, int]) -> int:
    return bucket.get("interrupted", 0)


def _height(count: int, most: int, room: int) -> int:
    return max(3, round(room * count / most)) if count else 0


def _day_title(buckets: Sequence[Mapping[str, int]]) -> str:
    up = sum(bucket.get("succeeded", 0) for bucket in buckets)
    failed, lost = sum(map(_bad, buckets)), sum(map(_lost, buckets))
    down = words.joined([f"{words.number(n)} {word}" for n, word in ((failed, "failed"), (lost, "interrupted")) if n])
    text = f"Runs over the last 24 hours: {words.number(up)} succeeded, drawn upwards"
    return f"{text}; {down}, drawn downwards" if down else f"{text}; none failed"
