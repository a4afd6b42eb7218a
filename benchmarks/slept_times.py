"""An engine that sleeps as long as a block would take: the times are a function of candidate and block alone."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable
from statistics import NormalDist

from modelswarms.engines import ScriptedEngine
from modelswarms.types import Array

BLOCKS = 8
"""Blocks of an evaluation."""

CV = 0.2
"""Of an evaluation's time: standard deviation by mean."""


def factor(*names: object) -> float:
    """Of lognormal distribution with mean 1 and cv 0.2, from names alone."""
    digest = hashlib.sha256(repr(names).encode()).digest()
    uniform = (int.from_bytes(digest[:6], "big") + 0.5) / 2**48
    sigma = math.sqrt(math.log(1 + CV**2))
    return math.exp(sigma * NormalDist().inv_cdf(uniform) - sigma**2 / 2)


def slept(mean: float) -> Callable[[object, int, int], list[float]]:
    """Times of the blocks of a particle's evaluation in an iteration: all have the evaluation's factor."""
    return lambda _, iteration, particle: [mean * factor(iteration, particle)] * BLOCKS


class Sleeping:
    """Makes engines that sleep; every example is a block of its own."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> ScriptedEngine:
        times = slept(self.seconds)

        def answer(prompt: str, coefficients: Array) -> str:
            particle, iteration = int(coefficients[0]), int(coefficients[1])
            time.sleep(times(None, iteration, particle)[int(re.findall(r"\d+", prompt)[0])])
            return "yes"

        return ScriptedEngine(answer, block_tokens=1)
