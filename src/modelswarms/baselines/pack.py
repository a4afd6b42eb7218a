"""Pack of LLMs: experts join one after the other, each with the weight that is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start, best_of

__all__ = ["PackOfLlms"]

SHARES = 20
"""Shares that are tried for an expert at most."""


@dataclass(frozen=True)
class PackOfLlms(Method):
    """Pack of LLMs with optimised weights (Mavromatis et al. 2024, arXiv 2404.11531), for weights instead of outputs.

    From the best expert to the worst, each joins as (1 − λ)·pack + λ·expert, with the λ that is best on dev, 0 among
    them. The paper mixes the experts' next-token distributions and takes the λ of the least perplexity of each prompt;
    here weights are mixed, once for all prompts, and λ is what the utility likes best. How fine it is tried there is
    not known to us: here as finely as the budget lets every expert have its turn, at most in twentieths.
    """

    title: ClassVar[str] = "pack of LLMs"

    def propose(self, start: Start) -> Proposals:
        first, *others = start.ranked
        pack, reached = np.eye(start.n)[first], float(start.values[first])
        if not others:
            return None
        steps = int(np.clip(start.evaluations // len(others), 1, SHARES))
        shares = np.arange(1, steps + 1)[:, None] / (steps if steps > 1 else 2)
        for expert in others:
            points = (1 - shares) * pack + shares * np.eye(start.n)[expert]
            values = yield points
            best = best_of(values)
            if best is not None and values[best] > reached:
                pack, reached = points[best], float(values[best])
        return None
