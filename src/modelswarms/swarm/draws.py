"""Randomness by counter: every iteration has its own stream, so there is no generator state to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from modelswarms.types import Array

__all__ = ["Draws", "draws", "normals_of", "uniforms"]

SUMMED: Final = 12
"""Uniform numbers whose sum has variance 1."""


@dataclass(frozen=True)
class Draws:
    """All draws of one iteration; each is uniform in (0, 1), but for ``normals``.

    Attributes:
        iteration_dropout: decides whether the whole iteration's evaluations are skipped.
        particle_dropout: (N,), decides the same for each particle.
        weights: (N, 4, width), the r of eq. (1): inertia, cognitive, social, repel; width is 1, or n for a draw
            a coefficient.
        normals: (N, G, n), of mean 0 and variance 1; None where none are wanted.
    """

    iteration_dropout: float
    particle_dropout: Array
    weights: Array
    normals: Array | None = None


def draws(seed: int, iteration: int, particles: int, width: int = 1, normal: tuple[int, int] | None = None) -> Draws:
    """The draws of an iteration, from 1 on; the same whatever was drawn before.

    Args:
        normal: groups and experts of the normal draws, where they are wanted.
    """
    flat = uniforms(seed, iteration, 1 + particles * (1 + 4 * width))
    table = flat[1:].reshape(particles, 1 + 4 * width)
    normals = None if normal is None else normals_of(seed, iteration, (particles, *normal))
    return Draws(float(flat[0]), table[:, 0], table[:, 1:].reshape(particles, 4, width), normals)


def normals_of(seed: int, iteration: int, shape: tuple[int, ...]) -> Array:
    """Numbers of mean 0 and variance 1, nearly normal: sums of twelve uniform ones.

    Sums alone, without a logarithm or a cosine, have the same bits on every processor.
    """
    flat = uniforms(seed, iteration, SUMMED * math.prod(shape), stream=2)
    normals: Array = flat.reshape(SUMMED, *shape).sum(axis=0) - SUMMED / 2
    return normals


def uniforms(seed: int, iteration: int, count: int, stream: int = 0) -> Array:
    """``count`` numbers in (0, 1), both ends excluded, a function of their arguments alone.

    Raw Philox words are mapped by our own line, since numpy promises its bit streams across versions but
    not what its distributions make of them. The open interval keeps the sum of weights in eq. (1) above 0.
    """
    words = np.random.Philox(key=seed, counter=[0, 0, stream, iteration]).random_raw(count)
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
