"""Charts: where things are drawn, for figures of any kind."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelswarms.reports.charts import (
    Bar,
    Level,
    Line,
    fitted,
    interval_axis,
    interval_bar,
    line_chart,
    nice_ticks,
    shortened,
    signed_bars,
    text_width,
    whole_ticks,
)
from pages import Page

numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.lists(st.none() | numbers, min_size=1, max_size=30)


def checked(svg: str) -> Page:
    page = Page(svg)
    assert page.check_charts() == 1
    return page


def drawn(svg: str, kind: str) -> list[tuple[float, float]]:
    points = re.findall(rf'<circle class="point {kind}" cx="([^"]+)" cy="([^"]+)"', svg)
    return [(float(x), float(y)) for x, y in points]


@settings(max_examples=60, deadline=None)
@given(best=values, worst=values, level=numbers, width=st.sampled_from([340, 780]))
def test_curves_of_any_values_stay_in_the_view_box(best, worst, level, width):
    lines = [Line("best", "best", best), Line("worst", "worst", worst)]
    svg = line_chart(lines, [Level("l", "single", level)], "{:.3g}".format, label="<x>", width=width)
    checked(svg)
    assert len(drawn(svg, "best")) == sum(v is not None for v in best)


def test_higher_values_are_drawn_higher_and_iterations_from_left_to_right():
    points = drawn(line_chart([Line("b", "best", [1, 3, 2, 7])], [], str, label=""), "best")
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    heights = [-y for _, y in points]
    assert sorted(range(4), key=heights.__getitem__) == [0, 2, 1, 3]
    gaps = [b - a for (a, _), (b, _) in zip(points, points[1:], strict=False)]
    assert max(gaps) - min(gaps) < 0.2


def test_values_are_in_proportion():
    (_, one), (_, two), (_, four) = drawn(line_chart([Line("b", "best", [1, 2, 4])], [], str, label=""), "best")
    assert (two - four) / (one - two) == pytest.approx(2, rel=0.01)


def test_a_gap_breaks_the_line_and_a_lone_value_keeps_its_point():
    svg = line_chart([Line("b", "best", [1, 2, None, 3, None, 4, 5])], [], str, label="")
    assert svg.count("<polyline") == 2
    assert len(drawn(svg, "best")) == 5
    long = line_chart([Line("b", "best", [1.0] * 150 + [None, 2.0, None] + [1.0] * 150)], [], str, label="")
    assert len(drawn(long, "best")) == 1


def test_the_axis_keeps_to_the_range_unless_values_do_not():
    def ticks(values: list[float], bounds: tuple[float, float] | None) -> list[float]:
        svg = line_chart([Line("b", "best", values)], [], "{:g}".format, label="", bounds=bounds)
        return [float(t) for t in re.findall(r'text-anchor="end">([^<]+)', svg)]

    assert max(ticks([0.2, 1.0], (0, 1))) == 1
    assert max(ticks([0.02, 1.0], (0, 1))) <= 1 <= max(ticks([0.02, 1.0], None)) + 0.2
    assert max(ticks([5.0, 6.0], (0, 1))) >= 5.8  # a range that is not true does not hide values


def test_the_worst_does_not_flatten_the_rest():
    lines = [Line("b", "best", [1.0, 2.0]), Line("w", "worst", [-1e9, 0.0])]
    points = drawn(line_chart(lines, [], str, label=""), "best")
    assert points[0][1] - points[1][1] > 60


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=60), numbers), max_size=20), st.sampled_from([340, 780]))
def test_bars_of_any_values_stay_in_the_view_box(bars, width):
    checked(signed_bars([Bar(name, value, f"{value:.3g}") for name, value in bars], label="", width=width))


def test_bars_go_right_from_zero_where_positive_and_left_where_negative():
    svg = signed_bars([Bar("a", 2.0, "+2"), Bar("b", 1.0, "+1"), Bar("c", -1.0, "-1")], label="")
    bars = [
        tuple(map(float, b)) for b in re.findall(r'<rect class="bar \w+" x="([^"]+)" y="[^"]+" width="([^"]+)"', svg)
    ]
    zero = float(re.findall(r'class="zero" x1="([^"]+)"', svg)[0])
    (a, wide), (b, half), (c, left) = bars
    assert a == b == zero
    assert (wide, c + left) == pytest.approx((2 * half, zero), abs=0.2)
    assert left == pytest.approx(half, abs=0.2)


@settings(max_examples=60, deadline=None)
@given(numbers, numbers, numbers, numbers, numbers)
def test_interval_bars_stay_in_the_view_box(value, low, high, start, end):
    axis = (min(start, end), max(start, end))
    marks = [("dev", value, (min(low, high), max(low, high))), ("test", value, None)]
    checked(interval_bar(marks, axis, label="", reference=low))
    checked(interval_axis(axis, "{:.3g}".format, label=""))


def test_interval_bars_are_in_proportion():
    svg = interval_bar([("test", 0.5, (0.25, 1.0))], (0, 1), label="")
    start, end = map(float, re.findall(r'<line class="whisker test" x1="([^"]+)" x2="([^"]+)"', svg)[0])
    ((at, _),) = drawn(svg, "test")
    assert (end - at) / (at - start) == pytest.approx(2)


@settings(max_examples=200, deadline=None)
@given(numbers, numbers)
def test_ticks_are_round_few_and_inside(one, other):
    low, high = min(one, other), max(one, other)
    ticks = nice_ticks(low, high)
    assert 1 <= len(ticks) <= 12
    assert all(math.isfinite(t) for t in ticks)
    assert ticks == sorted(ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.31, 0.52, [0.35, 0.4, 0.45, 0.5]), (-7, 12, [-5, 0, 5, 10]), (3, 3, [3])],
)
def test_ticks(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("last", "count", "ticks"), [(0, 5, [0]), (3, 10, [0, 1, 2, 3]), (10, 5, [0, 2, 4, 6, 8, 10]), (5, 0, [0, 5])]
)
def test_whole_ticks(last, count, ticks):
    assert whole_ticks(last, count) == ticks


@pytest.mark.parametrize(
    ("text", "limit", "short"), [("abc", 3, "abc"), ("abcdef", 5, "ab…ef"), ("abcdef", 4, "ab…f"), ("abcdef", 1, "…")]
)
def test_shortened(text, limit, short):
    assert shortened(text, limit) == short


@given(st.text(max_size=300), st.floats(20, 400))
def test_fitted_texts_fit(text, width):
    assert text_width(fitted(text, width)) <= width or len(fitted(text, width)) == 1
    if text_width(text) <= width:
        assert fitted(text, width) == text


def test_titles_are_escaped():
    svg = signed_bars([Bar("<b>", 1.0, "<i>")], label='"><script>')
    page = checked(svg)
    assert {tag for tag, _ in page.elements} <= {"svg", "text", "title", "rect", "line"}
