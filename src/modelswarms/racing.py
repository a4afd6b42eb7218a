"""Evaluations that end as soon as their value is known not to matter; what is found is the same as without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from modelswarms.plan import in_order
from modelswarms.types import Array, Candidate, Example, Score, Thresholds, Utility
from modelswarms.utilities.abilities import bounds_from

__all__ = ["Blocks", "Forecast", "Race"]

Blocks = tuple[tuple[int, ...], ...]

NEARNESS: Final = 0.1
"""Of the median squared distance: within it, candidates are taken to answer alike."""

GUESS: Final = 0.04
"""What the guess of one half counts beside an evaluation at the same place."""


class Forecast:
    """Which examples a candidate is likely to answer well, by the evaluations that were told so far.

    Those of near coefficients count most. A pure function of what was learnt, whatever its order.

    Args:
        count: number of examples.
        span: lowest and highest value of the utility; a score's place between them is its share.
    """

    def __init__(self, count: int, span: tuple[float, float]) -> None:
        self._count, self._span = count, span
        self._learnt: dict[tuple[int, int, str], tuple[Array, Array]] = {}
        self._stacked: tuple[Array, Array] | None = None

    def learn(self, candidate: Candidate, scores: Sequence[float | None]) -> None:
        """Adds the scores of an evaluation, None where an example was not run."""
        low, high = self._span
        given = np.array([np.nan if score is None else score for score in scores], dtype=np.float64)
        shares = np.clip((given - low) / (high - low), 0.0, 1.0)
        place = (candidate.iteration, candidate.particle, candidate.id)
        self._learnt[place] = (candidate.coefficients.ravel(), shares)
        self._stacked = None

    def shares(self, coefficients: Array) -> Array:
        """(examples,), the share of the highest score that each is likely to have."""
        if not self._learnt:
            return np.full(self._count, 0.5)
        if self._stacked is None:
            known = [self._learnt[place] for place in sorted(self._learnt)]  # sums depend on their order
            self._stacked = np.stack([at for at, _ in known]), np.stack([row for _, row in known])
        at, shares = self._stacked
        distance = ((at - coefficients.ravel()) ** 2).sum(axis=1)
        median = float(np.median(distance))
        nearness = np.exp((distance.min() - distance) / (NEARNESS * median or 1.0))
        ran = ~np.isnan(shares)
        good = (nearness[:, None] * np.where(ran, shares, 0.0)).sum(axis=0)
        likely: Array = (good + GUESS / 2) / ((nearness[:, None] * ran).sum(axis=0) + GUESS)
        return likely


@dataclass(frozen=True, eq=False)
class Race:
    """One candidate's evaluation: its blocks in the order in which they are run, and when they are enough.

    Args:
        blocks: the plan's, each as it is there.
    """

    utility: Utility
    examples: Sequence[Example]
    thresholds: Thresholds
    blocks: Blocks

    @classmethod
    def of(
        cls, utility: Utility, examples: Sequence[Example], thresholds: Thresholds, plan: Blocks, shares: Array
    ) -> Race:
        """A race through the plan's blocks, the hardest first."""
        hardest = sorted(range(len(plan)), key=lambda k: (float(shares[list(plan[k])].mean()), k))
        return cls(utility, examples, thresholds, tuple(plan[k] for k in hardest))

    def enough(self, scores: Sequence[Sequence[Score]]) -> bool:
        """Whether the scores of the first blocks show that the value changes nothing."""
        known = in_order(self.blocks, scores, len(self.examples))
        if None not in known:
            return False  # then the value itself is known
        bounds = bounds_from(self.utility, self.examples, [None if s is None else s.value for s in known])
        return bounds is not None and self.thresholds.settle(*bounds)
