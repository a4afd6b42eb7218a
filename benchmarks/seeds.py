"""Searches over seeds and variants, resumable, and the table that compares them.

Not a benchmark itself: ``demo_seeds.py`` and ``nlgraph.py`` say what is compared.
"""

from __future__ import annotations

import json
import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelswarms import RunResult, resume, search
from modelswarms.reports.statistics import paired_interval

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Variant:
    """A named way to search: configuration keys laid over the common ones."""

    name: str
    keys: Mapping[str, Any]


def run_all(variants: Sequence[Variant], seeds: Sequence[int], folder: Path) -> dict[str, dict[int, RunResult]]:
    """Every variant with every seed; a run that exists is gone on with, so an interrupted campaign resumes."""
    results: dict[str, dict[int, RunResult]] = {}
    for variant in variants:
        for seed in seeds:
            run_dir = folder / variant.name.replace(" ", "-") / f"seed-{seed}"
            keys = {**variant.keys, "seed": seed, "run_dir": str(run_dir)}
            result = resume(run_dir) if (run_dir / "journal.jsonl").exists() else search(keys)
            results.setdefault(variant.name, {})[seed] = result
            log.info("%s seed %d: dev %.3f test %.3f", variant.name, seed, result.best["dev"], result.best["test"])
    return results


def test_scores(run: RunResult, candidate: str) -> list[float]:
    """The per-example test scores of a candidate, from the journal."""
    with (run.run_dir / "journal.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return next(
        r["scores"]
        for r in records
        if r["kind"] == "evaluation" and r["split"] == "test" and r["candidate"] == candidate
    )


def paired_over_seeds(one: Mapping[int, RunResult], other: Mapping[int, RunResult]) -> dict[str, Any]:
    """Mean difference of the bests on test, examples paired, averaged over the seeds both have."""
    seeds = sorted(set(one) & set(other))
    a = np.mean([test_scores(one[s], one[s].best["candidate"]) for s in seeds], axis=0)
    b = np.mean([test_scores(other[s], other[s].best["candidate"]) for s in seeds], axis=0)
    return {"difference": float(np.mean(a - b)), "ci": paired_interval(a.tolist(), b.tolist()), "seeds": seeds}


def summary(runs: Mapping[int, RunResult]) -> dict[str, Any]:
    """Figures by seed and their means."""
    by_seed = {
        seed: {
            "best_single": _of(run.best_single),
            "swarm": _of(run.best),
            "random_search": _of(run.random_search) if run.random_search else None,
            "evaluations": run.details["evaluations"],
            "sum": sum(run.best["coefficients"].values()),
        }
        for seed, run in runs.items()
    }
    means = {
        who: {split: statistics.fmean(f[who][split] for f in by_seed.values()) for split in ("dev", "test")}
        for who in ("best_single", "swarm", "random_search")
        if all(f[who] for f in by_seed.values())
    }
    return {"seeds": by_seed, "mean": means}


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines)


def _of(figures: Mapping[str, Any]) -> dict[str, float]:
    return {"dev": figures["dev"], "test": figures["test"]}
