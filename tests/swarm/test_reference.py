"""The coefficients move as the weights themselves would.

``weight_space.WeightSpaceSwarm`` keeps real tensors and moves them one by one; it shares the settings and the
draws with the package, and nothing else. What the swarm says in coefficients is compared in weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelswarms.swarm import PRESETS, Swarm, SwarmConfig
from weight_space import WeightSpaceSwarm

LIMITS = {"particles": 9, "max_iterations": 14, "patience": 6}
SHORT = {**LIMITS, "motion": "velocity", "restart_patience": 2}
CASES = {
    **{f"preset {name}": replace(config, particles=9, max_iterations=25) for name, config in PRESETS.items()},
    **{
        f"{rules}, {velocity}, {by}, base {base}": SwarmConfig(
            rules=rules,
            starting_velocity=velocity,
            populate_by=by,
            include_base=base,
            draws_per="particle",
            leaders=1,
            **SHORT,
        )
        for rules in ("fixed", "original")
        for velocity in ("random", "zero", "best")
        for by in ("interpolation", "sums", "subsets")
        for base in (False, True)
    },
    "draws per particle": SwarmConfig(draws_per="particle", **SHORT),
    "bare bones": SwarmConfig(**LIMITS),
    "bare bones, three lead": SwarmConfig(leaders=3, spread=0.7, **LIMITS),
    "bare bones, more experts than particles": SwarmConfig(**{**LIMITS, "particles": 3}),
    "bare bones, dropouts": SwarmConfig(dropout_k=0.3, dropout_n=0.3, **LIMITS),
    "bare bones, interpolations": SwarmConfig(populate_by="interpolation", include_base=False, **LIMITS),
    "a leader": SwarmConfig(leaders=1, **SHORT),
    "more leaders than particles": SwarmConfig(leaders=50, **SHORT),
    "draws per coefficient, interpolations": SwarmConfig(populate_by="interpolation", include_base=False, **SHORT),
    "no repel": SwarmConfig(repel=False, **SHORT),
    "no restart": SwarmConfig(restart=False, **SHORT),
    "no randomness": SwarmConfig(weight_randomness=False, **SHORT),
    "not populated": SwarmConfig(populate=False, **SHORT),
    "not populated, base": SwarmConfig(populate=False, include_base=True, **SHORT),
    "inertia alone": SwarmConfig(cognitive_coeff=0, social_coeff=0, repel_coeff=0, **SHORT),
    "dropout k": SwarmConfig(dropout_k=0.4, **SHORT),
    "dropout n": SwarmConfig(dropout_n=0.4, **SHORT),
    "both dropouts, original": SwarmConfig(dropout_k=0.3, dropout_n=0.3, rules="original", **SHORT),
    "more experts than particles": SwarmConfig(**{**SHORT, "particles": 2}),
    "more pairs than there are": SwarmConfig(**{**SHORT, "particles": 24}),
    "a floor under the step": SwarmConfig(step_length_factor=0.3, minimum_step_length=0.2, **SHORT),
    "strong repulsion": SwarmConfig(repel_coeff=0.6, step_length_factor=1.0, **SHORT),
}


def experts(count: int, config: SwarmConfig | None = None) -> list[list[np.ndarray]]:
    if config is not None and (config.draws_per == "coefficient" or config.motion == "bare_bones"):
        return [[row] for row in np.eye(count)]
    generator = np.random.default_rng(11)
    return [[generator.normal(size=shape) for shape in ((3, 4), (5,), (2, 2, 2))] for _ in range(count)]


def in_weights(coefficients: np.ndarray, tensors: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [sum(a * t for a, t in zip(coefficients, column, strict=True)) for column in zip(*tensors, strict=True)]


def same(coefficients: np.ndarray, weights: list[np.ndarray], tensors: list[list[np.ndarray]]) -> None:
    scale = max(1.0, float(np.abs(coefficients).max()))
    for mine, theirs in zip(in_weights(coefficients, tensors), weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9 * scale)


def utility(weights: list[np.ndarray], target: list[np.ndarray]) -> float:
    """In coarse steps, so that ties occur and bests stay away for a while."""
    return round(-sum(float(np.abs(w - t).sum()) for w, t in zip(weights, target, strict=True)) / 4) / 5


def all_the_same(swarm: Swarm, reference: WeightSpaceSwarm, tensors: list[list[np.ndarray]]) -> None:
    """Every particle, whether it is asked for or not: where it is and where it goes."""
    for i, (x, v) in enumerate(zip(reference.x, reference.v, strict=True)):
        same(swarm.state.position[i, 0], x, tensors)
        same(swarm.state.velocity[i, 0], v, tensors)


def bests_the_same(swarm: Swarm, reference: WeightSpaceSwarm, tensors: list[list[np.ndarray]]) -> None:
    assert swarm.best_value == reference.g[0]
    same(swarm.best.coefficients, reference.g[1], tensors)
    same(swarm.worst.coefficients, reference.w[1], tensors)
    for (coefficients, value), known in zip(swarm.personal_bests, reference.p, strict=True):
        assert value == (None if known is None else known[0])
        if known is not None:
            same(coefficients, known[1], tensors)


@pytest.mark.parametrize("failing", [False, True], ids=["sound", "failing"])
@pytest.mark.parametrize("seed", [0, 2**62])
@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_positions_are_those_of_the_weights(config, seed, failing):
    tensors = experts(5, config)
    target = in_weights(np.array([0.7, 0.9, -0.1, 0.0, 0.0]), tensors)
    reference, swarm = WeightSpaceSwarm(tensors, config, seed), Swarm(5, config, seed)
    while True:
        asked = reference.asked()
        told = {
            i: utility(reference.x[i], target)
            for i in asked
            if not (failing and (5 * i + 3 * reference.iteration) % 7 == 3)
        }
        if asked:
            batch = swarm.ask()
            assert [c.particle for c in batch] == asked
            assert {c.iteration for c in batch} == {reference.iteration}
            all_the_same(swarm, reference, tensors)
            for candidate in reversed(batch):
                same(candidate.coefficients, reference.x[candidate.particle], tensors)
                swarm.tell(candidate.id, told.get(candidate.particle))
            if not told:
                return  # an iteration in which all failed ends a run
        reference.told(told)
        if asked:
            bests_the_same(swarm, reference, tensors)
        if reference.over():
            assert swarm.ask() == []
            assert swarm.iteration == reference.iteration
            return
        reference.move()


def test_what_is_compared_does_happen():
    """Restarts, patience and ties occur in the runs above; else they would agree about nothing."""
    config = CASES["fixed, random, sums, base True"]
    tensors = experts(5)
    target = in_weights(np.array([0.7, 0.9, -0.1, 0.0, 0.0]), tensors)
    reference, restarts, values = WeightSpaceSwarm(tensors, config, 0), 0, []
    while True:
        told = {i: utility(reference.x[i], target) for i in reference.asked()}
        values += told.values()
        reference.told(told)
        if reference.over():
            break
        restarts += sum(stale >= config.restart_patience for stale in reference.stale)
        reference.move()
    assert restarts > 3
    assert len(set(values)) < len(values) / 2
    assert reference.iteration < config.max_iterations
