"""The table of a sweep: a function of what its trials came to and of their journals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

__all__ = ["TABLE", "effects_of", "markdown", "notes", "table_of"]

Record = Mapping[str, Any]

TABLE: Final = "sweep.json"
"""The file of a sweep's table."""

BINS: Final = 4
"""Into so many parts of as many trials a setting is cut that had more values than these and two."""


def table_of(
    trials: Sequence[Record],
    journals: Mapping[int, Sequence[Record]],
    experts: Sequence[Record],
    chosen: int,
    result: Record,
    about: Record,
) -> dict[str, Any]:
    """What ``sweep.json`` holds.

    Args:
        trials: ``number``, ``settings``, ``state``, ``value``, ``reason`` of each.
        journals: of the trials that have one; ``experts``: of the run of the experts alone.
        chosen: the trial that is best on dev, and its ``result``, with the test.
        about: ``sampler``, ``seed`` and whatever else is to be known of the sweep.
    """
    rows = [_row(trial, journals.get(trial["number"], ())) for trial in trials]
    rows.sort(key=lambda row: (row["state"] != "complete", row["dev"] is None, -(row["dev"] or 0.0), row["trial"]))
    best, single = result["best"], result["best_single"]
    made = sum(_made(records, "dev") for records in (experts, *journals.values()))
    asked = sum(len(_evaluations(records, "dev")) for records in (experts, *journals.values()))
    return {
        **about,
        "trials": rows,
        "settings": effects_of(trials),
        "evaluations": {"made": made, "shared": asked - made},
        "utility": result["utility"],
        "experts": len(result["experts"]),
        "tested": sum(any(_evaluations(records, "test")) for records in journals.values()),
        "chosen": {
            "trial": chosen,
            "settings": next(dict(t["settings"]) for t in trials if t["number"] == chosen),
            "dev": best["dev"],
            "test": best["test"],
            "test_ci": best["test_ci"],
            "best_single": {key: single[key] for key in ("expert", "dev", "test")},
            "difference": result["difference"],
            "test_reason": result["test_reason"],
        },
    }


def effects_of(trials: Sequence[Record]) -> list[dict[str, Any]]:
    """What each setting did to the best dev value, alone; the one that did most first.

    ``share``: of the variance between trials, that between the groups of the setting's values (eta squared). Few
    trials give every setting some share by chance; with g groups of t trials about (g - 1) / (t - 1).
    """
    valued = [t for t in trials if t["value"] is not None and t["state"] in ("complete", "pruned")]
    names = list(dict.fromkeys(name for t in valued for name in t["settings"]))
    found = [
        _effect(name, [(t["settings"][name], t["value"]) for t in valued if name in t["settings"]]) for name in names
    ]
    return sorted(found, key=lambda effect: (-(effect["share"] or 0.0), effect["setting"]))


def _effect(name: str, pairs: Sequence[tuple[Any, float]]) -> dict[str, Any]:
    groups = _grouped(pairs)
    values = np.array([value for _, value in pairs])
    total = float(((values - values.mean()) ** 2).sum())
    between = sum(len(group) * float(np.mean(group) - values.mean()) ** 2 for _, group in groups)
    return {
        "setting": name,
        "share": between / total if total > 0 else None,
        "by_chance": (len(groups) - 1) / (len(values) - 1) if len(values) > 1 else None,
        "values": [
            {
                "value": label,
                "trials": len(group),
                "dev": float(np.mean(group)),
                "error": float(np.std(group, ddof=1) / math.sqrt(len(group))) if len(group) > 1 else None,
            }
            for label, group in groups
        ],
    }


def _grouped(pairs: Sequence[tuple[Any, float]]) -> list[tuple[Any, list[float]]]:
    """Dev values by the setting's value, or by ranges of it where they are many."""
    labels = list(dict.fromkeys((type(setting), setting) for setting, _ in pairs))
    numbers = all(isinstance(setting, int | float) and not isinstance(setting, bool) for setting, _ in pairs)
    if not numbers or len(labels) <= BINS + 2:
        if numbers:
            labels.sort(key=lambda label: label[1])
        return [(one[1], [value for s, value in pairs if (type(s), s) == one]) for one in labels]
    ordered = sorted(pairs, key=lambda pair: pair[0])
    parts = [part for part in np.array_split(np.arange(len(ordered)), BINS) if len(part)]
    return [
        (f"{ordered[part[0]][0]:.4g} to {ordered[part[-1]][0]:.4g}", [ordered[k][1] for k in part]) for part in parts
    ]


def _row(trial: Record, records: Sequence[Record]) -> dict[str, Any]:
    return {
        "trial": trial["number"],
        "state": trial["state"],
        "dev": trial["value"],
        "settings": dict(trial["settings"]),
        "iterations": max((r["iteration"] for r in _evaluations(records, "dev")), default=0),
        "evaluations": len(_evaluations(records, "dev")),
        "made": _made(records, "dev"),
        "failures": sum(r["kind"] == "failure" for r in records),
        "reason": trial["reason"],
    }


def _evaluations(records: Sequence[Record], split: str) -> list[Record]:
    return [r for r in records if r["kind"] == "evaluation" and r["split"] == split]


def _made(records: Sequence[Record], split: str) -> int:
    """Evaluations that were run for it; the others were there already."""
    return sum("same_as" not in r for r in _evaluations(records, split))


def markdown(table: Mapping[str, Any]) -> str:
    """The chosen trial, all of them, what the settings did, and what has to be known beside it."""
    names = list(dict.fromkeys(name for row in table["trials"] for name in row["settings"]))
    headings = ["trial", "dev", *names, "state", "iterations", "evaluations", "of them made"]
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    for row in table["trials"]:
        cells = [str(row["trial"]), _number(row["dev"])]
        cells += ["" if name not in row["settings"] else _value(row["settings"][name]) for name in names]
        cells += [row["state"], str(row["iterations"]), str(row["evaluations"]), str(row["made"])]
        lines.append(f"| {' | '.join(cells)} |")
    effects = ["| setting | share of the variance | by chance | mean dev of its values (trials) |", "|---|---|---|---|"]
    for effect in table["settings"]:
        values = "; ".join(f"{_value(v['value'])}: {_number(v['dev'])} ({v['trials']})" for v in effect["values"])
        share, chance = (_number(effect[key], ".2f") for key in ("share", "by_chance"))
        effects.append(f"| {effect['setting']} | {share} | {chance} | {values} |")
    return "\n".join(["# Sweep", "", *_chosen(table), "", *effects, "", *lines, "", *notes(table)])


def _chosen(table: Mapping[str, Any]) -> list[str]:
    chosen, single = table["chosen"], table["chosen"]["best_single"]
    said = ", ".join(f"{name} {_value(value)}" for name, value in chosen["settings"].items())
    lines = [f"Chosen on dev: trial {chosen['trial']} ({said}), dev {_number(chosen['dev'])}."]
    if chosen["test"] is None:
        return [*lines, f"There is no test figure: {chosen['test_reason'] or 'the configuration says test: none'}."]
    line = f"On test: {_number(chosen['test'])}, the best single expert ({single['expert']}) {_number(single['test'])}"
    if chosen["difference"]:
        low, high = chosen["difference"]["ci"]
        line += f"; difference {chosen['difference']['test']:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
    return [*lines, f"{line}."]


def notes(table: Mapping[str, Any]) -> list[str]:
    """What has to be known beside the figures."""
    made, shared = table["evaluations"]["made"], table["evaluations"]["shared"]
    said = [
        f"Utility {table['utility']}, {table['experts']} experts, sampler {table['sampler']}, seed {table['seed']}; "
        f"{made} dev evaluations made, {shared} more were there already. Dev figures chose the trial and are "
        "optimistic, the more so the more trials there are: quote the test."
    ]
    if table["tested"] > 1:
        said.append(f"The test split was used {table['tested']} times, since the sweep went further after a test.")
    return said


def _number(value: float | None, form: str = ".3f") -> str:
    return "" if value is None else format(value, form)


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)
