"""A task's metric as scores of single documents, and the value that they make together."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from lm_eval.api import metrics

from modelswarms.errors import EvaluationError
from modelswarms.utilities.bounding import Bounds, filled

__all__ = ["RANGES", "Metric", "is_per_document"]

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "acc": (0, 1),
    "acc_norm": (0, 1),
    "acc_bytes": (0, 1),
    "acc_mutual_info": (0, 1),
    "exact_match": (0, 1),
    "brier_score": (-2, 0),
}
"""Lowest and highest value of the harness' own metrics, where it is known."""

_WEIGHTED: Final = (metrics.weighted_perplexity, metrics.bits_per_byte)
"""Of (log-probability, words or bytes) pairs."""


@dataclass(frozen=True)
class Metric:
    """One of a task's metrics.

    Scores are such that more is better, as the value is: a metric of which less is better is negated, and of a
    text's perplexity the log-probability is the score.

    Attributes:
        name, filter: as the harness calls them.
        more_is_better: as the task says.
        aggregation: the task's own function, from the documents' items to the metric.
    """

    name: str
    filter: str
    more_is_better: bool
    aggregation: Callable[[Sequence[Any]], Any]

    @property
    def weighted(self) -> bool:
        """Whether documents have weights of their own (words, bytes)."""
        return self.aggregation in _WEIGHTED

    @property
    def range(self) -> tuple[float, float] | None:
        """Lowest and highest value, where the harness' own metric of that name has one."""
        plain = self.aggregation in (metrics.mean, metrics.brier_score)
        return RANGES.get(self.name) if plain else None

    def score(self, item: Any, document: str) -> float:
        """What a document's item counts. Raises EvaluationError where it is no finite number."""
        value = self._number(item)
        if value is None or not math.isfinite(value):
            raise EvaluationError(f"{document}: the task's {self.name} is {item!r}; only numbers can be searched on.")
        return value

    def value(self, scores: Sequence[float], weights: Sequence[float] = ()) -> float:
        """The metric, by the task's own aggregation, negated where less is better."""
        sign = 1.0 if self.more_is_better else -1.0
        if self.weighted:
            return sign * float(self.aggregation(list(zip(scores, weights, strict=True))))
        if self.aggregation is metrics.brier_score:
            return math.fsum(scores) / len(scores)
        items = list(scores) if self._of_logprobs else [sign * score for score in scores]
        return sign * float(self.aggregation(items))

    def bounds(self, scores: Sequence[float | None]) -> Bounds | None:
        """Of the metric while some scores are missing; None where it is not known what these can be."""
        kept = self.more_is_better or self.aggregation is metrics.brier_score
        return filled(self.value, scores, self.range) if kept and self.range else None

    def weight(self, item: Any) -> float:
        """A document's weight, from its item."""
        return float(item[1])

    @property
    def _of_logprobs(self) -> bool:
        return self.aggregation is metrics.perplexity

    def _number(self, item: Any) -> float | None:
        if self.weighted:
            return float(item[0])
        if self.aggregation is metrics.brier_score:
            return -float(metrics.brier_score([item]))
        if not _is_number(item):
            return None
        return float(item) if self.more_is_better or self._of_logprobs else -float(item)


def is_per_document(metric: Metric, item: Any) -> bool:
    """Whether a metric has a number for each document, out of which its value is made."""
    return metric.weighted or metric.aggregation is metrics.brier_score or _is_number(item)


def _is_number(item: Any) -> bool:
    return isinstance(item, numbers.Real | np.bool_)
