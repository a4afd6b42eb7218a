"""The parts of a value, for a report: who is compared, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelswarms.baselines import title_of
from modelswarms.reports.evidence import Evidence
from modelswarms.reports.numbers import Scale

__all__ = ["Figure", "PartTable", "how_combined", "part_tables"]

_HOW = {
    "harmonic": "the harmonic mean of its parts' values, 0 where one is 0",
    "mean": "the mean of its parts' values",
    "min": "the value of its worst part",
    "weighted": "the weighted mean of its parts' values",
}


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval, as text; the interval is empty where there is none."""

    value: str
    interval: str


@dataclass(frozen=True)
class PartTable:
    """The parts on a split: ``rows`` are of (part, a figure for each of ``names``)."""

    split: str
    names: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Figure | None]]]


def part_tables(evidence: Evidence) -> list[PartTable]:
    """A table for each split on which there are figures; none for a utility without parts."""
    result = evidence.result
    if result is None or not result["best"].get("parts"):
        return []
    compared = [(f"best single expert ({result['best_single']['expert']})", result["best_single"]["parts"])]
    if result["random_search"]:
        compared.append(("random search", result["random_search"]["parts"]))
    compared.append((title_of(result.get("searcher")), result["best"]["parts"]))
    names = [name for name, _ in compared]
    tables = []
    for split in ("dev", "test"):
        found = [parts[split] or {} for _, parts in compared]
        if any(found):
            rows = [(part, _row(part, found, evidence)) for part in result["best"]["parts"]["dev"]]
            tables.append(PartTable(split, names, rows))
    return tables


def how_combined(evidence: Evidence) -> str:
    """What the value is of its parts, in a sentence; empty where that is not known."""
    combination = evidence.header["utility"].get("combination")
    if not combination:
        return ""
    if combination.get("of_scores"):
        return "The value is the mean of all scores; what stands here is reported only."
    if combination["optimise"] is not None:
        return f"The value is that of the part “{combination['optimise']}”; the others are reported only."
    return f"The value is {_HOW[combination['how']]}, each mapped from its range to 0 to 1 first."


def _row(part: str, found: Sequence[Mapping[str, Any]], evidence: Evidence) -> list[Figure | None]:
    """Written alike, so that they compare."""
    known = [parts[part] for parts in found if part in parts]
    scale = Scale.of([end for f in known for end in (f["value"], *(f["ci"] or ()))], percent=evidence.right_or_wrong)
    return [
        Figure(scale.value(parts[part]["value"]), scale.interval(parts[part]["ci"])) if part in parts else None
        for parts in found
    ]
