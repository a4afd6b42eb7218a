"""TIES and DARE: changes are made sparse before they are added, so that they get in each other's way less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from modelswarms.baselines.merges.base import Merging, Variant, grid
from modelswarms.baselines.merges.changes import Merged, changed
from modelswarms.baselines.merges.tensors import agreed, dropped, trimmed
from modelswarms.errors import ConfigError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array

if TYPE_CHECKING:
    import torch

__all__ = ["DareLinear", "DareTies", "Ties"]

SCALES = tuple(k / 10 for k in range(8, 31))
"""0.8, 0.9, ..., 3: those that the paper of TIES tries."""

SUMS = tuple(k / 10 for k in range(1, 11))
"""0.1, 0.2, ..., 1: those that the paper of DARE tries for sums."""


@dataclass(frozen=True)
class _Sparse(Merging):
    """What its changes have in common: densities, and scales, each with each.

    Attributes:
        densities: shares of the values that are kept, the first the one that is tried where there is room for one.
        scales: what the merged change is multiplied by.
    """

    densities: tuple[float, ...] = (0.2, 0.1, 0.3)
    scales: tuple[float, ...] = SCALES

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, highest in (("densities", 1.0), ("scales", 1e6)):
            values = getattr(self, key)
            if not values or not all(0 < value <= highest for value in values):
                most = "1" if highest == 1 else "a million"
                raise ConfigError(
                    f"searcher.{key}: {list(values)} is not allowed; give numbers above 0, at most {most}."
                )


@dataclass(frozen=True)
class Ties(_Sparse):
    """TIES-Merging (Yadav et al. 2023, arXiv 2306.01708): trim, elect a sign for each weight, mean of those that agree.

    Trimmed matrix by matrix, as PEFT and mergekit do. The paper's grid: the largest 10, 20, 30 % of the values, scales
    from 0.8 to 3.
    """

    title: ClassVar[str] = "TIES"

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        return grid("ties", self.densities, self.scales, evaluations, free)

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        import torch

        def change(module: str, changes: torch.Tensor) -> torch.Tensor:
            kept = torch.stack([trimmed(each, variant.settings["density"]) for each in changes])
            return agreed(kept, torch.ones(space.n))

        return changed(space, variant.name, change, self.rank)


@dataclass(frozen=True)
class _Dare(_Sparse):
    """What both have in common: masks that are drawn.

    Attributes:
        draws: how many masks are tried for each density.
    """

    densities: tuple[float, ...] = (0.5, 0.1, 0.9, 0.3, 0.7)
    draws: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.draws <= 1000:
            raise ConfigError(f"searcher.draws: {self.draws} is not allowed; give a whole number from 1 to 1000.")

    def sparse(
        self, space: ExpertSpace, variant: Variant, module: str, changes: torch.Tensor, seed: int
    ) -> torch.Tensor:
        """The experts' changes of a module, each with what its own mask keeps."""
        import torch

        density, draw = variant.settings["density"], variant.settings["draw"]
        return torch.stack(
            [
                dropped(each, density, seed, f"{draw}/{name}/{module}")
                for name, each in zip(space.names, changes, strict=True)
            ]
        )


@dataclass(frozen=True)
class DareTies(_Dare):
    """DARE (Yu et al. 2023, arXiv 2311.03099) in the place of trimming, then TIES' election and mean."""

    title: ClassVar[str] = "DARE-TIES"

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        return grid("dare_ties", self.densities, self.scales, evaluations, free, self.draws)

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        import torch

        def change(module: str, changes: torch.Tensor) -> torch.Tensor:
            return agreed(self.sparse(space, variant, module, changes, seed), torch.ones(space.n))

        return changed(space, variant.name, change, self.rank)


@dataclass(frozen=True)
class DareLinear(_Dare):
    """DARE (Yu et al. 2023, arXiv 2311.03099), then task arithmetic: the sum of the sparse changes times a scale.

    Its adapter is their mean, so that a scale λ of the sum is n·λ times the adapter, and 1 where nothing may be scaled.
    """

    scales: tuple[float, ...] = SUMS

    title: ClassVar[str] = "DARE, linear"

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        return grid("dare_linear", self.densities, [n * scale for scale in self.scales], evaluations, free, self.draws)

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        def change(module: str, changes: torch.Tensor) -> torch.Tensor:
            return self.sparse(space, variant, module, changes, seed).mean(dim=0)

        return changed(space, variant.name, change, self.rank)
