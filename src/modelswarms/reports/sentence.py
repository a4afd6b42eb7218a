"""A run in one sentence, no more than its figures say."""

from __future__ import annotations

from typing import Any

from modelswarms.reports.evidence import Evidence
from modelswarms.reports.numbers import Scale, counted

__all__ = ["headline", "is_best_single", "scale_of"]


def scale_of(evidence: Evidence) -> Scale:
    """How this run's values are written: so that the best, the best single expert and their intervals differ."""
    result = evidence.result
    if result is None:
        return Scale(False)
    known = [result["best"], result["best_single"], result["random_search"] or {}]
    values = [f[split] for f in known for split in ("dev", "test") if f.get(split) is not None]
    bounds = [end for f in known for split in ("dev_ci", "test_ci") for end in f.get(split) or ()]
    return Scale.of([*values, *(bounds if evidence.means else ())], percent=evidence.right_or_wrong)


def headline(evidence: Evidence, scale: Scale) -> str:
    """The first line of a report."""
    result = evidence.result
    if result is None:
        return _nothing(evidence)
    best, single = result["best"], result["best_single"]
    its_name = f"the best single expert, “{single['expert']}”,"
    if not evidence.finished:
        done = f"after {counted(result['evaluations'], 'evaluation')}"
        return (
            f"The search is not over: {done} the best so far has {scale.value(best['dev'])} on dev, "
            f"{its_name} {scale.value(single['dev'])}; there are no test figures yet."
        )
    if is_best_single(evidence):
        where, value = ("test", best["test"]) if best["test"] is not None else ("dev", best["dev"])
        return (
            f"No combination was better on dev than the expert “{single['expert']}” alone, "
            f"which has {scale.value(value)} on {where}."
        )
    if result["difference"] is None:
        return (
            f"On dev the best combination has {scale.value(best['dev'])}, {its_name} "
            f"{scale.value(single['dev'])}; without test figures that is no claim."
        )
    return _tested(evidence, result, scale)


def is_best_single(evidence: Evidence) -> bool:
    """Whether the best candidate is the best single expert itself."""
    best, single = evidence.best, evidence.best_single
    return best is not None and single is not None and best["candidate"] == single["candidate"]


def _tested(evidence: Evidence, result: dict[str, Any] | Any, scale: Scale) -> str:
    best, single, difference = result["best"], result["best_single"], result["difference"]
    of = counted(len(evidence.test[best["candidate"]]["scores"]), "test example")
    has = f"the best combination has {scale.value(best['test'])}"
    other = f"the best single expert, “{single['expert']}”, {scale.value(single['test'])}"
    if difference["ci"] is None or not evidence.means:
        return f"On {of} {has}, {other}."
    low, high = difference["ci"]
    change = f"95{chr(0xA0)}% interval {scale.changes((low, high))}"
    if low <= 0 <= high:
        return f"On {of} {has}, {other}: they cannot be told apart ({change})."
    word = "more" if difference["test"] > 0 else "less"
    return (
        f"On {of} {has}, {scale.amount(difference['test'])} {word} than the best single expert “{single['expert']}” "
        f"with {scale.value(single['test'])} ({change})."
    )


def _nothing(evidence: Evidence) -> str:
    if not evidence.failures:
        return "The search is not over: nothing has a value yet."
    attempts = counted(len(evidence.failures), "attempt")
    return f"The search is not over: no starting expert has a value yet, and {attempts} at an evaluation failed."
