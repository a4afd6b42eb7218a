"""One task of lm-evaluation-harness: what is asked about its documents, and how answers are scored."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import lm_eval
import numpy as np
from lm_eval.api.instance import Instance

from modelswarms.errors import ConfigError, EvaluationError
from modelswarms.naming import nearest
from modelswarms.types import Example, Score, Split
from modelswarms.utilities.harness.documents import Documents, documents_of
from modelswarms.utilities.harness.keys import LmEval
from modelswarms.utilities.harness.metric import Metric, is_per_document
from modelswarms.utilities.harness.model import BoundLM, decoding_of

__all__ = ["Leaf", "leaf_of"]

Asked = Mapping[int, list[Instance]]

_INVALID: Final = "[invalid]"
"""What the harness' filters give where they find no answer."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """A single task, with its documents and the one of its metrics that is searched on.

    Attributes:
        documents: by split.
        asked: what is asked about each of them, without a chat template.
    """

    name: str
    task: Any
    metric: Metric
    keys: LmEval
    documents: Mapping[Split, Documents]
    asked: Mapping[Split, Asked]
    _in_chat: dict[Split, Asked] = field(default_factory=dict)

    def examples(self, split: Split, part: str | None) -> tuple[Example, ...]:
        """The documents of a split as examples of a data set; ``part`` is the task's name where there are several."""
        documents = self.documents[split]
        return tuple(self._example(split, documents, number, part) for number in documents.kept)

    def prompt(self, example: Example) -> str:
        """The longest of the texts that are asked about a document, without a chat template."""
        split, number = _place(example)
        return max((_text(request) for request in self.asked[split][number]), key=len)

    def requests(self, example: Example, lm: BoundLM) -> list[Instance]:
        """What is asked about a document, to be answered."""
        split, number = _place(example)
        asked = self.asked
        if self.keys.apply_chat_template:
            asked = self._in_chat
            if split not in asked:  # shown examples are drawn for one document after the other
                self._in_chat[split] = self.documents[split].requests(self.keys, lm.apply_chat_template)
        return _fresh(asked[split][number])

    def filtered(self, answered: Sequence[Instance]) -> None:
        """Lets the metric's filter read the answers."""
        for ensemble in self.task._filters:
            if ensemble.name == self.metric.filter:
                ensemble.apply(list(answered))

    def scored(self, example: Example, answered: Sequence[Instance]) -> Score:
        """A document's score, by the task's own code. Raises EvaluationError where it gives none."""
        results = [request.filtered_resps[self.metric.filter] for request in answered]
        items = self.task.process_results(answered[0].doc, results)
        if self.metric.name not in items:
            raise EvaluationError(f"{self.name}: document {example.id} has no {self.metric.name}.")
        value = self.metric.score(items[self.metric.name], f"{self.name}: document {example.id}")
        if answered[0].request_type != "generate_until":
            return Score(value, self._chosen(example, [request.resps[0] for request in answered]))
        said = results[0] if isinstance(results[0], str) else json.dumps(results[0], default=str)
        if said == _INVALID:
            return Score.unparsed(value, answered[0].resps[0])
        return Score(value, said, response=answered[0].resps[0])

    def value(self, examples: Sequence[Example], scores: Sequence[float]) -> float:
        """The metric over the scores of these examples."""
        weights = [self.weights[_place(example)] for example in examples] if self.metric.weighted else []
        return self.metric.value(scores, weights)

    @cached_property
    def weights(self) -> Mapping[tuple[Split, int], float]:
        """How many words or bytes each document has, for metrics that count by them; no matter what a model says."""
        return {
            (split, number): self.metric.weight(self.task.process_results(requests[0].doc, [0.0])[self.metric.name])
            for split, asked in self.asked.items()
            for number, requests in asked.items()
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of how answers become scores: settings, code, versions."""
        told = [lm_eval.__version__, str(self.task.VERSION), _settings(self.task), list(_code(self.task))]
        return _sha256([*told, self.metric.name, self.metric.filter])

    @cached_property
    def data_fingerprint(self) -> str:
        """SHA-256 of the documents, and of what is asked about them."""
        told: list[Any] = []
        for split, asked in sorted(self.asked.items()):
            told += [split, self.documents[split].split]
            told += [[number, [r.doc, *r.args]] for number, requests in asked.items() for r in requests]
        return _sha256(told)

    def _example(self, split: Split, documents: Documents, number: int, part: str | None) -> Example:
        requests = self.asked[split][number]
        doc = requests[0].doc
        choices = self._choices(doc)
        question = self.task.doc_to_text(doc)
        if not isinstance(question, str) or not question.strip():
            question = _text(requests[0])
        place = {"split": split, "document": number}
        name = f"{documents.split}-{number}"
        return Example(name if part is None else f"{part}/{name}", question, self._answer(doc, choices), choices,
                       extra=place, task=part)  # fmt: skip

    def _choices(self, doc: Any) -> dict[str, str] | None:
        if self.task.config.doc_to_choice is None:
            return None
        texts = self.task.doc_to_choice(doc)
        letters = string.ascii_uppercase if len(texts) <= 26 else [str(k) for k in range(len(texts))]
        return dict(zip(letters, (str(text) for text in texts), strict=False))

    def _answer(self, doc: Any, choices: Mapping[str, str] | None) -> str | None:
        """For people: the right answer, its letter where there are options."""
        right = self.task.doc_to_text(doc) if self.task.multiple_input else self.task.doc_to_target(doc)
        if isinstance(right, int) and choices is not None and 0 <= right < len(choices):
            return list(choices)[right]
        return None if self.task.OUTPUT_TYPE == "loglikelihood_rolling" else str(right)

    def _chosen(self, example: Example, answers: Sequence[Any]) -> str | None:
        """The option that the metric takes for the model's answer; None where there are no options."""
        if example.choices is None or self.task.OUTPUT_TYPE != "multiple_choice":
            return None
        texts = list(example.choices.values())
        values = np.array([logprob for logprob, _ in answers[: len(texts)]])
        lengths = {"acc_norm": [len(t) for t in texts], "acc_bytes": [len(t.encode()) for t in texts]}
        per = np.array(lengths.get(self.metric.name, [1] * len(texts)), dtype=float)
        return list(example.choices)[int(np.argmax(values / np.maximum(per, 1)))]


def leaf_of(name: str, task: Any, keys: LmEval, metric: str | None = None, filter_name: str | None = None) -> Leaf:
    """A task made ready: its settings laid over, its documents parted, its prompts made, its metric looked at.

    Args:
        metric, filter_name: those of a group that the task belongs to.

    Raises:
        ConfigError: a key does not go with the task; the message says what would.
    """
    _set_shots(name, task, keys)
    _set_decoding(name, task, keys)
    chosen = _metric(name, task, keys.metric or metric, keys.filter or filter_name)
    documents = documents_of(name, task, keys)
    try:
        asked = {split: part.requests(keys) for split, part in documents.items()}
    except Exception as error:  # the task's templates and code, and too few examples to show
        raise ConfigError(
            f"utility.task: the prompts of {name} cannot be made ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200].rstrip('.')}); mend the task, or give utility.num_fewshot."
        ) from error
    for settings in {json.dumps(r.args[1], default=str): r.args[1] for r in _generating(asked)}.values():
        decoding_of(settings)
    leaf = Leaf(name, task, chosen, keys, documents, asked)
    _check_metric(leaf)
    return leaf


def _set_shots(name: str, task: Any, keys: LmEval) -> None:
    """The harness' rule, but that it is said where the harness would not listen."""
    fixed = task.config.num_fewshot
    if keys.num_fewshot is not None:
        if fixed == 0 and keys.num_fewshot:
            raise ConfigError(f"utility.num_fewshot: {name} is a task without shown examples; leave it out.")
        task.set_config("num_fewshot", keys.num_fewshot)
    elif fixed is None:
        task.set_config("num_fewshot", 0)


def _set_decoding(name: str, task: Any, keys: LmEval) -> None:
    if not keys.gen_kwargs:
        return
    if task.config.generation_kwargs is None:
        raise ConfigError(f"utility.gen_kwargs: {name} lets the model write nothing; leave them out.")
    task.set_config("generation_kwargs", dict(keys.gen_kwargs), update=True)


def _metric(name: str, task: Any, metric: str | None, filter_name: str | None) -> Metric:
    better, aggregations = task.higher_is_better(), task.aggregation()
    if not aggregations:
        raise ConfigError(f"utility.metric: {name} has no metric; give it a metric_list.")
    if metric is None:
        metric = next((known for known in aggregations if better.get(known)), next(iter(aggregations)))
    if metric not in aggregations:
        raise ConfigError(f"utility.metric: {name} has no {metric!r}; {nearest(metric, aggregations)}")
    filters = [ensemble.name for ensemble in task._filters]
    if filter_name is not None and filter_name not in filters:
        raise ConfigError(f"utility.filter: {name} has no {filter_name!r}; {nearest(filter_name, filters)}")
    return Metric(metric, filter_name or filters[0], bool(better.get(metric)), aggregations[metric])


def _check_metric(leaf: Leaf) -> None:
    """Refuses a metric that is made of all answers together, as far as answers that say nothing can show that."""
    says = {"generate_until": "", "loglikelihood_rolling": -1.0, "loglikelihood": (-1.0, False)}
    asked = next(asked for asked in leaf.asked.values() if asked)
    requests = _fresh(next(iter(asked.values())))
    for request in requests:
        request.resps = [says[request.request_type]]
    try:
        leaf.filtered(requests)
        items = leaf.task.process_results(
            requests[0].doc, [request.filtered_resps[leaf.metric.filter] for request in requests]
        )
    except Exception:
        return  # the task's own code takes no empty answer; it is seen when the model has answered
    item = items.get(leaf.metric.name)
    if item is not None and not is_per_document(leaf.metric, item):
        others = [other for other, value in items.items() if np.isscalar(value) and other in leaf.task.aggregation()]
        raise ConfigError(
            f"utility.metric: {leaf.metric.name} of {leaf.name} is made of all answers together, so that no example "
            f"has a score of its own; give {' or '.join(others) if others else 'another task'}."
        )


def _fresh(requests: Sequence[Instance]) -> list[Instance]:
    """The same requests without answers, in the order in which the task looks at them."""
    return [
        Instance(r.request_type, r.doc, r.arguments, r.idx, (r.task_name, r.doc_id, r.repeats))
        for r in sorted(requests, key=lambda r: r.idx)
    ]


def _generating(asked: Mapping[Split, Asked]) -> Iterator[Instance]:
    for requests in (requests for part in asked.values() for requests in part.values()):
        yield from (request for request in requests if request.request_type == "generate_until")


def _place(example: Example) -> tuple[Split, int]:
    return example.extra["split"], example.extra["document"]


def _text(request: Instance) -> str:
    """All that a model reads of a request."""
    return "".join(part for part in request.args if isinstance(part, str))


def _settings(task: Any) -> dict[str, Any]:
    """A task's configuration, but for the places of things, whose contents are known."""
    config = {key: value for key, value in task.dump_config().items() if key != "dataset_kwargs"}
    metadata = config.get("metadata")
    if isinstance(metadata, Mapping):
        config["metadata"] = {key: value for key, value in metadata.items() if key != "config_source"}
    return config


def _code(task: Any) -> Iterator[str]:
    """SHA-256 of each file that a task's functions are in."""
    files = {inspect.getsourcefile(function) for function in _functions(vars(task.config)) if not _built_in(function)}
    yield from sorted(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files if file)


def _functions(value: Any) -> Iterator[Callable[..., Any]]:
    if isinstance(value, partial):
        yield from _functions(value.func)
    elif inspect.isfunction(value):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _functions(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _functions(each)
    elif hasattr(value, "__dataclass_fields__"):
        yield from _functions(vars(value))


def _built_in(function: Callable[..., Any]) -> bool:
    return (function.__module__ or "").startswith("lm_eval.api")


def _sha256(told: Any) -> str:
    plain = json.dumps(told, sort_keys=True, default=_plain)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> str:
    """What JSON does not know, without the places in memory that some objects are called by."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
