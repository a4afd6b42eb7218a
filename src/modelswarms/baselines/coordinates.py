"""Local search, one coefficient after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start, best_of
from modelswarms.errors import ConfigError

__all__ = ["CoordinateSearch"]


@dataclass(frozen=True)
class CoordinateSearch(Method):
    """From the best expert, a step up and a step down in one coefficient at a time, halved where neither helps.

    Coordinate search as in Kolda, Lewis & Torczon 2003 (SIAM Review 45, "Optimization by direct search"): the better
    of the two is taken where it is better than what there is; when a round over all coefficients, the best experts'
    first, brought nothing, the step is halved.

    Attributes:
        step: the first step.
        least_step: the search is over when the step is smaller.
    """

    step: float = 0.5
    least_step: float = 0.01

    title: ClassVar[str] = "coordinate search"

    def __post_init__(self) -> None:
        for key in ("step", "least_step"):
            if not 0 < getattr(self, key) < 1e6:
                raise ConfigError(f"searcher.{key}: {getattr(self, key)!r} is not allowed; give a number above 0.")

    def propose(self, start: Start) -> Proposals:
        order = start.ranked
        here, reached = np.eye(start.n)[order[0]], float(start.values[order[0]])
        order += [k for k in range(start.n) if k not in order]
        step = self.step
        while step >= self.least_step:
            moved = False
            for coefficient in order:
                points = here + step * np.eye(start.n)[coefficient] * np.array([[1.0], [-1.0]])
                points = start.admitted(points)
                if np.allclose(points, here, atol=1e-12):  # one expert whose sum is 1 can go nowhere
                    continue
                values = yield points
                best = best_of(values)
                if best is not None and values[best] > reached:
                    here, reached, moved = points[best], float(values[best]), True
            step = step if moved else step / 2
        return None
