"""Intervals for figures that people will quote: 95 %, over examples, from one fixed stream of resamples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["RESAMPLES", "Interval", "mean_interval", "paired_interval", "paired_p", "percentiles", "resampled_means"]

RESAMPLES = 10_000
_STREAM = 20_241_014
_Z = 1.959963984540054  # 97.5 % quantile of the normal distribution

Interval = tuple[float, float]


def mean_interval(scores: Sequence[float]) -> Interval | None:
    """95 % interval of a mean of per-example scores; None for no examples.

    Wilson's for right-or-wrong scores (it stays honest at 0 and 1), the percentile bootstrap else.
    """
    if not scores:
        return None
    if set(scores) <= {0.0, 1.0}:
        return _wilson(sum(scores), len(scores))
    return percentiles(resampled_means(np.asarray(scores, dtype=np.float64)))


def paired_interval(one: Sequence[float], other: Sequence[float]) -> Interval | None:
    """95 % interval of mean(one) - mean(other) on the same examples, by the paired percentile bootstrap.

    Raises:
        ValueError: the two do not hold scores of the same examples.
    """
    if len(one) != len(other):
        raise ValueError(f"scores of {len(one)} and of {len(other)} examples cannot be paired.")
    if not one:
        return None
    return percentiles(resampled_means(np.subtract(one, other, dtype=np.float64)))


def paired_p(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Two-sided p-value of equal means on the same examples: how often random signs of the differences do as much.

    10,000 draws from one fixed stream, the observed signs counted as one more (Phipson & Smyth 2010). None for no
    examples.
    """
    differences = np.subtract(one, other, dtype=np.float64)
    if not len(differences):
        return None
    draws, seen, reached = np.random.Generator(np.random.Philox(_STREAM)), 1, abs(differences.sum()) - 1e-9
    step = max(1, 2_000_000 // len(differences))
    for start in range(0, RESAMPLES, step):
        signs = draws.integers(0, 2, (min(step, RESAMPLES - start), len(differences))) * 2 - 1
        seen += int((np.abs(signs @ differences) >= reached).sum())
    return seen / (RESAMPLES + 1)


def resampled_means(values: np.ndarray, resamples: int = RESAMPLES, stream: int = 0) -> np.ndarray:
    """Means of ``resamples`` draws with replacement; shape (resamples,).

    The same examples are drawn for the same number of values and ``stream``, which is what pairs them.
    """
    draws = np.random.Generator(np.random.Philox(_STREAM + stream))
    means = np.empty(resamples)
    step = max(1, 2_000_000 // len(values))  # bounds the memory of the index matrix
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        means[start : start + count] = values[draws.integers(0, len(values), (count, len(values)))].mean(axis=1)
    return means


def percentiles(means: np.ndarray) -> Interval:
    """What 95 % of resampled figures lie between."""
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _wilson(successes: float, n: int) -> Interval:
    """Wilson 1927, score interval of a proportion."""
    share, spread = successes / n, _Z**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * ((share * (1 - share) + spread / 4) / n) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)
