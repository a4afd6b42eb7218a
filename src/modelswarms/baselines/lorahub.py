"""LoraHub: nevergrad over the coefficients, with a price on their size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start
from modelswarms.errors import ConfigError

__all__ = ["LoraHub"]


@dataclass(frozen=True)
class LoraHub(Method):
    """LoraHub (Huang et al. 2023, arXiv 2307.13269): nevergrad's NGOpt within ±1.5, from all zeros.

    What is minimised is minus the dev value plus ``l1`` times the mean absolute coefficient, as the authors' program
    has it with a loss in the value's place. The result is the valued point that is best by that, where their program
    takes nevergrad's recommendation, which need not have been valued. The program's budget is 40, here everybody's.

    Attributes:
        l1: price of the mean absolute coefficient, in units of the utility.
        bound: no coefficient is larger, in either direction.
    """

    l1: float = 0.05
    bound: float = 1.5

    title: ClassVar[str] = "LoraHub"
    needs: ClassVar[tuple[str, ...]] = ("nevergrad",)

    def __post_init__(self) -> None:
        if not 0 <= self.l1 < 1e6:
            raise ConfigError(f"searcher.l1: {self.l1!r} is not allowed; give a number of at least 0.")
        if not 0 < self.bound < 1e6:
            raise ConfigError(f"searcher.bound: {self.bound!r} is not allowed; give a number above 0.")

    def propose(self, start: Start) -> Proposals:
        if start.evaluations < 1:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optional optimisers that are not installed
            import nevergrad

            space = nevergrad.p.Array(init=[0.0] * start.n, lower=[-self.bound] * start.n, upper=[self.bound] * start.n)
            space.random_state = np.random.RandomState(start.seed % 2**32)
            optimizer = nevergrad.optimizers.NGOpt(parametrization=space, budget=start.evaluations)
        best, least = None, np.inf
        for _ in range(start.evaluations):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                asked = optimizer.ask()
            point = start.admitted(np.array([asked.value]))[0]
            (value,) = yield point[None]
            loss = np.inf if np.isnan(value) else self.l1 * float(np.abs(point).mean()) - float(value)
            if loss < least:
                best, least = point, loss
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of infinite losses
                optimizer.tell(asked, loss if np.isfinite(loss) else 1e6)
        return best
