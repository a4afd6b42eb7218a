"""Randomness by counter: every iteration has its own stream, so there is no generator state to keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelswarms.types import Array

__all__ = ["Draws", "draws", "uniforms"]


@dataclass(frozen=True)
class Draws:
    """All draws of one iteration, each uniform in (0, 1).

    Attributes:
        iteration_dropout: decides whether the whole iteration's evaluations are skipped.
        particle_dropout: (N,), decides the same for each particle.
        weights: (N, 4, width), the r of eq. (1): inertia, cognitive, social, repel; width is 1, or n for a draw
            a coefficient.
    """

    iteration_dropout: float
    particle_dropout: Array
    weights: Array


def draws(seed: int, iteration: int, particles: int, width: int = 1) -> Draws:
    """The draws of an iteration, from 1 on; the same whatever was drawn before."""
    flat = uniforms(seed, iteration, 1 + particles * (1 + 4 * width))
    table = flat[1:].reshape(particles, 1 + 4 * width)
    return Draws(float(flat[0]), table[:, 0], table[:, 1:].reshape(particles, 4, width))


def uniforms(seed: int, iteration: int, count: int) -> Array:
    """``count`` numbers in (0, 1), both ends excluded, a function of their arguments alone.

    Raw Philox words are mapped by our own line, since numpy promises its bit streams across versions but
    not what its distributions make of them. The open interval keeps the sum of weights in eq. (1) above 0.
    """
    words = np.random.Philox(key=seed, counter=[0, 0, 0, iteration]).random_raw(count)
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
