"""A search on a task: as on the same questions without the harness; resumed; refused when the task has changed."""

from __future__ import annotations

import json

import pytest
import yaml

from modelswarms import RunError, resume, search
from modelswarms.cli import main
from modelswarms.commands.evaluate import evaluate
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder


@pytest.fixture
def task(tmp_path, data_file):
    """The questions of ``data_file`` as a task."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    data = json.loads(data_file.read_text())
    for split in ("dev", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in data[split]))
    keys = {
        "task": "items",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: str(folder / f"{split}.jsonl") for split in ("dev", "test")}},
        "validation_split": "dev",
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "answer",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }
    (folder / "items.yaml").write_text(yaml.safe_dump(keys))
    return folder


@pytest.fixture
def harness_keys(keys, task):
    utility = {"kind": "lm_eval", "task": "items", "include_path": str(task)}
    return {**keys, "utility": utility, "swarm": {"particles": 11, "max_iterations": 1}}


def values(run):
    return [
        (r["candidate"], r["split"], r["value"], r["scores"])
        for r in RunFolder(run).journal.read()
        if r["kind"] == "evaluation"
    ]


def test_it_is_the_search_on_the_same_questions(harness_keys, keys, scripted, tmp_path):
    ours = search(harness_keys, engine=scripted())
    plain = search({**harness_keys, "utility": keys["utility"], "run_dir": str(tmp_path / "plain")}, engine=scripted())
    assert values(ours.run_dir) == values(plain.run_dir)
    assert ours.best["test"] == plain.best["test"]
    result = json.loads((ours.run_dir / "result.json").read_text())
    assert "items exact_match (dev: dev, test: test)" in json.dumps(result)


def test_it_goes_on_and_is_refused_when_the_task_has_changed(harness_keys, scripted, task, tmp_path):
    whole = search({**harness_keys, "run_dir": str(tmp_path / "whole")}, engine=scripted())
    part = search({**harness_keys, "swarm": {**harness_keys["swarm"], "max_iterations": 0}}, engine=scripted())
    resumed = resume(part.run_dir, overrides={"swarm.max_iterations": "1"}, engine=scripted())
    assert resumed.best == whole.best
    yaml_file = task / "items.yaml"
    before = yaml_file.read_text()
    yaml_file.write_text(before.replace("version: 1.0", "version: 1.1"))
    with pytest.raises(RunError, match="utility changed since the run began"):
        resume(part.run_dir, overrides={"swarm.max_iterations": "2"}, engine=scripted())
    yaml_file.write_text(before)
    documents = (task / "dev.jsonl").read_text()
    (task / "dev.jsonl").write_text(documents.replace('"answer": "1"', '"answer": "2"'))
    with pytest.raises(RunError, match="data changed since the run began"):
        resume(part.run_dir, overrides={"swarm.max_iterations": "2"}, engine=scripted())
    (task / "dev.jsonl").write_text(documents)
    moved = task.rename(tmp_path / "moved")
    for file in moved.glob("*.yaml"):
        file.write_text(file.read_text().replace(str(task), str(moved)))
    resume(part.run_dir, overrides={"swarm.max_iterations": "2", "utility.include_path": str(moved)}, engine=scripted())


def halves(prompt, coefficients):
    """Right on even items."""
    item = int("".join(c for c in prompt if c.isdigit()))
    return str(item % 5) if item % 2 == 0 else "none"


def test_it_is_evaluated(harness_keys, tmp_path, capsys, monkeypatch):
    (found,) = evaluate(harness_keys, expert="base", engine=ScriptedEngine(halves))
    assert (found.value, found.utility) == (0.5, "items exact_match (dev: dev, test: test)")
    assert found.answers[0] == {"id": "test-0", "score": 1.0, "answer": "2", "response": "2"}
    config = tmp_path / "my.yaml"
    config.write_text(yaml.safe_dump({"utility": {**harness_keys["utility"], "include_path": "tasks"}}))
    monkeypatch.setattr("modelswarms.commands.evaluate.make_engine", lambda config, base: ScriptedEngine(halves))
    assert main(["evaluate", str(config), "--expert", "base"]) == 0
    assert "items exact_match" in capsys.readouterr().out
