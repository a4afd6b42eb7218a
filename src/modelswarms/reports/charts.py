"""Charts as SVG text: pure functions of figures; colours come from the style sheet around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = [
    "Bar",
    "Level",
    "Line",
    "interval_bar",
    "line_chart",
    "nice_ticks",
    "shortened",
    "signed_bars",
    "whole_ticks",
]

CHARACTER = 6.7
"""Width of an average character at 12 pixels, on the generous side."""

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
    head = (limit - 1 + 1) // 2
    tail = max(0, limit - 1 - head)
    return f"{text[:head]}…{text[len(text) - tail :] if tail else ''}"


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
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
    bounds: Interval | None = None,
    width: int = 720,
    height: int = 320,
) -> str:
    """Curves over iterations; every point says its figure when pointed at.

    Args:
        lines: of equal length; the first is drawn on top.
        number: writes a value, on the axis and in the titles.
        bounds: the axis never goes beyond these.
    """
    low, high = _extent(lines, levels, bounds)
    ticks = nice_ticks(low, high, 5)
    left = 14 + CHARACTER * max((len(number(t)) for t in ticks), default=3)
    right, top, bottom = width - 12.0, 12.0, height - 40.0
    last = max((len(line.values) for line in lines), default=1) - 1

    def x(iteration: int) -> float:
        return left + 8 + (right - left - 16) * (iteration / last if last > 0 else 0.5)

    def y(value: float) -> float:
        """Values beyond the axis are drawn at its edge; their titles tell the truth."""
        share = (min(max(value, low), high) - low) / (high - low)
        return bottom - (bottom - top) * share

    parts = [_open(width, height, label)]
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(_text(left - 6, y(tick) + 4, number(tick), "tick", "end"))
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
        title = f"{line.name}, iteration {iteration}: {number(value)}"
        points.append(
            f'<circle class="point {line.kind}" cx="{x(iteration):.1f}" cy="{y(value):.1f}" r="{radius}">'
            f"<title>{escape(title)}</title></circle>"
        )
    drawn = [f'<polyline class="line {line.kind}" points="{" ".join(s)}"/>' for s in stretches if len(s) > 1]
    return [*drawn, *points]


def signed_bars(bars: Sequence[Bar], *, label: str, width: int = 720) -> str:
    """Horizontal bars from zero, to the right where positive, with name and number; one row each."""
    row, top = 24, 6
    name_width = min(CHARACTER * max((len(b.name) for b in bars), default=0) + 10, width * 0.36)
    number_width = CHARACTER * max((len(b.text) for b in bars), default=0) + 14
    low, high = min([0.0, *(b.value for b in bars)]), max([0.0, *(b.value for b in bars)])
    left = name_width + (number_width if low < 0 else 6)
    right = width - number_width
    scale = (right - left) / (high - low) if high > low else 0.0
    zero = left - low * scale
    height = top * 2 + row * len(bars)
    parts = [_open(width, height, label)]
    for i, bar in enumerate(bars):
        middle = top + row * i + row / 2
        length = abs(bar.value) * scale
        start = zero if bar.value >= 0 else zero - length
        title = f"<title>{escape(bar.name)}: {escape(bar.text)}</title>"
        name = escape(shortened(bar.name, max(4, int((name_width - 10) / CHARACTER))))
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
    marks: Sequence[tuple[str, float, Interval | None]], axis: Interval, *, label: str, width: int = 200
) -> str:
    """A row of a forest plot: for every mark (CSS class, value, interval) a point on its whiskers.

    Args:
        axis: what the left and the right edge stand for.
    """
    height = 10 + 10 * len(marks)
    span = axis[1] - axis[0]

    def x(value: float) -> float:
        share = (min(max(value, axis[0]), axis[1]) - axis[0]) / span if span > 0 else 0.5
        return 5 + (width - 10) * share

    parts = [_open(width, height, label)]
    for i, (kind, value, interval) in enumerate(marks):
        y = 10.0 + 10 * i
        if interval is not None:
            parts.append(
                f'<line class="whisker {kind}" x1="{x(interval[0]):.1f}" x2="{x(interval[1]):.1f}" y1="{y}" y2="{y}"/>'
            )
        parts.append(f'<circle class="point {kind}" cx="{x(value):.1f}" cy="{y}" r="4"/>')
    return "".join([*parts, "</svg>"])


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
    pad = 0.06 * (high - low) if high > low else max(abs(high) * 0.1, 1e-6)
    low, high = low - pad, high + pad
    return (max(low, bounds[0]), min(high, bounds[1])) if bounds else (low, high)


def _open(width: float, height: float, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(label)}">'
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
