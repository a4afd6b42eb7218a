"""What reading and scoring answers takes of an evaluation on the zoo, on one processor thread.

    python benchmarks/parsing.py

Evaluates one of the zoo's experts on its dev questions, by exact match and as multiple choice (each right answer
beside three others). What is not spent inside the model once its weights are composed is making prompts, reading
answers and scoring. Prints a table and writes benchmarks/results/parsing.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from modelswarms import ExpertSpace, zoo
from modelswarms.datasets import read_dataset
from modelswarms.engines.config import EngineConfig
from modelswarms.engines.local import LocalEngine
from modelswarms.scoring import plan_of, score_blocks, value_of
from modelswarms.types import Example, Utility
from modelswarms.utilities import ExactMatch, MultipleChoice
from seeds import markdown

UTILITIES: dict[str, Utility] = {
    "exact match, strict": ExactMatch(max_new_tokens=zoo.ANSWER_TOKENS),
    "exact match, compat": ExactMatch(max_new_tokens=zoo.ANSWER_TOKENS, parsing="compat"),
    "multiple choice, strict": MultipleChoice(),
    "multiple choice, compat": MultipleChoice(parsing="compat"),
}

COEFFICIENTS = np.array([1.0])
CLOCK = time.process_time
"""Seconds of this process alone, so that the figures are true on a machine that does other things."""


class Timed:
    """A model that adds up the seconds inside it."""

    def __init__(self, model: Any) -> None:
        self.model, self.seconds = model, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        began = CLOCK()
        responses = self.model.generate(requests)
        self.seconds += CLOCK() - began
        return list(responses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expert", default="path_large")
    parser.add_argument("--evaluations", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/parsing.json"))
    options = parser.parse_args()
    engine = LocalEngine(EngineConfig(device="cpu", threads=1), zoo.base_path())
    engine.start(ExpertSpace.load([(options.expert, zoo.expert_paths()[options.expert])], base=zoo.base_path()))
    examples = with_choices(read_dataset(zoo.questions_path()).dev)
    figures = {name: measured(engine, utility, examples, options.evaluations) for name, utility in UTILITIES.items()}
    found = {"engine": engine.describe(), "examples": len(examples), "evaluations": options.evaluations, **figures}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    rows = [
        [
            name,
            f"{f['seconds']:.2f}",
            f"{1000 * f['outside']:.1f}",
            f"{f['outside_percent']:.2f}",
            f"{f['per_answer_us']:.0f}",
        ]
        for name, f in figures.items()
    ]
    header = ["", "seconds an evaluation", "ms outside the model", "percent", "µs an answer"]
    sys.stdout.write(markdown(header, rows) + "\n")


def with_choices(examples: Sequence[Example]) -> list[Example]:
    """Each question with its answer and three others' as options."""
    answers = sorted({str(e.answer) for e in examples})
    found = []
    for k, example in enumerate(examples):
        others = [a for a in answers[k % len(answers) :] + answers if a != example.answer][:3]
        texts = sorted({str(example.answer), *others})
        found.append(replace(example, choices=dict(zip("ABCD", texts, strict=False))))
    return found


def measured(engine: LocalEngine, utility: Utility, examples: Sequence[Example], evaluations: int) -> dict[str, float]:
    """Means over whole evaluations; the first one of all, which warms everything up, is not counted."""
    blocks = plan_of(engine, utility, examples)
    seconds = outside = 0.0
    for k in range(evaluations + 1):
        began = CLOCK()
        with engine.bind(COEFFICIENTS) as bound:
            model, composed = Timed(bound), CLOCK()
            value = value_of(utility, examples, score_blocks(utility, examples, blocks, model))
            ended = CLOCK()
        if k:
            seconds += (ended - began) / evaluations
            outside += (ended - composed - model.seconds) / evaluations
    return {
        "value": value,
        "seconds": seconds,
        "outside": outside,
        "outside_percent": 100 * outside / seconds,
        "per_answer_us": 1e6 * outside / len(examples),
    }


if __name__ == "__main__":
    main()
