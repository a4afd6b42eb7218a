"""What ending evaluations early saved, and what it could have saved at best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from modelswarms.baselines import SWARM, kind_of_searcher, title_of
from modelswarms.reports.numbers import counted
from modelswarms.utilities.combining import Combination

__all__ = ["racing_figures", "racing_said"]

Record = Mapping[str, Any]


def racing_figures(records: Sequence[Record], header: Record) -> dict[str, Any]:
    """``racing`` in ``result.json``, of all dev evaluations whose value had thresholds to pass.

    ``off`` says why there are none; ``evaluations`` is how many there are, ``ended_early`` how many of them did;
    ``examples`` how many a run without racing would have answered for them, ``saved`` how many of these were not,
    and ``could_be_saved`` how many could not have been at best, None where the utility does not tell.
    """
    raced = [r for r in records if r["kind"] == "evaluation" and "thresholds" in r]
    counts = _counts(records)
    unknown = not header["utility"].get("combination") and any("parts" in r for r in records)
    at_best = [None if unknown else _could_be_saved(record, header, counts) for record in raced]
    known = [amount for amount in at_best if amount is not None]
    return {
        "off": None if raced else _why_not(header),
        "evaluations": len(raced),
        "ended_early": sum(r["value"] is None for r in raced),
        "examples": sum(len(r["scores"]) for r in raced),
        "saved": sum(r["scores"].count(None) for r in raced),
        "could_be_saved": math.fsum(known) if len(known) == len(at_best) else None,
    }


def racing_said(figures: Record | None) -> str | None:
    """The same in a sentence; None for a result from before there was racing, or where it had nothing to do."""
    if figures is None or (figures["off"] is None and not figures["evaluations"]):
        return None
    if figures["off"] is not None:
        return f"No evaluation ended early: {figures['off']}."
    share = figures["saved"] / figures["examples"]
    said = (
        f"{counted(figures['ended_early'])} of {counted(figures['evaluations'])} evaluations ended early, their value "
        f"being known not to matter: {counted(figures['saved'])} of {counted(figures['examples'])} examples were saved "
        f"({share:.0%}"
    )
    if figures["could_be_saved"] is None:
        return f"{said})."
    return f"{said}; at best {figures['could_be_saved'] / figures['examples']:.0%} could have been)."


def _why_not(header: Record) -> str | None:
    """Why nothing was raced; None where nothing came to it, as in a run of starting particles alone."""
    config = header["config"]
    if not config.get("racing", True):
        return "the configuration says racing: false"
    if header.get("unraced"):
        return str(header["unraced"])
    if kind_of_searcher(config.get("searcher")) != SWARM:
        return f"{title_of(config.get('searcher'), 'the ')} needs every value"
    return None


def _counts(records: Sequence[Record]) -> dict[str, int]:
    """The number of dev examples of each part."""
    counts: dict[str, int] = {}
    for plan in records:
        if plan["kind"] == "plan" and plan["split"] == "dev":
            counts = {}
            for task, count in plan.get("tasks", ()):
                part = (task or "").partition("/")[0]
                counts[part] = counts.get(part, 0) + count
    return counts


def _could_be_saved(record: Record, header: Record, counts: Mapping[str, int]) -> float | None:
    """The examples that need not be answered at best; None where the utility does not tell how its value is made.

    A value that matters needs all. Of a mean of n scores from low to high, what an example takes from the highest
    possible mean and what it adds to the lowest possible one are together (high − low)/n, whatever its score; so that
    n·(high − best)/(high − low) examples are needed to know that the value is not above the best, and besides
    n·(worst − low)/(high − low) to know that it is not below the worst.
    """
    (best, worst), value, total = record["thresholds"], record["value"], len(record["scores"])
    if value is not None and (value > best or (worst is not None and value < worst)):
        return 0.0
    given = header["utility"].get("combination")
    combination = None if given is None else Combination.from_dict(given)
    span = header["utility"]["range"]
    if combination is None or combination.of_scores:
        needed = total * _shares_needed(best, worst, span)
    elif combination.optimise is not None:
        needed = counts.get(combination.optimise, 0) * _shares_needed(best, worst, span)
    elif not set(combination.ranges) <= set(counts):
        return None
    else:
        sizes = {name: counts[name] for name in combination.ranges}
        needed = _to_stay_below(combination, sizes, best)
        needed += 0.0 if worst is None else _to_stay_above(combination, sizes, worst)
    return max(0.0, total - needed)


def _shares_needed(best: float, worst: float | None, span: Sequence[float]) -> float:
    low, high = span
    return ((high - best) + (0.0 if worst is None else worst - low)) / (high - low)


def _to_stay_below(combination: Combination, sizes: Mapping[str, int], best: float) -> float:
    """The fewest examples, all as bad as can be, by which parts of these sizes cannot have more than a value."""
    if combination.how == "min":
        return min(sizes.values()) * (1 - best)
    if combination.how == "harmonic":  # it is cheapest to spoil one part
        share = 1.0 if best <= 0 else 1 - 1 / (len(sizes) / best - len(sizes) + 1)
        return min(sizes.values()) * share
    return _weighted(combination, sizes, 1 - best)


def _to_stay_above(combination: Combination, sizes: Mapping[str, int], worst: float) -> float:
    """The fewest examples, all as good as can be, by which parts of these sizes cannot have less than a value."""
    if combination.how == "min":
        return sum(sizes.values()) * worst
    if combination.how == "harmonic":  # least for shares in inverse proportion to the roots of the sizes
        return worst * math.fsum(map(math.sqrt, sizes.values())) ** 2 / len(sizes)
    return _weighted(combination, sizes, worst)


def _weighted(combination: Combination, sizes: Mapping[str, int], amount: float) -> float:
    """The fewest examples that move a weighted mean by an amount: those that weigh most first."""
    weights = {name: combination.weights[name] if combination.how == "weighted" else 1.0 for name in sizes}
    whole, needed = math.fsum(weights.values()), 0.0
    for name in sorted(sizes, key=lambda name: -weights[name] / sizes[name]):
        taken = min(amount, weights[name] / whole)
        needed += 0.0 if not taken else sizes[name] * taken * whole / weights[name]
        amount -= taken
    return needed
