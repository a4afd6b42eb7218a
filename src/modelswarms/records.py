"""The journal's lines of evaluations and failures, as the evaluator writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelswarms.types import Candidate, Evaluation, Split

__all__ = ["evaluation_in", "failed", "identity_of", "unsettled_in", "weights_in"]

Record = dict[str, Any]


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


def evaluation_in(record: Record) -> Evaluation:
    """What a searcher is told."""
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


def failed(candidate: Candidate, split: Split, reason: str) -> Evaluation:
    """An evaluation without a value."""
    return Evaluation(candidate.id, None, split, failure=reason)
