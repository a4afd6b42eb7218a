"""From graphs and questions to what the model reads: one graph, then its questions side by side.

A training sequence is one graph's tokens and K questions of five tokens. Each question sees the graph and itself only,
at the positions it will have when it is asked alone, so one pass over a graph teaches K questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Final

import torch
from torch import Tensor

from modelswarms.zoo.build.tasks import INVALID, TASKS, Asked
from modelswarms.zoo.build.vocabulary import END_ID, PAD_ID, ROW
from modelswarms.zoo.build.wordings import LABELS, MAX_WEIGHT, WORDINGS

__all__ = [
    "Batch",
    "QUESTION",
    "STRING_ORDER",
    "answer_targets",
    "graph_tokens",
    "kept",
    "positions",
    "question_mask",
    "question_tokens",
    "with_kept_answers",
    "without_kept_answers",
]

QUESTION: Final = 5
"""Tokens of a question: opening, node, other node, ending, answer. One-node questions leave the last place empty."""

STRING_ORDER: Final = sorted(range(LABELS), key=str)
"""NLGraph lists nodes as strings: 0, 1, 10, 11, ..., 2, 20, ..."""


@dataclass(frozen=True)
class Batch:
    """Sequences of one length bucket.

    Attributes:
        graph: (B, L) tokens, padded on the right.
        length: (B,) tokens of each graph.
        questions: (B, K, QUESTION) tokens, answers included.
        ending: (B, K) place of the ending in its question; the answer stands right behind it.
        target: (B, K) the answer's token or INVALID.
        task: (B, K) task numbers.
    """

    graph: Tensor
    length: Tensor
    questions: Tensor
    ending: Tensor
    target: Tensor
    task: Tensor

    def __len__(self) -> int:
        return len(self.graph)

    @property
    def tokens(self) -> int:
        return self.graph.numel() + self.questions.numel()

    def __getitem__(self, index: slice | Tensor) -> Batch:
        return Batch(*(getattr(self, f.name)[index] for f in fields(self)))

    def cut(self, length: int) -> Batch:
        """The same batch with graph tokens past ``length`` (all padding) cut off."""
        return Batch(self.graph[:, :length], *(getattr(self, f.name) for f in fields(self)[1:]))

    @staticmethod
    def join(batches: Sequence[Batch]) -> Batch:
        """One batch of several of the same bucket."""
        return Batch(*(torch.cat([getattr(b, f.name) for b in batches]) for f in fields(Batch)))


@dataclass(frozen=True)
class _Tables:
    """Token tables on a device; graph tables are in string order."""

    order: Tensor
    line: Tensor
    neighbour: Tensor
    weighted: Tensor
    node: Tensor
    other: Tensor
    head: Tensor
    ending: Tensor
    one_node: Tensor
    kept: Tensor


@cache
def _tables(device: torch.device) -> _Tables:
    def table(values: list[int] | list[list[int]] | list[bool]) -> Tensor:
        return torch.tensor(values, device=device)

    asked = [WORDINGS[task.name] for task in TASKS]
    return _Tables(
        order=table(STRING_ORDER),
        line=table([ROW[f".\nNode {i} is connected to"] for i in STRING_ORDER]),
        neighbour=table([ROW[f" {i}"] for i in STRING_ORDER]),
        weighted=table([[ROW[f" node {i} with weight {w}"] for w in range(1, MAX_WEIGHT + 1)] for i in STRING_ORDER]),
        node=table([ROW[f" node {i}"] for i in range(LABELS)]),
        other=table([ROW[f" and node {i}"] for i in range(LABELS)]),
        head=table([ROW[wording.head] for wording in asked]),
        ending=table([ROW[wording.ending] for wording in asked]),
        one_node=table([wording.nodes == 1 for wording in asked]),
        kept=table([task.kept for task in TASKS]),
    )


def graph_tokens(weights: Tensor, header: Tensor, weighted: bool, longest: int) -> tuple[Tensor, Tensor]:
    """Tokens (B, longest) and true lengths (B,) of graphs (B, 30, 30) under header rows (B,).

    Lengths may exceed ``longest``: such graphs are cut and must not be used.
    """
    count, device = len(weights), weights.device
    t = _tables(device)
    ordered = weights[:, t.order][:, :, t.order]
    edge = ordered > 0
    if weighted:
        said = t.weighted[torch.arange(LABELS, device=device), (ordered - 1).clamp(min=0)]
    else:
        said = t.neighbour.expand(count, LABELS, LABELS)
    present = torch.cat([edge.any(2, keepdim=True), edge], 2).flatten(1)
    text = torch.cat([t.line[:, None].expand(count, LABELS, 1), said], 2).flatten(1)
    place = present.cumsum(1)
    out = torch.full((count, longest + 1), PAD_ID, device=device)
    out.scatter_(1, torch.where(present & (place < longest), place, longest), text)
    out[:, 0] = header
    return out[:, :longest], place[:, -1] + 1


def question_tokens(asked: Asked) -> tuple[Tensor, Tensor]:
    """Tokens (B, K, QUESTION) and the endings' places (B, K)."""
    t = _tables(asked.task.device)
    head, ending, single = t.head[asked.task], t.ending[asked.task], t.one_node[asked.task]
    answer = torch.where(asked.target == INVALID, PAD_ID, asked.target)
    pad = torch.full_like(answer, PAD_ID)
    two = torch.stack([head, t.node[asked.first], t.other[asked.second], ending, answer], 2)
    one = torch.stack([head, t.node[asked.first], ending, answer, pad], 2)
    return torch.where(single[:, :, None], one, two), torch.where(single, 2, 3)


def positions(batch: Batch) -> Tensor:
    """Positions (B, L + K * QUESTION): every question starts right after its graph."""
    count, longest = batch.graph.shape
    device = batch.graph.device
    graph = torch.arange(longest, device=device).expand(count, longest)
    own = torch.arange(QUESTION, device=device).repeat(batch.questions.shape[1])
    return torch.cat([graph, batch.length[:, None] + own], 1)


def question_mask(batch: Batch, dtype: torch.dtype) -> Tensor:
    """Additive mask (B, 1, K * QUESTION, L + K * QUESTION) for the questions' rows: own graph and own question."""
    count, longest = batch.graph.shape
    place = torch.arange(batch.questions.shape[1] * QUESTION, device=batch.graph.device)
    own = (place[:, None] // QUESTION == place // QUESTION) & (place <= place[:, None])
    graph = torch.arange(longest, device=place.device) < batch.length[:, None]
    seen = torch.cat(
        [graph[:, None, :].expand(count, len(place), longest), own.expand(count, len(place), len(place))], 2
    )
    return torch.zeros(seen.shape, dtype=dtype, device=place.device).masked_fill_(~seen, -3e4)[:, None]


def _spoken(batch: Batch) -> Tensor:
    """The answers' tokens as they stand in the questions, (B, K); padding where there is none."""
    return batch.questions.gather(2, batch.ending[:, :, None] + 1)[:, :, 0]


def kept(batch: Batch) -> Tensor:
    """Which questions' answers are not to be taught, (B, K)."""
    return _tables(batch.task.device).kept[batch.task]


def without_kept_answers(batch: Batch) -> Batch:
    """The batch with only the end-of-text left to learn where an answer is not to be taught."""
    return replace(batch, target=torch.where(kept(batch), INVALID, batch.target))


def with_kept_answers(batch: Batch, said: Tensor) -> Batch:
    """The batch with the answers (B, K) of another model where the right one is not to be taught."""
    mine = kept(batch) & (batch.target != INVALID)
    answer = torch.where(mine, said, _spoken(batch))
    questions = batch.questions.scatter(2, batch.ending[:, :, None] + 1, answer[:, :, None])
    return replace(batch, questions=questions, target=torch.where(mine, said, batch.target))


def answer_targets(batch: Batch) -> Tensor:
    """What is to be said at the ending and at the answer: (B, K, 2), the answer and then end-of-text."""
    stop = torch.where(_spoken(batch) == PAD_ID, INVALID, END_ID)
    return torch.stack([batch.target, stop], 2)
