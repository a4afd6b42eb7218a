"""cBTM's routing: inputs are clustered by their words, and each cluster has the expert that is best on it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from modelswarms.errors import MissingExtraError
from modelswarms.swarm import uniforms
from modelswarms.types import Array

__all__ = ["Routing", "check_packages", "route"]

COUNTS: Final = (1, 2, 4, 8, 16, 32)
"""Numbers of clusters that are tried."""

PER_CLUSTER: Final = 5
"""Inputs that a cluster has at least on average."""

FOLDS: Final = 5
STREAM: Final = 5
"""Of the folds' draws, apart from other draws of the same seed."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Routing:
    """Which expert answers what.

    Attributes:
        clusters: how many there are.
        of_cluster: (clusters,), the place of each cluster's expert.
        dev, test: the place of each input's expert.
        held_out: mean score in cross-validation, by the number of clusters.
    """

    clusters: int
    of_cluster: tuple[int, ...]
    dev: tuple[int, ...]
    test: tuple[int, ...]
    held_out: dict[int, float]


def check_packages() -> None:
    """Raises MissingExtraError where scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise MissingExtraError(
            "method cbtm: needs scikit-learn, which is not installed; install it: pip install 'modelswarms[searchers]'."
        )


def route(dev: Sequence[str], test: Sequence[str], scores: Array, overall: Sequence[float], seed: int = 0) -> Routing:
    """Clusters inputs by TF-IDF and k-means (Gururangan et al. 2023, arXiv 2303.14177), and gives each its expert.

    The number of clusters is the one with the highest mean score in five-fold cross-validation, the fewest of equals.
    A cluster's expert is the best by the mean score on its dev inputs; of equals the better one overall, then the
    earlier; where a cluster has no dev input, the best overall.

    Args:
        dev, test: the inputs.
        scores: (experts, dev inputs).
        overall: (experts,), each one's value on dev.
        seed: of the clusters' starts and of the folds.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    check_packages()
    order = sorted(range(len(scores)), key=lambda k: (-overall[k], k))
    features, of_test = _features(dev, test)
    folds = np.argsort(uniforms(seed, 0, len(dev), stream=STREAM)) % FOLDS
    distinct = len({row.tobytes() for row in features.toarray()})
    held_out, found = {}, {}
    for count in COUNTS:
        if count > 1 and (count > distinct or count * PER_CLUSTER > len(dev)):
            continue
        labels, of_inputs = _clustered(features, of_test, count, seed)
        chosen = np.empty(len(dev), dtype=np.int64)
        for fold in range(FOLDS):
            out = folds == fold
            chosen[out] = _experts(labels[~out], scores[:, ~out], count, order)[labels[out]]
        held_out[count] = float(scores[chosen, np.arange(len(dev))].mean())
        found[count] = (labels, of_inputs)
    best = max(held_out, key=lambda count: (held_out[count], -count))
    labels, of_inputs = found[best]
    experts = _experts(labels, scores, best, order)
    return Routing(best, _ints(experts), _ints(experts[labels]), _ints(experts[of_inputs]), held_out)


def _features(dev: Sequence[str], test: Sequence[str]) -> tuple[Any, Any]:
    """Rows of TF-IDF weights, with the words and their weights of dev alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\w+|[^\w\s]")
    rows = vectorizer.fit_transform(dev)
    return rows, (vectorizer.transform(test) if test else rows[:0])


def _clustered(rows: Any, others: Any, count: int, seed: int) -> tuple[Places, Places]:
    """The cluster of each row, and of each other one."""
    from sklearn.cluster import KMeans

    if count == 1:
        return np.zeros(rows.shape[0], dtype=np.int64), np.zeros(others.shape[0], dtype=np.int64)
    means = KMeans(count, n_init=4, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows that are nearly alike: then there are fewer clusters
        labels = means.fit_predict(rows)
    none = np.zeros(0, dtype=np.int64)
    return labels.astype(np.int64), means.predict(others).astype(np.int64) if others.shape[0] else none


def _experts(labels: Places, scores: Array, count: int, order: Sequence[int]) -> Places:
    """The best expert of each cluster, (clusters,)."""
    chosen = np.full(count, order[0], dtype=np.int64)
    for cluster in range(count):
        inside = labels == cluster
        if inside.any():
            means = scores[:, inside].mean(axis=1)
            chosen[cluster] = max(order, key=lambda k: means[k])  # max keeps the first of equals
    return chosen


def _ints(places: Places) -> tuple[int, ...]:
    return tuple(int(place) for place in places)
