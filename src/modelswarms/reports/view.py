"""The figures of a report, written out and in order: all that the template has to place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelswarms.baselines import title_of
from modelswarms.reports.answers import Comparison, compare
from modelswarms.reports.charts import Bar, interval_axis, interval_bar, signed_bars
from modelswarms.reports.compared import compared
from modelswarms.reports.curves import NARROW, WIDE, Chart, Curves, curves_of
from modelswarms.reports.ensembles import ensemble_rows
from modelswarms.reports.evidence import Evidence
from modelswarms.reports.numbers import Scale, counted, duration, signed
from modelswarms.reports.parts import Figure, PartTable, how_combined, part_tables
from modelswarms.reports.racing import racing_said
from modelswarms.reports.sentence import headline, is_best_single, scale_of
from modelswarms.reports.usage import usage_said

__all__ = [
    "Cost",
    "Figure",
    "Rescored",
    "Reproduce",
    "Row",
    "View",
    "build_view",
]

Record = Mapping[str, Any]
Times = Mapping[str, Mapping[str, float]]

STAGES = {
    "calibration": "measuring constants",
    "search": "search",
    "random_search": "random search",
    "test": "test",
    "export": "saving best/",
    "rescored": "scoring again by PEFT",
}


@dataclass(frozen=True)
class Row:
    """A line of the table; ``kind`` is its CSS class, ``plot`` its SVG."""

    name: str
    note: str
    kind: str
    dev: Figure | None
    test: Figure | None
    plot: str


@dataclass(frozen=True)
class Cost:
    """What the run took; ``stages`` are rows of (stage, time, examples, prompt tokens, new tokens)."""

    facts: Sequence[tuple[str, str]]
    stages: Sequence[tuple[str, ...]]
    reasons: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Rescored:
    """What PEFT makes of ``best/``; ``answers`` are rows of (id, in the search, by PEFT, near tie)."""

    sentence: str
    answers: Sequence[tuple[str, str, str, str]]


@dataclass(frozen=True)
class Reproduce:
    """All that a run depends on."""

    config: str
    facts: Sequence[tuple[str, str]]
    experts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class View:
    """A report."""

    name: str
    headline: str
    over: bool
    subtitle: str
    differences: Sequence[str]
    parts: Sequence[PartTable]
    how_combined: str
    rows: Sequence[Row]
    axis: str
    means: bool
    tested: bool
    curves: Curves | None
    coefficients: Chart | None
    combined: str
    cost: Cost
    warnings: Sequence[str]
    rescored: Rescored | None
    answers: Comparison | None
    compared: Mapping[str, Any] | None
    ensembles: Sequence[tuple[str, ...]]
    reproduce: Reproduce


def build_view(evidence: Evidence, run: Path, times: Times, usage: Mapping[str, float] | None = None) -> View:
    """Everything a report says.

    Args:
        evidence: what the journal says.
        run: the run's folder, where the kept texts are.
        times: seconds and tokens by stage, from ``timing.json``.
        usage: what was used of services, from there too.
    """
    scale, result = scale_of(evidence), evidence.result
    rows, axis = _table(evidence, scale)
    utility = evidence.header["utility"]["name"]
    count = len(evidence.experts)
    return View(
        name=run.absolute().name,
        headline=headline(evidence, scale),
        over=evidence.finished,
        subtitle=f"Utility {utility}" + (f", {counted(count, 'expert')}" if count else ""),
        differences=_differences(evidence, scale),
        parts=part_tables(evidence),
        how_combined=how_combined(evidence),
        rows=rows,
        axis=axis,
        means=evidence.means,
        tested=bool(evidence.test),
        curves=curves_of(evidence, scale),
        coefficients=_coefficients(evidence),
        combined=_combined(evidence),
        cost=_cost(evidence, times, usage or {}),
        warnings=[] if result is None else result["warnings"],
        rescored=_rescored(evidence, scale),
        answers=compare(evidence, run, scale),
        compared=compared(run) if evidence.finished else None,
        ensembles=ensemble_rows(result, scale),
        reproduce=_reproduce(evidence),
    )


@dataclass(frozen=True)
class _Entry:
    name: str
    note: str
    kind: str
    dev: Record | None
    test: Record | None


def _entries(evidence: Evidence) -> list[_Entry]:
    """Who is in the table: base, experts from the best to the worst on dev, random search, the swarm's best."""
    if evidence.result is None:
        return []
    tested = evidence.test.get
    best, single, base, randoms = evidence.best, evidence.best_single, evidence.base, evidence.best_random
    found = [_Entry("base model", "no expert", "base", base, tested(base["candidate"]))] if base else []
    known = [(name, evidence.starting(name)) for name in evidence.experts]
    valued = sorted(((n, r) for n, r in known if r), key=lambda item: -item[1]["value"])
    for name, record in valued:
        is_single = single is not None and record["candidate"] == single["candidate"]
        note, kind = ("best single expert", "single") if is_single else ("", "expert")
        found.append(_Entry(name, note, kind, record, tested(record["candidate"])))
    found += [_Entry(name, "no value", "expert", None, None) for name, record in known if record is None]
    if randoms:
        found.append(_Entry("random search", "its best", "random", randoms, tested(randoms["candidate"])))
    if best:
        note = "the best single expert itself" if is_best_single(evidence) else "best combination"
        found.append(_Entry(title_of(evidence.result["searcher"]), note, "best", best, tested(best["candidate"])))
    return found


def _table(evidence: Evidence, scale: Scale) -> tuple[list[Row], str]:
    """The rows, and the axis above their plots."""
    entries = _entries(evidence)
    marks = [[_mark(evidence, r, split) for r, split in ((e.dev, "dev"), (e.test, "test")) if r] for e in entries]
    ends = [end for row in marks for _, value, interval in row for end in (value, *(interval or ()))]
    if not ends:
        return [], ""
    axis = _plot_axis(ends, evidence.header["utility"]["range"])
    single = next((row for e, row in zip(entries, marks, strict=True) if e.kind == "single"), [])
    reference = single[-1][1] if single else None
    rows = []
    for entry, row in zip(entries, marks, strict=True):
        dev, test = (_figure(evidence, r, scale) for r in (entry.dev, entry.test))
        label = f"{entry.name}: " + ", ".join(f"{kind} {scale.value(value)}" for kind, value, _ in row)
        plot = interval_bar(row, axis, label=label, reference=reference, width=220) if row else ""
        rows.append(Row(entry.name, entry.note, entry.kind, dev, test, plot))
    return rows, interval_axis(axis, scale.tick, label="axis of the plots below", width=220)


def _plot_axis(ends: Sequence[float], bounds: Sequence[float] | None) -> tuple[float, float]:
    """From the lowest to the highest end and a little more, never beyond the utility's range."""
    low, high = min(ends), max(ends)
    pad = 0.04 * (high / 2 - low / 2) * 2 if high > low else max(abs(high) * 0.1, 1e-6)
    inside = bounds is not None and bounds[0] <= low and high <= bounds[1]
    return (max(low - pad, bounds[0]), min(high + pad, bounds[1])) if bounds and inside else (low - pad, high + pad)


def _interval(evidence: Evidence, record: Record) -> Sequence[float] | None:
    return evidence.intervals.of(record) if evidence.means else None


def _mark(evidence: Evidence, record: Record, split: str) -> tuple[str, float, Sequence[float] | None]:
    return split, record["value"], _interval(evidence, record)


def _figure(evidence: Evidence, record: Record | None, scale: Scale) -> Figure | None:
    if record is None:
        return None
    return Figure(scale.value(record["value"]), scale.interval(_interval(evidence, record)))


def _differences(evidence: Evidence, scale: Scale) -> list[str]:
    """The swarm's best against the others, on the same test examples."""
    if evidence.best is None or not evidence.means or is_best_single(evidence):
        return []
    best = evidence.test.get(evidence.best["candidate"])
    others = (("the best single expert", evidence.best_single), ("random search", evidence.best_random))
    name_of_best = title_of(evidence.result and evidence.result["searcher"])
    said = []
    for name, record in others:
        other = evidence.test.get(record["candidate"]) if record else None
        interval = evidence.intervals.difference(best, other) if best and other else None
        if best and other and interval:
            unit = f"{chr(0xA0)}points" if scale.percent else ""
            said.append(
                f"{name_of_best[0].upper()}{name_of_best[1:]} minus {name}, on the same test examples: "
                f"{scale.change(best['value'] - other['value'])}{unit} "
                f"(95{chr(0xA0)}% interval {scale.changes(interval)}, paired bootstrap)."
            )
    return said


def _coefficients(evidence: Evidence) -> Chart | None:
    """From the largest to the smallest."""
    if evidence.result is None:
        return None
    weights = evidence.result["best"]["coefficients"]
    bars = [Bar(name, a, signed(a)) for name, a in sorted(weights.items(), key=lambda item: -item[1])]
    wide, narrow = (signed_bars(bars, label="Coefficients of the best", width=width) for width in (WIDE, NARROW))
    return Chart(wide, narrow)


def _combined(evidence: Evidence) -> str:
    """What the coefficients mean."""
    if evidence.result is None:
        return ""
    weights = evidence.result["best"]["coefficients"].values()
    if evidence.header.get("merges"):
        return (
            "The experts are merged to changes of their own, each valued at several scales; all but one are left out."
        )
    how = {
        "delta": "Each expert's change of the base model's weights is multiplied by its coefficient, and all are added",
        "factors": "The experts' LoRA factors A and B are each added up with the coefficients, as published",
    }[evidence.header["config"]["combine"]]
    return f"{how}. The coefficients sum to {signed(sum(weights))}."


def _cost(evidence: Evidence, times: Times, usage: Mapping[str, float]) -> Cost:
    result = evidence.result
    tokens = sum(t.get("prompt_tokens", 0) + t.get("new_tokens", 0) for t in times.values())
    facts = []
    if result is not None:
        facts.append(
            ("evaluations", f"{counted(result['evaluations'])} in {counted(result['iterations'], 'iteration')}")
        )
        if result["evaluations_random_search"]:
            facts.append(("evaluations of random search", counted(result["evaluations_random_search"])))
        facts.append(("ended by", (result["stopped_by"] or "not over") if evidence.finished else "not over"))
        facts.append(("examples answered", counted(result["examples"])))
        saved = racing_said(result["racing"])
        if saved:
            facts.append(("racing", saved))
        facts.append(("answers that could not be read", f"{100 * result['unparsed_rate']:.1f}{chr(0xA0)}%"))
    facts.append(("failed attempts", counted(len(evidence.failures))))
    if times:
        facts.append(("tokens", counted(tokens)))
        facts.append(("time", duration(sum(t.get("seconds", 0) for t in times.values()))))
    if usage:
        facts.append(("used of services", usage_said(usage)))
    order = [*(s for s in STAGES if s in times), *sorted(s for s in times if s not in STAGES)]
    amounts = ("examples", "prompt_tokens", "new_tokens")
    stages = [
        (STAGES.get(s, s), duration(times[s].get("seconds", 0)), *(counted(times[s].get(a, 0)) for a in amounts))
        for s in order
    ]
    reasons = Counter(f["reason"] for f in evidence.failures).most_common(5)
    return Cost(facts, stages, [(counted(n), reason) for reason, n in reasons])


def _rescored(evidence: Evidence, scale: Scale) -> Rescored | None:
    again = evidence.result["best"]["rescored"] if evidence.result else None
    if again is None or evidence.result is None:
        return None
    differ = "every answer is the same" if not again["differ"] else (
        f"{counted(again['differ'], 'answer')} of {counted(again['examples'])} differ, "
        f"{counted(again['near_ties'])} of them near ties"
    )  # fmt: skip
    sentence = (
        f"Loaded by plain PEFT in {again['dtype']}, best/ has {scale.value(again['value'])} on dev, where the search "
        f"had {scale.value(evidence.result['best']['dev'])}: {differ}."
    )
    rows = [
        (str(a["id"]), _or_none(a["journal"]), _or_none(a["peft"]), "" if a["margin"] is None else f"{a['margin']:.2g}")
        for a in again["answers"][:10]
    ]
    return Rescored(sentence, rows)


def _or_none(answer: str | None) -> str:
    return "none" if answer is None else answer


def _place(key: str) -> tuple[int, str]:
    """Where a key stands in a configuration that is to be read: what is combined and for what comes first."""
    first = ("base", "experts", "utility", "seed", "combine")
    return (first.index(key) if key in first else len(first), key)


def _reproduce(evidence: Evidence) -> Reproduce:
    """The configuration as a file that starts the same search, and what else its values depend on."""
    header = evidence.header
    changed = {key: value for key, value in header["config"].items() if key != "utility"}
    given = {**evidence.manifest["config"], **changed}
    config = {key: given[key] for key in sorted(given, key=_place) if key != "run_dir"}
    prints = header["fingerprints"]
    facts = [("seed", str(header["seed"]))]
    facts += [(name, str(version)) for name, version in sorted(header["versions"].items())]
    facts += [(f"engine {key}", str(value)) for key, value in sorted(header["engine"].items())]
    facts += [(f"fingerprint of the {key}", str(prints[key])) for key in ("base", "data", "utility") if prints.get(key)]
    experts = sorted((prints.get("experts") or {}).items())
    return Reproduce(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), facts, experts)
