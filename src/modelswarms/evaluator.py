"""Values candidates: composes them, runs the plan's blocks, and makes every value durable before it counts."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelswarms.datasets import DataSet
from modelswarms.engines.base import Engine
from modelswarms.errors import ModelswarmsError
from modelswarms.plan import make_plan
from modelswarms.runs import RunFolder
from modelswarms.types import (
    Array,
    Candidate,
    Evaluation,
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

__all__ = ["ATTEMPTS", "CountingModel", "Evaluator", "StageTimes", "score_blocks", "value_of"]

log = logging.getLogger(__name__)

ATTEMPTS = 2
"""How often an evaluation is tried before it is marked failed."""

Record = dict[str, Any]
Blocks = tuple[tuple[int, ...], ...]


@dataclass
class StageTimes:
    """Seconds and tokens, by stage; they live beside the journal, never in it."""

    stages: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, seconds=time.perf_counter() - began)

    def summary(self) -> dict[str, Any]:
        """Totals beside the stages: ``seconds``, ``tokens``, ``stages``."""
        amounts = self.stages.values()
        return {
            "seconds": sum(a.get("seconds", 0) for a in amounts),
            "tokens": sum(a.get("prompt_tokens", 0) + a.get("new_tokens", 0) for a in amounts),
            "stages": self.stages,
        }

    def add(self, stage: str, **amounts: float) -> None:
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


class Evaluator:
    """Gives candidates their values, from the journal where they are known, else from the engine.

    Args:
        engine: started.
        utility, data: what is scored, and on which examples.
        run: the run's folder; its journal is read once, then only appended to.
        known: the journal's records so far.
        times: where seconds and tokens are added up.
        keep: whether an evaluation's full texts are worth keeping (see architecture: ``responses/``).
    """

    def __init__(
        self,
        engine: Engine,
        utility: Utility,
        data: DataSet,
        run: RunFolder,
        known: Iterable[Record] = (),
        times: StageTimes | None = None,
        keep: Callable[[Candidate, float], bool] = lambda candidate, value: candidate.iteration == 0,
    ) -> None:
        self.engine, self.utility, self.data, self.run, self.keep = engine, utility, data, run, keep
        self.times = times or StageTimes()
        self._evaluations: dict[tuple[str, str], Record] = {}
        self._by_weights: dict[tuple[str, bytes], Record] = {}
        self._failures: dict[tuple[str, str], list[Record]] = {}
        self._plans: dict[str, Blocks] = {}
        known = list(known)
        for record in known:
            self._remember(record)
        self._unsettled = _unsettled(known)

    def prepare(self, split: Split) -> None:
        """Fixes the batch plan of a split, once for the whole run."""
        if split in self._plans:
            return
        lengths = self.engine.count_tokens([self.utility.prompt(e) for e in self._examples(split)])
        blocks = make_plan(lengths, self.engine.block_tokens)
        self._append({"kind": "plan", "split": split, "blocks": [list(b) for b in blocks]})

    def evaluate(self, batch: Sequence[Candidate], split: Split = "dev", stage: str = "search") -> Iterator[Evaluation]:
        """One evaluation a candidate, as they finish; each is in the journal before it is yielded.

        A failed one is tried again, then yielded without a value. Where nothing succeeded any more when an
        earlier process ended, that which failed is tried once more.
        """
        self.prepare(split)
        given_up = [self._has_failed(c, split) for c in batch]
        retry = all(given_up)
        for candidate, failed in zip(batch, given_up, strict=True):
            record = self._evaluations.get((candidate.id, split))
            if record is not None:
                yield _evaluation(record)
            elif failed and not retry:
                yield _failed(candidate, split, self._failures[candidate.id, split][-1]["reason"])
            else:
                with self.times.measure(stage):
                    evaluation = self._evaluate(candidate, split, stage)
                yield evaluation

    def known(self, candidate: str, split: Split) -> Record | None:
        """The journal's evaluation of a candidate on a split, if there is one."""
        return self._evaluations.get((candidate, split))

    def _evaluate(self, candidate: Candidate, split: Split, stage: str) -> Evaluation:
        twin = self._by_weights.get((split, candidate.coefficients.tobytes()))
        if twin is not None:  # the same weights have the same answers
            record = {**twin, **_identity(candidate), "same_as": twin.get("same_as", twin["candidate"])}
            self._append(record)
            return _evaluation(record)
        done = len(self._failures.get((candidate.id, split), ()))
        reason = ""
        for attempt in range(done + 1, done + ATTEMPTS + 1):
            try:
                scores = self._scores(candidate.coefficients, split, stage)
                value = value_of(self.utility, scores)
            except (KeyboardInterrupt, SystemExit):
                raise
            except Exception as error:  # whatever an engine or a user's utility raises is this evaluation's failure
                reason = str(error) if isinstance(error, ModelswarmsError) else f"{type(error).__name__}: {error}"
                log.warning("evaluation of %s failed (attempt %d): %s", candidate.id, attempt, reason)
                self._append({"kind": "failure", **_identity(candidate), "split": split, "attempt": attempt,
                              "reason": reason})  # fmt: skip
                continue
            record = self._record(candidate, split, value, scores, attempt)
            self._append(record)
            return _evaluation(record)
        return _failed(candidate, split, reason)

    def _scores(self, coefficients: Array | None, split: Split, stage: str) -> list[Score]:
        """Scores of all examples of a split, in the data's order, block by block of the plan."""
        examples = self._examples(split)
        with self.engine.bind(coefficients) as bound:
            model = CountingModel(bound)
            scores = score_blocks(self.utility, examples, self._plans[split], model)
        self.times.add(stage, prompt_tokens=model.prompt_tokens, new_tokens=model.new_tokens, examples=len(examples))
        return scores

    def _record(
        self, candidate: Candidate, split: Split, value: float, scores: Sequence[Score], attempt: int
    ) -> Record:
        record = {
            "kind": "evaluation",
            **_identity(candidate),
            "split": split,
            "value": value,
            "bounds": None,
            "scores": [s.value for s in scores],
            "answers": [s.answer for s in scores],
            "unparsed": sum(not s.parsed for s in scores),
            "attempt": attempt,
        }
        if split == "test" or self.keep(candidate, value):
            texts = [{"id": e.id, "response": s.response} for e, s in zip(self._examples(split), scores, strict=True)]
            record["responses"] = self.run.write_responses(texts)
        return record

    def _has_failed(self, candidate: Candidate, split: Split) -> bool:
        key = (candidate.id, split)
        return (
            key not in self._evaluations and key not in self._unsettled and len(self._failures.get(key, ())) >= ATTEMPTS
        )

    def _append(self, record: Record) -> None:
        self.run.journal.append(record)
        self._remember(record)

    def _remember(self, record: Record) -> None:
        kind, split = record["kind"], record.get("split", "")
        if kind == "plan":
            self._plans[split] = tuple(tuple(block) for block in record["blocks"])
        elif kind == "evaluation":
            self._evaluations[record["candidate"], split] = record
            weights = np.asarray(record["coefficients"], dtype=np.float64).tobytes()
            self._by_weights.setdefault((split, weights), record)
        elif kind == "failure":
            self._failures.setdefault((record["candidate"], split), []).append(record)

    def _examples(self, split: Split) -> tuple[Example, ...]:
        return self.data.dev if split == "dev" else self.data.test


def _unsettled(records: Sequence[Record]) -> frozenset[tuple[str, str]]:
    """Candidates and splits that failed after the last success, where that was in more than one iteration.

    An engine that dies in the middle of an iteration fails the rest of it and all of the next one; nothing
    was built on that, so a resumed run can go on as if it had not happened.
    """
    tail: list[Record] = []
    for record in records:
        if record["kind"] == "evaluation":
            tail = []
        elif record["kind"] == "failure":
            tail.append(record)
    batches = {(record["split"], record["iteration"]) for record in tail}
    return frozenset((r["candidate"], r["split"]) for r in tail) if len(batches) > 1 else frozenset()


def score_blocks(
    utility: Utility, examples: Sequence[Example], blocks: Sequence[Sequence[int]], model: Model
) -> list[Score]:
    """Scores of all examples, in their order, asked for block by block of the plan.

    Raises:
        ValueError: the utility gave another number of scores than there are examples.
    """
    scores: list[Score | None] = [None] * len(examples)
    for block in blocks:
        got = utility.score([examples[i] for i in block], model)
        if len(got) != len(block):
            raise ValueError(f"utility {utility.name} gave {len(got)} scores for {len(block)} examples")
        for i, score in zip(block, got, strict=True):
            scores[i] = score
    return [s for s in scores if s is not None]


def value_of(utility: Utility, scores: Sequence[Score]) -> float:
    """The utility's value. Raises ValueError where it is not finite."""
    value = float(utility.aggregate([s.value for s in scores]))
    if not math.isfinite(value):
        raise ValueError(f"utility {utility.name} aggregated to {value}")
    return value


def _identity(candidate: Candidate) -> Record:
    return {
        "candidate": candidate.id,
        "particle": candidate.particle,
        "iteration": candidate.iteration,
        "coefficients": candidate.coefficients.tolist(),
    }


def _evaluation(record: Record) -> Evaluation:
    return Evaluation(
        candidate=record["candidate"],
        value=record["value"],
        split=record["split"],
        scores=tuple(record["scores"]),
        answers=tuple(record["answers"]),
        unparsed=record["unparsed"],
        bounds=record["bounds"],
    )


def _failed(candidate: Candidate, split: Split, reason: str) -> Evaluation:
    return Evaluation(candidate.id, None, split, failure=reason)
