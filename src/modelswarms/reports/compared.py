"""The table of a comparison: a function of the methods' journals and of what they took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from modelswarms.baselines import SWARM, title_of
from modelswarms.preparation import current_header
from modelswarms.reports.intervals import Intervals, is_mean
from modelswarms.reports.known import known_in_both, known_scores
from modelswarms.reports.statistics import paired_p

__all__ = ["HEADINGS", "NAME", "cells", "compared", "markdown", "notes", "table_of"]

Record = Mapping[str, Any]

NAME: Final = "comparison.json"
"""The file of a comparison's table, beside the folders of its runs."""

_FIGURES: Final = ("test", "95 % interval", "minus swarm", "95 % interval", "p", "dev")
HEADINGS: Final = ("method", *_FIGURES, "evaluations", "tokens", "seconds")
"""Of the columns."""

SUMS: Final = {
    "simplex": "coefficients add up to 1",
    "stretched": "coefficients may add up to anything",
    "subsets": "coefficients may add up to anything",
}


def table_of(
    results: Mapping[str, Record],
    journals: Mapping[str, Sequence[dict[str, Any]]],
    evaluations: int,
    freedom: str,
    times: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """What ``comparison.json`` holds.

    Args:
        results, journals: of each method that is done.
        evaluations: dev evaluations that each method might make.
        freedom: of the coefficients' sum.
        times: seconds and tokens of each method's search, the experts alone included.
    """
    swarm = _tested(results.get(SWARM), journals.get(SWARM, ()))
    rows = [_row(name, results[name], journals[name], swarm, (times or {}).get(name, {})) for name in results]
    rows.sort(key=lambda row: (row["test"] is None, -(row["test"] or 0.0), row["dev"] is None, -(row["dev"] or 0.0)))
    any_result = next(iter(results.values()))
    return {
        "rows": rows,
        "evaluations": evaluations,
        "freedom": freedom,
        "utility": any_result["utility"],
        "experts": len(any_result["experts"]),
        "seed": any_result["seed"],
        "test_reason": any_result["test_reason"],
    }


def _tested(result: Record | None, records: Sequence[Record]) -> Record | None:
    """The test evaluation of a result's best."""
    if result is None:
        return None
    found = (r for r in records if r["kind"] == "evaluation" and r["split"] == "test" and r["value"] is not None)
    return next((r for r in found if r["candidate"] == result["best"]["candidate"]), None)


def _row(
    name: str, result: Record, records: Sequence[dict[str, Any]], swarm: Record | None, spent: Mapping[str, float]
) -> dict[str, Any]:
    best, tested = result["best"], _tested(result, records)
    row = {
        "method": name,
        "title": title_of(name),
        "dev": best["dev"],
        "test": best["test"],
        "test_ci": best["test_ci"],
        "coefficients": best["coefficients"],
        "evaluations": result["evaluations"],
        "stopped_by": result["stopped_by"],
        "failures": result["failures"],
        "tokens": spent.get("tokens"),
        "seconds": spent.get("seconds"),
        "from_swarm": None,
        "reason": result.get("reason"),
    }
    if name != SWARM and swarm is not None and tested is not None:
        intervals = Intervals.of_run(current_header(records), records)
        row["from_swarm"] = {
            "test": tested["value"] - swarm["value"],
            "ci": intervals.difference(tested, swarm),
            "p": _p(tested, swarm),
        }
    return row


def _p(one: Record, other: Record) -> float | None:
    """Of a value that is the mean of its examples' scores; None for any other."""
    if not all(is_mean(record["value"], known_scores(record)) for record in (one, other)):
        return None
    return paired_p(*known_in_both(one, other))


def compared(run: Path) -> dict[str, Any] | None:
    """The table of the comparison that a run belongs to; None where it belongs to none, or the table cannot be read."""
    try:
        table = json.loads((run.absolute().parent / NAME).read_text(encoding="utf-8"))
        if not any(row["method"] == run.absolute().name for row in table["rows"]):
            return None
        return {"headings": HEADINGS, "rows": [cells(row) for row in table["rows"]], "notes": notes(table)}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def markdown(table: Mapping[str, Any]) -> str:
    """The table and what has to be known beside it."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    lines += [f"| {' | '.join(cells(row))} |" for row in table["rows"]]
    return "\n".join([*lines, "", *notes(table)])


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row's figures, written out."""
    versus = row["from_swarm"] or {"test": None, "ci": None, "p": None}
    return [
        row["title"],
        _number(row["test"]),
        _interval(row["test_ci"], ".3f"),
        _number(versus["test"], "+.3f"),
        _interval(versus["ci"], "+.3f"),
        _p_written(versus["p"]),
        _number(row["dev"]),
        str(row["evaluations"]),
        _number(row["tokens"], ",.0f"),
        _number(row["seconds"], ",.0f"),
    ]


def notes(table: Mapping[str, Any]) -> list[str]:
    """What has to be known beside the figures."""
    said = [
        f"Utility {table['utility']}, {table['experts']} experts, seed {table['seed']}; at most {table['evaluations']} "
        f"dev evaluations a method, the experts alone included; {SUMS[table['freedom']]}. "
        "Dev figures chose the results and are optimistic: quote the test."
    ]
    if table["test_reason"]:
        said.append(f"There are no test figures: {table['test_reason']}.")
    if any(row["from_swarm"] for row in table["rows"]):
        said.append(
            "Minus swarm: on the same test examples, with the paired bootstrap's interval; p by random signs of the "
            "differences, not adjusted for the number of methods."
        )
    said += [f"{row['title']}: no figures, as {row['reason']}." for row in table["rows"] if row.get("reason")]
    ahead = [row["title"] for row in table["rows"] if row["from_swarm"] and row["from_swarm"]["test"] > 0]
    if ahead:
        said.append(f"Ahead of the swarm on test: {', '.join(ahead)}.")
    return said


def _number(value: float | None, form: str = ".3f") -> str:
    return "" if value is None else format(value, form)


def _p_written(p: float | None) -> str:
    return "<0.001" if p is not None and p < 0.001 else _number(p)


def _interval(interval: Sequence[float] | None, form: str) -> str:
    return "" if interval is None else f"{format(interval[0], form)} to {format(interval[1], form)}"
