"""Muon for the layers' matrices, AdamW for embeddings and norms.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces a matrix's momentum by the nearest
orthogonal matrix, found by a few Newton-Schulz steps in bf16.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from modelswarms.zoo.build.model import MATRICES, Weights

__all__ = ["Optimiser", "orthogonal"]

_QUINTIC: Final = (3.4445, -4.7750, 2.0315)
_GROUPS: Final = (("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj", "down_proj"))
# Matrices of one shape (down_proj after transposing) go through the iteration together.


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Matrices (..., m, n) with m >= n or not, singular values driven to about 1."""
    x = matrices.bfloat16()
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = _QUINTIC
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = (x.mT if tall else x).float()
    return result


class Optimiser:
    """One optimiser over all the base's weights; gradients are consumed by :meth:`step`."""

    def __init__(self, weights: Weights, matrix_rate: float, other_rate: float, decay: float) -> None:
        self._weights = weights
        self._matrix_rate = matrix_rate
        self._other_rate = other_rate
        self._decay = decay
        self._momentum = {name: torch.zeros_like(weights[name]) for name in MATRICES}
        others = [weight for name, weight in weights.items() if name not in MATRICES]
        self._adam = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.95), weight_decay=0.0)

    @torch.no_grad()
    def step(self, rate: float, momentum: float) -> None:
        """Move by the gradients; ``rate`` scales both learning rates."""
        for group in self._adam.param_groups:
            group["lr"] = self._other_rate * rate
        self._adam.step()
        for names in _GROUPS:
            directions = orthogonal(torch.cat([self._direction(name, momentum) for name in names]))
            layers = len(self._weights[names[0]])
            for name, direction in zip(names, torch.split(directions, layers), strict=True):
                update = direction.mT if name == "down_proj" else direction
                stretch = max(1.0, update.shape[-2] / update.shape[-1]) ** 0.5
                weight = self._weights[name]
                weight.mul_(1 - self._matrix_rate * rate * self._decay)
                weight.add_(update, alpha=-self._matrix_rate * rate * stretch)
        for weight in self._weights.values():
            weight.grad = None

    def _direction(self, name: str, momentum: float) -> Tensor:
        """Nesterov momentum of one stack, transposed where the group needs it."""
        gradient = self._weights[name].grad
        if gradient is None:
            raise ValueError(f"optimiser: {name} has no gradient; call backward first")
        running = self._momentum[name].lerp_(gradient, 1 - momentum)
        ahead = gradient.lerp(running, momentum)
        return ahead.mT if name == "down_proj" else ahead

    def state(self) -> dict[str, Any]:
        return {"momentum": self._momentum, "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        for name, running in state["momentum"].items():
            self._momentum[name].copy_(running)
        self._adam.load_state_dict(state["adam"])
