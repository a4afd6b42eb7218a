"""Tasks of lm-evaluation-harness on local files: one of each kind, with shown examples and a description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from modelswarms import zoo

WORDS = ["one", "seven", "node 3", "a path", "Yes", "No", "twelve", "none of them", "12", "the longest"]
GRAPHS = sorted(json.loads(zoo.questions_path().read_text())["dev"], key=lambda item: len(item["question"]))[:52:4]
DOCS = [
    {
        "question": f"({k}) After {WORDS[k % 10]}?",
        "options": [WORDS[(k + 1) % 10], WORDS[(3 * k + 2) % 10], WORDS[(7 * k + 4) % 10] + " or more"],
        "gold": (k * k) % 3,
        "graph": GRAPHS[k]["question"],
        "answer": GRAPHS[k]["answer"],
        "text": " ".join(WORDS[(k * j) % 10] for j in range(3 + 30 * (k % 4))),
    }
    for k in range(13)
]
SPLITS = {"train": DOCS[:4], "validation": DOCS[4:8], "test": DOCS[8:]}

MEAN = {"aggregation": "mean", "higher_is_better": True}
CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "options",
    "doc_to_target": "gold",
    "metric_list": [{"metric": "acc", **MEAN}, {"metric": "acc_norm", **MEAN}, {"metric": "brier_score"}],
}
WRITE = {
    "output_type": "generate_until",
    "doc_to_text": "{{graph}}",
    "doc_to_target": "answer",
    "target_delimiter": "",
    "generation_kwargs": {"until": ["\n", "e"], "max_gen_toks": 6, "do_sample": False},
    "filter_list": [
        {"name": "number", "filter": [{"function": "regex", "regex_pattern": r"(\d+)"}, {"function": "take_first"}]},
        {"name": "whole", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]},
    ],
    "metric_list": [{"metric": "exact_match", **MEAN, "ignore_case": True}],
}  # fmt: skip

TASKS: dict[str, dict[str, Any]] = {
    "choice": {**CHOICE, "description": "Choose.\n\n", "num_fewshot": 2},
    "choice_spaced": {**CHOICE, "doc_to_text": "{{question}}  ", "target_delimiter": "", "num_fewshot": 1},
    "choice_alone": {**CHOICE, "doc_to_text": "", "target_delimiter": "", "num_fewshot": 0},
    "choice_mutual": {**CHOICE, "num_fewshot": 0, "metric_list": [{"metric": "acc_mutual_info", **MEAN}]},
    "choice_inputs": {**CHOICE, "doc_to_text": "gold", "doc_to_target": "question", "num_fewshot": 1},
    "follows": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{question}}",
        "doc_to_target": " {{options[gold]}}",
        "num_fewshot": 2,
        "description": "Go on.\n\n",
        "metric_list": [{"metric": "perplexity", "higher_is_better": False}, {"metric": "acc", **MEAN}],
    },
    "write": {**WRITE, "description": "Write a number.\n\n", "num_fewshot": 2},
    "write_alone": {**WRITE, "num_fewshot": 0},
    "write_prefix": {**WRITE, "gen_prefix": "Length:", "num_fewshot": 1},
    "write_spaced": {**WRITE, "doc_to_text": "{{question}} Answer: ", "num_fewshot": 1},
    "texts": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "text",
        "metric_list": [{"metric": "word_perplexity"}, {"metric": "byte_perplexity"}, {"metric": "bits_per_byte"}],
    },
}
PERPLEXITIES = {"word_perplexity": "weighted_perplexity", "byte_perplexity": "weighted_perplexity",
                "bits_per_byte": "bits_per_byte", "perplexity": "perplexity", "brier_score": "brier_score"}  # fmt: skip


def written(folder: Path, tasks: dict[str, dict[str, Any]] | None = None, **changes: Any) -> Path:
    """A folder with the tasks' YAML files and their documents; ``changes`` are laid over each task."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, docs in SPLITS.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    for name, keys in (TASKS if tasks is None else tasks).items():
        task = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {split: str(folder / f"{split}.jsonl") for split in SPLITS}},
            "training_split": "train",
            "validation_split": "validation",
            "test_split": "test",
            "metadata": {"version": 1.0},
            **keys,
            **changes,
        }
        for metric in task["metric_list"]:
            metric.setdefault("aggregation", PERPLEXITIES.get(metric["metric"], "mean"))
            metric.setdefault("higher_is_better", False)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({k: v for k, v in task.items() if v is not None}))
    return folder
