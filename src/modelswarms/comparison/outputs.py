"""Methods that combine the experts' answers: there is no one expert at their end, and nothing is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from modelswarms.baselines import BestSingle, MethodSearcher
from modelswarms.baselines.clusters import route
from modelswarms.errors import SearchFailedError
from modelswarms.evaluator import Evaluator
from modelswarms.preparation import Prepared, check_unchanged, header_of
from modelswarms.reports.ensembles import unfit, voted
from modelswarms.reports.intervals import Intervals
from modelswarms.runs import RunFolder
from modelswarms.scoring import StageTimes
from modelswarms.types import Split, Utility
from modelswarms.utilities.abilities import opened, parts_from, value_from
from modelswarms.watching import Silent, Watcher

__all__ = ["COMBINED", "about", "outputs_result", "run_outputs"]

COMBINED: Final = "combined"
"""The candidate whose evaluations are those of the answers together."""

Record = dict[str, Any]


def run_outputs(
    name: str, prepared: Prepared, path: Path, watch: Watcher | None, shared: Sequence[tuple[Path, Record]]
) -> Record:
    """Has each expert answer dev and test, and combines the answers; begun or gone on with. Gives its result.

    Args:
        name: one of ``baselines.OUTPUTS``.
        prepared: of any searcher; its engine is started with the experts.
        path: the folder.
        shared: evaluations and constants of other runs that need not be found out again.

    Raises:
        RunError: the folder holds something else.
        SearchFailedError: an expert could not be evaluated.
    """
    begun = (path / "run.yaml").exists()
    with RunFolder.open(path) if begun else RunFolder.create(path, _manifest(name, prepared)) as run:
        records, now = run.journal.read(), about(name, prepared)
        new = check_unchanged(records, now, path) if records else now
        constants = [record for _, record in shared if record["kind"] == "constants" and not records]
        for record in [*([new] if new else []), *constants]:
            run.journal.append(record)
        for folder, record in shared:
            if "responses" in record:
                run.write_responses(RunFolder(folder).read_responses(record["responses"]))
        elsewhere = [record for _, record in shared if record["kind"] == "evaluation"]
        times, known = StageTimes(run.read_timing()), run.journal.read()
        evaluator = Evaluator(prepared.engine, prepared.utility, prepared.data, run, known, times, elsewhere=elsewhere)
        with opened(prepared.utility, run.path):
            try:
                _answer(prepared, evaluator, watch or Silent())
                _combine(name, prepared, evaluator, run)
            finally:
                evaluator.write_times()
        result = outputs_result(run.journal.read())
        run.write_json("result.json", result)
        return result


def about(name: str, prepared: Prepared) -> Record:
    """The journal's first record."""
    header = header_of(replace(prepared, config=replace(prepared.config, searcher="swarm")))
    return {**header, "config": {**header["config"], "searcher": name}}


def _manifest(name: str, prepared: Prepared) -> Record:
    manifest = replace(prepared, config=replace(prepared.config, searcher="swarm")).manifest()
    return {**manifest, "config": {**manifest["config"], "searcher": name}}


def _splits(prepared: Prepared) -> tuple[Split, ...]:
    return ("dev", "test") if prepared.config.test == "best" and prepared.data.test else ("dev",)


def _answer(prepared: Prepared, evaluator: Evaluator, watch: Watcher) -> None:
    """Every expert alone, on every split; who failed on dev is left out on test."""
    experts = MethodSearcher(prepared.space.n, BestSingle(), prepared.space.n).starting_candidates
    evaluator.calibrate(experts)
    evaluator.oppose(prepared.space, _splits(prepared))
    for split in _splits(prepared):
        stage = "search" if split == "dev" else "test"
        watch.asked(stage, experts)
        by_id = {candidate.id: candidate for candidate in experts}
        for evaluation in evaluator.evaluate(experts, split, stage):
            watch.evaluated(stage, by_id[evaluation.candidate], evaluation)
            if split == "test" and evaluation.failure is not None:
                raise SearchFailedError(
                    f"the test evaluation of {evaluation.candidate} failed: {evaluation.failure.rstrip('.')}. "
                    "Mend the cause and run it again; all that was evaluated is kept."
                )
        experts = [candidate for candidate in experts if evaluator.known(candidate.id, "dev") is not None]
        if not experts:
            raise SearchFailedError("no expert could be evaluated; mend the cause and run it again.")


def _combine(name: str, prepared: Prepared, evaluator: Evaluator, run: RunFolder) -> None:
    """Journals what the answers are worth together, or why they cannot be combined; what it has of that stays."""
    ids = [f"0000-{k:03d}" for k in range(prepared.space.n)]
    found = {split: [r for id in ids if (r := evaluator.known(id, split)) is not None] for split in _splits(prepared)}
    utility = evaluator.utility
    if name == "prediction_merge":
        reason = next((why for records in found.values() if (why := unfit(records)) is not None), None)
        if reason is not None:
            _append(run, [{"kind": "constants", "name": COMBINED, "reason": reason}])
            return
        weights = [record["value"] for record in found["dev"]]
        chosen = {split: voted(records, weights) for split, records in found.items()}
        _append(run, [_evaluation(prepared, utility, split, scores, []) for split, scores in chosen.items()])
    else:
        _append(run, _routed(prepared, utility, found))


def _append(run: RunFolder, records: Sequence[Record]) -> None:
    """Journals those that it has not: where it was interrupted, it may have the first of them."""
    keys = ("kind", "name", "candidate", "split")
    there = [[r.get(key) for key in keys] for r in run.journal.read()]
    for record in records:
        if [record.get(key) for key in keys] not in there:
            run.journal.append(record)


def _routed(prepared: Prepared, utility: Utility, found: Mapping[Split, Sequence[Record]]) -> list[Record]:
    """Which expert has what, and its evaluations: each example's score is that of its cluster's expert."""
    dev = found["dev"]
    prompts = {split: [utility.prompt(e) for e in getattr(prepared.data, split)] for split in found}
    values = [record["value"] for record in dev]
    scores = np.array([record["scores"] for record in dev], dtype=np.float64)
    routing = route(prompts["dev"], prompts.get("test", []), scores, values, prepared.config.seed)
    names = [prepared.space.names[record["particle"]] for record in dev]
    evaluations: list[Record] = [{
        "kind": "constants", "name": "routing", "clusters": routing.clusters,
        "experts": [names[k] for k in routing.of_cluster], "held_out": {str(k): v for k, v in routing.held_out.items()},
    }]  # fmt: skip
    for split, records in found.items():
        places = routing.dev if split == "dev" else routing.test
        taken = [records[k]["scores"][i] for i, k in enumerate(places)]
        out = [i for i, k in enumerate(places) if i in records[k].get("left_out", ())]
        evaluations.append(_evaluation(prepared, utility, split, taken, out))
    return evaluations


def _evaluation(
    prepared: Prepared, utility: Utility, split: Split, scores: Sequence[float], left_out: Sequence[int]
) -> Record:
    examples = prepared.data.dev if split == "dev" else prepared.data.test
    parts = parts_from(utility, examples, scores)
    return {
        "kind": "evaluation",
        "candidate": COMBINED,
        "particle": 0,
        "iteration": 1,
        "coefficients": [],
        "split": split,
        "value": value_from(utility, examples, scores),
        "bounds": None,
        "scores": list(scores),
        "answers": [None] * len(scores),
        "unparsed": 0,
        "attempt": 1,
        **({} if parts is None else {"parts": parts}),
        **({"left_out": list(left_out)} if left_out else {}),
    }


def outputs_result(records: Sequence[Record]) -> Record:
    """What ``result.json`` holds: a function of the journal alone."""
    header = next(r for r in records if r["kind"] == "constants" and r["name"] == "run")
    own = {r["split"]: r for r in records if r.get("candidate") == COMBINED}
    dev = [r for r in records if r["kind"] == "evaluation" and r["split"] == "dev" and r["candidate"] != COMBINED]
    reason = next((r["reason"] for r in records if r.get("name") == COMBINED), None)
    untested = "the configuration says test: none" if header["config"].get("test") == "none" else None
    intervals = Intervals.of_run(header, records)
    figures: Record = {"candidate": COMBINED, "coefficients": None}
    for split in ("dev", "test"):
        record = own.get(split)
        figures[split] = None if record is None else record["value"]
        figures[f"{split}_ci"] = None if record is None or record["value"] is None else intervals.of(record)
    routing = next((r for r in records if r["kind"] == "constants" and r["name"] == "routing"), None)
    return {
        "searcher": header["config"]["searcher"],
        "best": figures,
        "reason": reason,
        "test_reason": None if "test" in own else reason or untested or header.get("test_reason"),
        "experts": {header["experts"][r["particle"]]: r["value"] for r in dev},
        "evaluations": len(dev),
        "failures": sum(r["kind"] == "failure" for r in records),
        "stopped_by": None,
        "seed": header["seed"],
        "utility": header["utility"]["name"],
        **({} if routing is None else {key: routing[key] for key in ("clusters", "held_out")}),
    }
