"""Figures of single experts are those that a search has."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest

from modelswarms import ConfigError, DataError, ExpertError, evaluate, zoo
from modelswarms.cli import main
from modelswarms.runs import RunFolder


def journal(run, split):
    return {
        tuple(r["coefficients"]): r
        for r in RunFolder(run).journal.read()
        if r["kind"] == "evaluation" and r["split"] == split
    }


def test_names_have_the_journals_values(small_run, config):
    names = list(small_run.best["coefficients"])
    known = journal(small_run.run_dir, "dev")
    measured = evaluate(config, expert=names, split="dev")
    for k, found in enumerate(measured):
        record = known[tuple(float(j == k) for j in range(len(names)))]
        assert found.value == record["value"]
        assert [answer["answer"] for answer in found.answers] == record["answers"]
        assert [answer["score"] for answer in found.answers] == record["scores"]
        assert found.unparsed == record["unparsed"]
    assert [m.expert for m in measured] == names


def test_a_run_is_its_best_expert_with_the_runs_configuration(small_run):
    (found,) = evaluate(small_run.run_dir, expert=small_run.run_dir)
    assert found.value == small_run.best["test"]
    assert found.ci == pytest.approx(small_run.best["test_ci"])
    assert found.examples == 20
    assert found.tokens > 20
    assert found.seconds > 0


def test_several_are_compared_with_the_first_and_are_told_as_they_come(small_run, config):
    told = []
    single = small_run.best_single["expert"]
    first, best = evaluate(config, expert=[single, str(small_run.run_dir)], told=told.append)
    assert told == [first, best]
    assert first.difference is None
    assert math.isclose(best.difference, small_run.difference["test"])
    assert best.difference_ci == pytest.approx(small_run.difference["ci"])


def test_base_is_no_expert_at_all(small_run, config):
    (found,) = evaluate(config, expert="base", split="dev")
    known = journal(small_run.run_dir, "dev")[0.0, 0.0, 0.0]  # the base is among the starting particles
    assert found.value == known["value"]


def test_a_folder_and_keys_over_the_configuration(config):
    folder = zoo.expert_paths()["degree"]
    (found,) = evaluate(config, expert=folder, split="dev", seed=3)
    (again,) = evaluate(config, expert=str(folder), split="dev")
    assert found.value == again.value


def test_an_own_aggregate_has_no_interval(config, tmp_path, monkeypatch):
    (tmp_path / "squared.py").write_text(
        "class Squared:\n"
        "    name, range = 'squared', (0.0, 1.0)\n"
        "    def prompt(self, example): return example.question\n"
        "    def score(self, examples, model):\n"
        "        from modelswarms import Score\n"
        "        return [Score(float(len(e.question) % 2)) for e in examples]\n"
        "    def aggregate(self, values): return (sum(values) / len(values)) ** 2\n"
    )
    utility = {"kind": "function", "target": "squared:Squared", "folder": str(tmp_path),
               "data": str(config.parent / "data.json")}  # fmt: skip
    one, other = evaluate(config, expert=["base", "heaviest"], utility=utility)
    shares = np.mean([answer["score"] for answer in one.answers])
    assert one.value == pytest.approx(shares**2)
    assert one.ci is None
    assert other.difference == 0
    assert other.difference_ci is None


WRONG = {
    "unknown name": ({"expert": "heviest"}, ExpertError, "did you mean 'heaviest'"),
    "no folder": ({"expert": "./nowhere/at/all"}, ExpertError, "check the path"),
    "none": ({"expert": []}, ConfigError, "expert: none is given"),
    "split": ({"expert": "base", "split": "train"}, ConfigError, "give 'dev' or 'test'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case, config):
    given, error, says = WRONG[case]
    with pytest.raises(error, match=says):
        evaluate(config, **given)


def test_an_empty_split_is_named(config, tmp_path):
    data = json.loads((config.parent / "data.json").read_text())
    (tmp_path / "dev.json").write_text(json.dumps({**data, "test": []}))
    utility = {"kind": "exact_match", "data": str(tmp_path / "dev.json"), "max_new_tokens": 2}
    with pytest.raises(DataError, match="test split is empty"):
        evaluate(config, expert="base", utility=utility)


def test_a_run_without_a_best_is_named(config, tmp_path):
    (tmp_path / "run.yaml").write_text("config: {seed: 0}\n")
    with pytest.raises(ExpertError, match="no best/ yet.*modelswarms resume"):
        evaluate(config, expert=str(tmp_path))


def test_command(small_run, config, tmp_path, capsys):
    out = tmp_path / "answers.json"
    run = str(small_run.run_dir)
    assert (
        main(["evaluate", str(config), "--expert", "base", "--expert", run, "--split", "dev", "--out", str(out)]) == 0
    )
    said = capsys.readouterr().out
    assert f"{small_run.best['dev']:.3f}" in said
    assert "24 dev examples" in said
    base, best = json.loads(out.read_text())
    assert best["value"] == small_run.best["dev"]
    assert len(base["answers"]) == 24
    assert {"id", "score", "answer", "response"} == set(base["answers"][0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate"], "--expert"),
        (["evaluate", "CONFIG", "--expert", "heviest"], "did you mean 'heaviest'"),
        (["evaluate", "CONFIG", "--expert", "base", "--split", "train"], "split"),
        (["evaluate", "CONFIG", "--expert", "base", "--out", "/no/such/folder/a.json"], "folder that exists"),
        (["evaluate", "no.yaml", "--expert", "base"], "no such configuration file"),
    ],
)
def test_command_refuses_with_one_line(arguments, says, config, capsys):
    assert main([str(config) if a == "CONFIG" else a for a in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert says in lines[0]


def test_experts_that_could_not_be_combined_can_be_compared(config, tmp_path, caplog):
    """Each stands alone, so that what they call their base, or their module names, are no matter between them."""
    other = tmp_path / "other"
    shutil.copytree(zoo.expert_paths()["between"], other)
    path = other / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model_name_or_path": "another/name"}))
    one, same = evaluate(config, expert=["between", other], split="dev")
    assert one.value == same.value
    assert not caplog.records
