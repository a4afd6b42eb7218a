"""Evaluations that end early, by every kind of utility that has a range: the search is the same without."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import yaml

import judged
from judge_server import KEY, JudgeServer
from modelswarms import search, zoo
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import why_not_raced
from scorers import save_scorer

DEV = 24
ITEMS = [
    {"question": f"How much is item {k}?", "answer": "ABC"[k % 3], "id": k,
     "choices": {"A": f"{k}", "B": f"{k + 1}", "C": "none"}}
    for k in range(DEV)
]  # fmt: skip


def right(item: int, coefficients: np.ndarray) -> bool:
    known = np.cos(np.arange(len(coefficients)) * (1 + item % 5)) @ np.clip(coefficients, -2, 2)
    return bool(known + 0.3 > ((item * 37) % DEV) / 10)


def letter(prompt: str, coefficients: np.ndarray) -> str:
    item = int(re.findall(r"item (\d+)", prompt)[-1])
    if "true or false" in prompt.lower():
        return "True" if right(item + 2, coefficients) else "False"
    return "ABC"[item % 3] if right(item, coefficients) else "ABC"[(item + 1) % 3]


def words(prompt: str, coefficients: np.ndarray) -> str:
    item = int(re.findall(r"item (\d+)", prompt)[-1])
    liked = 9 if right(item, coefficients) else item % 4
    return " ".join(["Yes"] * liked + ["x"] * (10 - liked))


EACH = {"parts": {"exact_match": {}, "multiple_choice": {}}, "kind": "multi_task"}
KINDS = {
    "exact_match": ({"kind": "exact_match"}, letter),
    "multiple_choice": ({"kind": "multiple_choice"}, letter),
    "by likelihood": ({"kind": "multiple_choice", "by": "likelihood"}, letter),
    "abstention": ({"kind": "abstention"}, letter),
    "harmonic": ({**EACH, "combine": "harmonic"}, letter),
    "worst": ({**EACH, "combine": "min"}, letter),
    "mean": ({**EACH, "combine": "mean", "zero_counts_as": 0.3}, letter),
    "weighted": ({**EACH, "combine": "weighted", "weights": {"exact_match": 3, "multiple_choice": 1}}, letter),
    "one of two": ({**EACH, "optimise": "exact_match"}, letter),
    "with an abstention": ({"kind": "multi_task", "parts": {"abstention": {}, "exact_match": {}}}, letter),
    "reward": ({"kind": "reward_model", "model": "scorer", "normalisation": {"low": -3, "high": -2}}, words),
    "reward, measured": ({"kind": "reward_model", "model": "scorer", "mode": "concise"}, words),
    "reward, reverse": ({"kind": "reward_model", "model": "scorer", "mode": "reverse", "allow_harmful": True}, words),
    "toxicity": ({"kind": "toxicity", "model": "scorer"}, words),
    "lm_eval": ({"kind": "lm_eval", "task": "items", "include_path": "tasks"}, letter),
    "judge": ({"kind": "judge", "model": "judge-1"}, judged.answer),
    "judge, pairs": ({"kind": "judge", "model": "judge-1", "mode": "pairwise"}, judged.answer),
}
SLOW = {
    "judge",
    "judge, pairs",
    "reward",
    "reward, measured",
    "reward, reverse",
    "mean",
    "worst",
    "exact_match",
    "one of two",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    items = [{**item, "answer": f"answer {4 * k} to item {k}"} for k, item in enumerate(ITEMS)]
    texts = [{k: v for k, v in item.items() if k != "choices"} for item in items]
    for name, dev in (("items", ITEMS), ("texts", texts)):
        (folder / f"{name}.json").write_text(json.dumps({"dataset": name, "dev": dev, "test": []}))
    save_scorer(folder / "scorer", lambda token: 3.0 if token == "Yes" else -3.0)
    (folder / "tasks").mkdir()
    (folder / "tasks" / "dev.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    files = {split: str(folder / "tasks" / "dev.jsonl") for split in ("dev", "test")}
    task = {
        "task": "items",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
        "validation_split": "dev",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "answer",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }
    (folder / "tasks" / "items.yaml").write_text(yaml.safe_dump(task))
    return folder


def evaluations(run):
    return {r["candidate"]: r for r in RunFolder(run).journal.read() if r["kind"] == "evaluation"}


@pytest.mark.parametrize("name", [pytest.param(k, marks=pytest.mark.slow) if k in SLOW else k for k in KINDS])
def test_the_search_is_the_same(name, place, tmp_path, monkeypatch):
    given, said = KINDS[name]
    keys = {k: str(place / v) if v in ("scorer", "tasks") else v for k, v in given.items()}
    data = {"data": str(place / ("texts.json" if "judge" in name else "items.json"))}
    if keys["kind"] == "multi_task":
        keys["parts"] = {part: {**own, **data} for part, own in keys["parts"].items()}
    elif keys["kind"] != "lm_eval":
        keys |= data
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with JudgeServer(judged.opinion) as judge:
        if "judge" in name:
            keys["remote"] = {"base_url": judge.address}
        runs = []
        for racing in (True, False):
            common = {"test": "none", "rescore": False, "ensemble": 0, "run_dir": str(tmp_path / str(racing))}
            swarm = {"particles": 10, "max_iterations": 3}
            found = {"utility": keys, "swarm": swarm, "racing": racing, **common}
            if "judge" in name:
                found["experts"] = {e: str(path) for e, path in list(zoo.expert_paths().items())[:3]}
                swarm |= {"particles": 8, "max_iterations": 3}
            runs.append(search(found, engine=ScriptedEngine(said, block_tokens=16)))
    raced, whole = (evaluations(run.run_dir) for run in runs)
    assert {k: r["coefficients"] for k, r in raced.items()} == {k: r["coefficients"] for k, r in whole.items()}
    assert runs[0].best == runs[1].best
    for candidate, record in raced.items():
        kept = whole[candidate]
        low, high = record["bounds"] or (record["value"], record["value"])
        assert low <= kept["value"] <= high
    said = runs[0].details["racing"]
    assert said["ended_early"] > 0 or name == "judge", "whose ratings all lie far from the highest"
    assert said["saved"] <= said["could_be_saved"] + 1e-9


OWN = """
import math
from modelswarms.types import Score


class Plain:
    name, range = "plain", (0.0, 1.0)

    def prompt(self, example):
        return example.question

    def score(self, examples, model):
        return [Score(1.0) for _ in examples]

    def aggregate(self, scores):
        return math.fsum(scores) / len(scores)


class Endless(Plain):
    range = None

    def bounds(self, examples, scores):
        return 0.0, 1.0


class Raceable(Plain):
    def bounds(self, examples, scores):
        return tuple(self.aggregate([end if s is None else s for s in scores]) for end in (0.0, 1.0))


class Broken(Plain):
    def bounds(self, examples, scores):
        raise KeyError("scores")
"""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Plain", "utility plain does not say what its value may still become: it has no 'bounds'"),
        ("Endless", "utility plain has no finite range"),
        ("Broken", "utility plain cannot say what its value may still become (KeyError: 'scores')"),
        ("Raceable", None),
    ],
)
def test_an_own_utility_is_raced_if_it_has_bounds(name, reason, place, tmp_path):
    (tmp_path / f"own_{name.lower()}.py").write_text(OWN)
    spec = {"kind": "function", "target": f"own_{name.lower()}:{name}", "data": str(place / "items.json")}
    utility, data = load_utility(spec, tmp_path)
    assert why_not_raced(utility, data.dev) == reason
    swarm = {"particles": 11, "max_iterations": 1}
    keys = {"utility": {**spec, "folder": str(tmp_path)}, "swarm": swarm, "rescore": False, "test": "none"}
    result = search(keys, run_dir=str(tmp_path / "run"), engine=ScriptedEngine(letter, block_tokens=16))
    assert result.details["racing"]["off"] == reason
