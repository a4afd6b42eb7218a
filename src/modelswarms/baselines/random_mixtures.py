"""Random search as a method of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start
from modelswarms.baselines.random_search import mixture

__all__ = ["RandomMixtures"]

BATCH = 20


@dataclass(frozen=True)
class RandomMixtures(Method):
    """Independent random mixtures of the experts, as ``random_search`` has them, with the swarm's freedom."""

    title: ClassVar[str] = "random search"

    def propose(self, start: Start) -> Proposals:
        for batch in count():
            drawn = range(batch * BATCH, (batch + 1) * BATCH)
            yield np.array([mixture(start.n, start.seed, k, start.freedom) for k in drawn])
        return None
