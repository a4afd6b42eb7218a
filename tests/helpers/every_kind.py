"""Every kind of utility, with all that it needs: data, code, tasks, a classifier; a judge answers elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

from harness_tasks import TASKS, written
from scorers import save_scorer

ITEMS = [
    {"question": f"What is {k} + {k}?", "answer": "AB"[k % 2], "choices": {"A": str(2 * k), "B": "none"}, "id": k}
    for k in range(24)
]
OWN = """
from modelswarms.types import Request


def score(examples, model):
    return [float(len(r.text)) for r in model.generate([Request(e.question) for e in examples])]
"""

GENERATE, LOGLIKELIHOOD, CLASSIFIER, REMOTE = "generate", "loglikelihood", "classifier", "remote"
"""Who is asked."""


def made_ready(folder: Path) -> Path:
    """A folder with all that :data:`KEYS` name."""
    (folder / "items.json").write_text(json.dumps({"dataset": "sums", "dev": ITEMS[:12], "test": ITEMS[12:]}))
    (folder / "mine.py").write_text(OWN)
    save_scorer(folder / "scorer", lambda token: 1.0)
    written(folder / "tasks", {name: TASKS[name] for name in ("choice", "write", "texts")})
    return folder


DATA = {"data": "items.json"}
TASK = {"kind": "lm_eval", "include_path": "tasks"}
KEYS = {
    "abstention": ({"kind": "abstention", **DATA}, {GENERATE: 2}),
    "exact_match": ({"kind": "exact_match", **DATA}, {GENERATE: 1}),
    "function": ({"kind": "function", "target": "mine:score", **DATA}, {GENERATE: 1}),
    "lm_eval": ({**TASK, "task": "choice"}, {LOGLIKELIHOOD: 1}),
    "lm_eval, written": ({**TASK, "task": "write"}, {GENERATE: 1}),
    "lm_eval, rolling": ({**TASK, "task": "texts"}, {LOGLIKELIHOOD: 1}),
    "judge": ({"kind": "judge", "model": "judge-1", **DATA}, {GENERATE: 1, REMOTE: 1}),
    "multi_task": (
        {"kind": "multi_task", "parts": {"exact_match": DATA, "multiple_choice": DATA}},
        {GENERATE: 1},  # a block has one part only
    ),
    "multiple_choice": ({"kind": "multiple_choice", **DATA}, {GENERATE: 1}),
    "multiple_choice, likelihood": ({"kind": "multiple_choice", "by": "likelihood", **DATA}, {LOGLIKELIHOOD: 1}),
    "perplexity": ({"kind": "perplexity", **DATA}, {LOGLIKELIHOOD: 1}),
    "reward_model": (
        {"kind": "reward_model", "model": "scorer", "normalisation": "original", **DATA},
        {GENERATE: 1, CLASSIFIER: 1},
    ),
    "toxicity": ({"kind": "toxicity", "model": "scorer", **DATA}, {GENERATE: 1, CLASSIFIER: 1}),
}
"""By kind, keys and how often a block asks whom."""
