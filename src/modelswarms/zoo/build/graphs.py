"""Random graphs in batches, on whatever device: how they are drawn, what they look like, which ones are the same.

A batch of B graphs is one integer tensor (B, 30, 30) of edge weights, symmetric, 0 where there is no edge; unweighted
graphs have weight 1 everywhere. Rows are node labels. A node without edges is not listed in a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from modelswarms.zoo.build.wordings import LABELS

__all__ = ["Facts", "Recipe", "UNREACHABLE", "draw_graphs", "edges_of", "fingerprints", "length_of"]

UNREACHABLE = 10**6
"""Above every distance code; two of them still add up within int32."""

_HOP = 64
# One path is coded as length * _HOP + edges, so that a single min-plus product minimises both, length first.


@dataclass(frozen=True)
class Recipe:
    """How to draw graphs of one kind.

    Attributes:
        kind: ``clusters`` are unweighted, with several components; ``dense`` and ``sparse`` are weighted.
        sizes: (share, fewest nodes, most nodes) triples.
        density: range of the edge probability (inside a component; over all pairs when ``sparse``).
        steps: densities drawn instead of the range three times in four, as NLGraph does.
        max_weight: weights are 1 to this.
    """

    kind: Literal["clusters", "dense", "sparse"]
    sizes: tuple[tuple[float, int, int], ...]
    density: tuple[float, float]
    steps: tuple[float, ...] = ()
    max_weight: int = 1

    @property
    def weighted(self) -> bool:
        return self.kind != "clusters"


def draw_graphs(recipe: Recipe, count: int, generator: torch.Generator, scale: float = 1.0) -> Tensor:
    """Draw ``count`` graphs, (count, 30, 30) int64; ``scale`` < 1 shrinks their sizes (curriculum)."""
    device = generator.device
    uniform = _Uniform(generator)
    size = _sizes(recipe, count, uniform, scale)
    order = torch.arange(LABELS, device=device)
    present = order < size[:, None]
    chance = uniform(count, LABELS, LABELS).triu(1)
    chance = chance + chance.transpose(1, 2)
    density = recipe.density[0] + uniform(count) * (recipe.density[1] - recipe.density[0])
    if recipe.steps:
        stepped = torch.tensor(recipe.steps, device=device)[(uniform(count) * len(recipe.steps)).long()]
        density = torch.where(uniform(count) < 0.75, stepped, density)
    if recipe.kind == "clusters":
        part = _components(count, uniform)
        edges = (chance < density[:, None, None]) & (part[:, :, None] == part[:, None, :])
    elif recipe.kind == "dense":
        edges = chance < density[:, None, None]
    else:
        edges = _tree(count, uniform) | (chance < _extra(density, size)[:, None, None])
    edges &= present[:, :, None] & present[:, None, :] & ~torch.eye(LABELS, dtype=torch.bool, device=device)
    weights = 1 + (uniform(count, LABELS, LABELS) * recipe.max_weight).long().triu(1)
    weights = torch.maximum(weights, weights.transpose(1, 2))
    return _relabel(torch.where(edges, weights, 0), present, uniform)


class _Uniform:
    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def __call__(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.generator.device)


def _sizes(recipe: Recipe, count: int, uniform: _Uniform, scale: float) -> Tensor:
    shares, low, high = (
        torch.tensor(column, device=uniform.generator.device) for column in zip(*recipe.sizes, strict=True)
    )
    edges = (shares / shares.sum()).cumsum(0)
    choice = torch.searchsorted(edges, uniform(count)).clamp(max=len(recipe.sizes) - 1)
    size = low[choice] + (uniform(count) * (high - low + 1)[choice]).long()
    return (size * scale).round().long().clamp(min=4, max=LABELS)


def _components(count: int, uniform: _Uniform) -> Tensor:
    """Which component each node belongs to, (count, 30): 1 to 4 parts of uneven size, mostly 2."""
    draw = uniform(count)
    parts = 1 + (draw > 0.10).long() + (draw > 0.73).long() + (draw > 0.96).long()
    share = (uniform(count, 4) + 0.08) * (torch.arange(4, device=draw.device) < parts[:, None])
    bounds = (share / share.sum(1, keepdim=True)).cumsum(1)[:, None, :3]
    return (uniform(count, LABELS)[:, :, None] > bounds).sum(2)


def _tree(count: int, uniform: _Uniform) -> Tensor:
    """A random tree over the nodes in order: each joins an earlier one, so that every prefix is connected."""
    order = torch.arange(LABELS, device=uniform.generator.device)
    parent = torch.minimum((uniform(count, LABELS) * order).long(), (order - 1).clamp(min=0))
    edges = torch.zeros(count, LABELS, LABELS, dtype=torch.bool, device=order.device)
    edges.scatter_(2, parent[:, :, None], True)
    return edges | edges.transpose(1, 2)


def _extra(density: Tensor, size: Tensor) -> Tensor:
    """Probability of an edge beside the tree's, so that the density comes out as asked."""
    n = size.float()
    missing = density * n * (n - 1) / 2 - (n - 1)
    return (missing / ((n - 1) * (n - 2) / 2)).clamp(min=0.02)


def _relabel(weights: Tensor, present: Tensor, uniform: _Uniform) -> Tensor:
    """Shuffle the labels: 0 to n-1 in three graphs of four, any n of the thirty labels in the others."""
    count = len(weights)
    key = uniform(count, LABELS)
    contiguous = uniform(count) < 0.75
    key = torch.where(contiguous[:, None] & ~present, key + 2, key)
    place = key.argsort(1).argsort(1)
    rows = torch.gather(weights, 1, place[:, :, None].expand_as(weights))
    return torch.gather(rows, 2, place[:, None, :].expand_as(weights))


def _min_plus(left: Tensor, right: Tensor) -> Tensor:
    best = left[:, :, :1] + right[:, :1, :]
    for middle in range(1, LABELS):
        best = torch.minimum(best, left[:, :, middle : middle + 1] + right[:, middle : middle + 1, :])
    return best


class Facts:
    """What is true of a batch of graphs, worked out when first asked for. Tensors are (B, 30, 30) or (B, 30)."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights
        self.edge = weights > 0
        self.degree = self.edge.sum(2)
        self.listed = self.degree > 0

    @cached_property
    def step(self) -> Tensor:
        """Path codes using at most one edge."""
        return self._codes(self.weights)

    def _codes(self, weights: Tensor) -> Tensor:
        code = torch.where(self.edge, weights * _HOP + 1, UNREACHABLE).to(torch.int32)
        return code.masked_fill_(torch.eye(LABELS, dtype=torch.bool, device=code.device), 0)

    @cached_property
    def within_2(self) -> Tensor:
        """Path codes using at most two edges."""
        return _min_plus(self.step, self.step)

    @cached_property
    def within_3(self) -> Tensor:
        """Path codes using at most three edges."""
        return _min_plus(self.within_2, self.step)

    @cached_property
    def within_4(self) -> Tensor:
        """Path codes using at most four edges."""
        return _min_plus(self.within_2, self.within_2)

    @cached_property
    def path(self) -> Tensor:
        """Path codes of the shortest paths; ``UNREACHABLE`` or more where there is none."""
        codes = self.within_4
        for _ in range(3):  # 4 -> 8 -> 16 -> 32 edges, more than any path has
            codes = _min_plus(codes, codes)
        return codes

    @cached_property
    def connected(self) -> Tensor:
        return self.path < UNREACHABLE

    @cached_property
    def hops(self) -> Tensor:
        """Fewest edges between two nodes; -1 where there is no path."""
        codes = self._codes(torch.zeros_like(self.weights))
        for _ in range(5):
            codes = _min_plus(codes, codes)
        return torch.where(codes < UNREACHABLE, codes, -1).long()

    @cached_property
    def common(self) -> Tensor:
        """Number of shared neighbours."""
        edge = self.edge.float()
        return (edge @ edge).round().long()

    @cached_property
    def lightest(self) -> Tensor:
        """Smallest weight at each node; -1 at a node without edges."""
        smallest = torch.where(self.edge, self.weights, UNREACHABLE).amin(2)
        return torch.where(self.listed, smallest, -1)

    @cached_property
    def heaviest(self) -> Tensor:
        """Largest weight at each node; -1 at a node without edges."""
        return torch.where(self.listed, self.weights.amax(2), -1)


def length_of(codes: Tensor) -> Tensor:
    """Path lengths from path codes; -1 where there is no path."""
    return torch.where(codes < UNREACHABLE, codes // _HOP, -1).long()


def edges_of(codes: Tensor) -> Tensor:
    """Numbers of edges from path codes; -1 where there is no path."""
    return torch.where(codes < UNREACHABLE, codes % _HOP, -1).long()


def _mix(x: Tensor) -> Tensor:
    """Scramble int64 values (wrapping products and shifts, the same on every device)."""
    x = (x ^ (x >> 31)) * 0x7FB5D329728EA185
    x = (x ^ (x >> 27)) * -0x7E25210B43D22BB3
    return x ^ (x >> 33)


def fingerprints(weights: Tensor, rounds: int = 6) -> Tensor:
    """One int64 per graph that is equal for isomorphic graphs (Weisfeiler-Lehman refinement with weights).

    Graphs that refinement cannot tell apart share a fingerprint as well: so dropping every training graph whose
    fingerprint is held out keeps the sets disjoint by graph, and drops a few too many rather than too few.
    """
    edge = weights > 0
    colour = edge.any(2).long()
    listed = edge.any(2)
    for _ in range(rounds):
        message = _mix(colour[:, None, :] + _mix(weights + 17)) * edge
        colour = _mix(_mix(colour) + message.sum(2)) * listed
    return _mix(colour).mul(listed).sum(1)
