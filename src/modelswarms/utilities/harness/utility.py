"""A task of lm-evaluation-harness as a utility: its prompts, its answers, its scores; our model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance

from modelswarms.datasets import DataSet
from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.types import Example, Model, Score, Split, Utility
from modelswarms.utilities.bounding import Bounds
from modelswarms.utilities.combining import Combination
from modelswarms.utilities.harness.keys import LmEval
from modelswarms.utilities.harness.leaf import Leaf, leaf_of
from modelswarms.utilities.harness.loading import Found, load_tasks, quietly
from modelswarms.utilities.harness.model import BoundLM

__all__ = ["HarnessGroup", "HarnessTask", "harness_utility"]


@dataclass(frozen=True, eq=False)
class HarnessTask:
    """A task, or several, scored by the harness' own code on a block of documents at a time.

    Attributes:
        leaves: the tasks by name.
        called: what reports call the utility.
    """

    keys: LmEval
    leaves: Mapping[str, Leaf]
    called: str

    @property
    def name(self) -> str:
        """Task, metric and splits."""
        return self.called

    @property
    def range(self) -> tuple[float, float] | None:
        """Of the metric, where it is known."""
        if self.keys.value_range is not None:
            return self.keys.value_range[0], self.keys.value_range[1]
        ranges = {leaf.metric.range for leaf in self.leaves.values()}
        return ranges.pop() if len(ranges) == 1 else None

    def any_length(self, example: Example) -> bool:
        """Whole texts are read in windows; and prompts may be cut where that is wanted."""
        return self.keys.truncate or self._leaf(example).task.OUTPUT_TYPE == "loglikelihood_rolling"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of how answers become scores; the data's own is of the documents, and of what is asked about them."""
        return _joined({name: leaf.fingerprint for name, leaf in self.leaves.items()})

    def dataset(self) -> DataSet:
        """The tasks' documents."""
        several = len(self.leaves) > 1
        dev, test = (
            tuple(e for name, leaf in self.leaves.items() for e in leaf.examples(split, name if several else None))
            for split in _SPLITS
        )
        return DataSet(
            self.called,
            dev,
            test,
            fingerprint=_joined({name: leaf.data_fingerprint for name, leaf in self.leaves.items()}),
        )

    def prompt(self, example: Example) -> str:
        """The longest text that is asked about a document, without a chat template."""
        return self._leaf(example).prompt(example)

    def score(self, examples: Sequence[Example], model: Model) -> list[Score]:
        """What the task's own code makes of the answers; all requests of a kind are asked in one call."""
        lm = BoundLM(model, self.keys.truncate)
        asked = [(self._leaf(example), example) for example in examples]
        requests = [leaf.requests(example, lm) for leaf, example in asked]
        _answer(lm, [request for some in requests for request in some])
        for leaf in dict.fromkeys(leaf for leaf, _ in asked):
            leaf.filtered([r for (of, _), some in zip(asked, requests, strict=True) if of is leaf for r in some])
        return [leaf.scored(example, some) for (leaf, example), some in zip(asked, requests, strict=True)]

    def aggregate(self, scores: Sequence[float]) -> float:
        """The task's own aggregation of its documents' scores."""
        (leaf,) = self.leaves.values()
        return leaf.metric.value(scores)

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """Of the metric, where the harness' own has a range for each document."""
        (leaf,) = self.leaves.values()
        return leaf.metric.bounds(scores)

    def _leaf(self, example: Example) -> Leaf:
        return self.leaves[example.task] if example.task is not None else next(iter(self.leaves.values()))


@dataclass(frozen=True, eq=False)
class HarnessGroup(HarnessTask):
    """Several tasks with a value of their own, or one whose documents have weights.

    Attributes:
        weights: of each task's value, by name.
    """

    weights: Mapping[str, float]

    def aggregate(self, scores: Sequence[float]) -> float:
        """Scores alone do not say whose they are; :meth:`parts` and :meth:`combine` make the value."""
        raise EvaluationError(f"utility {self.name}: its value is made of its parts'; use parts() and combine().")

    def parts(self, examples: Sequence[Example], scores: Sequence[float]) -> dict[str, float]:
        """The value of each task that has examples."""
        found = {}
        for name, leaf in self.leaves.items():
            own = [(e, score) for e, score in zip(examples, scores, strict=True) if self._leaf(e) is leaf]
            if own:
                found[name] = leaf.value([e for e, _ in own], [score for _, score in own])
        return found

    def bounds(self, examples: Sequence[Example], scores: Sequence[float | None]) -> Bounds | None:
        """Of the mean of the tasks' values; None where one has no range."""
        lows: dict[str, float] = {}
        highs: dict[str, float] = {}
        for name, leaf in self.leaves.items():
            own = [score for e, score in zip(examples, scores, strict=True) if self._leaf(e) is leaf]
            found = leaf.metric.bounds(own) if own else None
            if found is None:
                return None
            lows[name], highs[name] = found
        low, high = self.combine(lows), self.combine(highs)
        return None if low is None or high is None else (low, high)

    def combine(self, parts: Mapping[str, float]) -> float | None:
        """Their mean, weighted as the group says; None where a task has no examples."""
        if not self.weights.keys() <= parts.keys():
            return None
        return sum(parts[name] * weight for name, weight in self.weights.items()) / sum(self.weights.values())

    @property
    def combination(self) -> Combination | None:
        """The same for reports, which give it an interval; None where the tasks' values are not shares."""
        ranges = {name: leaf.metric.range for name, leaf in self.leaves.items()}
        if any(bounds != (0, 1) for bounds in ranges.values()):
            return None
        return Combination("weighted", ranges, self.weights)


_SPLITS: tuple[Split, ...] = ("dev", "test")


def harness_utility(keys: LmEval, folder: Path) -> Utility:
    """The utility that keys ask for. Raises as :meth:`LmEval.made`."""
    include = None if keys.include_path is None else str(folder / Path(keys.include_path).expanduser())
    found = load_tasks(keys.task, include, keys.confirm_run_unsafe_code)
    with quietly():
        if found.group is None:
            return _single(keys, found)
        return _group(keys, found)


def _single(keys: LmEval, found: Found) -> Utility:
    ((name, task),) = found.tasks.items()
    leaf = leaf_of(name, task, keys)
    called = f"{name} {_metric_name(leaf)} ({_splits_name(leaf)})"
    if leaf.metric.weighted:
        return HarnessGroup(keys, {name: leaf}, called, {name: 1.0})
    return HarnessTask(keys, {name: leaf}, called)


def _group(keys: LmEval, found: Found) -> Utility:
    """A group with the first of its metrics, or the one that the keys name."""
    offered = {metric.metric: metric for metric in found.group.aggregate_metric_list or ()}
    if not offered:
        raise ConfigError(
            f"utility.task: {keys.task} is a group of {len(found.tasks)} tasks ({', '.join(list(found.tasks)[:5])}, "
            "...) without a value of their own; give one of them, or combine some as kind: multi_task."
        )
    chosen: Any = offered.get(keys.metric or "", next(iter(offered.values())))
    first = (chosen.filter_list or [None])[0]
    leaves = {name: leaf_of(name, task, keys, chosen.metric, first) for name, task in found.tasks.items()}
    by_size = bool(chosen.weight_by_size)
    weights = {name: float(len(leaf.documents["test"].kept)) if by_size else 1.0 for name, leaf in leaves.items()}
    leaf = next(iter(leaves.values()))
    splits = " or ".join(dict.fromkeys(_splits_name(each) for each in leaves.values()))
    called = f"{keys.task} {_metric_name(leaf)} ({len(leaves)} tasks; {splits})"
    return HarnessGroup(keys, leaves, called, weights)


def _joined(fingerprints: Mapping[str, str]) -> str:
    told = "".join(f"{name} {fingerprint}\n" for name, fingerprint in fingerprints.items())
    return hashlib.sha256(told.encode()).hexdigest()


def _metric_name(leaf: Leaf) -> str:
    """As the harness writes it, negated where less is better."""
    metric = leaf.metric
    plain = metric.name if metric.filter == "none" else f"{metric.name},{metric.filter}"
    return plain if metric.more_is_better else f"-{plain}"


def _splits_name(leaf: Leaf) -> str:
    dev, test = (leaf.documents[split] for split in _SPLITS)
    if dev.split == test.split:
        return f"dev, test: halves of {dev.split}"
    return f"dev: {dev.split}, test: {test.split}"


def _answer(lm: BoundLM, requests: Sequence[Instance]) -> None:
    """Asks all requests of a kind at once; a request that is to be repeated has the same answer each time."""
    for kind in dict.fromkeys(request.request_type for request in requests):
        some = [request for request in requests if request.request_type == kind]
        for request, said in zip(some, getattr(lm, kind)(some), strict=True):
            request.resps = [said] * max(1, request.repeats or 1)
