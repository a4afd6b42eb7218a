"""What a run's journal says so far, in the order in which a report asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelswarms.preparation import current_header
from modelswarms.reports.intervals import Intervals
from modelswarms.reports.known import known_scores
from modelswarms.reports.result import build_result

__all__ = ["RANDOM", "Evidence", "gather"]

Record = dict[str, Any]
RANDOM = "random-"

_SETTLED = ("evaluations", "evaluations_random_search", "examples", "failures", "iterations", "stopped_by")
"""What a saved result must have in common with the journal to be its result."""


@dataclass(frozen=True)
class Evidence:
    """A run's records, sorted.

    Attributes:
        header: the run's constants with later changes applied.
        result: what ``result.json`` holds, or would hold by now; None while no starting expert has a value.
        finished: whether the run came to its end; if not, ``test`` is empty.
        dev, test: evaluations with a value, by candidate.
        ended_early: dev evaluations without one, as it was known not to matter.
        failures: failed attempts.
        intervals: how sure the values are.
    """

    header: Mapping[str, Any]
    manifest: Mapping[str, Any]
    result: Mapping[str, Any] | None
    finished: bool
    dev: Mapping[str, Record]
    test: Mapping[str, Record]
    ended_early: Sequence[Record]
    failures: Sequence[Record]
    intervals: Intervals

    @property
    def experts(self) -> list[str]:
        """The experts' names."""
        return list(self.header["experts"])

    @property
    def searched(self) -> list[Record]:
        """Dev evaluations of the swarm, random search's left out."""
        return [r for r in self.dev.values() if not r["candidate"].startswith(RANDOM)]

    @property
    def randoms(self) -> list[Record]:
        """Dev evaluations of random search."""
        return [r for r in self.dev.values() if r["candidate"].startswith(RANDOM)]

    @property
    def best(self) -> Record | None:
        """The dev evaluation of the best candidate."""
        return self.dev.get(self.result["best"]["candidate"]) if self.result else None

    @property
    def best_single(self) -> Record | None:
        """The dev evaluation of the best starting expert."""
        return self.starting(self.result["best_single"]["expert"]) if self.result else None

    @property
    def best_random(self) -> Record | None:
        """The dev evaluation of random search's best; ties as everywhere: earlier, then lower index."""
        return min(self.randoms, key=lambda r: (-r["value"], r["iteration"], r["particle"]), default=None)

    @property
    def base(self) -> Record | None:
        """The dev evaluation of the base without any expert, where the search began there too."""
        return next((r for r in self.searched if r["iteration"] == 0 and not any(r["coefficients"])), None)

    def starting(self, expert: str) -> Record | None:
        """The dev evaluation of a starting expert."""
        place = self.experts.index(expert)
        return next((r for r in self.searched if r["iteration"] == 0 and r["particle"] == place), None)

    @property
    def all_known(self) -> bool:
        """Whether no evaluation of the search itself ended early."""
        return all(r["candidate"].startswith(RANDOM) for r in self.ended_early)

    @property
    def right_or_wrong(self) -> bool:
        """Whether values are shares of right answers, so that percent is the word for them."""
        bounds = self.header["utility"]["range"]
        valued = [*self.dev.values(), *self.test.values()]
        shares = all(set(known_scores(r)) <= {0.0, 1.0} and self.intervals.known(r) for r in valued)
        return shares and bounds is not None and list(bounds) == [0, 1]

    @property
    def means(self) -> bool:
        """Whether every value is made of means of its examples' scores, which the intervals are about."""
        return all(self.intervals.known(r) for r in [*self.dev.values(), *self.test.values()])


def gather(records: Sequence[Record], manifest: Mapping[str, Any], saved: Mapping[str, Any] | None) -> Evidence:
    """Sorts a journal.

    Args:
        records: all of the journal, which may be that of a run under way, or empty.
        manifest: what ``run.yaml`` holds.
        saved: what ``result.json`` holds; None where there is none.
    """
    begun = any(r["kind"] == "constants" and r["name"] == "run" for r in records)
    header = current_header(records) if begun else _expected_header(manifest)
    dev, test = _valued(records, "dev"), _valued(records, "test")
    experts = [r for r in dev.values() if r["iteration"] == 0 and r["particle"] < len(header["experts"])]
    started = any(not r["candidate"].startswith(RANDOM) for r in experts)
    result = _result(records) if begun and started else None
    finished = result is not None and saved is not None and all(saved.get(k) == result[k] for k in _SETTLED)
    if result is not None and not finished:  # a run that goes on has no test figures, though it may have had some
        result = _result([r for r in records if r.get("split") != "test"])
    return Evidence(
        header=header,
        manifest=manifest,
        result=result,
        finished=finished,
        dev=dev,
        test=test if finished else {},
        ended_early=[r for r in records if r["kind"] == "evaluation" and r["bounds"] is not None],
        failures=[r for r in records if r["kind"] == "failure"],
        intervals=Intervals.of_run(header, records),
    )


def _result(records: Sequence[Record]) -> Record:
    """As a program reads it from ``result.json``."""
    return dict(json.loads(json.dumps(build_result(records))))


def _valued(records: Iterable[Record], split: str) -> dict[str, Record]:
    found = (r for r in records if r["kind"] == "evaluation" and r["split"] == split and r["value"] is not None)
    return {r["candidate"]: r for r in found}


def _expected_header(manifest: Mapping[str, Any]) -> Record:
    """What the journal would begin with, for a run that was ended before its first line."""
    config, fingerprints = manifest["config"], manifest.get("fingerprints") or {}
    utility = config.get("utility", "")
    name = utility if isinstance(utility, str) else utility.get("target") or utility.get("kind", "")
    return {
        "config": config,
        "experts": list(fingerprints.get("experts") or ()),
        "fingerprints": fingerprints,
        "versions": manifest.get("versions") or {},
        "seed": config.get("seed", 0),
        "utility": {"name": name, "range": None},
        "engine": {},
    }
