"""A mergekit recipe over the experts, as one point to value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from modelswarms.baselines.merges.base import Merging, Variant
from modelswarms.baselines.merges.changes import Merged, changed, gram, summed
from modelswarms.baselines.merges.recipe_file import Recipe, Source, parse_recipe, read_recipe
from modelswarms.baselines.merges.tensors import agreed, dropped, slerp_shares, stock_ratio, trimmed
from modelswarms.errors import ConfigError
from modelswarms.experts import ExpertSpace
from modelswarms.experts.base import base_weight
from modelswarms.settings import required
from modelswarms.types import Array

if TYPE_CHECKING:
    import torch

__all__ = ["RecipeMerge"]

DRAW = "recipe"
"""Of DARE's masks; mergekit draws others."""


@dataclass(frozen=True)
class RecipeMerge(Merging):
    """A configuration of mergekit, followed exactly, but for random masks, over adapters that are among the experts.

    Each model is an adapter, as ``base+adapter`` or by itself, or the base. It is found by its folder, else by its
    name, which is the last part of its path. Everything is computed in float32, matrix by matrix.

    Attributes:
        recipe: the file, or what it holds.
    """

    recipe: str | Mapping[str, Any] = required("my-merge.yml")

    title: ClassVar[str] = "mergekit recipe"

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_recipe(self.content)

    @property
    def content(self) -> Mapping[str, Any]:
        """What the file holds."""
        return self.recipe if isinstance(self.recipe, Mapping) else read_recipe(self.recipe)

    def settled_keys(self) -> dict[str, Any]:
        return {"recipe": dict(self.content)}

    def variants(self, n: int, evaluations: int, free: bool) -> Sequence[Variant]:
        return [Variant(f"recipe {self.content['merge_method']}")]

    def check_experts(self, space: ExpertSpace) -> None:
        """Raises ConfigError where a model of the recipe is none of the experts, or there is nothing to merge."""
        recipe = parse_recipe(self.content)
        places = [_place(source.model, recipe, space, f"models[{k}]") for k, source in enumerate(recipe.sources)]
        if all(place is None for place in places):
            raise ConfigError("recipe: models: names the base alone; give adapters.")
        if _on_whole_weights(recipe) and space.base is None:
            raise ConfigError(
                f"recipe: {recipe.method}: is between whole weights, and the base is not known; give base."
            )

    def merge(self, space: ExpertSpace, variant: Variant, values: Array, seed: int) -> Merged:
        recipe = parse_recipe(self.content)
        placed = [(source, _place(source.model, recipe, space, "models")) for source in recipe.sources]
        kept = [(source, place) for source, place in placed if place is not None]
        merged = ExpertSpace(tuple(space.adapters[place] for _, place in kept), base=space.base)
        sources = [source for source, _ in kept]
        if recipe.method in ("slerp", "nuslerp"):
            return _slerp(recipe, [place for _, place in placed], space, variant.name, self.rank)
        if recipe.method == "model_stock":
            ratios = {module: stock_ratio(gram(merged, module)) / merged.n for module in merged.modules}
            return summed(merged, variant.name, {module: [r] * merged.n for module, r in ratios.items()})
        if recipe.method in ("linear", "task_arithmetic"):
            total = sum(s.weight or 0.0 for s, place in placed if recipe.method == "linear" or place is not None)
            by = total if recipe.normalize and abs(total) > 1e-8 else 1.0
            weights = [(source.weight or 0.0) * recipe.scale / by for source in sources]
            return summed(merged, variant.name, dict.fromkeys(merged.modules, weights))
        return _sparse(recipe, sources, merged, variant.name, seed, self.rank)


def _sparse(recipe: Recipe, sources: Sequence[Source], space: ExpertSpace, name: str, seed: int, rank: int) -> Merged:
    """TIES and DARE."""
    import torch

    weights = torch.tensor([source.weight or 0.0 for source in sources])

    def change(module: str, changes: torch.Tensor) -> torch.Tensor:
        kept = torch.stack([sparse(module, k, each) for k, each in enumerate(changes)])
        if recipe.method != "dare_linear":
            return recipe.scale * agreed(kept, weights, recipe.normalize)
        total = float(weights.sum())
        by = total if recipe.normalize and abs(total) > 1e-8 else 1.0
        added: torch.Tensor = recipe.scale / by * torch.tensordot(weights, kept, dims=1)
        return added

    def sparse(module: str, k: int, each: torch.Tensor) -> torch.Tensor:
        density = sources[k].density
        if recipe.method == "ties":
            return trimmed(each, density)
        kept = dropped(each, density, seed, f"{DRAW}/{space.names[k]}/{module}")
        return kept if recipe.rescale else kept * density

    return changed(space, name, change, rank)


def _slerp(recipe: Recipe, places: Sequence[int | None], space: ExpertSpace, name: str, rank: int) -> Merged:
    """Between two of the experts and the base: of changes, or of whole weights, whose angle is nearly none."""
    first, second, t = _ends(recipe, places)
    pair = ExpertSpace(tuple(space.adapters[place] for place in (first, second) if place is not None))
    held = [k for k, place in enumerate((first, second)) if place is not None]
    shares, whole = {}, _on_whole_weights(recipe)
    for module in pair.modules:
        products = np.zeros((2, 2))
        products[np.ix_(held, held)] = gram(pair, module)
        if whole:
            products = products + _with_base(space, pair, module, held)
        norms = (math.sqrt(max(0.0, products[0, 0])), math.sqrt(max(0.0, products[1, 1])))
        shares[module] = slerp_shares(float(products[0, 1]), *norms, t)
    if not whole or all(abs(sum(both) - 1.0) < 1e-12 for both in shares.values()):
        return summed(pair, name, {module: [both[k] for k in held] for module, both in shares.items()})

    def change(module: str, changes: torch.Tensor) -> torch.Tensor:
        both = shares[module]
        added = (sum(both) - 1.0) * base_weight(_base(space), module)
        for k, each in zip(held, changes, strict=True):
            added = added + both[k] * each
        return added

    return changed(pair, name, change, rank)


def _with_base(space: ExpertSpace, pair: ExpertSpace, module: str, held: Sequence[int]) -> np.ndarray:
    """What inner products have more where the base's weights are part of both."""
    weights = base_weight(_base(space), module).double()
    with_changes = np.zeros(2)
    for k, adapter in zip(held, pair.adapters, strict=True):
        if module in adapter.tensors:
            with_changes[k] = float((weights * adapter.delta(module).double()).sum())
    more: np.ndarray = float(weights.square().sum()) + with_changes[:, None] + with_changes[None, :]
    return more


def _ends(recipe: Recipe, places: Sequence[int | None]) -> tuple[int | None, int | None, float]:
    """From where, to where, and how far: slerp begins at the model that it calls its base."""
    if recipe.method == "slerp":
        begin = [source.model for source in recipe.sources].index(recipe.base or "")
        return places[begin], places[1 - begin], recipe.t or 0.0
    two = [(source, place) for source, place in zip(recipe.sources, places, strict=True) if source.model != recipe.base]
    (one, first), (other, second) = two
    total = (one.weight or 0.0) + (other.weight or 0.0)
    return first, second, 0.5 if abs(total) < 1e-6 else (other.weight or 0.0) / total


def _on_whole_weights(recipe: Recipe) -> bool:
    return recipe.method == "slerp" or (recipe.method == "nuslerp" and recipe.base is None)


def _base(space: ExpertSpace) -> Path:
    if space.base is None:
        raise ConfigError("recipe: the base is not known; give base.")
    return space.base


def _place(model: str, recipe: Recipe, space: ExpertSpace, key: str) -> int | None:
    """Which of the experts a recipe's model is; None for the base. Raises ConfigError where it is neither."""
    _, plus, adapter = model.partition("+")
    if "+" in adapter:
        raise ConfigError(f"recipe: {key}.model: {model!r} has more than one +; write base+adapter.")
    found = _named(adapter if plus else model, space)
    if found is not None:
        return found
    if not plus and (model == recipe.base or _same_folder(model, space.base)):
        return None
    raise ConfigError(
        f"recipe: {key}.model: {adapter or model!r} is none of the experts ({', '.join(space.names)}); "
        "add it to experts, so that all methods have the same."
    )


def _named(given: str, space: ExpertSpace) -> int | None:
    """The expert in a folder, or with a name."""
    for place, folder in enumerate(space.folders):
        if _same_folder(given, folder):
            return place
    name = Path(given.partition("@")[0]).name
    if Path(given).expanduser().is_dir() and given not in space.names:
        return None  # another folder, whatever it is called
    return space.names.index(name) if name in space.names else None


def _same_folder(given: str, folder: Path | None) -> bool:
    return folder is not None and Path(given).expanduser().resolve() == folder.resolve()
