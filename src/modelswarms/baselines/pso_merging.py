"""PSO-Merging: a textbook particle swarm that starts from the base and the experts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start
from modelswarms.errors import ConfigError
from modelswarms.swarm import uniforms

__all__ = ["PsoMerging"]

STREAM = 3
"""Of the draws, apart from the swarm's own."""


@dataclass(frozen=True)
class PsoMerging(Method):
    """PSO-Merging (Zhang, Zhang & Feng 2025, arXiv 2508.19839): v ← w·v + c₁r₁(p − x) + c₂r₂(g − x), x ← x + v.

    2n + 1 particles as published: the base, the experts, and each expert once more in the place of its sparsified
    copy. A sparsified expert (DARE: four fifths of a change dropped at random, the rest times five) is outside what the
    experts span, but its mean over what may be dropped is the expert itself, so it starts there and goes its own way.
    What a sparsified expert has of its own is **not** searched here.

    Not known to us, and so chosen: velocities start at zero, and a particle draws one r₁ and one r₂ for all of its
    weights at every step. Experts that start twice are valued once.

    Attributes:
        inertia: w.
        cognitive_coeff, social_coeff: c₁ and c₂.
    """

    inertia: float = 0.2
    cognitive_coeff: float = 2.0
    social_coeff: float = 2.0

    title: ClassVar[str] = "PSO-Merging"

    def __post_init__(self) -> None:
        for key in ("inertia", "cognitive_coeff", "social_coeff"):
            if not 0 <= getattr(self, key) < 1e6:
                raise ConfigError(
                    f"searcher.{key}: {getattr(self, key)!r} is not allowed; give a number of at least 0."
                )

    def propose(self, start: Start) -> Proposals:
        base = start.admitted(np.zeros((1, start.n)))
        (of_base,) = yield base
        x = np.vstack([base, np.eye(start.n), np.eye(start.n)])
        reached = np.concatenate([[of_base], start.values, start.values])
        v, p = np.zeros_like(x), x.copy()
        for step in count(1):
            r = uniforms(start.seed, step, 2 * len(x), stream=STREAM).reshape(2, len(x), 1)
            g = p[np.nanargmax(reached)]
            v = self.inertia * v + self.cognitive_coeff * r[0] * (p - x) + self.social_coeff * r[1] * (g - x)
            x = x + v
            values = yield x
            better = (values > reached) | (np.isnan(reached) & ~np.isnan(values))
            p, reached = np.where(better[:, None], x, p), np.where(better, values, reached)
        return None
