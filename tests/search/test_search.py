"""The loop, the journal and the result, with a scripted model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import modelswarms
from modelswarms import RunError, SearchFailedError, resume, search
from modelswarms.engines import ScriptedEngine
from modelswarms.reports import build_result
from modelswarms.runs import RunFolder

DERIVED = ("journal.jsonl", "result.json", "best/adapter_config.json", "best/adapter_model.safetensors")


def bytes_of(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in DERIVED}


def evaluations(run: Path) -> list[dict]:
    return [r for r in RunFolder(run).journal.read() if r["kind"] == "evaluation"]


def test_a_search_writes_what_it_promises(keys, scripted, zoo_experts):
    result = search(keys, engine=scripted())
    saved = json.loads((result.run_dir / "result.json").read_text())
    assert saved == json.loads(json.dumps(result.details))
    assert {"best_single", "best", "difference", "random_search", "iterations", "evaluations", "examples", "failures",
            "unparsed_rate", "stopped_by", "seed", "versions"} <= set(saved)  # fmt: skip
    assert list(saved["best"]["coefficients"]) == sorted(saved["best"]["coefficients"])
    assert set(saved["best"]["coefficients"]) == set(zoo_experts)
    assert saved["best"]["dev"] > saved["best_single"]["dev"]
    for record in evaluations(result.run_dir):
        assert {"candidate", "particle", "iteration", "coefficients", "split", "value", "scores"} <= set(record)
        if record["value"] is None:
            low, high = record["bounds"]
            assert 0 <= low < high <= record["thresholds"][0]
        else:
            assert math.isclose(record["value"], np.mean(record["scores"]))
    timing = json.loads((result.run_dir / "timing.json").read_text())
    assert timing["seconds"] > 0
    assert timing["tokens"] > 0


def test_result_is_a_function_of_the_journal(keys, scripted):
    result = search(keys, engine=scripted())
    again = build_result(RunFolder(result.run_dir).journal.read())
    assert json.loads(json.dumps(again)) == json.loads((result.run_dir / "result.json").read_text())


def test_the_difference_is_the_mean_of_paired_differences(keys, scripted):
    result = search(keys, ensemble=0, engine=scripted())
    test = {r["candidate"]: r["scores"] for r in evaluations(result.run_dir) if r["split"] == "test"}
    assert len(test) == 2
    best = test.pop(result.best["candidate"])
    (single,) = test.values()
    assert math.isclose(result.difference["test"], np.mean(np.subtract(best, single)))
    low, high = result.difference["ci"]
    assert low <= result.difference["test"] <= high


def test_two_runs_in_two_folders_are_equal(keys, scripted, tmp_path):
    one = search(keys, engine=scripted())
    other = search({**keys, "run_dir": str(tmp_path / "elsewhere" / "deep")}, engine=scripted())
    assert bytes_of(one.run_dir) == bytes_of(other.run_dir)


def test_the_test_split_is_left_alone(keys, scripted):
    result = search(keys, test="none", engine=scripted())
    assert {r["split"] for r in evaluations(result.run_dir)} == {"dev"}
    assert result.best["test"] is None
    assert result.difference is None


def test_random_search_has_as_many_evaluations(keys, scripted):
    result = search(keys, random_search=True, engine=scripted())
    assert result.details["evaluations_random_search"] == result.details["evaluations"]
    assert result.random_search["test"] is not None


@pytest.mark.parametrize("kept", [0, 1, 2, 5, 11, 17, 30, 40])
def test_resume_from_any_line_gives_the_same_bytes(keys, scripted, tmp_path, kept):
    whole = search(keys, engine=scripted())
    run = Path(search({**keys, "run_dir": str(tmp_path / "cut")}, engine=scripted()).run_dir)
    journal = run / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) > 40
    journal.write_bytes(b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
    (run / "result.json").unlink()
    resume(run, engine=scripted())
    assert bytes_of(run) == bytes_of(whole.run_dir)


def test_nothing_known_is_evaluated_again(keys, scripted):
    run = search(keys, engine=scripted()).run_dir
    before = (run / "journal.jsonl").read_bytes()

    def refuse(prompt, coefficients):
        raise AssertionError("asked again")

    resume(run, engine=ScriptedEngine(refuse, block_tokens=20))
    assert (run / "journal.jsonl").read_bytes() == before


def test_more_iterations_go_on_as_if_never_stopped(keys, scripted, tmp_path):
    longer = {**keys, "swarm": {**keys["swarm"], "max_iterations": 6}, "run_dir": str(tmp_path / "long")}
    whole = search(longer, engine=scripted())
    short = search(keys, engine=scripted())
    more = resume(short.run_dir, overrides={"swarm.max_iterations": "6"}, engine=scripted())
    assert more.best == whole.best
    assert more.details["iterations"] == whole.details["iterations"] > short.details["iterations"]


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"seed": "7"}, "seed"),
        ({"swarm.spread": "0.9"}, "swarm.spread"),
        ({"combine": "factors"}, "combine"),
        ({"swarm.max_iterations": "2"}, "further, not back"),
        ({"swarm.patience": "1"}, "further, not back"),
        ({"utility.max_new_tokens": "3"}, "utility.max_new_tokens"),
    ],
)
def test_changed_configuration_is_refused(keys, scripted, overrides, named):
    run = search(keys, engine=scripted()).run_dir
    before = bytes_of(run)
    with pytest.raises(RunError, match=named):
        resume(run, overrides=overrides, engine=scripted())
    assert bytes_of(run) == before


def test_changed_data_is_refused(keys, scripted, data_file):
    run = search(keys, engine=scripted()).run_dir
    data_file.write_text(data_file.read_text().replace("How much", "How many"))
    with pytest.raises(RunError, match="data"):
        resume(run, engine=scripted())


def test_changed_experts_are_refused(keys, scripted, tmp_path):
    import shutil

    folder = tmp_path / "experts"
    for name in ("degree", "between", "heaviest"):
        shutil.copytree(modelswarms.zoo.expert_paths()[name], folder / name)
    run = search({**keys, "experts": str(folder)}, engine=scripted()).run_dir
    config = folder / "degree" / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 16', '"lora_alpha": 8'))
    with pytest.raises(RunError, match="degree"):
        resume(run, engine=scripted())


def test_an_existing_run_is_not_overwritten(keys, scripted):
    run = search(keys, engine=scripted()).run_dir
    before = bytes_of(run)
    with pytest.raises(RunError, match="resume"):
        search(keys, engine=scripted())
    assert bytes_of(run) == before


def test_a_failing_candidate_is_tried_again_and_never_a_best(keys, scripted):
    asked: dict[bytes, int] = {}
    answers = scripted()._answer

    def flaky(prompt, coefficients):
        key = coefficients.tobytes()
        asked[key] = asked.get(key, 0) + 1
        if coefficients[0] == 1 and coefficients.sum() == 1:  # the first expert never answers
            raise RuntimeError("out of order")
        if coefficients[1] == 1 and coefficients.sum() == 1 and asked[key] == 1:  # the second one's first call fails
            raise RuntimeError("just once")
        return answers(prompt, coefficients)

    result = search(keys, engine=ScriptedEngine(flaky, block_tokens=20))
    records = RunFolder(result.run_dir).journal.read()
    failures = [(r["candidate"], r["attempt"]) for r in records if r["kind"] == "failure"]
    assert ("000-000", 1) in failures
    assert ("000-000", 2) in failures
    assert ("000-001", 1) in failures
    assert "000-001" in {r["candidate"] for r in evaluations(result.run_dir)}
    assert "000-000" not in {r["candidate"] for r in evaluations(result.run_dir)}
    assert result.details["failures"] == 3
    assert result.best_single["expert"] != "comps"


def test_when_everything_fails_the_run_can_be_resumed(keys, scripted, tmp_path):
    def broken(prompt, coefficients):
        raise RuntimeError("no power")

    with pytest.raises(SearchFailedError, match="every evaluation of iteration 0"):
        search(keys, engine=ScriptedEngine(broken, block_tokens=20))
    mended = resume(keys["run_dir"], engine=scripted())
    whole = search({**keys, "run_dir": str(tmp_path / "whole")}, engine=scripted())
    assert mended.best == whole.best


def test_an_own_utility_that_only_failed_may_be_mended(keys, scripted, tmp_path):
    """Nothing was valued with the old one, so that no value could mix with the new one's."""
    module = tmp_path / "own_goal.py"
    module.write_text("def goal(examples, model):\n    raise ValueError('not yet')\n")
    utility = {"kind": "function", "target": "own_goal:goal", "folder": str(tmp_path), "data": keys["utility"]["data"]}
    own = {**keys, "utility": utility}
    with pytest.raises(SearchFailedError):
        search(own, engine=scripted())
    module.write_text("def goal(examples, model):\n    return [len(e.question) % 7 / 7 for e in examples]\n")
    mended = resume(own["run_dir"], engine=scripted())
    again = resume(own["run_dir"], engine=scripted())
    assert mended.best == again.best
    module.write_text("def goal(examples, model):\n    return [0.5 for _ in examples]\n")
    with pytest.raises(RunError, match="utility changed"):
        resume(own["run_dir"], engine=scripted())


def test_a_run_from_before_a_key_existed_goes_on(keys, scripted):
    run = search(keys, engine=scripted()).run_dir
    journal = RunFolder(run).journal
    records = list(journal.read())
    header = next(r for r in records if r["kind"] == "constants" and r["name"] == "run")
    del header["config"]["swarm"]["asynchronous"], header["config"]["engine"]["slots"], header["config"]["searcher"]
    (run / "journal.jsonl").unlink()
    for record in records:
        RunFolder(run).journal.append(record)
    assert resume(run, engine=scripted()).best is not None


def test_unparsed_answers_are_counted(keys, scripted):
    result = search(keys, engine=scripted())
    dev = evaluations(result.run_dir)
    unparsed = sum(r["unparsed"] for r in dev)
    answered = sum(score is not None for r in dev for score in r["scores"])
    assert result.details["unparsed_rate"] == unparsed / answered > 0


def test_texts_are_kept_for_starts_and_test(keys, scripted):
    run = search(keys, engine=scripted()).run_dir
    for record in evaluations(run):
        if (record["iteration"] == 0 or record["split"] == "test") and "same_as" not in record:
            texts = json.loads((run / "responses" / f"{record['responses']}.json").read_text())
            assert len(texts) == len(record["scores"])
