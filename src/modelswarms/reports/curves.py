"""Utility over iterations, as a report draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelswarms.reports.charts import Level, Line, line_chart
from modelswarms.reports.evidence import RANDOM, Evidence
from modelswarms.reports.numbers import Scale

__all__ = ["NARROW", "WIDE", "Chart", "Curves", "curves_of", "iteration_values"]

Record = Mapping[str, Any]
Values = list[float | None]

WIDE, NARROW = 780, 340
"""Pixels."""


@dataclass(frozen=True)
class Chart:
    """The same chart for a wide and a narrow screen, as SVG."""

    wide: str
    narrow: str


@dataclass(frozen=True)
class Curves:
    """Utility over iterations, and the same as rows of (iteration, best, mean, worst); ``names`` of the last two."""

    chart: Chart
    level: str
    rows: Sequence[tuple[str, str, str, str]]
    names: Sequence[str]


def curves_of(evidence: Evidence, scale: Scale) -> Curves | None:
    """Best so far, mean and worst of every iteration."""
    if evidence.result is None or evidence.best_single is None:
        return None
    best, mean, worst = iteration_values(evidence)
    names = ("mean", "worst") if evidence.all_known else ("mean of personal bests", "lowest personal best")
    lines = [Line("best so far", "best", best), Line(names[0], "mean", mean), Line(names[1], "worst", worst)]
    level = Level(f"best single expert ({evidence.result['best_single']['expert']})", "single",
                  evidence.best_single["value"])  # fmt: skip
    bounds = evidence.header["utility"]["range"]
    label = f"Utility on dev by iteration: best so far, {names[0]} and {names[1]}, and the best single expert's"
    wide, narrow = (
        line_chart(
            lines, [level], scale.value, label=label, tick_text=scale.tick, bounds=bounds, width=width, height=height
        )
        for width, height in ((WIDE, 320), (NARROW, 260))
    )
    text = [["" if v is None else scale.value(v) for v in values] for values in (best, mean, worst)]
    rows = [(str(i), *row) for i, row in enumerate(zip(*text, strict=True))]
    of = tuple(f"{name} of the iteration" for name in names) if evidence.all_known else names
    return Curves(Chart(wide, narrow), f"{level.name}, {scale.value(level.value)}", rows, of)


def iteration_values(evidence: Evidence) -> tuple[Values, Values, Values]:
    """Best so far, mean and worst on dev, one of each for every iteration; None where there is no value.

    Where evaluations ended early, so that not all values are known, mean and worst of the personal bests so far.
    """
    searched = evidence.searched
    ended_early = [r for r in evidence.ended_early if not r["candidate"].startswith(RANDOM)]
    last = max(r["iteration"] for r in (*searched, *ended_early))
    by_iteration: list[list[Record]] = [[] for _ in range(1 + last)]
    for record in searched:
        by_iteration[record["iteration"]].append(record)
    best: Values = []
    told: list[list[float]] = []
    personal: dict[int, float] = {}
    for records in by_iteration:
        values = [record["value"] for record in records]
        known = [v for v in (*best[-1:], *values) if v is not None]
        best.append(max(known) if known else None)
        for of, value in ((r["particle"], r["value"]) for r in records):
            personal[of] = max(value, personal.get(of, value))
        told.append(values if evidence.all_known else list(personal.values()))
    mean: Values = [sum(v / len(values) for v in values) if values else None for values in told]
    worst: Values = [min(values) if values else None for values in told]
    return best, mean, worst
