"""Where the particles start, and how fast (method step 1 and 2)."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from modelswarms.swarm.config import SwarmConfig
from modelswarms.swarm.draws import uniforms
from modelswarms.types import Array

__all__ = ["starting_positions", "starting_velocities"]

Indices = npt.NDArray[np.int_]


def starting_positions(n_experts: int, config: SwarmConfig, seed: int) -> Array:
    """(N, n): the experts, the base where it is included, then mixtures of them until there are N."""
    experts = np.eye(n_experts)
    starts = np.vstack([experts, np.zeros((1, n_experts))]) if config.include_base else experts
    missing = config.particles - len(starts)
    if not config.populate or missing <= 0:
        return starts
    if config.populate_by == "subsets":
        added = _subsets(n_experts, missing, config.particles, seed)
    elif config.populate_by == "sums":
        added = _sums(experts, missing, seed)
    else:
        added = _between(starts, missing, config, seed)
    return np.vstack([starts, added])


def starting_velocities(positions: Array, seed: int) -> Array:
    """(N, n): from each particle to a random other one; zero where there is no other."""
    count = len(positions)
    if count < 2:
        return np.zeros_like(positions)
    others = _other(np.arange(count), uniforms(seed, 0, 4 * count)[3 * count :], count)
    velocity: Array = positions[others] - positions
    return velocity


def _between(starts: Array, missing: int, config: SwarmConfig, seed: int) -> Array:
    """w·x_a + (1 - w)·x_b with w uniform in (0, 1); the original program draws it in (0, 2)."""
    if len(starts) < 2:
        return np.zeros((0, starts.shape[1]))
    total = config.particles
    first, second, share = uniforms(seed, 0, 4 * total)[: 3 * total].reshape(3, total)[:, :missing]
    a = np.minimum((first * len(starts)).astype(int), len(starts) - 1)
    b = _other(a, second, len(starts))
    w = (share * (2.0 if config.rules == "original" else 1.0))[:, None]
    pairs: Array = w * starts[a] + (1.0 - w) * starts[b]
    return pairs


def _sums(experts: Array, missing: int, seed: int) -> Array:
    """x_a + x_b: all pairs in a random order, begun again where more are wanted than there are."""
    pairs = np.asarray(list(combinations(range(len(experts)), 2)), dtype=int).reshape(-1, 2)
    if not len(pairs):
        return np.zeros((0, experts.shape[1]))
    order = np.argsort(uniforms(seed, 0, len(pairs)), kind="stable")
    chosen = pairs[np.resize(order, missing)]
    sums: Array = experts[chosen[:, 0]] + experts[chosen[:, 1]]
    return sums


def _subsets(n_experts: int, missing: int, total: int, seed: int) -> Array:
    """Sums of random experts, two up to half of them and one more, every size equally often."""
    if n_experts < 2:
        return np.zeros((0, n_experts))
    drawn = uniforms(seed, 0, 4 * total + missing * (1 + n_experts))[4 * total :]  # what is before is used elsewhere
    table = drawn.reshape(missing, 1 + n_experts)
    largest = max(2, n_experts // 2 + 1)
    sizes = 2 + np.minimum((table[:, 0] * (largest - 1)).astype(int), largest - 2)
    ranks = table[:, 1:].argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    chosen: Array = (ranks < sizes[:, None]).astype(float)
    return chosen


def _other(own: Indices, draw: Array, count: int) -> Indices:
    """A uniform index below ``count`` that is not one's own."""
    other = np.minimum((draw * (count - 1)).astype(int), count - 2)
    shifted: Indices = other + (other >= own)
    return shifted
