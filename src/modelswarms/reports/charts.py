"""Charts as SVG text: pure functions of figures; colours come from the style sheet around them."""

from __future__ import annotations

import math
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = [
    "Bar",
    "Level",
    "Line",
    "fitted",
    "interval_axis",
    "interval_bar",
    "line_chart",
    "nice_ticks",
    "share_of",
    "shortened",
    "signed_bars",
    "text_width",
    "whole_ticks",
]

CHARACTER = 6.7
"""Width of an average character at 12 pixels, on the generous side."""

POINTS = 100
"""Iterations up to which every value of a curve has its own point."""

Interval = Sequence[float]


@dataclass(frozen=True)
class Line:
    """A curve: one value for every iteration, None where there is none; ``kind`` is its CSS class."""

    name: str
    kind: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Level:
    """A horizontal line, such as the best single expert's."""

    name: str
    kind: str
    value: float


@dataclass(frozen=True)
class Bar:
    """A signed bar with its name and its number as text."""

    name: str
    value: float
    text: str


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters; the middle of a longer text is left out."""
    if len(text) <= limit:
        return text
    head = limit // 2
    tail = max(0, limit - 1 - head)
    return f"{text[:head]}…{text[len(text) - tail :] if tail else ''}"


def text_width(text: str) -> float:
    """About how many pixels a text takes at 12 pixels; characters of full width count twice."""
    return CHARACTER * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, width: float) -> str:
    """The text, its middle left out as far as needed for ``width`` pixels."""
    limit = len(text)
    while limit > 1 and text_width(shortened(text, limit)) > width:
        limit -= 1 if limit < 40 else limit // 8
    return shortened(text, limit)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``."""
    span = high - low
    if not (1e-290 < span < 1e300):
        return [low]
    rough = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def whole_ticks(last: int, count: int) -> list[int]:
    """Whole numbers from 0 to ``last``, about ``count`` of them."""
    step = max(1, math.ceil(last / max(1, count)))
    return list(range(0, last + 1, step))


def line_chart(
    lines: Sequence[Line],
    levels: Sequence[Level],
    number: Callable[[float], str],
    *,
    label: str,
    tick_text: Callable[[float], str] | None = None,
    bounds: Interval | None = None,
    width: int = 720,
    height: int = 320,
) -> str:
    """Curves over iterations; up to ``POINTS`` of them have points that say their figure when pointed at.

    Args:
        lines: of equal length; the first is drawn on top.
        number: writes a value; ``tick_text`` one on the axis, ``number`` by default.
        bounds: the axis never goes beyond these.
    """
    low, high = _extent(lines, levels, bounds)
    written = tick_text or number
    ticks = {written(t): t for t in nice_ticks(low, high, 5)}  # no label twice
    left = 14 + max((text_width(t) for t in ticks), default=3)
    right, top, bottom = width - 12.0, 12.0, height - 40.0
    last = max((len(line.values) for line in lines), default=1) - 1

    def x(iteration: int) -> float:
        return left + 8 + (right - left - 16) * (iteration / last if last > 0 else 0.5)

    def y(value: float) -> float:
        """Values beyond the axis are drawn at its edge; their titles tell the truth."""
        return bottom - (bottom - top) * share_of(value, low, high)

    parts = [_open(width, height, label)]
    for text, tick in ticks.items():
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(_text(left - 6, y(tick) + 4, text, "tick", "end"))
    for iteration in whole_ticks(last, int((right - left) // 56)):
        parts.append(_text(x(iteration), bottom + 18, str(iteration), "tick", "middle"))
    parts.append(_text((left + right) / 2, height - 4, "iteration", "axis", "middle"))
    for level in levels:
        parts.append(
            f'<line class="level {level.kind}" x1="{left:.1f}" x2="{right:.1f}" y1="{y(level.value):.1f}" '
            f'y2="{y(level.value):.1f}"><title>{escape(level.name)}: {escape(number(level.value))}</title></line>'
        )
    for line in reversed(lines):
        parts += _curve(line, x, y, number, radius=3.5 if last <= 40 else 2)
    return "".join([*parts, "</svg>"])


def _curve(
    line: Line, x: Callable[[int], float], y: Callable[[float], float], number: Callable[[float], str], radius: float
) -> list[str]:
    """Unbroken stretches as polylines, then a point for every value."""
    stretches: list[list[str]] = [[]]
    points = []
    for iteration, value in enumerate(line.values):
        if value is None:
            stretches.append([])
            continue
        stretches[-1].append(f"{x(iteration):.1f},{y(value):.1f}")
        if len(line.values) > POINTS and not _alone(line.values, iteration):
            continue
        title = f"{line.name}, iteration {iteration}: {number(value)}"
        points.append(
            f'<circle class="point {line.kind}" cx="{x(iteration):.1f}" cy="{y(value):.1f}" r="{radius}">'
            f"<title>{escape(title)}</title></circle>"
        )
    drawn = [f'<polyline class="line {line.kind}" points="{" ".join(s)}"/>' for s in stretches if len(s) > 1]
    return [*drawn, *points]


def _alone(values: Sequence[float | None], place: int) -> bool:
    """Whether no line leads to or from a value."""
    return all(values[k] is None for k in (place - 1, place + 1) if 0 <= k < len(values))


def signed_bars(bars: Sequence[Bar], *, label: str, width: int = 720) -> str:
    """Horizontal bars from zero, to the right where positive, with name and number; one row each."""
    row, top = 24, 6
    name_width = min(max((text_width(b.name) for b in bars), default=0) + 10, width * 0.36)
    number_width = max((text_width(b.text) for b in bars), default=0) + 14
    low, high = min([0.0, *(b.value for b in bars)]), max([0.0, *(b.value for b in bars)])
    left = name_width + (number_width if low < 0 else 6)
    right = width - number_width
    zero = left + (right - left) * share_of(0.0, low, high) if high > low else left
    height = top * 2 + row * len(bars)
    parts = [_open(width, height, label)]
    for i, bar in enumerate(bars):
        middle = top + row * i + row / 2
        length = abs((right - left) * share_of(bar.value, low, high) + left - zero) if high > low else 0.0
        start = zero if bar.value >= 0 else zero - length
        title = f"<title>{escape(bar.name)}: {escape(bar.text)}</title>"
        name = escape(fitted(bar.name, name_width - 10))
        kind = "positive" if bar.value >= 0 else "negative"
        parts.append(
            f'<text class="name" x="{name_width - 4:.1f}" y="{middle + 4:.1f}" text-anchor="end">{title}{name}</text>'
            f'<rect class="bar {kind}" x="{start:.1f}" y="{middle - 8:.1f}" width="{length:.1f}" '
            f'height="16">{title}</rect>'
        )
        beside = zero + length + 6 if bar.value >= 0 else start - 6
        parts.append(_text(beside, middle + 4, bar.text, "number", "start" if bar.value >= 0 else "end"))
    parts.append(f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="2" y2="{height - 2}"/>')
    return "".join([*parts, "</svg>"])


def interval_bar(
    marks: Sequence[tuple[str, float, Interval | None]],
    axis: Interval,
    *,
    label: str,
    reference: float | None = None,
    width: int = 200,
) -> str:
    """A row of a forest plot: for every mark (CSS class, value, interval) a point on its whiskers.

    Args:
        axis: what the left and the right edge stand for.
        reference: where a thin line is drawn through the row.
    """
    height = 10 + 10 * len(marks)

    def x(value: float) -> float:
        return _EDGE + (width - 2 * _EDGE) * share_of(value, *axis)

    parts = [_open(width, height, label)]
    if reference is not None:
        at = x(reference)
        parts.append(f'<line class="reference" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{height}"/>')
    for i, (kind, value, interval) in enumerate(marks):
        y = 10.0 + 10 * i
        if interval is not None:
            parts.append(
                f'<line class="whisker {kind}" x1="{x(interval[0]):.1f}" x2="{x(interval[1]):.1f}" y1="{y}" y2="{y}"/>'
            )
        parts.append(f'<circle class="point {kind}" cx="{x(value):.1f}" cy="{y}" r="4"/>')
    return "".join([*parts, "</svg>"])


def interval_axis(axis: Interval, number: Callable[[float], str], *, label: str, width: int = 200) -> str:
    """The figures above the rows of :func:`interval_bar`, as many as have room."""
    ticks: list[tuple[float, str]] = []
    end = -math.inf
    for tick in nice_ticks(axis[0], axis[1], 4):
        at = _EDGE + (width - 2 * _EDGE) * share_of(tick, *axis)
        half = text_width(number(tick)) / 2
        at_text = min(max(at, half), width - half)
        if at_text - half > end + 6:
            ticks.append((at_text, number(tick)))
            end = at_text + half
    parts = (_text(at, 11, text, "tick", "middle") for at, text in ticks)
    return "".join([_open(width, 16, label), *parts, "</svg>"])


_EDGE = 5
_LARGEST = sys.float_info.max


def share_of(value: float, low: float, high: float) -> float:
    """How far along an axis a value lies, from 0 to 1; halves, so that no difference is too large for a float."""
    if not high / 2 > low / 2:
        return 0.5
    return (min(max(value, low), high) / 2 - low / 2) / (high / 2 - low / 2)


def _extent(lines: Sequence[Line], levels: Sequence[Level], bounds: Interval | None) -> tuple[float, float]:
    """What the axis spans. The worst particles may lie far below; they stretch it at most threefold."""
    worst = [v for line in lines if line.kind == "worst" for v in line.values if v is not None]
    rest = [v for line in lines if line.kind != "worst" for v in line.values if v is not None]
    rest += [level.value for level in levels]
    if not rest:
        return tuple(bounds) if bounds else (0.0, 1.0)  # type: ignore[return-value]
    low, high = min(rest), max(rest)
    if worst:
        room = 2 * (high - low) if high > low else math.inf
        low = max(min(low, *worst), low - room)
    inside = bounds is not None and bounds[0] <= low and high <= bounds[1]
    pad = min(0.06 * (high - low) if high > low else max(abs(high) * 0.1, 1e-6), _LARGEST)
    low, high = max(low - pad, -_LARGEST), min(high + pad, _LARGEST)
    return (max(low, bounds[0]), min(high, bounds[1])) if bounds and inside else (low, high)


def _open(width: float, height: float, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(label)}">'
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
