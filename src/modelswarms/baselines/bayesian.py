"""Bayesian optimisation: a Gaussian process says where to look next."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start
from modelswarms.errors import ConfigError

__all__ = ["Bayesian"]


@dataclass(frozen=True)
class Bayesian(Method):
    """Optuna's ``GPSampler``: a Gaussian process over all points valued so far, the experts alone among them.

    It proposes one point at a time, and takes longer for each the more it knows. Failed points are unknown to it.

    Attributes:
        lowest, highest: of each coefficient.
        startup: random points before the process is asked.
    """

    lowest: float = -0.5
    highest: float = 1.5
    startup: int = 10

    title: ClassVar[str] = "Bayesian optimisation"
    needs: ClassVar[tuple[str, ...]] = ("optuna", "scipy")

    def __post_init__(self) -> None:
        if not self.lowest < self.highest:
            raise ConfigError(f"searcher.highest: {self.highest!r} is not above searcher.lowest; give a larger number.")
        if self.startup < 1:
            raise ConfigError(f"searcher.startup: {self.startup} is not allowed; give a whole number of at least 1.")

    def propose(self, start: Start) -> Proposals:
        import optuna

        ranges = {f"{k:04d}": optuna.distributions.FloatDistribution(self.lowest, self.highest) for k in range(start.n)}
        study = _study(self.startup + start.n, start.seed % 2**32)
        for expert in start.ranked if self.lowest <= 0 and self.highest >= 1 else ():
            known = {name: float(k == expert) for k, name in enumerate(ranges)}
            study.add_trial(
                optuna.trial.create_trial(params=known, distributions=ranges, value=float(start.values[expert]))
            )
        for _ in range(start.evaluations):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns that it is experimental
                trial = study.ask(ranges)
            point = start.admitted(np.array([[trial.params[name] for name in ranges]]))[0]
            (value,) = yield point[None]
            if np.isnan(value):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, float(value))
        return None


def _study(startup: int, seed: int) -> Any:
    """A study in memory, which says nothing."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup)
    storage = optuna.storages.InMemoryStorage()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(storage=storage, sampler=sampler, direction="maximize")
    finally:
        optuna.logging.set_verbosity(before)
