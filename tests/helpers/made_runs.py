"""Journals as a search writes them, of any utility and without a model: a real swarm, made-up scores."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelswarms.config import to_mapping
from modelswarms.reports.evidence import Evidence, gather
from modelswarms.reports.html import render
from modelswarms.reports.result import build_result
from modelswarms.reports.view import View, build_view
from modelswarms.runs import RunFolder
from modelswarms.swarm import Swarm, SwarmConfig
from modelswarms.types import Array, Candidate

Record = dict[str, Any]
Scores = Callable[[Array, str], list[float]]


def right_or_wrong(coefficients: Array, split: str) -> list[float]:
    """Right on more of twelve examples, the nearer the first two coefficients are to 0.8 and 0.6."""
    aim = np.zeros(len(coefficients))
    aim[:2] = (0.8, 0.6)[: len(coefficients)]
    reached = 12 - 8 * float(np.abs(coefficients - aim).sum())
    return [float(i < reached) for i in range(12)]


def journal(
    names: Sequence[str] = ("a", "b", "c"),
    scores: Scores = right_or_wrong,
    *,
    iterations: int = 2,
    particles: int = 6,
    bounds: Sequence[float] | None = (0.0, 1.0),
    tested: bool = True,
    fails: Callable[[Candidate], bool] = lambda candidate: False,
    utility: str = "made up",
    aggregate: Callable[[Sequence[float]], float] = statistics.fmean,
) -> list[Record]:
    """The records of a whole run."""
    config = SwarmConfig(particles=particles, max_iterations=iterations, patience=10**6)
    records: list[Record] = [_header(names, config, bounds, utility)]
    swarm = Swarm(len(names), config, seed=0)
    singles: list[tuple[float, int, Candidate]] = []
    for batch in iter(swarm.ask, []):
        for candidate in batch:
            if fails(candidate):
                records += [_failure(candidate, attempt) for attempt in (1, 2)]
                swarm.tell(candidate.id, None)
                continue
            record = _evaluation(candidate, "dev", scores(candidate.coefficients, "dev"), aggregate)
            records.append(record)
            swarm.tell(candidate.id, record["value"])
            if candidate.iteration == 0 and candidate.particle < len(names):
                singles.append((-record["value"], candidate.particle, candidate))
    if tested and swarm.best is not None and singles:
        finalists = {c.id: c for c in (swarm.best, min(singles, key=lambda s: s[:2])[2])}
        records += [_evaluation(c, "test", scores(c.coefficients, "test"), aggregate) for c in finalists.values()]
    return records


def evidence_of(records: Sequence[Record], *, over: bool = True) -> Evidence:
    """As a report finds it."""
    return gather(records, manifest(records), build_result(records) if over else None)


def view_of(records: Sequence[Record], *, over: bool = True, times: Any = None) -> View:
    """What the report of a journal says."""
    return build_view(evidence_of(records, over=over), Path("some-run"), times or {})


def page_of(records: Sequence[Record], *, over: bool = True) -> str:
    """The report of a journal."""
    return render(view_of(records, over=over))


def save(records: Sequence[Record], path: Path, *, over: bool = True) -> Path:
    """The folder of a run with that journal."""
    with RunFolder.create(path, manifest(records)) as run:
        for record in records:
            run.journal.append(record)
        if over:
            run.write_json("result.json", build_result(records))
    return path


def manifest(records: Sequence[Record]) -> Record:
    """What ``run.yaml`` holds beside a journal."""
    header = records[0]
    config = {**header["config"], "base": "zoo", "experts": "zoo", "run_dir": "somewhere", "utility": "my:Own"}
    return {"config": config, "versions": header["versions"], "fingerprints": header["fingerprints"]}


def _header(names: Sequence[str], config: SwarmConfig, bounds: Sequence[float] | None, utility: str) -> Record:
    return {
        "kind": "constants",
        "name": "run",
        "seed": 0,
        "experts": list(names),
        "config": {"combine": "delta", "swarm": to_mapping(config), "test": "best", "seed": 0},
        "fingerprints": {"base": "b" * 64, "data": "d" * 64, "experts": dict.fromkeys(names, "e" * 64)},
        "utility": {"name": utility, "range": list(bounds) if bounds else None},
        "engine": {"kind": "scripted", "device": "cpu"},
        "versions": {"python": "3.11.0"},
    }


def _identity(candidate: Candidate) -> Record:
    return {
        "candidate": candidate.id,
        "particle": candidate.particle,
        "iteration": candidate.iteration,
        "coefficients": candidate.coefficients.tolist(),
    }


def _failure(candidate: Candidate, attempt: int) -> Record:
    reason = "the <model> & its answer were lost"
    return {"kind": "failure", **_identity(candidate), "split": "dev", "attempt": attempt, "reason": reason}


def _evaluation(
    candidate: Candidate, split: str, scores: list[float], aggregate: Callable[[Sequence[float]], float]
) -> Record:
    return {
        "kind": "evaluation",
        **_identity(candidate),
        "split": split,
        "value": aggregate(scores),
        "bounds": None,
        "scores": scores,
        "answers": [str(s) for s in scores],
        "unparsed": 0,
        "attempt": 1,
    }
