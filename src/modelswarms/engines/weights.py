"""Composing experts into a resident model: into its weights, or beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from modelswarms.errors import ExpertError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array

__all__ = ["ResidentWeights", "UnmergedWeights", "Weights", "make_weights"]


class Weights(Protocol):
    """A loaded model's weights, which can be set."""

    def set(self, coefficients: Array | None) -> None:
        """Makes them those at ``coefficients``; None is the base."""
        ...


def make_weights(model: torch.nn.Module, space: ExpertSpace, merged: bool) -> Weights:
    """Weights of a kind. Raises as they do."""
    return ResidentWeights(model, space) if merged else UnmergedWeights(model, space)


class ResidentWeights:
    """The matrices of a model that experts change, with their originals and the experts' factors beside.

    Weights are always composed anew from the originals, so that roundings do not add up. Changes are computed and
    added in float32, then rounded to the model's dtype once; on a GPU, factors are rounded to that dtype before.

    Args:
        model: the loaded base.
        space: the experts.

    Raises:
        ExpertError: the model has no such matrix, one of another shape, or one that other layers use too.
    """

    def __init__(self, model: torch.nn.Module, space: ExpertSpace) -> None:
        self._factors = _Factors(space)
        self._places: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]] = []
        for module in space.modules:
            weight = _layer(model, module, space).weight
            a, b = (factor.to(weight.device) for factor in _stacked(space, module))
            self._places.append((weight, weight.detach().clone(), a, b))

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
        values = self._factors.weighing(coefficients, self._places[0][0].device)
        for weight, original, a, b in self._places:
            low, high = self._factors.at(values, a, b)
            if weight.is_cuda and weight.dtype != torch.float32:  # adds in float32 inside, ten times as fast
                torch.addmm(original, high.to(weight.dtype), low.to(weight.dtype), out=weight.data)
            else:
                weight.data.copy_((high @ low).add_(original))


class UnmergedWeights:
    """The experts' change as a second, thin product beside each layer's own: W x + B (A x).

    The model's weights stay as they were loaded, so that they may be of a kind that nothing can be added to, and
    nothing is lost of a change that is small beside them.

    Args:
        model: the loaded base.
        space: the experts.

    Raises:
        ExpertError: the model has no such matrix, or one of another shape.
    """

    def __init__(self, model: torch.nn.Module, space: ExpertSpace) -> None:
        self._factors = _Factors(space)
        self._places: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]] = []
        for module in space.modules:
            layer = _layer(model, module, space, shared=True)
            device, dtype = layer.weight.device, _computed_in(layer, model)
            a, b = (factor.to(device) for factor in _stacked(space, module))
            low, high = self._factors.at(self._factors.weighing(np.zeros(space.n), device), a, b)
            low, high = (torch.empty_like(x, dtype=dtype).copy_(x) for x in (low, high))
            self._places.append((low, high, a, b))
            layer.register_forward_hook(_beside(low, high))

    @torch.inference_mode()
    def set(self, coefficients: Array | None) -> None:
        """Makes the change that at ``coefficients``, (n,) or (1, n); None is the base.

        Raises:
            ExpertError: wrong number of coefficients, or one that is not finite.
        """
        if coefficients is None:
            for _, high, _, _ in self._places:
                high.zero_()
            return
        values = self._factors.weighing(coefficients, self._places[0][0].device)
        for low, high, a, b in self._places:
            new_low, new_high = self._factors.at(values, a, b)
            high.copy_(new_high)
            if new_low is not a:
                low.copy_(new_low)


class _Factors:
    """The factors of ΔW = B A at coefficients, float32."""

    def __init__(self, space: ExpertSpace) -> None:
        self._space = space
        ranks = torch.tensor([adapter.rank for adapter in space.adapters])
        self._column = torch.repeat_interleave(torch.arange(space.n), ranks)
        self._scaling = space.adapters[0].scaling

    def weighing(self, coefficients: Array, device: torch.device) -> torch.Tensor:
        """What the factors are weighed with, float32: a number for every column of B for delta, (Σr,), and for every
        expert for factors, (n,). Raises ExpertError for a wrong number of coefficients, or one that is not finite."""
        values = torch.tensor(self._space.coefficients(coefficients), dtype=torch.float32)
        return (values[self._column] if self._space.combine == "delta" else values).to(device)

    def at(self, values: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A and B: a is (Σr, in), b (out, Σr) for delta, where A stays what it is; (n, r, in) and (n, out, r) for
        factors."""
        if self._space.combine == "delta":
            return a, b * values
        added_a, added_b = (torch.tensordot(values, factor, dims=1) for factor in (a, b))
        return added_a, self._scaling * added_b


def _beside(low: torch.Tensor, high: torch.Tensor) -> Callable[[Any, Any, torch.Tensor], torch.Tensor]:
    """A hook that adds B (A x) to what a layer gives for x: low is (r, in), high (out, r)."""

    def hook(layer: Any, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> torch.Tensor:
        x = given[0].reshape(-1, low.shape[1]).to(low.dtype)
        added = torch.addmm(out.reshape(-1, high.shape[0]).to(low.dtype), x @ low.T, high.T)
        return added.view(out.shape).to(out.dtype)

    return hook


def _computed_in(layer: Any, model: torch.nn.Module) -> torch.dtype:
    """The precision of a layer's products; quantised weights have another one."""
    weight: torch.Tensor = layer.weight
    if weight.is_floating_point() and weight.element_size() > 1:
        return weight.dtype
    return next(p.dtype for p in model.parameters() if p.is_floating_point() and p.element_size() > 1)


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


def _layer(model: torch.nn.Module, module: str, space: ExpertSpace, shared: bool = False) -> torch.nn.Linear:
    """The linear layer that experts change; one whose weights others use too only if ``shared``."""
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
    if (layer.out_features, layer.in_features) != (b.shape[0], a.shape[1]):
        raise ExpertError(
            f"expert {owner.name}: {module} changes a {(b.shape[0], a.shape[1])} matrix, the base's is "
            f"{(layer.out_features, layer.in_features)}; it was made from another base: "
            "give that, or leave the expert out."
        )
    if not shared and sum(parameter is weight for _, parameter in model.named_parameters(remove_duplicate=False)) > 1:
        raise ExpertError(
            f"expert {owner.name}: changes {module}, whose weights the base uses in another layer as well, so that "
            "the change cannot be added to one of them; leave the expert out, or train it without it."
        )
    return layer
