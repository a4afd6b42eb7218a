"""From what a search tells to figures with names."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelswarms.baselines import title_of
from modelswarms.tracking.background import Background
from modelswarms.tracking.base import Row, Tracker
from modelswarms.types import Candidate, Evaluation, RunSearcher
from modelswarms.watching import Together, Watcher

if TYPE_CHECKING:
    from modelswarms.reports.result import RunResult
    from modelswarms.runs import RunFolder

__all__ = ["Tracking", "tracked"]


@contextmanager
def tracked(
    trackers: Sequence[tuple[str, Tracker]],
    run: RunFolder,
    config: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    watch: Watcher,
) -> Iterator[Watcher]:
    """A watcher that also tells the trackers, each in a thread of its own, what the records do not hold yet."""
    if not trackers:
        yield watch
        return
    known = {(r["candidate"], r["split"]) for r in records if r["kind"] == "evaluation"}
    tracking = Tracking([Background(name, tracker) for name, tracker in trackers], _id(run), config, known)
    try:
        yield Together(watch, tracking)
    finally:
        tracking.close()


def _id(run: RunFolder) -> str:
    """By which trackers know the run again; made once, and kept beside the journal, which is the same everywhere."""
    path = run.path / "tracking.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        id = uuid.uuid4().hex[:12]
        run.write_json(path.name, {"id": id})
        return id


class Tracking:
    """A watcher that sends every figure to trackers. A step is an evaluation, counted over the whole run.

    Args:
        trackers: where the figures go.
        id: of the run, the same when it is resumed.
        config: what is told of the run when it starts.
        known: (candidate, split) of what was evaluated before, which was sent then.
    """

    def __init__(
        self, trackers: Sequence[Background], id: str, config: Mapping[str, Any], known: set[tuple[str, str]]
    ) -> None:
        self._trackers, self._id, self._config, self._known = trackers, id, config, known
        self._searcher: RunSearcher | None = None
        self._run, self._experts = Path(), list[str]()
        self._step, self._failures, self._unparsed, self._news = 0, 0, 0, False
        self._values: list[float] = []
        self._ended_early = 0
        self._began = time.monotonic()

    def started(self, about: Mapping[str, Any], searcher: RunSearcher) -> None:
        self._searcher, self._run = searcher, Path(about["run"])
        self._experts = [*about["experts"], *about.get("merges", [])]
        for tracker in self._trackers:
            tracker.start(self._run, self._id, self._config)

    def asked(self, stage: str, batch: Sequence[Candidate]) -> None:
        """The batch before is complete: its sums are sent, if there was anything new in it."""
        self._send_iteration()
        self._values, self._ended_early = [], 0

    def evaluated(self, stage: str, candidate: Candidate, evaluation: Evaluation) -> None:
        self._step += 1
        self._unparsed += evaluation.unparsed
        self._failures += evaluation.failure is not None
        self._ended_early += evaluation.bounds is not None and stage == "search"
        if evaluation.value is not None and stage == "search":
            self._values.append(evaluation.value)
        if (candidate.id, evaluation.split) in self._known:
            return
        figures = {"evaluations": float(self._step), "failures": float(self._failures)}
        if evaluation.value is not None:
            figures[f"{stage}/value"] = evaluation.value
            if stage == "search":
                figures[f"particle/{candidate.particle:03d}"] = evaluation.value
        self._news = True
        self._log(figures)

    def finished(self, result: RunResult) -> None:
        self._send_iteration()
        summary = {f"result/{key}": value for key, value in _summary(result).items()}
        summary |= self._cost()
        for tracker in self._trackers:
            tracker.finish(self._step, summary, _table(result))

    def close(self) -> None:
        """Ends what :meth:`finished` did not: the search was interrupted or failed."""
        for tracker in self._trackers:
            tracker.close()

    def _send_iteration(self) -> None:
        """Bests, worst, mean, the best's coefficients and what it cost so far."""
        searcher = self._searcher
        if not self._news or searcher is None or searcher.best is None or searcher.best_value is None:
            return
        figures = {"iteration": float(searcher.iteration), "global_best": searcher.best_value, **self._cost()}
        if self._values and not self._ended_early:  # else they are not known of all
            figures |= {"iteration/best": max(self._values), "iteration/worst": min(self._values)}
            figures["iteration/mean"] = sum(self._values) / len(self._values)
        for particle, (_, value) in enumerate(searcher.personal_bests):
            if value is not None:
                figures[f"personal_best/{particle:03d}"] = value
        for expert, coefficient in zip(self._experts, searcher.best.coefficients, strict=False):
            figures[f"coefficient/{expert}"] = float(coefficient)
        self._news = False
        self._log(figures)

    def _cost(self) -> dict[str, float]:
        cost = {"unparsed": float(self._unparsed), "cost/seconds_of_this_process": time.monotonic() - self._began}
        try:  # the run's own account, over all its processes
            timing = json.loads((self._run / "timing.json").read_text(encoding="utf-8"))
            cost |= {f"cost/{key}": float(timing[key]) for key in ("seconds", "tokens")}
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return cost

    def _log(self, figures: Mapping[str, float]) -> None:
        for tracker in self._trackers:
            tracker.log(self._step, figures)


def _summary(result: RunResult) -> dict[str, float]:
    best, single = result.best, result.best_single
    found = {
        "best_dev": best["dev"],
        "best_test": best["test"],
        "best_single_dev": single["dev"],
        "best_single_test": single["test"],
        "difference_test": result.difference["test"] if result.difference else None,
        "random_search_test": result.random_search["test"] if result.random_search else None,
    }
    return {key: float(value) for key, value in found.items() if value is not None}


def _table(result: RunResult) -> list[Row]:
    single = (f"best single ({result.best_single['expert']})", result.best_single)
    named = [single, (title_of(result.details.get("searcher")), result.best)]
    if result.random_search:
        named.append(("random search", result.random_search))
    return [
        {
            "expert": name,
            "dev": figures["dev"],
            "test": figures["test"],
            "test, low": figures["test_ci"][0] if figures["test_ci"] else None,
            "test, high": figures["test_ci"][1] if figures["test_ci"] else None,
        }
        for name, figures in named
    ]
