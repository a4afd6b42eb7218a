from __future__ import annotations

import numpy as np
import pytest

from modelswarms.reports.statistics import mean_interval, paired_interval


def test_the_interval_of_a_share_is_wilsons() -> None:
    low, high = mean_interval([1.0] * 8 + [0.0] * 2)  # type: ignore[misc]
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # from Newcombe 1998's formula, by hand


def test_all_wrong_is_not_certain() -> None:
    low, high = mean_interval([0.0] * 20)  # type: ignore[misc]
    assert low == 0.0
    assert 0.1 < high < 0.2


def test_the_bootstrap_of_a_mean_agrees_with_its_standard_error() -> None:
    scores = np.random.default_rng(1).normal(3.0, 2.0, 400)
    low, high = mean_interval(scores.tolist())  # type: ignore[misc]
    half = 1.96 * scores.std() / 20
    assert (low, high) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=0.02)


def test_pairing_removes_what_both_share() -> None:
    shared = np.random.default_rng(2).normal(0.0, 10.0, 300)
    low, high = paired_interval((shared + 1.0).tolist(), shared.tolist())  # type: ignore[misc]
    assert (low, high) == pytest.approx((1.0, 1.0))


def test_intervals_are_the_same_every_time() -> None:
    scores = [0.1, 0.5, 0.7, 0.2]
    assert mean_interval(scores) == mean_interval(scores)


def test_nothing_has_no_interval() -> None:
    assert mean_interval([]) is None
    assert paired_interval([], []) is None


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_interval([1.0], [1.0, 0.0])
