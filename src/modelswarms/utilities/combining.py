"""One value of several: what a multi-task utility is maximised by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np

from modelswarms.types import Array, Utility
from modelswarms.utilities.abilities import abilities_of

__all__ = ["HOW", "Combination", "How", "combination_of"]

How = Literal["harmonic", "mean", "min", "weighted"]
HOW: Final[tuple[How, ...]] = ("harmonic", "mean", "min", "weighted")

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Combination:
    """How parts' values become one.

    Each is mapped from its range to [0, 1] first, lowest to 0 and highest to 1.

    Attributes:
        how: ``harmonic``: n / Σ 1/v, 0 where one part is 0; ``mean``; ``min``: the worst part's; ``weighted``: the mean
            with ``weights``.
        ranges: lowest and highest value of each part; None for a part that is only reported.
        weights: of each part, in any unit; for ``weighted``.
        zero_counts_as: what each part counts as where all are 0, so that such candidates differ from nothing.
        optimise: the one part whose value, as it is, is the whole's; the others are only reported.
        of_scores: the value is the mean of all examples' scores, and the parts are figures that are only reported.
    """

    how: How = "harmonic"
    ranges: Mapping[str, Bounds | None] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    zero_counts_as: float = 0.0
    optimise: str | None = None
    of_scores: bool = False

    @property
    def range(self) -> Bounds | None:
        """Of the one value."""
        return (0.0, 1.0) if self.optimise is None else self.ranges[self.optimise]

    def of(self, parts: Mapping[str, float]) -> float | None:
        """The one value; None where a part that it needs has none.

        Example:
            >>> Combination(ranges={"a": (0, 1), "b": (-1, 1)}).of({"a": 0.5, "b": 0.0})
            0.5
        """
        if self.optimise is not None:
            return parts.get(self.optimise)
        if any(name not in parts for name in self.ranges):
            return None
        return float(self.over({name: np.asarray(parts[name], dtype=np.float64) for name in self.ranges}))

    def between(self, lows: Mapping[str, float], highs: Mapping[str, float]) -> Bounds | None:
        """Bounds of the one value, from those of each part that counts; None where one has none.

        It never falls where a part's value rises, but for ``zero_counts_as``: where all parts are 0, it is higher than
        where one of them is a little above.
        """
        plain = replace(self, zero_counts_as=0.0)
        low, high = plain.of(lows), plain.of(highs)
        if low is None or high is None:
            return None
        if self.zero_counts_as and self.optimise is None:
            ends = {name: (bounds or (0.0, 1.0))[0] for name, bounds in self.ranges.items()}
            if all(lows[name] <= end for name, end in ends.items()):
                high = max(high, self.of(ends) or 0.0)
        return low, high

    def over(self, parts: Mapping[str, Array]) -> Array:
        """The one value for many values of every part at once, element by element; all parts are there."""
        if self.optimise is not None:
            return parts[self.optimise]
        shares = np.stack([_share(parts[name], bounds) for name, bounds in self.ranges.items()])
        shares = np.where(shares.any(axis=0), shares, self.zero_counts_as)
        if self.how == "min":
            return np.asarray(shares.min(axis=0))
        if self.how == "harmonic":
            with np.errstate(divide="ignore"):
                mean = len(shares) / (1 / shares).sum(axis=0)
            return np.where(shares.min(axis=0) <= 0, 0.0, mean)
        weights = [self.weights[name] if self.how == "weighted" else 1.0 for name in self.ranges]
        return np.asarray(np.average(shares, axis=0, weights=weights))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the journal holds them."""
        return {
            "how": self.how,
            "ranges": {name: None if bounds is None else list(bounds) for name, bounds in self.ranges.items()},
            "weights": dict(self.weights),
            "zero_counts_as": self.zero_counts_as,
            "optimise": self.optimise,
            "of_scores": self.of_scores,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Combination:
        """What :meth:`to_dict` gave."""
        ranges = {name: None if bounds is None else (bounds[0], bounds[1]) for name, bounds in values["ranges"].items()}
        return cls(**{**values, "ranges": ranges})


def combination_of(utility: Utility) -> Combination | None:
    """How a utility combines its parts' values; None for one that has none, or does not say."""
    found = getattr(abilities_of(utility), "combination", None)
    return found if isinstance(found, Combination) else None


def _share(value: Array, bounds: Bounds | None) -> Array:
    low, high = bounds or (0.0, 1.0)
    return (value - low) / (high - low)
