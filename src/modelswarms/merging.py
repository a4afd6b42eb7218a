"""A run whose searcher merges: once the experts have their values, its merges join them in the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelswarms.baselines import merging_of, variants_of
from modelswarms.baselines.merges import Merged, with_merges
from modelswarms.config import SearchConfig
from modelswarms.evaluator import Evaluator
from modelswarms.experts import ExpertSpace
from modelswarms.preparation import Prepared
from modelswarms.runs import RunFolder
from modelswarms.types import Array, Candidate

__all__ = ["merged_space", "with_its_merges"]

Record = dict[str, Any]


def with_its_merges(
    prepared: Prepared, experts: Sequence[Candidate], evaluator: Evaluator, run: RunFolder, records: Sequence[Record]
) -> Prepared:
    """The same where the searcher merges nothing; else with its merges beside the experts, and the engine started anew.

    The experts alone are valued first, as a merge may depend on which of them are best. What each merge is made with,
    and what share of it its adapter leaves out, is journalled once.
    """
    if merging_of(prepared.config.searcher) is None:
        return prepared
    for _ in evaluator.evaluate(experts, "dev", "search"):
        pass
    known = [evaluator.known(candidate.id, "dev") for candidate in experts]
    values = np.array([math.nan if record is None else record["value"] for record in known])
    with evaluator.times.measure("merging"):
        space, merged = merged_space(prepared.space, prepared.config, values)
        if not any(r["kind"] == "constants" and r["name"] == "merges" for r in records):
            made = [{"name": m.adapter.name, "rank": m.adapter.rank, "lost": round(m.lost, 6)} for m in merged]
            run.journal.append({"kind": "constants", "name": "merges", "merges": made})
        prepared.engine.close()
        prepared.engine.start(space)
    return replace(prepared, space=space)


def merged_space(space: ExpertSpace, config: SearchConfig, values: Array) -> tuple[ExpertSpace, list[Merged]]:
    """The experts and the merges that a run's searcher makes of them, given their dev values, (n,)."""
    method = merging_of(config.searcher)
    if method is None:
        return space, []
    return with_merges(space, method, variants_of(method, config.swarm, space.n), values, config.seed)
