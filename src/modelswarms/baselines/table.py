"""Every searcher by its name: the swarm, and the methods that it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from modelswarms.baselines.base import Method, MethodSearcher
from modelswarms.baselines.bayesian import Bayesian
from modelswarms.baselines.cma_es import CmaEs
from modelswarms.baselines.coordinates import CoordinateSearch
from modelswarms.baselines.lorahub import LoraHub
from modelswarms.baselines.merges import (
    DareLinear,
    DareTies,
    DataMerge,
    Merging,
    ModelStock,
    RecipeMerge,
    Slerp,
    Ties,
    Variant,
)
from modelswarms.baselines.pack import PackOfLlms
from modelswarms.baselines.pso_merging import PsoMerging
from modelswarms.baselines.random_mixtures import RandomMixtures
from modelswarms.baselines.random_search import Freedom
from modelswarms.baselines.soups import BestSingle, GreedySoup, UniformSoup
from modelswarms.baselines.task_arithmetic import TaskArithmetic
from modelswarms.errors import ConfigError
from modelswarms.naming import kind_of, nearest
from modelswarms.settings import build
from modelswarms.swarm import SwarmConfig, swarm_of
from modelswarms.types import RunSearcher

__all__ = [
    "GIVEN",
    "METHODS",
    "OUTPUTS",
    "RECIPE",
    "SWARM",
    "budget_of",
    "freedom_of",
    "kind_of_searcher",
    "make_searcher",
    "merging_of",
    "method_of",
    "settled",
    "variants_of",
    "title_of",
    "within",
]

SWARM: Final = "swarm"

METHODS: Final[Mapping[str, type[Method]]] = MappingProxyType(
    {
        "best_single": BestSingle,
        "uniform_soup": UniformSoup,
        "greedy_soup": GreedySoup,
        "task_arithmetic": TaskArithmetic,
        "random": RandomMixtures,
        "cmaes": CmaEs,
        "bayesian": Bayesian,
        "coordinates": CoordinateSearch,
        "lorahub": LoraHub,
        "pack": PackOfLlms,
        "pso_merging": PsoMerging,
        "slerp": Slerp,
        "ties": Ties,
        "dare_ties": DareTies,
        "dare_linear": DareLinear,
        "model_stock": ModelStock,
        "recipe": RecipeMerge,
        "data_merge": DataMerge,
    }
)
"""The names that ``searcher`` takes beside ``swarm``."""

RECIPE: Final = "recipe"
"""The searcher that follows a file; in a comparison, this and the file's name."""

GIVEN: Final[Mapping[str, str]] = MappingProxyType({RECIPE: "--recipe FILE", "data_merge": "--data-merge FOLDER"})
"""Methods that have to be given something, which a comparison is told otherwise than by their name."""

OUTPUTS: Final[Mapping[str, str]] = MappingProxyType({"prediction_merge": "prediction merge", "cbtm": "cBTM"})
"""Methods that combine answers, and so have no expert to search for: what reports call them."""


def kind_of_searcher(given: Any) -> str:
    """The name in a ``searcher`` key, which is a text or keys with ``kind``."""
    return str(given.get("kind", SWARM) if isinstance(given, Mapping) else given or SWARM)


def method_of(given: str | Mapping[str, Any]) -> Method | None:
    """The method that a ``searcher`` key stands for; None for the swarm.

    Raises:
        ConfigError: there is no such searcher, or one of its keys cannot be.
    """
    keys = {"kind": given} if isinstance(given, str) else given
    if not isinstance(keys, Mapping):
        raise ConfigError(
            f"searcher: {kind_of(given)} is not allowed; write searcher: cmaes, or {{kind: cmaes, key: value}}."
        )
    kind, rest = keys.get("kind", SWARM), {key: value for key, value in keys.items() if key != "kind"}
    if kind == SWARM:
        if rest:
            raise ConfigError(
                f"searcher.{next(iter(rest))}: not a key of the swarm as a searcher; write it under swarm."
            )
        return None
    if kind in OUTPUTS:
        raise ConfigError(
            f"searcher: {kind} combines answers, and there is no expert at its end; "
            f"write modelswarms compare --methods {kind}."
        )
    if not isinstance(kind, str) or kind not in METHODS:
        raise ConfigError(f"searcher: unknown searcher {kind!r}; {nearest(str(kind), [SWARM, *METHODS])}")
    return build(METHODS[kind], rest, "searcher.")


def settled(given: str | Mapping[str, Any]) -> str | Mapping[str, Any]:
    """A ``searcher`` key that says what the files hold that it names."""
    method = merging_of(given)
    keys = {} if method is None else method.settled_keys()
    return {**given, **keys} if keys and isinstance(given, Mapping) else given


def title_of(given: Any, article: str = "") -> str:
    """What reports call a searcher; ``article`` is what stands before the swarm in a sentence."""
    kind = kind_of_searcher(given)
    if kind.startswith(f"{RECIPE}-"):
        return f"recipe {kind.removeprefix(f'{RECIPE}-')}"
    return f"{article}{kind}" if kind == SWARM else OUTPUTS.get(kind) or METHODS[kind].title


def freedom_of(swarm: SwarmConfig) -> Freedom:
    """What others are given, to be compared with a swarm."""
    if swarm.populate and swarm.populate_by == "subsets":
        return "subsets"
    return "stretched" if swarm.free_sum else "simplex"


def budget_of(swarm: SwarmConfig, n_experts: int) -> int:
    """Dev evaluations that a swarm makes at most."""
    started = n_experts + swarm.include_base
    first = max(started, swarm.particles) if swarm.populate else started
    going = swarm.particles if swarm.motion == "bare_bones" else first
    return first + swarm.max_iterations * going


def within(swarm: SwarmConfig, n_experts: int, evaluations: int) -> SwarmConfig:
    """A swarm that makes at most so many dev evaluations: as many whole iterations as fit.

    Raises:
        ConfigError: its starting particles are more.
    """
    first = budget_of(replace(swarm, max_iterations=0), n_experts)
    if evaluations < first:
        raise ConfigError(
            f"evaluations: {evaluations} is fewer than the swarm's {first} starting particles; "
            "give more, or a smaller swarm.particles."
        )
    going = budget_of(replace(swarm, max_iterations=1), n_experts) - first
    return replace(swarm, max_iterations=(evaluations - first) // going)


def make_searcher(given: str | Mapping[str, Any], swarm: SwarmConfig, n_experts: int, seed: int = 0) -> RunSearcher:
    """The searcher of a run: what is named, with the budget and the freedom of a swarm where it says nothing else.

    Raises:
        ConfigError: there is no such searcher, or one of its keys cannot be.
        MissingExtraError: it needs a package that is not installed.
    """
    method = method_of(given)
    if method is None:
        return swarm_of(n_experts, swarm, seed)
    method.check(n_experts)
    return MethodSearcher(n_experts, method, _evaluations(method, swarm, n_experts), seed, freedom_of(swarm))


def merging_of(given: str | Mapping[str, Any]) -> Merging | None:
    """The method of a ``searcher`` key where it merges experts to weights of its own; else None."""
    method = method_of(given)
    return method if isinstance(method, Merging) else None


def variants_of(method: Merging, swarm: SwarmConfig, n_experts: int) -> Sequence[Variant]:
    """The merges that a run makes of its experts, within its budget."""
    left = _evaluations(method, swarm, n_experts) - n_experts
    return method.variants(n_experts, left, freedom_of(swarm) != "simplex")


def _evaluations(method: Method, swarm: SwarmConfig, n_experts: int) -> int:
    """Dev evaluations of a method that is not the swarm."""
    return method.evaluations or budget_of(swarm, n_experts)
