"""All methods with equal means: whole comparisons with a scripted model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelswarms import ConfigError, RunError, compare
from modelswarms.baselines import GIVEN, METHODS, OUTPUTS
from modelswarms.cli import main
from modelswarms.engines import ScriptedEngine
from modelswarms.reports.statistics import paired_p
from modelswarms.runs import RunFolder
from modelswarms.zoo import expert_paths

SOME = ["swarm", "cmaes", "uniform_soup"]


@pytest.fixture
def short(keys):
    return {**keys, "swarm": {"particles": 12, "max_iterations": 1}}


def journal(folder, name):
    return RunFolder(folder / name).journal.read()


def evaluations(folder, name, split="dev"):
    return [r for r in journal(folder, name) if r["kind"] == "evaluation" and r["split"] == split]


def derived(folder):
    """All that has to be the same however often it was interrupted; times are not."""
    table = json.loads((folder / "comparison.json").read_text())
    for row in table["rows"]:
        del row["seconds"]
    runs = {path.parent.name: path.read_bytes() for path in folder.glob("*/journal.jsonl")}
    return table, runs


def test_every_method_has_what_the_swarm_had(short, scripted, tmp_path):
    short["experts"] = {
        name: str(path) for name, path in list(expert_paths().items())[:4]
    }  # of fewer, merges are quicker
    found = compare(short, out=tmp_path / "all", engine=scripted())
    rows = {row["method"]: row for row in found.rows}
    assert set(rows) == {"swarm", *METHODS, *OUTPUTS} - set(GIVEN)
    budget = rows["swarm"]["evaluations"]
    assert budget == 24
    for name, row in rows.items():
        asked = evaluations(tmp_path / "all", name)
        assert row["evaluations"] == len([r for r in asked if r["candidate"] != "combined"]) <= budget
        assert row["test"] is not None and row["test_ci"] is not None
        header = journal(tmp_path / "all", name)[0]
        assert header["fingerprints"] == journal(tmp_path / "all", "swarm")[0]["fingerprints"]
        if row["stopped_by"] == "evaluations":
            assert len(asked) == budget
    tests = [row["test"] for row in found.rows]
    assert tests == sorted(tests, reverse=True)
    assert found.table == json.loads((tmp_path / "all" / "comparison.json").read_text())
    text = (tmp_path / "all" / "comparison.md").read_text()
    assert all(row["title"] in text for row in found.rows)
    assert "at most 24 dev evaluations a method" in text
    page = (tmp_path / "all" / "swarm" / "report.html").read_text()
    assert "Beside other methods" in page and "PSO-Merging" in page


def test_the_difference_from_the_swarm_is_that_of_paired_scores(short, scripted, tmp_path):
    found = compare(short, SOME, out=tmp_path / "some", engine=scripted())
    swarm = next(row for row in found.rows if row["method"] == "swarm")
    assert swarm["from_swarm"] is None
    for row in found.rows:
        if row["method"] == "swarm":
            continue
        assert row["from_swarm"]["test"] == pytest.approx(row["test"] - swarm["test"])
        low, high = row["from_swarm"]["ci"]
        assert low <= row["from_swarm"]["test"] <= high
        assert 0 < row["from_swarm"]["p"] <= 1


def test_the_experts_alone_are_run_once(short, tmp_path):
    asked = []

    def answer(prompt, coefficients):
        asked.append(coefficients.tobytes())
        return "1"

    compare(short, SOME, out=tmp_path / "some", engine=ScriptedEngine(answer, block_tokens=20))
    expert = np.eye(10)[3].tobytes()
    assert asked.count(expert) == 12  # dev questions
    for name in SOME:
        assert sum(r["coefficients"] == np.eye(10)[3].tolist() for r in evaluations(tmp_path / "some", name)) == 1


def test_what_is_done_is_not_done_again(short, scripted, tmp_path):
    compare(short, SOME, out=tmp_path / "some", engine=scripted())
    before = derived(tmp_path / "some")

    def refuse(prompt, coefficients):
        raise AssertionError("asked again")

    said = []
    compare(short, SOME, out=tmp_path / "some", engine=ScriptedEngine(refuse, block_tokens=20), say=said.append)
    assert derived(tmp_path / "some") == before
    assert all("done before" in line for line in said)


@pytest.mark.parametrize("after", [3, 150, 400])
def test_an_interrupted_comparison_goes_on_to_the_same_bytes(short, scripted, tmp_path, after):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    compare(short, SOME, out=whole, engine=scripted())
    inner, left = scripted(), [after]

    def answer(prompt, coefficients):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return inner._answer(prompt, coefficients)

    with pytest.raises(KeyboardInterrupt):
        compare(short, SOME, out=cut, engine=ScriptedEngine(answer, block_tokens=20))
    compare(short, SOME, out=cut, engine=scripted())
    assert derived(cut) == derived(whole)


def test_more_methods_can_be_added_later(short, scripted, tmp_path):
    compare(short, ["swarm"], out=tmp_path / "some", engine=scripted())
    found = compare(short, "swarm,random", out=tmp_path / "some", engine=scripted())
    assert {row["method"] for row in found.rows} == {"best_single", "swarm", "random"}


def test_a_budget_is_kept_by_the_swarm_and_by_all(short, scripted, tmp_path):
    found = compare(short, ["swarm", "random"], out=tmp_path / "some", evaluations=40, engine=scripted())
    assert {row["method"]: row["evaluations"] for row in found.rows} == {"best_single": 10, "swarm": 36, "random": 36}


def test_where_sums_are_one_they_are_so_for_all(short, scripted, tmp_path):
    swarm = {"preset": "paper", "particles": 12, "max_iterations": 1}
    compare({**short, "swarm": swarm}, ["swarm", "cmaes", "random"], out=tmp_path / "some", engine=scripted())
    for name in ("swarm", "cmaes", "random"):
        sums = [sum(r["coefficients"]) for r in evaluations(tmp_path / "some", name)]
        np.testing.assert_allclose(sums, 1.0, atol=1e-9)


def test_without_test_figures_it_says_why(short, scripted, tmp_path):
    found = compare({**short, "test": "none"}, ["swarm", "uniform_soup"], out=tmp_path / "some", engine=scripted())
    assert all(row["test"] is None and row["from_swarm"] is None for row in found.rows)
    assert "There are no test figures: the configuration says test: none." in found.markdown


def test_another_configuration_is_refused_in_the_same_folder(short, scripted, tmp_path):
    compare(short, ["uniform_soup"], out=tmp_path / "some", engine=scripted())
    with pytest.raises(RunError, match="seed was 0 and is now 1|seed changed"):
        compare({**short, "seed": 1}, ["uniform_soup"], out=tmp_path / "some", engine=scripted())


@pytest.mark.parametrize(
    ("methods", "evaluations", "said"),
    [
        ("swarm,cma", None, "methods: unknown method 'cma'; did you mean 'cmaes'"),
        (["swarm"], 5, "evaluations: 5 is fewer than the swarm's 12 starting particles"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_run(short, scripted, tmp_path, methods, evaluations, said):
    with pytest.raises(ConfigError, match=said):
        compare(short, methods, out=tmp_path / "some", evaluations=evaluations, engine=scripted())
    assert not (tmp_path / "some").exists()


@pytest.mark.parametrize("seed", range(5))
def test_p_is_that_of_all_signs(seed):
    """Twelve differences have 4,096 sign patterns: all of them are counted here."""
    generator = np.random.default_rng(seed)
    one, other = generator.integers(0, 2, 12).astype(float), generator.integers(0, 2, 12).astype(float)
    differences = one - other
    signs = np.array([[1 if (k >> i) & 1 else -1 for i in range(12)] for k in range(2**12)])
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9)
    assert paired_p(one, other) == pytest.approx(exact, abs=0.02)


def test_the_command_says_what_is_wrong_in_a_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--methods", "swarm,cmaess"]) == 2
    assert "methods: unknown method 'cmaess'; did you mean 'cmaes'?" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_shows_the_table_and_how_to_go_on(capsys, tmp_path, monkeypatch, short, scripted):
    import yaml

    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({k: v for k, v in short.items() if k != "run_dir"}))
    engines = [ScriptedEngine(interrupting, block_tokens=20), scripted()]
    monkeypatch.setattr("modelswarms.preparation.make_engine", lambda config, base: engines.pop(0))
    command = ["compare", "my.yaml", "--seed", "3", "--methods", "swarm,uniform_soup"]
    assert main(command) == 130
    said = " ".join(capsys.readouterr().err.split())
    go_on = "modelswarms compare my.yaml --seed 3 --methods swarm,uniform_soup --out runs/compare-my"
    assert f"Go on with: {go_on}" in said
    assert main(go_on.split()[1:]) == 0
    shown = capsys.readouterr().out
    assert "uniform soup" in shown and "runs/compare-my/comparison.md" in shown
    assert (tmp_path / "runs" / "compare-my" / "comparison.json").exists()


def interrupting(prompt, coefficients):
    raise KeyboardInterrupt
