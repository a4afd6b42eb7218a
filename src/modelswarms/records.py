"""The journal's lines of evaluations and failures, as the evaluator writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from modelswarms.types import Candidate, Evaluation, Score, Split, Thresholds

__all__ = [
    "MEASURED",
    "candidate_in",
    "evaluation_in",
    "failed",
    "identity_of",
    "scores_of",
    "thresholds_of",
    "twin_of",
    "unsettled_in",
    "weights_in",
]

Record = dict[str, Any]

MEASURED: Final = ("utility", "opponent")
"""Constants that are measured on the experts alone, and so are the same for all runs of them."""


def unsettled_in(records: Sequence[Record]) -> frozenset[tuple[str, str]]:
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


def weights_in(record: Record) -> bytes:
    """By which two evaluations of the same weights are known."""
    return np.asarray(record["coefficients"], dtype=np.float64).tobytes()


def identity_of(candidate: Candidate) -> Record:
    """Who was evaluated."""
    return {
        "candidate": candidate.id,
        "particle": candidate.particle,
        "iteration": candidate.iteration,
        "coefficients": candidate.coefficients.tolist(),
    }


def candidate_in(record: Record) -> Candidate:
    """Who a line is about."""
    coefficients = np.asarray(record["coefficients"], dtype=np.float64)
    return Candidate(record["candidate"], record["particle"], record["iteration"], coefficients)


def scores_of(scores: Sequence[Score | None]) -> Record:
    """Scores and parsed answers in the order of the data, null for examples that were not run."""
    left_out = [i for i, s in enumerate(scores) if s is not None and not s.counted]
    return {
        "scores": [None if s is None else s.value for s in scores],
        "answers": [None if s is None else s.answer for s in scores],
        "unparsed": sum(s is not None and not s.parsed for s in scores),
        **({"left_out": left_out} if left_out else {}),
    }


def thresholds_of(thresholds: Thresholds) -> Record:
    """What the value of a candidate, whose evaluation might have ended early, has to pass."""
    return {"thresholds": [thresholds.best, thresholds.worst]}


def twin_of(record: Record, candidate: Candidate) -> Record:
    """The line of a candidate that has the weights of one evaluated before; it was not raced itself."""
    kept = {key: value for key, value in record.items() if key != "thresholds"}
    return {**kept, **identity_of(candidate), "same_as": record.get("same_as", record["candidate"])}


def evaluation_in(record: Record) -> Evaluation:
    """What a searcher is told."""
    return Evaluation(
        candidate=record["candidate"],
        value=record["value"],
        split=record["split"],
        scores=tuple(record["scores"]),
        answers=tuple(record["answers"]),
        unparsed=record["unparsed"],
        bounds=None if record["bounds"] is None else (record["bounds"][0], record["bounds"][1]),
        parts=record.get("parts"),
    )


def failed(candidate: Candidate, split: Split, reason: str) -> Evaluation:
    """An evaluation without a value."""
    return Evaluation(candidate.id, None, split, failure=reason)
