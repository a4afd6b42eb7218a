"""Candidates in flight: what an evaluator keeps of each until it is journalled, and the scores of a block."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Lock

from modelswarms.scheduling import Job, Scheduler
from modelswarms.scoring import CountingModel, GivingWay, score_block
from modelswarms.types import Candidate, Evaluation, Example, Model, Score, Split, Utility

__all__ = ["Flight", "Scored", "Work", "score_alone", "turn_of"]


@dataclass(frozen=True)
class Scored:
    """Scores of one block, and what they cost."""

    scores: Sequence[Score]
    prompt_tokens: int
    new_tokens: int


@dataclass(eq=False)
class Work:
    """A candidate in flight, and those of the same weights that wait for it."""

    candidate: Candidate
    attempt: int
    last: int
    twins: list[Work] = field(default_factory=list)


def turn_of(work: Work) -> Job[Scored]:
    """Nothing to do, but in its turn: what needs no evaluation is journalled in the order of the batch as well."""
    return Job(work.candidate.id, 1, lambda: nullcontext(lambda k: Scored((), 0, 0)))


@dataclass(frozen=True, eq=False)
class Flight:
    """What one call of evaluate has in work, and what is ready, by its place in the journal."""

    split: Split
    stage: str
    scheduler: Scheduler[Scored]
    turn: Lock | None
    evaluated: dict[bytes, Work] = field(default_factory=dict)
    by_id: dict[str, Work] = field(default_factory=dict)
    ready: list[tuple[int, str, Evaluation]] = field(default_factory=list)

    def put(self, place: int, evaluation: Evaluation) -> None:
        heapq.heappush(self.ready, (place, evaluation.candidate, evaluation))


def score_alone(
    utility: Utility, examples: Sequence[Example], block: Sequence[int], model: Model, turn: Lock | None
) -> Scored:
    """One block's scores; with a turn, this thread's code runs while no other's does."""
    if turn is None:
        counting = CountingModel(model)
        scores = score_block(utility, examples, block, counting)
    else:
        counting = CountingModel(GivingWay(model, turn))
        with turn:
            scores = score_block(utility, examples, block, counting)
    return Scored(scores, counting.prompt_tokens, counting.new_tokens)
