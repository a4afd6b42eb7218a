"""The 95 % intervals of a run's values: of means, of a utility's parts, and of what is combined of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelswarms.reports.known import known_in_both, known_scores, left_out
from modelswarms.reports.statistics import Interval, mean_interval, paired_interval, percentiles, resampled_means
from modelswarms.types import Array
from modelswarms.utilities.combining import Combination

__all__ = ["Intervals", "is_mean"]

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Intervals:
    """What a journal says about how sure its values are.

    A value that several parts make is resampled part by part, so that each part keeps its number of examples.

    Attributes:
        combination: how parts' values become one; None for a utility without parts, or where that is not known.
        tasks: the task of each example of a split, in the order of the data; empty without parts.
    """

    combination: Combination | None
    tasks: Mapping[str, Sequence[str | None]]

    @classmethod
    def of_run(cls, header: Record, records: Sequence[Record]) -> Intervals:
        """From the journal's constants and its plans."""
        given = header["utility"].get("combination")
        plans = [r for r in records if r["kind"] == "plan"]
        tasks = {r["split"]: [task for task, count in r.get("tasks", ()) for _ in range(count)] for r in plans}
        return cls(None if given is None else Combination.from_dict(given), tasks)

    def _plain(self, record: Record) -> bool:
        """Whether a value has no parts, or is the mean of its scores and the parts are figures beside it."""
        return "parts" not in record or (self.combination is not None and self.combination.of_scores)

    def known(self, record: Record) -> bool:
        """Whether it is known how an evaluation's value is made of its examples' scores."""
        if self._plain(record):
            return is_mean(record["value"], known_scores(record))
        scores = {name: self._scores(record, name) for name in self._counting}
        means = (bool(own) and is_mean(record["parts"].get(name), own) for name, own in scores.items())
        return bool(scores) and all(means)

    def of(self, record: Record) -> Interval | None:
        """Of an evaluation's value; of a value of parts only where it is known how it is made."""
        if self._plain(record):
            return mean_interval(known_scores(record))
        if self.combination is not None and self.combination.optimise is not None:
            return self._of_part(record, self.combination.optimise)
        if self.combination is None or not self.known(record):
            return None
        return percentiles(self.combination.over(self._means(record)))

    def difference(self, one: Record, other: Record) -> Interval | None:
        """Of one evaluation's value minus another's, on the same examples (paired bootstrap)."""
        if self._plain(one) and self._plain(other):
            return paired_interval(*known_in_both(one, other))
        if self.combination is None or not (self.known(one) and self.known(other)):
            return None
        out = left_out(one, other)
        return percentiles(
            self.combination.over(self._means(one, out)) - self.combination.over(self._means(other, out))
        )

    def parts(self, record: Record) -> dict[str, dict[str, Any]] | None:
        """``value`` and ``ci`` of each part; None for a utility without parts."""
        if "parts" not in record:
            return None
        return {name: {"value": v, "ci": self._of_part(record, name)} for name, v in record["parts"].items()}

    def _of_part(self, record: Record, name: str) -> Interval | None:
        scores = self._scores(record, name)
        return mean_interval(scores) if scores and is_mean(record["parts"].get(name), scores) else None

    @property
    def _counting(self) -> list[str]:
        """The parts that the value is made of."""
        if self.combination is None:
            return []
        optimised = self.combination.optimise
        return list(self.combination.ranges) if optimised is None else [optimised]

    def _means(self, record: Record, out: frozenset[int] | None = None) -> dict[str, Array]:
        """Resampled means of every part that counts, each part with draws of its own; ``out`` are places left out."""
        return {
            name: resampled_means(np.asarray(self._scores(record, name, out), dtype=np.float64), stream=stream)
            for stream, name in enumerate(self._counting)
        }

    def _scores(self, record: Record, name: str, out: frozenset[int] | None = None) -> list[float]:
        """Those of one part's examples, but for the places that are left out."""
        out = left_out(record) if out is None else out
        tasks = self.tasks.get(record["split"], ())
        if len(tasks) != len(record["scores"]):
            return []
        return [
            score
            for place, (score, task) in enumerate(zip(record["scores"], tasks, strict=True))
            if place not in out and task is not None and (task == name or task.startswith(f"{name}/"))
        ]


def is_mean(value: float | None, scores: Sequence[float]) -> bool:
    """Whether a value is the mean of scores, as far as floating point tells."""
    if not scores:
        return True
    return value is not None and abs(statistics.fmean(scores) - value) <= 1e-9 * max(1.0, abs(value))
