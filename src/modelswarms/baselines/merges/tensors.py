"""The arithmetic of merging: weight changes in, one out. Those of all experts are stacked, (n, out, in)."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["agreed", "dropped", "slerp_shares", "stock_ratio", "trimmed"]

COLLINEAR = 0.9995
"""A cosine from which on two changes point the same way, and are interpolated along a line."""


def trimmed(change: torch.Tensor, density: float) -> torch.Tensor:
    """The largest values of a matrix, zeros in the place of the others (Yadav et al. 2023, section 3, "trim").

    Args:
        density: share of the values that is kept, at least one of them; values as large as the smallest kept stay too.
    """
    import torch

    count = max(1, int(density * change.numel()))
    if count >= change.numel():
        return change
    size = change.abs()
    least = torch.kthvalue(size.flatten(), change.numel() - count + 1).values
    return torch.where(size >= least, change, 0.0)


def dropped(change: torch.Tensor, density: float, seed: int, key: str) -> torch.Tensor:
    """Values dropped at random and the rest enlarged, so that the mean stays (DARE: Yu et al. 2023, eq. 1).

    What is kept is a function of ``seed``, ``key`` and the shape alone: raw Philox words below a threshold.

    Args:
        density: chance of a value to be kept.
        key: names whose change it is, so that the order of the experts has no say.
    """
    import torch

    if density >= 1:
        return change
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    counter = [0, *(int.from_bytes(digest[k : k + 8], "little") for k in (0, 8, 16))]
    words = np.random.Philox(key=seed, counter=counter).random_raw(change.numel())
    kept = torch.from_numpy(words < np.uint64(int(density * 2.0**64))).reshape(change.shape)
    return torch.where(kept.to(change.device), change / density, 0.0)


def agreed(changes: torch.Tensor, weights: torch.Tensor, normalize: bool = True) -> torch.Tensor:
    """What agrees in sign with the weighted sum, added up, or their mean (Yadav et al. 2023, section 3).

    Args:
        changes: (n, out, in).
        weights: (n,).
        normalize: whether the sum is divided by the weights that agree.
    """
    import torch

    shares = weights.to(changes.dtype).reshape(-1, *[1] * (changes.dim() - 1))
    weighted = changes * shares
    sign = torch.where(weighted.sum(dim=0) >= 0, 1.0, -1.0)
    agree = weighted.sign() == sign
    total = (weighted * agree).sum(dim=0)
    if not normalize:
        return total
    divisor = (shares * agree).sum(dim=0)
    return total / torch.where(divisor == 0, 1.0, divisor)


def slerp_shares(inner: float, first: float, second: float, t: float) -> tuple[float, float]:
    """How much of two vectors is at ``t`` on the arc between them (Shoemake 1985).

    Args:
        inner: their inner product.
        first, second: their norms.
        t: 0 is the first, 1 the second.
    """
    cosine = inner / (first * second) if first > 0 and second > 0 else 1.0
    if abs(cosine) > COLLINEAR:
        return 1.0 - t, t
    angle = math.acos(cosine)
    return math.sin((1.0 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)


def stock_ratio(gram: np.ndarray) -> float:
    """How far from the base to the mean model stock goes (Jang et al. 2024, arXiv 2403.19522, eq. 5).

    t = n·cos θ / (1 + (n − 1)·cos θ), with the mean of all pairs' cosines.

    Args:
        gram: (n, n) inner products of the changes.
    """
    n = len(gram)
    norms = np.sqrt(np.diag(gram))
    if n == 1:
        return 1.0
    scale = np.outer(norms, norms)
    cosines = np.divide(gram, scale, out=np.zeros_like(scale), where=scale > 0)
    cosine = float((cosines.sum() - np.trace(cosines)) / (n * (n - 1)))
    below = 1.0 + (n - 1) * cosine
    return n * cosine / below if below > 1e-9 else 0.0
