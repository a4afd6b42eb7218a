"""Tasks of lm-evaluation-harness that cannot be utilities."""

from __future__ import annotations

import json
from typing import Any

import yaml

from wrong_inputs.row import Arrange, Row, both, settings, written

CHOICE = {
    "task": "mine",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"validation": "dev.jsonl", "test": "test.jsonl"}},
    "validation_split": "validation",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": ["yes", "no"],
    "doc_to_target": "gold",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
WRITES: dict[str, Any] = {
    **CHOICE,
    "output_type": "generate_until",
    "doc_to_choice": None,
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}


def task(keys: dict[str, Any] | None = None, definition: dict[str, Any] = CHOICE, **changes: Any) -> Arrange:
    """A task of one's own in ``tasks/``, and a utility that asks for it with these keys."""
    docs = [json.dumps({"question": f"Is {k} even?", "gold": k % 2}) for k in range(8)]
    described = {key: value for key, value in {**definition, **changes}.items() if value is not None}
    return both(
        written("dev.jsonl", "\n".join(docs[:4])),
        written("test.jsonl", "\n".join(docs[4:])),
        written("tasks/mine.yaml", yaml.safe_dump(described)),
        settings(utility={"kind": "lm_eval", "task": "mine", "include_path": "tasks", **(keys or {})}),
    )


ROWS = [
    Row(
        "harness-none",
        "no task of lm-evaluation-harness is named",
        "utility.task: not given; write task: hellaswag.",
        settings(utility={"kind": "lm_eval"}),
    ),
    Row(
        "harness-unknown",
        "an unknown task",
        "utility.task: unknown task 'mien'; did you mean 'mine'?",
        task({"task": "mien"}),
    ),
    Row(
        "harness-file",
        "a task's file instead of its name",
        "utility.task: unknown task 'mine.yaml'; give the name in it as task, its folder as include_path.",
        task({"task": "mine.yaml"}),
    ),
    Row(
        "harness-include",
        "a folder of tasks that is not there",
        "utility.include_path: tsks is no folder; give one that holds tasks' YAML files.",
        task({"include_path": "./tsks"}),
    ),
    Row(
        "harness-key",
        "an unknown key of a task",
        "unknown key 'utility.few_shot'; did you mean 'num_fewshot'?",
        task({"few_shot": 2}),
    ),
    Row(
        "harness-metric",
        "a metric that the task does not have",
        "utility.metric: mine has no 'accuracy'; known: acc.",
        task({"metric": "accuracy"}),
    ),
    Row(
        "harness-all-together",
        "a metric that single examples have no score of",
        "utility.metric: f1 of mine is made of all answers together, so that no example has a score of its own; "
        "give another task.",
        task(metric_list=[{"metric": "f1", "aggregation": "f1", "higher_is_better": True}]),
    ),
    Row(
        "harness-filter",
        "a filter that the task does not have",
        "utility.filter: mine has no 'strict'; known: none.",
        task({"filter": "strict"}),
    ),
    Row(
        "harness-split",
        "a split that the task does not have",
        "utility.dev_split: mine has no split 'train'; known: test, validation.",
        task({"dev_split": "train"}),
    ),
    Row(
        "harness-sampling",
        "a task that samples its answers",
        "utility.gen_kwargs: the task samples its answers (do_sample: True, temperature: 0.8), so that a value would "
        "depend on chance; set utility.gen_kwargs to {do_sample: false, temperature: 0}, or take another task.",
        task(definition=WRITES, generation_kwargs={"do_sample": True, "temperature": 0.8, "until": ["\n"]}),
    ),
    Row(
        "harness-decoding",
        "a way of decoding that is not greedy",
        "utility.gen_kwargs: 'num_beams' is not supported, for decoding is greedy; give 'until' or 'max_gen_toks'.",
        task({"gen_kwargs": {"num_beams": 4}}, WRITES),
    ),
    Row(
        "harness-writes-nothing",
        "settings of decoding for a task that has none",
        "utility.gen_kwargs: mine lets the model write nothing; leave them out.",
        task({"gen_kwargs": {"until": "."}}),
    ),
    Row(
        "harness-shots",
        "more shown examples than a task has",
        "utility.task: the prompts of mine cannot be made (ValueError: …); mend the task, or give utility.num_fewshot.",
        task({"num_fewshot": 9}),
    ),
    Row(
        "harness-no-shots",
        "shown examples for a task that has none",
        "utility.num_fewshot: mine is a task without shown examples; leave it out.",
        task({"num_fewshot": 1}, num_fewshot=0),
    ),
    Row(
        "harness-limit",
        "a limit that is neither a number of documents nor a share",
        "utility.limit: 2.5 is not allowed; give a whole number of documents, or a share below 1.",
        task({"limit": 2.5}),
    ),
    Row(
        "harness-range",
        "a range whose ends are the wrong way round",
        "utility.value_range: [1.0, 0.0] is not allowed; give two numbers, the lower first.",
        task({"value_range": [1, 0]}),
    ),
    Row(
        "harness-data",
        "a data file for a task that has documents of its own",
        "utility.data: lm_eval brings its own examples; leave it out.",
        task({"data": "data.json"}),
    ),
    Row(
        "harness-documents",
        "a task whose documents are not there",
        "utility.task: the documents of mine are not there (…); files are looked for from the working directory, as in "
        "lm-evaluation-harness: give whole paths in dataset_kwargs.",
        task(dataset_kwargs={"data_files": {"validation": "dve.jsonl", "test": "test.jsonl"}}),
    ),
    Row(
        "harness-network",
        "a task whose documents are on a hub that cannot be reached",
        "utility.task: the documents of mine could not be had (…); put the network on once, or define the task on a "
        "local file (dataset_path: json).",
        task(dataset_path="some/where", dataset_kwargs=None),
    ),
    Row(
        "harness-template",
        "a task whose template asks for what its documents do not have",
        "utility.task: mine cannot be loaded (UndefinedError: …); mend its YAML file.",
        task(doc_to_text="{{question.not.there}}"),
    ),
    Row(
        "harness-code",
        "a task that runs what the model writes",
        "utility.task: mine runs the code that the model writes; set utility.confirm_run_unsafe_code to true if you "
        "want that on this machine.",
        task(unsafe_code=True),
    ),
    Row(
        "harness-group",
        "a group of tasks without a value of its own",
        "utility.task: all is a group of 1 tasks (mine, ...) without a value of their own; give one of them, or "
        "combine some as kind: multi_task.",
        both(task({"task": "all"}), written("tasks/all.yaml", "group: all\ntask: [mine]\n")),
    ),
]
