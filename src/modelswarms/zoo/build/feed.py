"""An endless, seeded supply of training batches, made where they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modelswarms.zoo.build.graphs import Facts, Recipe, draw_graphs, fingerprints
from modelswarms.zoo.build.sequences import QUESTION, Batch, graph_tokens, question_tokens
from modelswarms.zoo.build.tasks import ask
from modelswarms.zoo.build.vocabulary import ROW

__all__ = ["Feed", "FeedSettings", "Source", "draw_batch"]


@dataclass(frozen=True)
class Source:
    """Graphs of one kind and the questions asked about them.

    Attributes:
        recipe: how graphs are drawn.
        mixture: task name to share.
        headers: first lines; each graph gets one of them.
        share: share of the graphs, against the other sources.
    """

    recipe: Recipe
    mixture: Mapping[str, float]
    headers: tuple[str, ...]
    share: float = 1.0


@dataclass(frozen=True)
class FeedSettings:
    """Sizes of the supply: tokens a batch, questions a graph, graphs a pool, graph lengths of the buckets."""

    tokens: int
    per_graph: int
    pool: int
    buckets: tuple[int, ...]

    def batch_size(self, bucket: int) -> int:
        """Sequences in a batch of this bucket, a multiple of eight."""
        return max(8, self.tokens // (bucket + self.per_graph * QUESTION) // 8 * 8)


def draw_batch(
    source: Source, count: int, per_graph: int, longest: int, generator: torch.Generator, scale: float = 1.0
) -> tuple[Batch, Tensor]:
    """``count`` graphs with questions as tokens, and the graphs' fingerprints (count,)."""
    weights = draw_graphs(source.recipe, count, generator, scale)
    asked = ask(Facts(weights), source.mixture, per_graph, generator)
    rows = torch.tensor([ROW[text] for text in source.headers], device=weights.device)
    chosen = torch.randint(len(rows), (count,), generator=generator, device=weights.device)
    graph, length = graph_tokens(weights, rows[chosen], source.recipe.weighted, longest)
    questions, ending = question_tokens(asked)
    return Batch(graph, length, questions, ending, asked.target, asked.task), fingerprints(weights)


class Feed:
    """Batches from ``sources``, never with a graph whose fingerprint is in ``held_out``.

    Pool number i is drawn from (seed, i) alone, so a feed that is restored between two pools goes on as if it had
    never stopped.
    """

    def __init__(
        self, sources: Sequence[Source], settings: FeedSettings, held_out: Tensor, seed: int, device: torch.device
    ) -> None:
        self.sources = tuple(sources)
        self.scale = 1.0
        self.dropped = 0
        self._settings = settings
        self._held_out = held_out.to(device)
        self._seed = seed
        self._device = device
        self._pools = 0
        self._rest: dict[int, Batch] = {}
        self._ready: list[Batch] = []

    @property
    def between_pools(self) -> bool:
        """Whether every batch of the last pool has been handed out."""
        return not self._ready

    def next(self) -> Batch:
        while not self._ready:
            self._fill()
        return self._ready.pop()

    def state(self) -> dict[str, Any]:
        """What is needed to go on later; only between pools."""
        if self._ready:
            raise ValueError("feed: its state can be taken between pools only")
        return {"pools": self._pools, "rest": {size: vars(batch) for size, batch in self._rest.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._pools = state["pools"]
        self._rest = {size: Batch(**tensors) for size, tensors in state["rest"].items()}
        self._ready = []

    def _fill(self) -> None:
        generator = torch.Generator(self._device).manual_seed(self._seed * 1_000_003 + self._pools)
        self._pools += 1
        total = sum(source.share for source in self.sources)
        for source in self.sources:
            count = max(8, int(self._settings.pool * source.share / total))
            batch, prints = draw_batch(
                source, count, self._settings.per_graph, self._settings.buckets[-1], generator, self.scale
            )
            fresh = ~torch.isin(prints, self._held_out)
            self.dropped += count - int(fresh.sum())
            self._sort_in(batch, fresh)
        for bucket, rest in list(self._rest.items()):
            self._cut(bucket, rest, generator)
        order = torch.randperm(len(self._ready), generator=generator, device=self._device).tolist()
        self._ready = [self._ready[i] for i in order]

    def _sort_in(self, batch: Batch, fresh: Tensor) -> None:
        """Add the fresh graphs to the buckets they fit in; longer ones are left out."""
        shortest = 1  # a graph without edges is its header alone
        for bucket in self._settings.buckets:
            fits = (fresh & (batch.length > shortest) & (batch.length <= bucket)).nonzero()[:, 0]
            shortest = bucket
            if len(fits):
                parts = [self._rest[bucket]] if bucket in self._rest else []
                self._rest[bucket] = Batch.join([*parts, batch[fits].cut(bucket)])

    def _cut(self, bucket: int, rest: Batch, generator: torch.Generator) -> None:
        """Cut what has gathered in a bucket into whole batches."""
        size = self._settings.batch_size(bucket)
        if len(rest) < size:
            return
        mixed = rest[torch.randperm(len(rest), generator=generator, device=self._device)]
        whole = len(mixed) // size * size
        self._ready += [mixed[start : start + size] for start in range(0, whole, size)]
        self._rest[bucket] = mixed[whole:]
