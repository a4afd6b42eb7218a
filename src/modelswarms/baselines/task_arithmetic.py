"""Task arithmetic: all changes added up, times one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start, best_of

__all__ = ["TaskArithmetic"]

SCALES = 20
"""0.05, 0.10, ..., 1: those that the paper tries."""


@dataclass(frozen=True)
class TaskArithmetic(Method):
    """The sum of the experts' changes times the scale that is best on dev (Ilharco et al. 2022, arXiv 2212.04089).

    Where coefficients have to add up to 1 there is one scale left, and it is the uniform soup.
    """

    title: ClassVar[str] = "task arithmetic"

    def propose(self, start: Start) -> Proposals:
        count = min(SCALES, max(1, start.evaluations))
        scales = np.arange(1, count + 1) / count if start.free else np.array([1 / start.n])
        points = scales[:, None] * np.ones(start.n)
        best = best_of((yield points))
        return None if best is None else points[best]
