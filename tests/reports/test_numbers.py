"""How figures are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelswarms.reports.numbers import Scale, counted, duration, signed

PERCENT = Scale(percent=True)


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.7716, "77.2 %"), (0, "0.0 %"), (1, "100.0 %"), (-0.0001, "0.0 %"), (-0.25, "-25.0 %"), (0.99999, "100.0 %")],
)
def test_percent(value, text):
    assert plain(PERCENT.value(value)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.277, "+27.7"), (-0.277, "-27.7"), (0, "0.0"), (0.0001, "0.0"), (-0.0001, "0.0")]
)
def test_changes_have_their_sign_unless_they_are_written_as_zero(value, text):
    assert plain(PERCENT.change(value)) == text


def test_intervals_and_amounts():
    assert PERCENT.interval((0.736, 0.803)) == "73.6 to 80.3"
    assert PERCENT.interval(None) == ""
    assert plain(PERCENT.changes((-0.01, 0.02))) == "-1.0 to +2.0"
    assert plain(PERCENT.amount(-0.277)) == "27.7 points"
    assert Scale(False, 2).amount(-0.277) == "0.28"


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0.5, 0.75], ["0.500", "0.750"]),
        ([12, 15], ["12.00", "15.00"]),
        ([100, 900], ["100", "900"]),
        ([-2.301, -2.305], ["-2.30100", "-2.30500"]),
        ([3, 3], ["3.00", "3.00"]),
        ([0, 0], ["0.000", "0.000"]),
        ([1e9, 2e9], ["1e+09", "2e+09"]),
        ([1e-12, 3e-12], ["1e-12", "3e-12"]),
        ([float("inf"), 0.5], ["inf", "0.500"]),
        ([], []),
    ],
)
def test_as_many_decimals_as_tell(values, written):
    scale = Scale.of(values, percent=False)
    assert [plain(scale.bare(v)) for v in values] == written


def test_a_stray_huge_value_has_no_row_of_digits():
    assert len(Scale(False, 4).bare(-1e200)) < 12


@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=5, unique=True))
def test_values_that_differ_enough_are_written_differently(values):
    low, high = min(values), max(values)
    scale = Scale.of(values, percent=False)
    if high - low > 1e-3 * max(abs(low), abs(high)) and high - low > 1e-5:
        assert scale.bare(low) != scale.bare(high)


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "50 %"), (0.125, "12.5 %"), (0, "0 %"), (1, "100 %"), (-0.2, "-20 %")]
)
def test_ticks_have_no_idle_zeros(value, text):
    assert plain(PERCENT.tick(value)) == text


def test_ticks_keep_zeros_that_count():
    assert [Scale(False, 0).tick(v) for v in (100, 20)] == ["100", "20"]
    assert Scale(False, None).tick(1e10) == "1e+10"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4091, "+0.409"),
        (-0.0961, "-0.096"),
        (0, "0.000"),
        (-0.0001, "0.000"),
        (0.0004, "0.000"),
        (-3e7, "-3.000e+07"),
    ],
)
def test_coefficients(value, text):
    assert plain(signed(value)) == text


@pytest.mark.parametrize(
    ("number", "thing", "text"),
    [(12000, "", "12,000"), (1, "evaluation", "1 evaluation"), (0, "answer", "0 answers"), (1234, "row", "1,234 rows")],
)
def test_counts(number, thing, text):
    assert plain(counted(number, thing)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (45.6, "46 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds, text):
    assert plain(duration(seconds)) == text
