"""Merges that look at the angles between changes: slerp and model stock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from modelswarms.baselines.base import Start
from modelswarms.baselines.merges.base import Merging, Variant, spread
from modelswarms.baselines.merges.changes import Merged, gram, summed
from modelswarms.baselines.merges.tensors import slerp_shares, stock_ratio
from modelswarms.errors import ConfigError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array

__all__ = ["ModelStock", "Slerp"]

TENTHS = tuple(k / 10 for k in range(1, 10))


@dataclass(frozen=True)
class Slerp(Merging):
    """Spherical interpolation (Shoemake 1985) between the changes of the two experts that are best on dev.

    Matrix by matrix, the angle being that of the two changes; where it is nearly none, a line. It is exact: both ranks
    side by side.

    Attributes:
        t: places on the arc, 0 being the better of the two.
    """

    t: tuple[float, ...] = TENTHS

    title: ClassVar[str] = "slerp"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.t or not all(0 <= t <= 1 for t in self.t):
            raise ConfigError(f"searcher.t: {list(self.t)} is not allowed; give numbers from 0 to 1.")

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        places = _middle_first(self.t)[:1] if evaluations < 2 else spread(self.t, evaluations)
        return [Variant(f"slerp t {t:g}", {"t": t}) for t in places] if n > 1 else []

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        first, second = (Start(values, 0).ranked * 2)[:2]
        pair = ExpertSpace((space.adapters[first], space.adapters[second]))
        weights = {}
        for module in pair.modules:
            products = gram(pair, module)
            norms = (math.sqrt(products[0, 0]), math.sqrt(products[1, 1]))
            weights[module] = slerp_shares(products[0, 1], *norms, variant.settings["t"])
        return summed(pair, variant.name, weights)


@dataclass(frozen=True)
class ModelStock(Merging):
    """Model stock (Jang et al. 2024, arXiv 2403.19522): the mean, moved towards the base by how far experts disagree.

    Matrix by matrix, t·mean with t from the mean of all pairs' cosines; the paper has one angle for all pairs. Exact.
    """

    title: ClassVar[str] = "model stock"

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        return [Variant("model_stock")]

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        ratios = {module: stock_ratio(gram(space, module)) for module in space.modules}
        return summed(space, variant.name, {m: [ratio / space.n] * space.n for m, ratio in ratios.items()})


def _middle_first(places: Sequence[float]) -> list[float]:
    return sorted(places, key=lambda t: abs(t - 0.5))
