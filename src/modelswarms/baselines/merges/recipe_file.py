"""What a mergekit configuration asks for, checked key by key."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from modelswarms.errors import ConfigError
from modelswarms.naming import kind_of, nearest

__all__ = ["MERGE_METHODS", "Recipe", "Source", "parse_recipe", "read_recipe"]

_TASK: Final = {"weight", "density", "normalize", "lambda", "int8_mask"}
MERGE_METHODS: Final[Mapping[str, frozenset[str]]] = {
    "linear": frozenset({"weight", "normalize"}),
    "task_arithmetic": frozenset(_TASK - {"density"}),
    "ties": frozenset(_TASK | {"rescale"}),
    "dare_ties": frozenset(_TASK | {"rescale"}),
    "dare_linear": frozenset(_TASK | {"rescale"}),
    "slerp": frozenset({"t"}),
    "nuslerp": frozenset({"weight"}),
    "model_stock": frozenset(),
}
"""Names that ``merge_method`` may have here, and the parameters that each takes."""

_NORMALIZED: Final = ("linear", "ties")
"""Methods that divide by the sum of weights unless they are told not to."""

_KEYS: Final = frozenset(
    {"merge_method", "models", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source"}
)
_REFUSED: Final = {
    "slices": "layers are not put together anew here; give models: instead, with whole adapters.",
    "modules": "parts of a model are not merged apart here; give models: instead, with whole adapters.",
    "experts": "this is a recipe for a mixture of experts; give one whose merge_method is linear, ties or the like.",
    "gate_mode": "this is a recipe for a mixture of experts; give one whose merge_method is linear, ties or the like.",
    "tokenizer": "the base's own is kept; leave it out.",
    "chat_template": "the base's own is kept; leave it out.",
}


@dataclass(frozen=True)
class Source:
    """One of the merged models.

    Attributes:
        model: as it is written: an adapter, ``base+adapter``, or the base.
        weight: None where none is given.
        density: share of its change that is kept.
    """

    model: str
    weight: float | None = None
    density: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A mergekit configuration over adapters.

    Attributes:
        method: ``merge_method``.
        sources: ``models``, in their order.
        base: ``base_model``; None where none is given.
        normalize: whether what is added is divided by the sum of weights.
        scale: ``lambda``.
        t: of slerp.
        rescale: whether DARE enlarges what it keeps.
    """

    method: str
    sources: tuple[Source, ...]
    base: str | None = None
    normalize: bool = False
    scale: float = 1.0
    t: float | None = None
    rescale: bool = True


def read_recipe(path: str | Path) -> dict[str, Any]:
    """The keys and values of a recipe's file. Raises ConfigError where it cannot be read."""
    try:
        loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"recipe: {path}: no such file; check the path.") from None
    except OSError as error:
        raise ConfigError(f"recipe: {path}: cannot be read ({error.strerror}); check what it is.") from None
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ConfigError(f"recipe: {path}: is not YAML{where}; mend the file.") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"recipe: {path}: holds {kind_of(loaded)}; give a mergekit configuration.")
    return {str(key): value for key, value in loaded.items()}


def parse_recipe(given: Mapping[str, Any]) -> Recipe:
    """What a recipe's keys and values ask for.

    Raises:
        ConfigError: names the key that cannot be followed here, and what can.
    """
    for key in given:
        if key in _REFUSED:
            raise ConfigError(f"recipe: {key}: {_REFUSED[key]}")
        if key not in _KEYS:
            raise ConfigError(f"recipe: unknown key {key!r}; {nearest(str(key), _KEYS)}")
    method = str(given.get("merge_method"))
    if method not in MERGE_METHODS:
        raise ConfigError(f"recipe: merge_method: {method!r} is not supported; {nearest(method, MERGE_METHODS)}")
    if given.get("tokenizer_source") not in (None, "base"):
        raise ConfigError("recipe: tokenizer_source: the base's own is kept; leave it out.")
    base = given.get("base_model")
    if base is not None and not isinstance(base, str):
        raise ConfigError(f"recipe: base_model: {kind_of(base)} is not allowed; give a folder or a hub id.")
    common = _parameters(given.get("parameters"), "parameters", method)
    sources = tuple(_sources(given.get("models"), method, common))
    recipe = Recipe(
        method,
        sources,
        base,
        bool(common.get("normalize", method in _NORMALIZED)),
        float(common.get("lambda", 1.0)),
        common.get("t"),
        bool(common.get("rescale", True)),
    )
    _check(recipe)
    return recipe


def _sources(models: Any, method: str, common: Mapping[str, float]) -> list[Source]:
    if not isinstance(models, Sequence) or isinstance(models, str) or not models:
        raise ConfigError(f"recipe: models: {kind_of(models)} is not allowed; give a list of entries with model: each.")
    found = []
    for place, entry in enumerate(models):
        key = f"models[{place}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("model"), str):
            raise ConfigError(f"recipe: {key}: names no model; write model: base+adapter, or an adapter's folder.")
        for name in entry:
            if name not in ("model", "parameters"):
                raise ConfigError(f"recipe: {key}.{name}: is not known; give model and parameters.")
        own = {**common, **_parameters(entry.get("parameters"), f"{key}.parameters", method)}
        found.append(Source(entry["model"], own.get("weight"), float(own.get("density", 1.0))))
    return found


def _parameters(given: Any, key: str, method: str) -> dict[str, float]:
    """Numbers by name. Raises ConfigError for one that the method has not, or that differs from layer to layer."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(f"recipe: {key}: {kind_of(given)} is not allowed; give names and numbers.")
    known = MERGE_METHODS[method]
    for name, value in given.items():
        if name not in known:
            takes = f"{method} takes {', '.join(sorted(known))}" if known else f"{method} takes none"
            raise ConfigError(f"recipe: {key}.{name}: {takes}; leave it out.")
        if isinstance(value, list | Mapping):
            raise ConfigError(
                f"recipe: {key}.{name}: values that differ by layer or by filter are not supported; give one number."
            )
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"recipe: {key}.{name}: {value!r} is not allowed; give a number.")
        if (name == "density" and not 0 < value <= 1) or (name == "t" and not 0 <= value <= 1):
            raise ConfigError(f"recipe: {key}.{name}: {value!r} is not allowed; give a number up to 1.")
    return {str(name): value for name, value in given.items()}


def _check(recipe: Recipe) -> None:
    """Raises ConfigError where models, weights and the method do not go together."""
    method, count = recipe.method, len(recipe.sources)
    if method in ("slerp", "nuslerp") and count - (method == "nuslerp" and _has_base(recipe)) != 2:
        raise ConfigError(f"recipe: models: {method} is between two, {count} are given; give two.")
    if method == "slerp" and (recipe.t is None or recipe.base not in [source.model for source in recipe.sources]):
        raise ConfigError(
            "recipe: slerp: goes from base_model to the other; give parameters.t, and one of both as base_model."
        )
    weighed = "weight" in MERGE_METHODS[method]
    for place, source in enumerate(recipe.sources):
        if weighed and source.weight is None and not (source.model == recipe.base and method != "linear"):
            raise ConfigError(f"recipe: models[{place}].parameters.weight: not given; write weight: 0.5.")
    if method == "linear":
        _check_sum(sum(source.weight or 0.0 for source in recipe.sources), recipe.normalize)


def _check_sum(total: float, normalize: bool) -> None:
    if normalize and abs(total) < 1e-9:
        raise ConfigError("recipe: models: the weights add up to 0, by which linear divides; give others.")
    if not normalize and abs(total - 1.0) > 1e-9:
        raise ConfigError(
            f"recipe: parameters.normalize: without it, weights that add up to {total:g} scale the base as well; "
            "give true, weights that add up to 1, or merge_method: task_arithmetic."
        )


def _has_base(recipe: Recipe) -> bool:
    return recipe.base in [source.model for source in recipe.sources]
