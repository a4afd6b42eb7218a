"""What an honest reader of a result has to know beside its figures: ``warnings`` in ``result.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelswarms.baselines import title_of

__all__ = ["caveats", "leakage_said", "rescored_figures"]

Record = Mapping[str, Any]

UNPARSED: Final = 0.05
GAP: Final = 0.05
HALF_PRECISION: Final = 0.01
"""Share of a utility's range that a value may differ by where weights are rounded to 16 bits."""


def caveats(result: Mapping[str, Any], records: Sequence[Record], header: Record) -> list[str]:
    """Every warning that a result deserves, the gravest first; most runs have none or few.

    Args:
        result: the figures.
        records: the journal they come from.
        header: its constants, with later changes applied.
    """
    found = [
        *_of_purpose(header),
        *_of_rescoring(result, records, header),
        *_of_failures(result),
        *_of_unparsed(result, records),
        *_of_leakage(result),
        *_of_comparison(result, header),
        *_of_search(result, header),
    ]
    return [warning for warning in found if warning]


def rescored_figures(records: Sequence[Record], candidate: str) -> dict[str, Any] | None:
    """What PEFT's value of the best expert was, from the journal; None where there is none."""
    record = _rescored(records, candidate)
    if record is None or record["reason"] is not None:
        return None
    kept = ("value", "difference", "examples", "differ", "near_ties", "dtype", "answers")
    return {key: record[key] for key in kept}


def _rescored(records: Sequence[Record], candidate: str) -> Record | None:
    return next((r for r in reversed(records) if r["kind"] == "rescored" and r["candidate"] == candidate), None)


def _of_rescoring(result: Mapping[str, Any], records: Sequence[Record], header: Record) -> list[str]:
    best = result["best"]
    record = _rescored(records, best["candidate"])
    if record is not None and record["reason"] is not None:
        return [f"best/ was not scored again by PEFT: {record['reason']}."]
    again = best["rescored"]
    if again is None or again["differ"] == again["near_ties"]:
        return []
    full = again["dtype"] == "float32"
    if not full and abs(again["difference"]) <= HALF_PRECISION * _width(header):
        return []
    beyond = again["differ"] - again["near_ties"]
    remedy = (
        "best/ is not what was searched: do not use it, and report this"
        if full
        else f"{again['dtype']} rounds weights otherwise; engine.dtype: float32 tells whether it is only that"
    )
    return [
        f"Loaded by PEFT, best/ has a dev value of {again['value']:.4f} instead of {best['dev']:.4f}: "
        f"{beyond} of {again['examples']} answers differ beyond near ties. {remedy[0].upper()}{remedy[1:]}."
    ]


def _of_purpose(header: Record) -> list[str]:
    if not _against_reward(header.get("config", {}).get("utility")):
        return []
    return [
        "The search went against a reward model (mode: reverse): best/ answers as that model likes least. It is for "
        "red-teaming; do not give it to anybody else."
    ]


def _against_reward(utility: Any) -> bool:
    """Whether a utility, or a part of it, negates a reward."""
    if isinstance(utility, list | tuple):
        return any(map(_against_reward, utility))
    if not isinstance(utility, Mapping):
        return False
    parts = utility.get("parts")
    inner = list(parts.values()) if isinstance(parts, Mapping) else parts
    return "reverse" in (utility.get("mode"), str(utility.get("kind")).removeprefix("rm_")) or _against_reward(inner)


def _of_failures(result: Mapping[str, Any]) -> list[str]:
    count = result["failures"]
    attempts = "attempt" if count == 1 else "attempts"
    return [f"{count} {attempts} at an evaluation failed; the reasons are in journal.jsonl."] if count else []


def _of_unparsed(result: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    best = [r for r in records if r["kind"] == "evaluation" and r["candidate"] == result["best"]["candidate"]]
    of_best = sum(r["unparsed"] for r in best) / max(1, sum(len(r["scores"]) for r in best))
    if max(result["unparsed_rate"], of_best) <= UNPARSED:
        return []
    return [
        f"No answer could be read from {result['unparsed_rate']:.1%} of all texts ({of_best:.1%} of the best "
        "expert's); they count as the utility says, often as wrong. The texts are in responses/."
    ]


def leakage_said(found: Mapping[str, int]) -> str:
    """What test examples a search has seen on dev, and what became of them, in a sentence or two."""
    others = found["by_question"] - found["by_key"]
    more = f"{others} more {'has' if others == 1 else 'have'} a dev example's question with other choices."
    if not found["by_key"]:
        return f"Of {found['test']} test examples, {more.replace(' more', '', 1)}"
    became = "were left out" if found["left_out"] else "were kept all the same (utility.keep_overlap)"
    said = f"Of {found['test']} test examples, {found['by_key']} are dev examples too, and {became}."
    return f"{said} {more[0].upper()}{more[1:]}" if others else said


def _of_leakage(result: Mapping[str, Any]) -> list[str]:
    return [leakage_said(result["leakage"])] if result["leakage"] else []


def _apart(best: Mapping[str, Any]) -> bool:
    """Whether a gap is more than few questions explain: the test value is below dev's interval."""
    low = (best.get("dev_ci") or (None,))[0]
    return low is None or best["test"] < low


def _of_comparison(result: Mapping[str, Any], header: Record) -> list[str]:
    best, difference = result["best"], result["difference"]
    if best["test"] is None:
        reason = result["test_reason"]
        return [f"There is no test figure ({reason}); the dev figures of a search are optimistic, and are no claim."]
    found = []
    if best["dev"] - best["test"] > GAP * _width(header) and _apart(best):
        found.append(
            f"The best is {best['dev'] - best['test']:.3f} worse on test than on dev: the search fitted the dev "
            "examples; more of them would help."
        )
    random, searcher = result["random_search"], title_of(result.get("searcher"), "the ")
    if random and random["test"] is not None and random["test"] >= best["test"]:
        found.append(
            f"Random search has {random['test']:.3f} on test with as many evaluations, {searcher} {best['test']:.3f}: "
            f"here {searcher} was no better than random mixtures."
        )
    if difference and difference["ci"] and difference["ci"][0] <= 0 <= difference["ci"][1]:
        found.append(f"On test, {searcher} cannot be told from the best single expert: the interval includes 0.")
    elif difference and difference["test"] < 0:
        found.append(f"On test, {searcher} is worse than the best single expert: use that one.")
    return found


def _of_search(result: Mapping[str, Any], header: Record) -> list[str]:
    best_iteration = int(result["best"]["candidate"].partition("-")[0])
    if best_iteration == 0 and result["iterations"] > 0:
        return ["No step of the search was better than its starting particles: the best is one of those."]
    if best_iteration == result["iterations"] > 0 and result["stopped_by"] == "max_iterations":
        return [
            f"The best was found in the last iteration, {best_iteration}: the search was ended while it still gained; "
            "resume it with a larger swarm.max_iterations."
        ]
    return []


def _width(header: Record) -> float:
    """From the lowest to the highest value that the utility can have; without end where it has no range."""
    bounds = header["utility"]["range"]
    return float(bounds[1]) - float(bounds[0]) if bounds else float("inf")
