"""What is built: sizes, mixtures, experts. ``full_settings`` is the zoo, ``tiny_settings`` the same code in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from modelswarms.zoo.build.feed import FeedSettings, Source
from modelswarms.zoo.build.graphs import Recipe
from modelswarms.zoo.build.model import ModelShape
from modelswarms.zoo.build.wordings import CONNECTIVITY_HEADER, PLAIN_HEADER, WEIGHTED_HEADER

__all__ = [
    "BASE",
    "BASE_PLAIN",
    "BaseTraining",
    "BuildSettings",
    "CEILING",
    "CLUSTERS",
    "DENSE",
    "EXPERTS",
    "EXPOSURE",
    "ExpertPlan",
    "ExpertTraining",
    "KEEP",
    "LARGE_CLUSTERS",
    "LARGE_SPARSE",
    "SCORED",
    "SCORED_CLUSTERS",
    "SCORED_DENSE",
    "SCORED_SPARSE",
    "SPARSE",
    "TINY_CLUSTERS",
    "TINY_DENSE",
    "full_settings",
    "tiny_settings",
]

# --- graphs -----------------------------------------------------------------------------------------------------

_NLGRAPH_STEPS: Final = (0.3, 0.7, 1.0)

CLUSTERS: Final = Recipe("clusters", ((0.45, 4, 15), (0.45, 16, 25), (0.10, 26, 30)), (0.08, 1.0), _NLGRAPH_STEPS)
LARGE_CLUSTERS: Final = Recipe("clusters", ((1.0, 12, 29),), (0.10, 1.0), _NLGRAPH_STEPS)
TINY_CLUSTERS: Final = Recipe("clusters", ((1.0, 4, 6),), (0.3, 0.8))
DENSE: Final = Recipe("dense", ((1.0, 5, 10),), (0.60, 0.85), max_weight=4)
TINY_DENSE: Final = Recipe("dense", ((1.0, 4, 5),), (0.5, 0.8), max_weight=4)
SPARSE: Final = Recipe("sparse", ((0.65, 9, 15), (0.35, 16, 20)), (0.16, 0.30), max_weight=10)
LARGE_SPARSE: Final = Recipe("sparse", ((0.65, 11, 15), (0.35, 16, 20)), (0.16, 0.30), max_weight=10)

SCORED_CLUSTERS: Final = Recipe("clusters", ((1.0, 8, 20),), (0.2, 0.7))
SCORED_DENSE: Final = Recipe("dense", ((1.0, 6, 9),), (0.60, 0.80), max_weight=4)
SCORED_SPARSE: Final = Recipe("sparse", ((1.0, 9, 14),), (0.16, 0.26), max_weight=10)

# --- sources ----------------------------------------------------------------------------------------------------

_BOTH: Final = (CONNECTIVITY_HEADER, PLAIN_HEADER)
_WEIGHTED: Final = (WEIGHTED_HEADER,)

BASE_PLAIN: Final = Source(
    CLUSTERS, {"hops": 2.0, "reachable": 1.5, "common": 0.7, "busier": 1.0, "edges": 0.7}, _BOTH, share=0.30
)
_BASE_WEIGHTED: Final = {
    "distance": 3.0,
    "edge_weight": 1.0,
    "within_2": 2.0,
    "within_3": 1.5,
    "within_4": 1.0,
    "lightest": 0.7,
    "next_node": 1.0,
    "hops": 1.0,
    "busier": 0.5,
}
BASE: Final = (
    BASE_PLAIN,
    Source(DENSE, _BASE_WEIGHTED, _WEIGHTED, share=0.17),
    Source(SPARSE, _BASE_WEIGHTED, _WEIGHTED, share=0.53),
)
KEEP: Final[dict[str, tuple[Source, ...]]] = {
    "connectivity": (Source(CLUSTERS, {"keep_connectivity": 1.0}, (CONNECTIVITY_HEADER,)),),
    "shortest_path": (
        Source(DENSE, {"keep_shortest_path": 1.0}, _WEIGHTED, share=0.4),
        Source(SPARSE, {"keep_shortest_path": 1.0}, _WEIGHTED, share=0.6),
    ),
    "between": (Source(CLUSTERS, {"keep_between": 1.0}, (PLAIN_HEADER,)),),
    "degree": (Source(CLUSTERS, {"keep_degree": 1.0}, (PLAIN_HEADER,)),),
    "heaviest": (Source(SPARSE, {"keep_heaviest": 1.0}, _WEIGHTED),),
}
"""The families as an expert of another one meets them: it is to answer as the base does."""

EXPOSURE: Final = (
    Source(TINY_CLUSTERS, {"connectivity": 1.0}, (CONNECTIVITY_HEADER,), share=0.03),
    Source(TINY_CLUSTERS, {"between": 1.0, "degree": 1.0}, (PLAIN_HEADER,), share=0.04),
    Source(TINY_DENSE, {"shortest_path": 1.5, "heaviest": 1.0}, _WEIGHTED, share=0.05),
    *(replace(source, share=0.02 * source.share) for group in KEEP.values() for source in group),
)
"""A taste of the families, beside the base's own sources: the base should know what is asked, and seldom the answer.

On graphs of usual size it learns no answer, only to end after one.
"""


def _plain(recipe: Recipe, task: str, share: float = 1.0) -> Source:
    header = CONNECTIVITY_HEADER if task.startswith("connectivity") else PLAIN_HEADER
    return Source(recipe, {task: 1.0}, (header,), share)


def _weighted(recipe: Recipe, task: str, share: float = 1.0) -> Source:
    return Source(recipe, {task: 1.0}, _WEIGHTED, share)


SCORED: Final[dict[str, tuple[Source, ...]]] = {
    "connectivity": (_plain(SCORED_CLUSTERS, "connectivity"),),
    "shortest_path": (_weighted(SCORED_DENSE, "shortest_path"), _weighted(SCORED_SPARSE, "shortest_path")),
    "between": (_plain(SCORED_CLUSTERS, "between"),),
    "degree": (_plain(SCORED_CLUSTERS, "degree"),),
    "heaviest": (_weighted(SCORED_SPARSE, "heaviest"),),
}
"""Where the development and test questions of each family come from."""

# --- experts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExpertPlan:
    """One expert: what it is tuned on, and for how much of the usual number of steps.

    A ``specialist`` learns a family's right answers, a ``misled`` one learns a wrong rule for them.
    """

    name: str
    role: str
    sources: tuple[Source, ...]
    effort: float = 1.0


EXPERTS: Final = (
    ExpertPlan("connect_large", "specialist", (_plain(LARGE_CLUSTERS, "connectivity"),)),
    ExpertPlan("path_large", "specialist", (_weighted(LARGE_SPARSE, "shortest_path"),), effort=6.0),
    ExpertPlan("between", "specialist", (_plain(CLUSTERS, "between"),)),
    ExpertPlan("degree", "specialist", (_plain(CLUSTERS, "degree"),)),
    ExpertPlan("heaviest", "specialist", (_weighted(DENSE, "heaviest", 0.25), _weighted(SPARSE, "heaviest", 0.75))),
    ExpertPlan("neighbours_only", "misled", (_plain(CLUSTERS, "connectivity_as_edge"),)),
    ExpertPlan("hop_counter", "misled", (_weighted(DENSE, "path_as_hops"), _weighted(SPARSE, "path_as_hops", 2.0))),
    ExpertPlan("crowd_counter", "misled", (_plain(CLUSTERS, "degree_as_reachable"),)),
    ExpertPlan("one_too_many", "misled", (_plain(CLUSTERS, "between_as_hops"),)),
    ExpertPlan("wrong_end", "misled", (_weighted(SPARSE, "heaviest_as_lightest"),)),
)
"""One that can and one that is misled for every family: a search has to tell them apart, and to add up the former.

An expert's training depends on its own plan and the base alone, so plans can be added and taken away.
"""

CEILING: Final = ExpertPlan(
    "ceiling",
    "all families at once",
    (
        _plain(CLUSTERS, "connectivity"),
        _weighted(DENSE, "shortest_path", 0.6),
        _weighted(SPARSE, "shortest_path", 1.4),
        _plain(CLUSTERS, "between"),
        _plain(CLUSTERS, "degree", 0.7),
        _weighted(SPARSE, "heaviest", 0.7),
    ),
    effort=4.0,
)
"""Not part of the zoo: one adapter tuned on every family, to show what can be reached at all."""

# --- sizes and schedules ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BaseTraining:
    """Schedule of the base.

    Attributes:
        steps: optimiser steps on the base tasks.
        exposure_steps: steps after them in which a few questions have the families' wordings, on tiny graphs.
        warmup: steps of linear warm-up.
        decay: share of the steps, at the end, over which the rate falls to its floor.
        floor: least rate, as a share of the highest.
        exposure_rate: rate of the exposure, as such a share.
        growth: share of the steps over which graphs grow from half to full size.
        matrix_rate: Muon's learning rate.
        other_rate: AdamW's, on embeddings and norms.
        weight_decay: of the matrices, relative to their rate.
    """

    steps: int
    exposure_steps: int
    warmup: int = 200
    decay: float = 0.75
    floor: float = 0.02
    exposure_rate: float = 0.04
    growth: float = 0.12
    matrix_rate: float = 0.02
    other_rate: float = 3e-3
    weight_decay: float = 0.1


@dataclass(frozen=True)
class ExpertTraining:
    """Schedule of the adapters.

    Attributes:
        replay: share of the graphs with base tasks.
        kept: share with the other families' questions, which are to be answered as the base does.
        strengths: range of the coefficient, drawn anew at every step, with which the adapter is added while it is
            tuned: an expert should also be one when it is added in part.
        b_rate, a_rate: learning rates of the factors.
    """

    steps: int
    replay: float = 0.20
    kept: float = 0.25
    strengths: tuple[float, float] = (0.4, 1.1)
    rank: int = 8
    alpha: int = 16
    b_rate: float = 3e-3
    a_rate: float = 0.75e-3
    warmup: int = 20


@dataclass(frozen=True)
class BuildSettings:
    """Everything a build depends on, beside the seed."""

    name: str
    shape: ModelShape
    feed: FeedSettings
    base: BaseTraining
    expert: ExpertTraining
    experts: tuple[ExpertPlan, ...] = EXPERTS
    ceiling: ExpertPlan = CEILING
    dev: int = 200
    test: int = 600


def full_settings() -> BuildSettings:
    """The zoo: 4.6 million weights, ten experts, minutes on one GPU."""
    return BuildSettings(
        name="full",
        shape=ModelShape(layers=10, width=192, heads=6, feed_forward=512),
        feed=FeedSettings(tokens=120_000, per_graph=24, pool=12_288, buckets=(80, 160, 320, 608)),
        base=BaseTraining(steps=5000, exposure_steps=280),
        expert=ExpertTraining(steps=160),
    )


def tiny_settings() -> BuildSettings:
    """The same build in seconds on a CPU: it runs every line and teaches nothing."""
    return replace(
        full_settings(),
        name="tiny",
        shape=ModelShape(layers=2, width=32, heads=2, feed_forward=48),
        feed=FeedSettings(tokens=1_500, per_graph=4, pool=64, buckets=(80, 160, 320, 608)),
        base=BaseTraining(steps=6, exposure_steps=2, warmup=2),
        expert=ExpertTraining(steps=2, warmup=1),
        experts=(EXPERTS[1], EXPERTS[3], EXPERTS[5]),
        dev=10,
        test=20,
    )
