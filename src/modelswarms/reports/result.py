"""``result.json``: a pure function of the journal; every figure can be traced to one of its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelswarms.baselines import SWARM, kind_of_searcher
from modelswarms.config import config_from_mapping
from modelswarms.preparation import current_header, names_of
from modelswarms.reports.caveats import caveats, rescored_figures
from modelswarms.reports.ensembles import ensembles
from modelswarms.reports.intervals import Intervals
from modelswarms.reports.racing import racing_figures
from modelswarms.swarm import AsynchronousSwarm, Swarm, swarm_of
from modelswarms.types import Candidate, Evaluation

__all__ = ["RunResult", "build_result", "replayed_swarm"]

Record = dict[str, Any]
RANDOM = "random-"


@dataclass(frozen=True)
class RunResult:
    """What a search found.

    Attributes:
        run_dir: the run's folder; ``run_dir / "best"`` is the best expert as a PEFT adapter.
        best: ``coefficients`` by expert, ``dev``, ``test`` and ``test_ci`` (95 %), ``rescored`` by PEFT; ``parts``: for
            a utility that has some, value and ``ci`` of each, on dev and on test.
        best_single: the starting expert that was best on dev: ``expert``, ``dev``, ``test``, ``test_ci``.
        difference: best minus best single on test, ``test`` and its paired bootstrap ``ci`` (95 %); or None.
        random_search: ``dev``, ``test`` at as many evaluations; None unless asked for.
        details: everything in ``result.json``.
    """

    run_dir: Path
    best: Mapping[str, Any]
    best_single: Mapping[str, Any]
    difference: Mapping[str, Any] | None
    random_search: Mapping[str, Any] | None
    details: Mapping[str, Any]

    @classmethod
    def of(cls, result: Mapping[str, Any], run_dir: Path) -> RunResult:
        """The outcome that a result stands for."""
        return cls(
            run_dir=run_dir,
            best=result["best"],
            best_single=result["best_single"],
            difference=result["difference"],
            random_search=result["random_search"],
            details=result,
        )

    @property
    def adapter(self) -> Path:
        """The folder of the best expert."""
        return self.run_dir / "best"


def build_result(records: Sequence[Record]) -> dict[str, Any]:
    """The result that a complete journal stands for."""
    header = current_header(records)
    ended = _ended(records, header)
    dev, test = _by_candidate(records, "dev"), _by_candidate(records, "test")
    searched = [r for r in dev.values() if not r["candidate"].startswith(RANDOM)]
    randoms = [r for r in dev.values() if r["candidate"].startswith(RANDOM)]
    single = _best([r for r in searched if _is_expert(r, header)])
    best = dev[ended["answer"]] if ended["answer"] else _best(searched)
    valued = [*dev.values(), *test.values()]
    figures = _Figures(Intervals.of_run(header, records), test)
    result = {
        "best_single": {"expert": header["experts"][single["particle"]], **figures.of(single)},
        "best": {
            "candidate": best["candidate"],
            "coefficients": dict(zip(names_of(header), best["coefficients"], strict=False)),
            **figures.of(best),
            "rescored": rescored_figures(records, best["candidate"]),
        },
        "difference": figures.difference(best, single),
        "test_reason": None if figures.tested(best) else _untested(header),
        "leakage": header.get("leakage"),
        "random_search": figures.of(_best(randoms)) if randoms else None,
        "ensembles": ensembles(records, header, None if figures.tested(best) else _untested(header)),
        "experts": {header["experts"][r["particle"]]: r["value"] for r in searched if _is_expert(r, header)},
        "iterations": ended["iterations"],
        "evaluations": len(searched),
        "evaluations_random_search": len(randoms),
        "examples": sum(_answered(r) for r in valued if "same_as" not in r),
        "failures": sum(r["kind"] == "failure" for r in records),
        "unparsed_rate": _rate(valued),
        "racing": racing_figures(records, header),
        "stopped_by": ended["stopped_by"],
        "searcher": kind_of_searcher(header["config"].get("searcher")),
        "seed": header["seed"],
        "utility": header["utility"]["name"],
        "engine": header["engine"],
        "fingerprints": header["fingerprints"],
        "versions": header["versions"],
    }
    constants = next((r["values"] for r in records if r["kind"] == "constants" and r["name"] == "utility"), None)
    result |= {} if constants is None else {"constants": constants}
    merges = next((r["merges"] for r in records if r["kind"] == "constants" and r["name"] == "merges"), None)
    result |= {} if merges is None else {"merges": merges}
    return {**result, "warnings": caveats(result, records, header)}


def replayed_swarm(records: Sequence[Record]) -> Swarm:
    """The swarm after everything the journal holds was told."""
    header = current_header(records)
    config = config_from_mapping({"swarm": header["config"]["swarm"]}).swarm
    swarm = swarm_of(len(header["experts"]), config, header["seed"])
    known = _by_candidate(records, "dev")
    if isinstance(swarm, AsynchronousSwarm):
        return _replayed_in_order(swarm, records)
    for batch in iter(swarm.ask, []):
        if not any(c.id in known for c in batch):
            break
        for candidate in batch:
            swarm.tell(candidate.id, _told(candidate, known))
    return swarm


def _replayed_in_order(swarm: AsynchronousSwarm, records: Sequence[Record]) -> AsynchronousSwarm:
    """The swarm as the order of the journal made it: the last line about a candidate is where it was told."""
    told: dict[str, Evaluation | None] = {}
    for record in records:
        if record["kind"] in ("evaluation", "failure") and record["split"] == "dev":
            failed = record["kind"] == "failure"
            told.pop(record["candidate"], None)
            told[record["candidate"]] = None if failed else _told_as(record)
    waiting = {candidate.id for candidate in swarm.ask()}
    for id, evaluation in told.items():
        if id not in waiting:
            continue  # of another searcher, or an attempt that was not the last
        swarm.tell(id, evaluation)
        waiting = (waiting - {id}) | {candidate.id for candidate in swarm.more()}
    return swarm


def _told_as(record: Record) -> Evaluation:
    return Evaluation(record["candidate"], record["value"], bounds=record["bounds"])


def _ended(records: Sequence[Record], header: Record) -> dict[str, Any]:
    """Where a search stands: ``iterations``, ``stopped_by``, and its ``answer`` where that is not the best on dev.

    A method's own words are in the journal: telling it all values again may take as long as the search did.
    """
    if kind_of_searcher(header["config"].get("searcher")) == SWARM:
        swarm = replayed_swarm(records)
        return {"iterations": swarm.iteration, "stopped_by": swarm.stopped_by, "answer": None}
    said = next((r for r in reversed(records) if r["kind"] == "constants" and r["name"] == "searched"), None)
    if said is not None:
        return dict(said)
    asked = (r["iteration"] for r in _by_candidate(records, "dev").values() if not r["candidate"].startswith(RANDOM))
    return {"iterations": max(asked, default=0), "stopped_by": None, "answer": None}


def _told(candidate: Candidate, known: Mapping[str, Record]) -> Evaluation:
    record = known.get(candidate.id)
    if record is None:
        return Evaluation(candidate.id, None, failure="has no value in the journal")
    return _told_as(record)


def _by_candidate(records: Sequence[Record], split: str) -> dict[str, Record]:
    return {r["candidate"]: r for r in records if r["kind"] == "evaluation" and r["split"] == split}


def _is_expert(record: Record, header: Record) -> bool:
    return bool(record["iteration"] == 0 and record["particle"] < len(header["experts"]))


def _best(records: Sequence[Record]) -> Record:
    """The highest value; ties go to the earlier iteration, then to the lower index.

    Evaluations that ended early have none, and are not it.
    """
    known = (r for r in records if r["value"] is not None)
    return min(known, key=lambda r: (-r["value"], r["iteration"], r["particle"]))


@dataclass(frozen=True)
class _Figures:
    """Writes out what a candidate has on dev and on test."""

    intervals: Intervals
    test: Mapping[str, Record]

    def of(self, record: Record) -> dict[str, Any]:
        """Values, intervals, and the parts of both."""
        tested = self.test.get(record["candidate"])
        dev_parts = self.intervals.parts(record)
        test_parts = self.intervals.parts(tested) if tested else None
        return {
            "dev": record["value"],
            "dev_ci": self.intervals.of(record),
            "test": tested["value"] if tested else None,
            "test_ci": self.intervals.of(tested) if tested else None,
            **({} if dev_parts is None else {"parts": {"dev": dev_parts, "test": test_parts}}),
        }

    def tested(self, record: Record) -> bool:
        """Whether a candidate has a test value."""
        found = self.test.get(record["candidate"])
        return found is not None and found["value"] is not None

    def difference(self, best: Record, single: Record) -> dict[str, Any] | None:
        """Best minus best single on test; None where the test split was left alone, or gives no value."""
        one, other = (self.test.get(record["candidate"]) for record in (best, single))
        if one is None or other is None or one["value"] is None or other["value"] is None:
            return None
        return {"test": one["value"] - other["value"], "ci": self.intervals.difference(one, other)}


def _answered(record: Record) -> int:
    """How many examples were run; fewer than there are where an evaluation ended early."""
    return len(record["scores"]) - int(record["scores"].count(None))


def _untested(header: Record) -> str:
    """Why there is no test value."""
    if header["config"].get("test") == "none":
        return "the configuration says test: none"
    return str(header.get("test_reason") or "the search is not over")


def _rate(records: Sequence[Record]) -> float:
    examples = sum(map(_answered, records))
    return sum(r["unparsed"] for r in records) / examples if examples else 0.0
