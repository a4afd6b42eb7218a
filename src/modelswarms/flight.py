"""Candidates in flight: what an evaluator keeps of each until it is journalled, and the scores of a block."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from modelswarms.racing import Blocks, Race
from modelswarms.scheduling import Job, Scheduler
from modelswarms.scoring import CountingModel, GivingWay, score_block
from modelswarms.types import Candidate, Evaluation, Example, Model, Score, Split, Utility

__all__ = ["Busy", "Flight", "Found", "Others", "Scored", "Work", "score_alone", "turn_of"]


class Found(Exception):
    """Another run has evaluated the same weights; ``record`` is its journal's line."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__("evaluated by another run")
        self.record = record


class Busy(Exception):
    """Another run is evaluating the same weights just now: there is time for something else."""


class Others(Protocol):
    """Runs of the same experts, utility, data and engine, which are going on in this process or in others."""

    def take(self, split: Split, weights: bytes) -> None:
        """Reserves an evaluation for this run, until :meth:`free`; what is reserved may be taken again.

        Raises:
            Found: it has been made already.
            Busy: it is reserved by another run.
        """
        ...

    def free(self, split: Split, weights: bytes) -> None:
        """Lets others have it; called when the journal has the evaluation, or it was given up."""
        ...


@dataclass(frozen=True)
class Scored:
    """Scores of one block, and what they cost."""

    scores: Sequence[Score]
    prompt_tokens: int
    new_tokens: int


@dataclass(eq=False)
class Work:
    """A candidate in flight, its race where it need not be run whole, and those of the same weights that wait."""

    candidate: Candidate
    attempt: int
    last: int
    twins: list[Work] = field(default_factory=list)
    race: Race | None = None

    def blocks(self, plan: Blocks) -> Blocks:
        """The plan's blocks in the order in which they are run."""
        return plan if self.race is None else self.race.blocks


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
    postponed: list[Work] = field(default_factory=list)

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
