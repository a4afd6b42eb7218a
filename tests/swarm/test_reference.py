"""The coefficients move as the weights themselves would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelswarms.swarm import PRESETS, Swarm, SwarmConfig
from weight_space import WeightSpaceSwarm

SHORT = {"particles": 9, "max_iterations": 14, "patience": 6, "restart_patience": 2}
CASES = {
    **{f"preset {name}": replace(config, particles=9, max_iterations=25) for name, config in PRESETS.items()},
    **{
        f"{rules}, {velocity}, {by}, base {base}": SwarmConfig(
            rules=rules, starting_velocity=velocity, populate_by=by, include_base=base, **SHORT
        )
        for rules in ("fixed", "original")
        for velocity in ("random", "zero", "best")
        for by in ("interpolation", "sums")
        for base in (False, True)
    },
    "no repel": SwarmConfig(repel=False, **SHORT),
    "no restart": SwarmConfig(restart=False, **SHORT),
    "no randomness": SwarmConfig(weight_randomness=False, **SHORT),
    "not populated": SwarmConfig(populate=False, **SHORT),
    "dropout k": SwarmConfig(dropout_k=0.4, **SHORT),
    "dropout n": SwarmConfig(dropout_n=0.4, **SHORT),
    "both dropouts, original": SwarmConfig(dropout_k=0.3, dropout_n=0.3, rules="original", **SHORT),
    "more experts than particles": SwarmConfig(**{**SHORT, "particles": 2}),
    "strong repulsion": SwarmConfig(repel_coeff=0.6, step_length_factor=1.0, **SHORT),
}


def experts(count: int) -> list[list[np.ndarray]]:
    generator = np.random.default_rng(11)
    return [[generator.normal(size=shape) for shape in ((3, 4), (5,), (2, 2, 2))] for _ in range(count)]


def in_weights(coefficients: np.ndarray, tensors: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [sum(a * t for a, t in zip(coefficients, column, strict=True)) for column in zip(*tensors, strict=True)]


def utility(weights: list[np.ndarray], target: list[np.ndarray]) -> float:
    """In coarse steps, so that ties occur and bests stay away for a while."""
    return round(-sum(float(np.abs(w - t).sum()) for w, t in zip(weights, target, strict=True)) / 4) / 5


@pytest.mark.parametrize("seed", [0, 5, 2**62])
@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_positions_are_those_of_the_weights(config, seed):
    tensors = experts(5)
    target = in_weights(np.array([0.7, 0.9, -0.1, 0.0, 0.0]), tensors)
    reference, swarm = WeightSpaceSwarm(tensors, config, seed), Swarm(5, config, seed)
    while True:
        wanted = [i for i in reference.asked() if (i + reference.iteration) % 7 != 3 or reference.iteration == 0]
        if reference.asked():
            batch = swarm.ask()
            assert [c.particle for c in batch] == reference.asked()
            assert {c.iteration for c in batch} == {reference.iteration}
            told = {i: utility(reference.x[i], target) for i in wanted}
            for candidate in reversed(batch):
                here = in_weights(candidate.coefficients, tensors)
                scale = max(1.0, float(np.abs(candidate.coefficients).max()))
                for mine, theirs in zip(here, reference.x[candidate.particle], strict=True):
                    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9 * scale)
                swarm.tell(candidate.id, told.get(candidate.particle))  # those left out failed
            if not told:
                return  # an iteration in which all failed ends a run
            reference.told(told)
        else:
            reference.told({})
        if reference.over():
            assert swarm.ask() == []
            assert swarm.done
            return
        reference.move()
