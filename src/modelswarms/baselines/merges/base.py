"""What a merge method is: weights of its own beside the experts', and a search over its settings on dev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from modelswarms.baselines.base import Method, Proposals, Start, best_of
from modelswarms.baselines.merges.changes import Merged
from modelswarms.errors import ConfigError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array

__all__ = ["Merging", "Variant", "grid", "spread", "with_merges"]


@dataclass(frozen=True)
class Variant:
    """One merge of the experts.

    Attributes:
        name: what it is called beside the experts' names.
        settings: what it is made with; the method knows what they mean.
        scales: what its change is multiplied by: each is a point to value.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    scales: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Merging(Method):
    """A method whose weights the experts do not span.

    Its merges join the experts as further adapters: a point is a coefficient for each expert and each merge, and all
    points but the experts alone are one merge times a scale. So they are valued, kept and gone on with like any other.

    Attributes:
        rank: of the adapters that stand for changes of any rank: exact for matrices with no more rows or columns.
    """

    rank: int = 256

    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= 10**6:
            raise ConfigError(f"searcher.rank: {self.rank} is not allowed; give a whole number of at least 1.")

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        """The merges that are valued, as many as the budget allows.

        Args:
            n: experts.
            evaluations: that are left once each expert is valued.
            free: whether changes may be scaled; otherwise each scale is 1.
        """
        raise NotImplementedError

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        """The adapter of a variant.

        Args:
            space: the experts.
            values: (n,), their dev values, NaN where there is none.
            seed: of what is drawn.
        """
        raise NotImplementedError

    def settled_keys(self) -> dict[str, Any]:
        """Keys that stand for what is in the files that its keys name, so that a run is not gone on with others."""
        return {}

    def check_experts(self, space: ExpertSpace) -> None:
        """Raises WrongInputError where these experts cannot be merged so."""

    def propose(self, start: Start) -> Proposals:
        """Every variant at every scale, all at once; the best of them is the result."""
        variants = self.variants(start.n, start.evaluations, start.free)
        places = [(k, scale) for k, variant in enumerate(variants) for scale in variant.scales]
        if not places:
            return None
        points = np.zeros((len(places), start.n + len(variants)))
        for row, (k, scale) in zip(points, places, strict=True):
            row[start.n + k] = scale
        best = best_of((yield points))
        return None if best is None else points[best]


def with_merges(
    space: ExpertSpace, method: Merging, variants: Sequence[Variant], values: Array, seed: int
) -> tuple[ExpertSpace, list[Merged]]:
    """The space of the experts and of what a method merges them to, and each merge."""
    merged = [method.merge(space, variant, values, seed) for variant in variants]
    adapters = (*space.adapters, *(each.adapter for each in merged))
    return replace(space, adapters=adapters, combine="delta", merges=len(merged)), merged


def grid(
    name: str,
    densities: Sequence[float],
    scales: Sequence[float],
    evaluations: int,
    free: bool,
    draws: int = 1,
) -> list[Variant]:
    """Densities times scales, the first densities first, and scales between the least and the largest.

    Args:
        draws: how many masks are drawn for each density.
    """
    room = max(1, evaluations)
    kept = [(density, draw) for draw in range(draws) for density in densities][:room]
    scales = spread(scales, room // len(kept)) if free else [1.0]
    return [
        Variant(
            f"{name} density {density:g}" + (f" masks {draw + 1}" if draws > 1 else ""),
            {"density": density, "draw": draw},
            tuple(scales),
        )
        for density, draw in kept
    ]


def spread(values: Sequence[float], count: int) -> list[float]:
    """So many of some values in order, from the first to the last; where there is one, it is the nearest to 1."""
    if count >= len(values):
        return list(values)
    if count <= 1:
        return [min(values, key=lambda value: abs(value - 1.0))]
    return [values[round(k * (len(values) - 1) / (count - 1))] for k in range(count)]
