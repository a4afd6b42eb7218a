"""Scores of examples block by block, what they cost, and the value that they make."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from threading import Lock
from typing import Any

from modelswarms.engines.base import Engine
from modelswarms.plan import in_order, make_plan
from modelswarms.preparation import prompt_lengths
from modelswarms.types import (
    Example,
    Loglikelihood,
    LoglikelihoodRequest,
    Model,
    Request,
    Response,
    Score,
    Split,
    Utility,
)
from modelswarms.utilities.abilities import parts_from, value_from

__all__ = [
    "CountingModel",
    "GivingWay",
    "StageTimes",
    "parts_of",
    "plan_of",
    "plan_record",
    "score_block",
    "score_blocks",
    "value_of",
]

Blocks = tuple[tuple[int, ...], ...]


@dataclass
class StageTimes:
    """Seconds and tokens, by stage; they live beside the journal, never in it."""

    stages: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the seconds of what is done inside to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, seconds=time.perf_counter() - began)

    def summary(
        self, remote: Mapping[str, float] | None = None, workers: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, Any]:
        """Totals beside the stages: ``seconds``, ``tokens``, ``stages``; ``remote``, where something was used; and
        ``workers`` of this process, how busy each was."""
        amounts = self.stages.values()
        return {
            "seconds": sum(a.get("seconds", 0) for a in amounts),
            "tokens": sum(a.get("prompt_tokens", 0) + a.get("new_tokens", 0) for a in amounts),
            "stages": self.stages,
            **({"remote": dict(remote)} if remote else {}),
            **({"workers": [dict(worker) for worker in workers]} if workers else {}),
        }

    def add(self, stage: str, **amounts: float) -> None:
        """Adds amounts to a stage's."""
        totals = self.stages.setdefault(stage, {})
        for name, amount in amounts.items():
            totals[name] = totals.get(name, 0) + amount


@dataclass
class CountingModel:
    """The bound model, counting what passes through it."""

    model: Model
    prompt_tokens: int = 0
    new_tokens: int = 0

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        responses = self.model.generate(requests)
        self.prompt_tokens += sum(r.prompt_tokens for r in responses)
        self.new_tokens += sum(r.new_tokens for r in responses)
        return responses

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        answers = self.model.loglikelihood(requests)
        self.prompt_tokens += sum(a.context_tokens + a.tokens for a in answers)
        return answers

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        return self.model.render_chat(messages, continue_last=continue_last)


@dataclass(frozen=True)
class GivingWay:
    """The bound model of a utility whose code one thread runs at a time: others have their turn while it answers.

    Args:
        turn: held by the caller.
    """

    model: Model
    turn: Lock

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        with self._away():
            return self.model.generate(requests)

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        with self._away():
            return self.model.loglikelihood(requests)

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        return self.model.render_chat(messages, continue_last=continue_last)

    @contextmanager
    def _away(self) -> Iterator[None]:
        self.turn.release()
        try:
            yield
        finally:
            self.turn.acquire()


def plan_of(engine: Engine, utility: Utility, examples: Sequence[Example]) -> Blocks:
    """The batch plan of examples: blocks of like length, of one task each."""
    lengths = prompt_lengths(engine, utility, examples)
    return make_plan(lengths, engine.block_tokens, [e.task for e in examples])


def plan_record(engine: Engine, utility: Utility, examples: Sequence[Example], split: Split) -> dict[str, Any]:
    """The journal's line of a split's plan, with the number of examples of each task where there are several."""
    record = {"kind": "plan", "split": split, "blocks": [list(b) for b in plan_of(engine, utility, examples)]}
    tasks = [[task, len(list(run))] for task, run in groupby(e.task for e in examples)]
    return {**record, "tasks": tasks} if any(task for task, _ in tasks) else record


def score_blocks(
    utility: Utility, examples: Sequence[Example], blocks: Sequence[Sequence[int]], model: Model
) -> list[Score]:
    """Scores of all examples, in their order, asked for block by block of the plan.

    Raises:
        ValueError: the utility gave another number of scores than there are examples.
    """
    scores = [score_block(utility, examples, block, model) for block in blocks]
    return [score for score in in_order(blocks, scores, len(examples)) if score is not None]


def score_block(utility: Utility, examples: Sequence[Example], block: Sequence[int], model: Model) -> list[Score]:
    """Scores of one block's examples, in the block's order. Raises as :func:`score_blocks`."""
    scores = utility.score([examples[i] for i in block], model)
    if len(scores) != len(block):
        raise ValueError(f"utility {utility.name} gave {len(scores)} scores for {len(block)} examples")
    return scores


def parts_of(utility: Utility, examples: Sequence[Example], scores: Sequence[Score]) -> dict[str, float] | None:
    """The value of each of a utility's parts; None where it has none. Raises ValueError where one is not finite."""
    parts = parts_from(utility, examples, [s.value for s in scores])
    for name, value in (parts or {}).items():
        if not math.isfinite(value):
            raise ValueError(f"utility {utility.name}: its part {name} has the value {value}")
    return parts


def value_of(utility: Utility, examples: Sequence[Example], scores: Sequence[Score]) -> float | None:
    """The utility's value; None where a part that it needs has no examples.

    Raises:
        ValueError: it is not finite.
    """
    value = value_from(utility, examples, [s.value for s in scores])
    if value is not None and not math.isfinite(value):
        raise ValueError(f"utility {utility.name} aggregated to {value}")
    return value
