"""Composing experts straight into a resident model's weights."""

from __future__ import annotations

from typing import Protocol

import torch

from modelswarms.errors import ExpertError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array

__all__ = ["ResidentWeights", "Weights"]


class Weights(Protocol):
    """A loaded model's weights, which can be set."""

    def set(self, coefficients: Array | None) -> None:
        """Makes them those at ``coefficients``; None is the base."""
        ...


class ResidentWeights:
    """The matrices of a model that experts change, with their originals and the experts' factors beside.

    Weights are always composed anew from the originals, so nothing is ever rounded twice. Changes are
    computed and added in float32, then rounded to the model's dtype once.

    Args:
        model: the loaded base.
        space: the experts.

    Raises:
        ExpertError: the model has no such matrix, one of another shape, or one that other layers use too.
    """

    def __init__(self, model: torch.nn.Module, space: ExpertSpace) -> None:
        self._space, self._combine = space, space.combine
        self._places: list[tuple[torch.nn.Parameter, torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._scaling = space.adapters[0].scaling
        for module in space.modules:
            weight = _weight(model, module, space)
            a, b = _stacked(space, module)
            self._places.append((weight, weight.detach().clone(), a.to(weight.device), b.to(weight.device)))
        ranks = torch.tensor([adapter.rank for adapter in space.adapters])
        self._column = torch.repeat_interleave(torch.arange(space.n), ranks)

    @torch.inference_mode()
    def set(self, coefficients: Array | None) -> None:
        """Makes the weights those at ``coefficients``, (n,) or (1, n); None is the base.

        Raises:
            ExpertError: wrong number of coefficients, or one that is not finite.
        """
        if coefficients is None:
            for weight, original, _, _ in self._places:
                weight.data.copy_(original)
            return
        values = torch.tensor(self._space.coefficients(coefficients), dtype=torch.float32)
        for weight, original, a, b in self._places:
            change = self._change(values.to(weight.device), a, b)
            weight.data.copy_(change.add_(original))

    def _change(self, values: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """ΔW, float32: a is (Σr, in), b (out, Σr) for delta; (n, r, in) and (n, out, r) for factors."""
        if self._combine == "delta":
            return (b * values[self._column.to(values.device)]) @ a
        added_a, added_b = (torch.tensordot(values, factor, dims=1) for factor in (a, b))
        change: torch.Tensor = self._scaling * (added_b @ added_a)
        return change


def _stacked(space: ExpertSpace, module: str) -> tuple[torch.Tensor, torch.Tensor]:
    if space.combine == "factors":
        pairs = [adapter.tensors[module] for adapter in space.adapters]
        return torch.stack([a for a, _ in pairs]), torch.stack([b for _, b in pairs])
    like_a, like_b = next(x.tensors[module] for x in space.adapters if module in x.tensors)
    rows, columns = [], []
    for adapter in space.adapters:
        missing = (torch.zeros(adapter.rank, like_a.shape[1]), torch.zeros(like_b.shape[0], adapter.rank))
        a, b = adapter.tensors.get(module, missing)
        rows.append(a)
        columns.append(adapter.scaling * b)
    return torch.cat(rows), torch.cat(columns, dim=1)


def _weight(model: torch.nn.Module, module: str, space: ExpertSpace) -> torch.nn.Parameter:
    owner = next(adapter for adapter in space.adapters if module in adapter.tensors)
    try:
        layer = model.get_submodule(module)
    except AttributeError:
        raise ExpertError(
            f"expert {owner.name}: the base has no module {module}; it was made from another base: "
            "give that, or leave the expert out."
        ) from None
    weight = getattr(layer, "weight", None)
    a, b = owner.tensors[module]
    if not isinstance(layer, torch.nn.Linear) or not isinstance(weight, torch.nn.Parameter):
        raise ExpertError(
            f"expert {owner.name}: {module} is a {type(layer).__name__}; only linear layers are combined."
        )
    if tuple(weight.shape) != (b.shape[0], a.shape[1]):
        raise ExpertError(
            f"expert {owner.name}: {module} changes a {(b.shape[0], a.shape[1])} matrix, the base's is "
            f"{tuple(weight.shape)}; it was made from another base: "
            "give that, or leave the expert out."
        )
    if sum(parameter is weight for _, parameter in model.named_parameters(remove_duplicate=False)) > 1:
        raise ExpertError(
            f"expert {owner.name}: changes {module}, whose weights the base uses in another layer as well, so that "
            "the change cannot be added to one of them; leave the expert out, or train it without it."
        )
    return weight
