"""Random mixtures at equal budget: what any searcher has to beat."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from modelswarms.errors import AskTellError
from modelswarms.types import Array, Candidate, Evaluation, Thresholds

__all__ = ["Freedom", "RandomSearch", "mixture"]

Freedom = Literal["simplex", "stretched", "subsets"]

CONCENTRATION = 0.3
"""Of the Dirichlet distribution: mixtures of a few experts rather than of all at once."""

SUM_RANGE = (1.0, 2.0)
"""What the coefficients add up to where mixtures are stretched."""

SHARE = 0.5
"""Chance of an expert to be in a random subset."""

COEFFICIENT_RANGE = (0.4, 1.0)
"""Of an expert in a random subset: changes that are added whole get in each other's way."""


class RandomSearch:
    """Independent random mixtures of the experts, behind the searchers' ask and tell.

    What they may be is what the swarm's starting particles span, so that the two are compared at equal
    freedom: a ``simplex`` is Dirichlet(0.3), where the sum is 1; ``stretched`` is that times U(1, 2), for the
    base or sums of pairs among the starting particles; in ``subsets`` every expert takes part with
    probability 1/2, with a coefficient from U(0.4, 1) of its own.

    Args:
        n_experts: number of coefficients.
        evaluations: how many mixtures are proposed in all.
        seed: of the draws; the k-th mixture depends on the seed and k alone.
        freedom: what the mixtures may be.
        batch_size: mixtures an ``ask``.
    """

    def __init__(
        self, n_experts: int, evaluations: int, seed: int = 0, freedom: Freedom = "simplex", batch_size: int = 20
    ) -> None:
        self.n_experts, self.evaluations, self.seed = n_experts, evaluations, seed
        self.freedom, self.batch_size = freedom, batch_size
        self._asked = 0
        self._waiting: dict[str, Candidate] = {}
        self._best: tuple[float, Candidate] | None = None

    def ask(self) -> list[Candidate]:
        """The next mixtures; empty when all were proposed. Raises AskTellError while some are untold."""
        if self._waiting:
            raise AskTellError(f"ask: no value was told yet for {', '.join(sorted(self._waiting))}; tell them first.")
        end = min(self._asked + self.batch_size, self.evaluations)
        batch = [self._candidate(k) for k in range(self._asked, end)]
        self._asked = end
        self._waiting = {c.id: c for c in batch}
        return batch

    def tell(self, id: str, value: float | Evaluation | None) -> None:
        """The value of an asked mixture; one without a finite value is left out."""
        candidate = self._waiting.pop(id, None)
        if candidate is None:
            raise AskTellError(f"tell: {id!r} is not waiting for a value; tell each asked id once.")
        number = value.value if isinstance(value, Evaluation) else value
        if number is None or not math.isfinite(number):
            return
        if self._best is None or _rank(number, candidate) < _rank(*self._best):
            self._best = (number, candidate)

    @property
    def done(self) -> bool:
        return self._asked >= self.evaluations and not self._waiting

    @property
    def best(self) -> Candidate | None:
        """The best mixture told so far; ties go to the earlier one."""
        return self._best[1] if self._best else None

    @property
    def best_value(self) -> float | None:
        return self._best[0] if self._best else None

    def _candidate(self, k: int) -> Candidate:
        iteration, particle = divmod(k, self.batch_size)
        drawn = mixture(self.n_experts, self.seed, k, self.freedom)
        passed = Thresholds(self._best[0]) if self._best else None  # of equal ones, the earlier is the best
        return Candidate(f"random-{iteration:03d}-{particle:03d}", particle, iteration, drawn, passed)


def _rank(value: float, candidate: Candidate) -> tuple[float, int, int]:
    return -value, candidate.iteration, candidate.particle


def mixture(n_experts: int, seed: int, k: int, freedom: Freedom) -> Array:
    """The k-th random mixture of a seed, (n,)."""
    draws = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 1, k]))
    if freedom == "subsets":
        taking_part = draws.random(n_experts) < SHARE
        drawn = taking_part * draws.uniform(*COEFFICIENT_RANGE, n_experts)
    else:
        drawn = draws.dirichlet([CONCENTRATION] * n_experts)
    if freedom == "stretched":
        drawn = drawn * draws.uniform(*SUM_RANGE)
    drawn.setflags(write=False)
    return drawn
