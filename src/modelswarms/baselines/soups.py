"""The simplest methods: the best expert alone, the mean of all, and the mean of those that help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start

__all__ = ["BestSingle", "GreedySoup", "UniformSoup"]


@dataclass(frozen=True)
class BestSingle(Method):
    """The expert that is best on dev, alone."""

    title: ClassVar[str] = "best single expert"

    def propose(self, start: Start) -> Proposals:
        yield from ()
        return None


@dataclass(frozen=True)
class UniformSoup(Method):
    """The mean of all experts (Wortsman et al. 2022, arXiv 2203.05482), however good it is on dev."""

    title: ClassVar[str] = "uniform soup"

    def propose(self, start: Start) -> Proposals:
        soup = np.full(start.n, 1 / start.n)
        yield soup[None]
        return soup


@dataclass(frozen=True)
class GreedySoup(Method):
    """The mean of those experts that do not make it worse on dev, tried from the best to the worst.

    Wortsman et al. 2022 (arXiv 2203.05482), recipe 1: one that leaves the value as it is stays in.
    """

    title: ClassVar[str] = "greedy soup"

    def propose(self, start: Start) -> Proposals:
        first, *others = start.ranked
        chosen, reached = [first], float(start.values[first])
        for expert in others:
            (value,) = yield _mean_of([*chosen, expert], start.n)[None]
            if value >= reached:  # NaN is not
                chosen, reached = [*chosen, expert], float(value)
        return _mean_of(chosen, start.n)


def _mean_of(experts: list[int], n: int) -> np.ndarray:
    soup = np.zeros(n)
    soup[experts] = 1 / len(experts)
    return soup
