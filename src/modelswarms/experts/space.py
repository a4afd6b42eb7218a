"""What several experts span, and the adapter at any of its points."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modelswarms.errors import ConfigError, ExpertError
from modelswarms.experts.adapter import CONFIG, WEIGHTS, Adapter, check_folder, read_adapter, union_of_targets
from modelswarms.experts.base import base_fingerprint, check_base, check_fit, file_digest
from modelswarms.experts.find import find_base, find_experts
from modelswarms.experts.problems import refuse
from modelswarms.experts.together import Combine, named_bases, together_problems

if TYPE_CHECKING:
    import torch

__all__ = ["Combine", "ExpertSpace"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ExpertSpace:
    """Experts of one base, and how their changes are combined.

    Attributes:
        adapters: the experts, in order.
        combine: ``delta`` adds weight changes exactly, ΔW = Σ a_j s_j B_j A_j; ``factors`` adds A and B
            apart, as published, which brings cross terms into the product.
        base: the base model's folder, where it is known.
        folders: where the experts came from.
        merges: how many of the last adapters are merges of those before them. Fewer coefficients, one for each of the
            others, are completed with zeros, and adapters whose coefficient is zero are left out of what is composed.

    Example:
        >>> space = ExpertSpace.load("adapters/", combine="delta")  # doctest: +SKIP
        >>> space.compose([0.5, 0.5, 0.0]).save("half_and_half/")  # doctest: +SKIP
    """

    adapters: tuple[Adapter, ...]
    combine: Combine = "delta"
    base: Path | None = None
    folders: tuple[Path, ...] = ()
    merges: int = 0

    @classmethod
    def load(
        cls,
        experts: str | Path | Mapping[str, str | Path] | Sequence[Any],
        base: str | Path | None = None,
        combine: Combine = "delta",
    ) -> ExpertSpace:
        """Reads and checks experts, from what :func:`find_experts` takes or gives.

        Raises:
            ExpertError: one cannot be read, cannot be combined with the others, or does not fit the base.
        """
        if combine not in ("factors", "delta"):
            raise ConfigError(f"combine: {combine!r} is not allowed; give 'delta' or 'factors'.")
        found: list[tuple[str, Path]]
        if isinstance(experts, list | tuple) and experts and all(isinstance(expert, tuple) for expert in experts):
            found = list(experts)  # find_experts gave them
        else:
            found = find_experts(experts)
        base_folder = None if base is None else find_base(base)[0]
        if base_folder is not None:
            check_base(base_folder)
        for name, folder in found:  # all quick checks before any weights are read
            check_folder(name, folder)
        adapters = tuple(read_adapter(name, folder) for name, folder in found)
        if len(bases := named_bases(adapters)) > 1:
            named = ", ".join(f"{names[0]}: {base_name}" for base_name, names in bases.items())
            log.warning("the experts name different bases (%s); combined, because their shapes may agree", named)
        refuse(together_problems(adapters, combine))
        if base_folder is not None:
            check_fit(adapters, base_folder)
        return cls(adapters, combine, base_folder, tuple(folder for _, folder in found))

    @property
    def names(self) -> tuple[str, ...]:
        """The experts' names, in the order of the coefficients."""
        return tuple(adapter.name for adapter in self.adapters)

    @property
    def n(self) -> int:
        """The number of experts."""
        return len(self.adapters)

    @property
    def modules(self) -> tuple[str, ...]:
        """Every module that some expert changes, sorted."""
        return tuple(sorted(set().union(*(adapter.tensors for adapter in self.adapters))))

    def coefficients(self, values: Sequence[float] | npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The values as a checked (n,) float64 vector; (1, n) is accepted too.

        Raises:
            ExpertError: there are not n of them, or one is not finite.
        """
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            raise ExpertError(f"coefficients: {values!r} are not numbers; give one number an expert.") from None
        if array.shape == (1, self.n):
            array = array[0]
        if self.merges and array.shape == (self.n - self.merges,):
            array = np.concatenate([array, np.zeros(self.merges)])
        if array.shape != (self.n,):
            raise ExpertError(f"coefficients: shape {array.shape}; give {self.n} numbers, one for each expert.")
        if not np.isfinite(array).all():
            raise ExpertError(f"coefficients: {array.tolist()} are not all finite; give finite numbers.")
        return array

    def compose(self, coefficients: Sequence[float] | npt.ArrayLike) -> Adapter:
        """The adapter at Σ a_j e_j.

        Args:
            coefficients: (n,) or (1, n).

        Raises:
            ExpertError: wrong number of coefficients, or one that is not finite.
        """
        a = self.coefficients(coefficients)
        if self.merges and a.any():
            kept = tuple(adapter for adapter, weight in zip(self.adapters, a, strict=True) if weight)
            return ExpertSpace(kept).compose(a[a != 0])
        return self._concatenated(a) if self.combine == "delta" else self._added(a)

    def fingerprint(self) -> dict[str, Any]:
        """SHA-256 of what the experts and the base hold; the folders' names have no say in it."""
        experts = {}
        for adapter, folder in zip(self.adapters, self.folders, strict=True):
            parts = file_digest(folder / CONFIG) + file_digest(folder / WEIGHTS)
            experts[adapter.name] = hashlib.sha256(parts.encode()).hexdigest()
        return {"experts": experts, "base": base_fingerprint(self.base) if self.base else None}

    def _added(self, a: npt.NDArray[np.float64]) -> Adapter:
        """A = Σ a_j A_j and B = Σ a_j B_j."""
        first = self.adapters[0]
        tensors = {module: (self._sum(a, module, 0), self._sum(a, module, 1)) for module in self.modules}
        targets = union_of_targets(self.adapters)
        return Adapter("composed", first.rank, first.alpha, first.use_rslora, tensors, first.base_name, targets)

    def _sum(self, a: npt.NDArray[np.float64], module: str, factor: int) -> torch.Tensor:
        import torch

        stacked = torch.stack([adapter.tensors[module][factor] for adapter in self.adapters])
        total: torch.Tensor = torch.tensordot(torch.tensor(a, dtype=torch.float32), stacked, dims=1)
        return total

    def _concatenated(self, a: npt.NDArray[np.float64]) -> Adapter:
        """Exact sums of changes: the experts' ranks side by side, alpha = r, so that nothing scales again."""
        rank = sum(adapter.rank for adapter in self.adapters)
        tensors = {module: self._blocks(a, module) for module in self.modules}
        targets = union_of_targets(self.adapters)
        return Adapter("composed", rank, rank, False, tensors, self.adapters[0].base_name, targets)

    def _blocks(self, a: npt.NDArray[np.float64], module: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Block j of A is √|a_j|·A_j, of B sign(a_j)·√|a_j|·s_j·B_j; zeros where an expert lacks the module."""
        import torch

        like_a, like_b = next(x.tensors[module] for x in self.adapters if module in x.tensors)
        rows, columns = [], []
        for adapter, weight in zip(self.adapters, a.tolist(), strict=True):
            root = abs(weight) ** 0.5
            if module in adapter.tensors:
                factor_a, factor_b = adapter.tensors[module]
                rows.append(root * factor_a)
                columns.append((root if weight > 0 else -root) * adapter.scaling * factor_b)
            else:
                rows.append(torch.zeros(adapter.rank, like_a.shape[1]))
                columns.append(torch.zeros(like_b.shape[0], adapter.rank))
        return torch.cat(rows), torch.cat(columns, dim=1)
