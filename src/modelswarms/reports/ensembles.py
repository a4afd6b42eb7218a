"""Top-k ensembles: what the best few say together, at the start of a search and at its end, from its journal alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelswarms.baselines import SWARM, kind_of_searcher
from modelswarms.reports.intervals import is_mean
from modelswarms.reports.numbers import Scale
from modelswarms.reports.statistics import mean_interval

__all__ = ["ensemble_rows", "ensembles", "members", "unfit", "voted"]

Record = Mapping[str, Any]
RANDOM = "random-"


def ensembles(records: Sequence[Record], header: Record, untested: str | None) -> dict[str, Any] | None:
    """``start`` and ``end``, each with ``k``, ``members``, and for ``dev`` and ``test`` a value with its interval.

    A split's figures are null where answers cannot be voted on, or were not asked; ``reason`` says which.

    Args:
        records: the journal.
        header: its constants, with later changes applied.
        untested: why there are no test values, where there are none.
    """
    found = {when: members(records, header, when) for when in ("start", "end")}
    if not any(found.values()):
        return None
    tests = {r["candidate"]: r for r in records if r["kind"] == "evaluation" and r["split"] == "test"}
    return {when: _figures(chosen, tests, untested) for when, chosen in found.items()}


def members(records: Sequence[Record], header: Record, when: str) -> list[Record]:
    """The dev evaluations of the k best, the best first: of the starting candidates, or of the whole search.

    At the end these are the best own bests of a swarm's particles, or of any other searcher the best points; no two
    have the same weights, and there may be fewer than k. Ties go to the earlier iteration, then to the lower index.
    """
    k = header["config"].get("ensemble", 0)
    dev = [r for r in records if r["kind"] == "evaluation" and r["split"] == "dev" and r["value"] is not None]
    ranked = sorted(
        (r for r in dev if not r["candidate"].startswith(RANDOM) and (when == "end" or r["iteration"] == 0)),
        key=lambda r: (-r["value"], r["iteration"], r["particle"]),
    )
    if kind_of_searcher(header["config"].get("searcher")) == SWARM:  # what is below an own best may not even be known
        best = {r["particle"]: r for r in reversed(ranked)}
        ranked = [r for r in ranked if best[r["particle"]] is r]
    chosen: list[Record] = []
    for record in ranked:
        if len(chosen) < k and all(record["coefficients"] != r["coefficients"] for r in chosen):
            chosen.append(record)
    return chosen


def unfit(chosen: Sequence[Record]) -> str | None:
    """Why answers cannot be voted on; None where they can: an answer is right or wrong, whoever gives it."""
    if all(answer is None for record in chosen for answer in record["answers"]):
        return "there are no answers to vote on"
    if any(set(record["scores"]) - {0.0, 1.0} for record in chosen):
        return "answers are not right or wrong, so that none can be voted on"
    if any(record.get("left_out") for record in chosen):
        return "some examples are left out"
    if not all(is_mean(record["value"], record["scores"]) for record in chosen):
        return "the value is not the mean of its examples' scores"
    for place, answers in enumerate(zip(*(record["answers"] for record in chosen), strict=True)):
        scores = defaultdict(set)
        for record, answer in zip(chosen, answers, strict=True):
            scores[answer].add(record["scores"][place])
        if any(len(given) > 1 for answer, given in scores.items() if answer is not None):
            return "equal answers are scored differently, so that there is more to them than can be voted on"
    return None


def voted(chosen: Sequence[Record], weights: Sequence[float]) -> list[float]:
    """The score of each example's majority answer; ties go to the larger sum of the voters' dev values.

    Who gave no answer has no vote; where nobody gave one, the first one's score stands.
    """
    scores = []
    for place in range(len(chosen[0]["scores"])):
        votes: dict[str, list[float]] = {}
        for record, weight in zip(chosen, weights, strict=True):
            answer = record["answers"][place]
            if answer is not None:
                votes.setdefault(answer, []).append(weight)
        if not votes:
            scores.append(chosen[0]["scores"][place])
            continue
        winner = max(votes, key=lambda answer: (len(votes[answer]), sum(votes[answer])))  # the first of equals
        scores.append(next(r["scores"][place] for r in chosen if r["answers"][place] == winner))
    return scores


def _figures(chosen: Sequence[Record], tests: Mapping[str, Record], untested: str | None) -> dict[str, Any]:
    reason = unfit(chosen) if chosen else "nothing has a value yet"
    weights = [record["value"] for record in chosen]
    tested = [tests[r["candidate"]] for r in chosen if r["candidate"] in tests]
    whole = len(tested) == len(chosen) and all(r["value"] is not None for r in tested)
    on_test = reason or (unfit(tested) if whole else untested or "its members were not run on test")
    return {
        "k": len(chosen),
        "members": [record["candidate"] for record in chosen],
        "dev": _value(chosen, weights, reason),
        "test": _value(tested, weights, on_test),
    }


def _value(chosen: Sequence[Record], weights: Sequence[float], reason: str | None) -> dict[str, Any]:
    if reason is not None:
        return {"value": None, "ci": None, "reason": reason}
    scores = voted(chosen, weights)
    return {"value": float(np.mean(scores)), "ci": mean_interval(scores), "reason": None}


def ensemble_rows(result: Record | None, scale: Scale) -> list[tuple[str, ...]]:
    """Name, dev and test of each ensemble, written out; a reason in a figure's place where there is none."""
    found = (result and result.get("ensembles")) or {}
    return [
        (f"{figures['k']} best at the {when}", *(_written(figures[split], scale) for split in ("dev", "test")))
        for when, figures in found.items()
    ]


def _written(figure: Record, scale: Scale) -> str:
    if figure["value"] is None:
        return f"none: {figure['reason']}"
    interval = scale.interval(figure["ci"])
    return f"{scale.value(figure['value'])} ({interval})" if interval else scale.value(figure["value"])
