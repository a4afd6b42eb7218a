"""CMA-ES over the coefficients, as evolutionary model merging does."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start
from modelswarms.errors import ConfigError

__all__ = ["CmaEs"]

RESTART = 10_000
"""Between the seeds of two restarts."""


@dataclass(frozen=True)
class CmaEs(Method):
    """CMA-ES (Hansen 2016, arXiv 1604.00772) of the package ``cmaes``, begun anew where it has converged.

    What evolutionary merging (Akiba et al. 2024, arXiv 2403.13187) searches merging weights with. A failed point
    counts as the worst of its generation.

    Attributes:
        mean: where every coefficient starts.
        sigma: the first step.
        population: points of a generation; None: 4 + 3·ln n, as usual.
    """

    mean: float = 0.2
    sigma: float = 0.3
    population: int | None = None

    title: ClassVar[str] = "CMA-ES"
    needs: ClassVar[tuple[str, ...]] = ("cmaes",)

    def __post_init__(self) -> None:
        if not 0 < self.sigma < 1e6:
            raise ConfigError(f"searcher.sigma: {self.sigma!r} is not allowed; give a number above 0.")
        if self.population is not None and self.population < 3:
            raise ConfigError(f"searcher.population: {self.population} is not allowed; give at least 3, or null.")

    def propose(self, start: Start) -> Proposals:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of experimental parts that are not used
            import cmaes

        if start.n < 2:  # it needs two coefficients; the second one of these has no part in anything
            yield from ()
            return None
        for restart in range(start.evaluations):
            search = cmaes.CMA(
                mean=np.full(start.n, self.mean),
                sigma=self.sigma,
                seed=(start.seed + 1 + RESTART * restart) % 2**32,
                population_size=self.population,
            )
            while not search.should_stop():
                points = np.array([search.ask() for _ in range(search.population_size)])
                losses = -(yield points)
                worst = np.nanmax(losses, initial=0.0) if np.isnan(losses).all() else np.nanmax(losses)
                search.tell(list(zip(points, np.where(np.isnan(losses), worst, losses).tolist(), strict=True)))
        return None
