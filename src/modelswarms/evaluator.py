"""Values candidates: composes them, runs the plan's blocks, and makes every value durable before it counts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from modelswarms.calibration import measured_constants, needs_constants
from modelswarms.datasets import DataSet
from modelswarms.engines.base import Engine
from modelswarms.errors import EvaluationError, ModelswarmsError, SearchFailedError
from modelswarms.runs import RunFolder
from modelswarms.scoring import CountingModel, StageTimes, parts_of, plan_of, score_blocks, value_of
from modelswarms.types import Array, Candidate, Evaluation, Example, Score, Split, Utility
from modelswarms.utilities.abilities import usage_of, with_constants

__all__ = ["ATTEMPTS", "Evaluator"]

log = logging.getLogger(__name__)

ATTEMPTS = 2
"""How often an evaluation is tried before it is marked failed."""

Record = dict[str, Any]
Blocks = tuple[tuple[int, ...], ...]


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
        self._constants: dict[str, float] | None = None
        known = list(known)
        for record in known:
            self._remember(record)
        self._unsettled = _unsettled(known)

    def prepare(self, split: Split) -> None:
        """Fixes the batch plan of a split, once for the whole run."""
        if split in self._plans:
            return
        examples = self._examples(split)
        record = {
            "kind": "plan",
            "split": split,
            "blocks": [list(b) for b in plan_of(self.engine, self.utility, examples)],
        }
        tasks = [[task, len(list(run))] for task, run in groupby(e.task for e in examples)]
        self._append({**record, "tasks": tasks} if any(task for task, _ in tasks) else record)

    def calibrate(self, experts: Sequence[Candidate]) -> None:
        """Gives the utility the constants that it needs: the journal's, or else those of the starting experts.

        Raises:
            SearchFailedError: they could not be measured.
        """
        if not needs_constants(self.utility):
            return
        if self._constants is None:
            self.prepare("dev")
            values = measured_constants(
                self.utility,
                self.engine,
                self.data.dev,
                self._plans["dev"],
                [candidate.coefficients for candidate in experts],
                self.times,
            )
            self._append({"kind": "constants", "name": "utility", "values": values})
        self.utility = with_constants(self.utility, self._constants or {})

    def write_times(self) -> None:
        """Puts what was spent so far into the run's ``timing.json``."""
        self.run.write_json("timing.json", self.times.summary(usage_of(self.utility)))

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
                record = self._record(candidate, split, scores, attempt)
            except SearchFailedError:  # a utility's word that the run cannot go on, such as a limit that is reached
                raise
            except Exception as error:  # whatever an engine or a user's utility raises is this evaluation's failure
                reason = str(error) if isinstance(error, ModelswarmsError) else f"{type(error).__name__}: {error}"
                log.warning("evaluation of %s failed (attempt %d): %s", candidate.id, attempt, reason)
                self._append({"kind": "failure", **_identity(candidate), "split": split, "attempt": attempt,
                              "reason": reason})  # fmt: skip
                continue
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

    def _record(self, candidate: Candidate, split: Split, scores: Sequence[Score], attempt: int) -> Record:
        examples = self._examples(split)
        value, parts = value_of(self.utility, examples, scores), parts_of(self.utility, examples, scores)
        if value is None and split == "dev":
            raise EvaluationError(f"utility {self.utility.name}: a part that its value needs has no dev examples.")
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
            **({} if parts is None else {"parts": parts}),
        }
        if split == "test" or value is None or self.keep(candidate, value):
            texts = [{"id": e.id, "response": s.response} for e, s in zip(examples, scores, strict=True)]
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
        elif kind == "constants" and record["name"] == "utility":
            self._constants = record["values"]

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
        parts=record.get("parts"),
    )


def _failed(candidate: Candidate, split: Split, reason: str) -> Evaluation:
    return Evaluation(candidate.id, None, split, failure=reason)
