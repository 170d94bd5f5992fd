"""Small charts as inline SVG: ink for what is, no script, no style. Pure.

Every chart has a title that says in words what it shows, for those who do not see it. Values may be numbers, or None
where nothing is known. Colours come from the page: `currentColor`, and the classes `spark`, `mini`, `meter`, `bad`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeGuard

from markupsafe import Markup, escape

Value = float | int | None
Point = tuple[float, float]


def sparkline(
    values: Sequence[Value],
    title: str,
    *,
    low: float | None = None,
    high: float | None = None,
    limit: float | None = None,
) -> Markup:
    """Return a line of the size of a word. `low` and `high` fix the scale, `limit` is drawn as a dashed line."""
    width, height = 100.0, 28.0
    bottom, top = _range(values, low, high, limit)
    scale = _Scale((0, max(1, len(values) - 1)), (bottom, top), (0, width), (height - 2, 2))
    parts = []
    if limit is not None:
        parts.append(f'<path class="lim" stroke-dasharray="2 3" d="M0 {_n(scale.y(limit))}H{_n(width)}"/>')
    line = _lines(values, scale)
    parts.append(f'<path vector-effect="non-scaling-stroke" fill="none" stroke="currentColor" d="{line}"/>')
    return _svg("spark", width, height, title, parts, stretch=True)


def bars(values: Sequence[Value], title: str, *, bad: Collection[int] = (), high: float | None = None) -> Markup:
    """Return a bar for each value, from zero up; those whose index is in `bad` have the colour of failures."""
    step, height = 10, 24.0
    _, top = _range(values, 0, high, None)
    parts = []
    for index, value in enumerate(values):
        if _known(value):
            # Even a small value is seen: a bar that vanishes would say that there was nothing.
            tall = max(1.0, min(1.0, max(0.0, value) / top) * height) if value > 0 else 0.0
            look = ' class="bad"' if index in bad else ""
            parts.append(f'<rect{look} x="{index * step}" y="{_n(height - tall)}" width="8" height="{_n(tall)}"/>')
    return _svg("spark mini", max(step, len(values) * step), height, title, parts, stretch=True)


def meter(value: float, title: str, *, high: float = 100.0) -> Markup:
    """Return a filled part of a bar: `value` of `high`."""
    share = value / high * 100 if high > 0 and math.isfinite(value) else 0.0
    inner = f'<rect width="{_n(min(100.0, max(0.0, share)))}" height="6"/>'
    return _svg("meter", 100, 6, title, [inner], stretch=True)


def line_chart(
    values: Sequence[Value | tuple[float, Value]],
    title: str,
    *,
    unit: str = "",
    labels: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    span: tuple[float, float] | None = None,
    width: int = 640,
    height: int = 200,
) -> Markup:
    """Return a line with the area below it, a vertical axis with round figures, and labels along the bottom.

    `values` are equally far apart, or pairs (x, value) such as (time, temperature); `span` is then what the whole
    width stands for. None breaks the line. The `labels` are spread evenly from the left edge to the right one.
    """
    points = [item if isinstance(item, tuple) else (float(index), item) for index, item in enumerate(values)]
    ticks = _ticks(*_range([value for _, value in points], low, high, None))
    left, right = span or (min((x for x, _ in points), default=0.0), max((x for x, _ in points), default=1.0))
    scale = _Scale((left, right), (ticks[0], ticks[-1]), (52, width - 12), (height - 24, 12))
    parts = list(_grid(ticks, unit, scale, width))
    for run in _runs(points):
        track = [(scale.x(x), scale.y(y)) for x, y in run]
        line = " ".join(f"{_n(x)},{_n(y)}" for x, y in track)
        floor = _n(scale.y(ticks[0]))
        area = f"M{_n(track[0][0])},{floor} L{line} L{_n(track[-1][0])},{floor}Z"
        parts.append(f'<path d="{area}" fill="currentColor" fill-opacity=".1" stroke="none"/>')
        # A single reading between two gaps is a dot: a line of no length is not drawn.
        drawn, thick = (f"M{line}", "1.5") if len(track) > 1 else (f"M{line}h.01", "5")
        parts.append(
            f'<path d="{drawn}" fill="none" stroke="currentColor" stroke-width="{thick}" stroke-linecap="round" '
            'stroke-linejoin="round"/>'
        )
    parts.extend(_bottom(labels, scale, height))
    if not any(_known(value) for _, value in points):
        parts.append(_text(width / 2, height / 2, "no data yet", "middle"))
    return _svg("chart", width, height, title, parts, stretch=False)


class _Scale:
    """From values to places in the picture."""

    def __init__(self, xs: Point, ys: Point, across: Point, along: Point) -> None:
        self._x0, self._y0, self.left, self.bottom = xs[0], ys[0], across[0], along[0]
        self.right = across[1]
        self._dx = (across[1] - across[0]) / ((xs[1] - xs[0]) or 1.0)
        self._dy = (along[1] - along[0]) / ((ys[1] - ys[0]) or 1.0)

    def x(self, value: float) -> float:
        return self.left + (value - self._x0) * self._dx

    def y(self, value: float) -> float:
        return self.bottom + (value - self._y0) * self._dy


def _known(value: Value) -> TypeGuard[float]:
    """Neither missing, nor NaN, nor so large that it could only be a fault of a sensor."""
    return value is not None and abs(value) < 1e100


def _range(values: Iterable[Value], low: float | None, high: float | None, limit: float | None) -> Point:
    """The lowest and the highest value that the picture must show; never the same."""
    known = [float(value) for value in values if _known(value)]
    if limit is not None:
        known.append(limit)
    bottom = low if low is not None else min(known, default=0.0)
    top = high if high is not None else max(known, default=1.0)
    if top - bottom < max(1e-9, abs(bottom) * 1e-9):
        top = bottom + (abs(bottom) * 0.1 if abs(bottom) > 1e-6 else 1.0)
    return bottom, top


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round figures that enclose the values."""
    rough = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 2.5, 5, 10) if unit * times >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [round(step * number, 10) for number in range(first, last + 1)]


def _runs(points: Iterable[tuple[float, Value]]) -> Iterator[list[Point]]:
    """The stretches of points without a gap between them."""
    run: list[Point] = []
    for x, value in points:
        if _known(value):
            run.append((x, float(value)))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _lines(values: Sequence[Value], scale: _Scale) -> str:
    points = ((float(index), value) for index, value in enumerate(values))
    return " ".join("M" + " ".join(f"{_n(scale.x(x))},{_n(scale.y(y))}" for x, y in run) for run in _runs(points))


def _grid(ticks: Sequence[float], unit: str, scale: _Scale, width: int) -> Iterator[str]:
    for tick in ticks:
        y = scale.y(tick)
        yield (
            f'<line x1="{_n(scale.left)}" x2="{_n(width - 12)}" y1="{_n(y)}" y2="{_n(y)}" '
            'stroke="currentColor" stroke-opacity=".2"/>'
        )
        yield _text(scale.left - 6, y + 4, f"{_figure(tick)}{unit}", "end")


def _bottom(labels: Sequence[str], scale: _Scale, height: int) -> Iterator[str]:
    last = len(labels) - 1
    for index, label in enumerate(labels):
        anchor = "start" if index == 0 else "end" if index == last else "middle"
        place = scale.left + (scale.right - scale.left) * index / (last or 1)
        yield _text(place, height - 6, label, anchor)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{_n(x)}" y="{_n(y)}" font-size="12" fill="currentColor" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"


def _figure(value: float) -> str:
    return f"{value:,.10f}".rstrip("0").rstrip(".").replace(",", "\u202f") if abs(value) < 1e15 else f"{value:.3g}"


def _n(number: float) -> str:
    """A coordinate with at most one decimal: more would be bytes that nobody sees."""
    return f"{number:.1f}".removesuffix(".0")


def _svg(look: str, width: float, height: float, title: str, parts: Iterable[str], stretch: bool) -> Markup:
    aspect = ' preserveAspectRatio="none"' if stretch else ""
    box = f"0 0 {_n(width)} {_n(height)}"
    # The parts are made of numbers and of texts that were escaped where they were put in.
    return Markup(
        f'<svg class="{look}" viewBox="{box}"{aspect} role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
