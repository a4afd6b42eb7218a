"""Weight changes of experts, and adapters made of what they were merged to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelswarms.experts import Adapter, ExpertSpace
from modelswarms.experts.adapter import union_of_targets

if TYPE_CHECKING:
    import torch

__all__ = ["Merged", "changed", "gram", "stacked", "summed"]

EXTRA, ROUNDS = 8, 2
"""Of a truncated decomposition: columns beyond the rank, and power iterations."""


@dataclass(frozen=True)
class Merged:
    """An adapter that stands for a merge, and the share of the change (of its squared norm) that it leaves out."""

    adapter: Adapter
    lost: float = 0.0


def stacked(space: ExpertSpace, module: str) -> torch.Tensor:
    """Each expert's change of a module, (n, out, in) float32; zeros where it has none."""
    import torch

    like = next(adapter for adapter in space.adapters if module in adapter.tensors)
    none = torch.zeros(like.shapes[module])
    return torch.stack([x.delta(module) if module in x.tensors else none for x in space.adapters])


def gram(space: ExpertSpace, module: str) -> np.ndarray:
    """(n, n) inner products of the experts' changes of a module, from their factors."""
    held = [adapter if module in adapter.tensors else None for adapter in space.adapters]
    products = np.zeros((space.n, space.n))
    for j, one in enumerate(held):
        for k, other in enumerate(held[: j + 1]):
            if one is not None and other is not None:
                products[j, k] = products[k, j] = _inner(one, other, module)
    return products


def _inner(one: Adapter, other: Adapter, module: str) -> float:
    (a, b), (c, d) = ([factor.double() for factor in x.tensors[module]] for x in (one, other))
    return one.scaling * other.scaling * float(((b.T @ d) * (a @ c.T)).sum())


def summed(space: ExpertSpace, name: str, weights: Mapping[str, Sequence[float]]) -> Merged:
    """Σ w_j ΔW_j with weights of its own for each module: exact, with the experts' ranks side by side."""
    import torch

    rank = sum(adapter.rank for adapter in space.adapters)
    tensors = {}
    for module, shares in weights.items():
        like = next(adapter for adapter in space.adapters if module in adapter.tensors)
        (_, into), (out, _) = (factor.shape for factor in like.tensors[module])
        rows, columns = [], []
        for adapter, share in zip(space.adapters, shares, strict=True):
            none = (torch.zeros(adapter.rank, into), torch.zeros(out, adapter.rank))
            a, b = adapter.tensors.get(module, none)
            rows.append(a)
            columns.append(share * adapter.scaling * b)
        tensors[module] = (torch.cat(rows), torch.cat(columns, dim=1))
    return Merged(_adapter(space, name, rank, tensors))


def changed(space: ExpertSpace, name: str, change: Callable[[str, torch.Tensor], torch.Tensor], rank: int) -> Merged:
    """The adapter of a change that may have any rank.

    Exact where a matrix has no more than ``rank`` rows or columns; of larger ones as much as that rank holds, nearly
    the best there is (Halko, Martinsson & Tropp 2011, arXiv 0909.4061, with power iterations).

    Args:
        change: from a module's name and the experts' stacked changes to the merged one, (out, in).
        rank: at most.
    """
    shapes = {module: shape for adapter in space.adapters for module, shape in adapter.shapes.items()}
    rank = min(rank, max(min(shape) for shape in shapes.values()))
    tensors, kept, whole = {}, 0.0, 0.0
    for module in space.modules:
        merged = change(module, stacked(space, module)).float()
        a, b = _factors(merged, rank)
        tensors[module] = (a, b)
        square, truncated = float(merged.square().sum()), min(merged.shape) > rank
        whole += square
        kept += float(b.square().sum()) if truncated else square  # the rows of A are orthonormal
    return Merged(_adapter(space, name, rank, tensors), max(0.0, 1.0 - kept / whole) if whole else 0.0)


def _factors(change: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A (rank, in) and B (out, rank), filled up with zeros."""
    import torch

    out, into = change.shape
    if min(out, into) > rank:
        return _truncated(change, rank)
    a, b = (torch.eye(into), change) if into <= out else (change, torch.eye(out))
    missing = rank - min(out, into)
    return torch.nn.functional.pad(a, (0, 0, 0, missing)), torch.nn.functional.pad(b, (0, missing))


def _truncated(change: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same change at any time: the directions that are tried are drawn from a generator of their own."""
    import torch

    width = min(rank + EXTRA, *change.shape)
    tried = torch.randn(change.shape[1], width, generator=torch.Generator().manual_seed(0)).to(change.device)
    q = torch.linalg.qr(change @ tried).Q
    for _ in range(ROUNDS):
        q = torch.linalg.qr(change @ torch.linalg.qr(change.T @ q).Q).Q
    u, s, v = torch.linalg.svd(q.T @ change, full_matrices=False)
    return v[:rank], (q @ u[:, :rank]) * s[:rank]


def _adapter(
    space: ExpertSpace, name: str, rank: int, tensors: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
) -> Adapter:
    return Adapter(name, rank, rank, False, tensors, space.adapters[0].base_name, union_of_targets(space.adapters))
