"""Whole searches by a reward model, with scripted answers: what they gain, and that a kill changes nothing."""

from __future__ import annotations

import json
import shutil
from functools import partial

import pytest
from transformers import AutoModelForSequenceClassification

from modelswarms import ConfigError, RunError, evaluate, resume, search
from modelswarms.engines import ScriptedEngine
from modelswarms.runs import RunFolder
from modelswarms.utilities.reward import RewardModel
from scorers import save_scorer


def liking(token: str) -> float:
    return 1.0 if token == "Yes" else -1.0


def answer(prompt, coefficients):
    """More of it is Yes the nearer the first two coefficients are to 0.8 and 0.6; the others make it long."""
    item = int(prompt.split()[-1].rstrip("?")) % 3
    nearness = max(0.0, 1 - abs(coefficients[0] - 0.8) - abs(coefficients[1] - 0.6))
    words = 6 + item + round(60 * min(1, abs(coefficients[2:]).max(initial=0)))
    liked = round(nearness * words)
    return " ".join(["Yes"] * liked + ["x"] * (words - liked))


def engine():
    return ScriptedEngine(answer, block_tokens=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    template = "{{ messages[-1]['content'] }}."
    return save_scorer(tmp_path_factory.mktemp("reward") / "liking", liking, template=template)


def settings(folder, place, mode="default", name="run", iterations=1, **utility):
    items = [{"prompt": f"What of item {k}?", "id": k} for k in range(18)]
    (place / "open.json").write_text(json.dumps({"dev": items[:8], "test": items[8:]}))
    spec = {"kind": "reward_model", "data": str(place / "open.json"), "model": str(folder), "dtype": "float32"}
    return {
        "utility": {**spec, "mode": mode, **utility},
        "swarm": {"particles": 11, "max_iterations": iterations},
        "run_dir": str(place / name),
        "rescore": False,
    }


@pytest.fixture
def keys(folder, tmp_path):
    return partial(settings, folder, tmp_path)


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The folder of a run that nothing interrupted."""
    return search(settings(folder, tmp_path_factory.mktemp("whole")), engine=engine()).run_dir


@pytest.fixture
def cut(whole, tmp_path):
    """A copy of it, killed when its journal had so many lines."""

    def at(kept):
        run = shutil.copytree(whole, tmp_path / f"cut{kept}")
        lines = (whole / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (run / "journal.jsonl").write_bytes(b"".join(lines[:kept]))
        (run / "result.json").unlink()
        return run

    return at


def records(run):
    return RunFolder(run).journal.read()


def mean_length(run, candidate):
    (found,) = [
        r for r in records(run) if r["kind"] == "evaluation" and r["candidate"] == candidate and r["split"] == "test"
    ]
    told = [int(a.split(", ")[1].split()[0]) for a in found["answers"]]
    return sum(told) / len(told)


def test_a_search_gains_reward_on_prompts_it_did_not_see_and_lengths_follow_the_mode(keys):
    results = {
        mode: search(keys(mode, mode, iterations=3), engine=engine()) for mode in ("default", "concise", "verbose")
    }
    for result in results.values():
        assert result.best["test"] > result.best_single["test"]
    lengths = {m: mean_length(r.run_dir, r.best["candidate"]) for m, r in results.items()}
    assert lengths["concise"] < lengths["verbose"]
    report = (results["default"].run_dir / "report.html").read_text()
    assert "reward " in report


def test_a_search_against_the_reward_goes_the_other_way(keys):
    result = search(keys("reverse", allow_harmful=True), engine=engine())
    assert -1 <= result.best_single["dev"] <= result.best["dev"] <= 0
    header = records(result.run_dir)[0]
    assert header["config"]["utility"]["mode"] == "reverse" and "model" not in header["config"]["utility"]
    assert result.details["warnings"][0].startswith("The search went against a reward model")
    assert "do not give it to anybody else" in (result.run_dir / "best" / "README.md").read_text()


@pytest.mark.parametrize("kept", [2, 3, 4, 13])
def test_a_kill_changes_nothing(whole, cut, kept):
    """After the plan; between the constants and the first evaluation; after that; within an iteration."""
    assert [r["kind"] for r in records(whole)][:4] == ["constants", "plan", "constants", "evaluation"]
    run = cut(kept)
    resume(run, engine=engine())
    for name in ("journal.jsonl", "result.json"):
        assert (run / name).read_bytes() == (whole / name).read_bytes()


def test_what_was_measured_is_not_measured_again(whole, cut, monkeypatch):
    (constants,) = [r["values"] for r in records(whole) if r["kind"] == "constants" and r["name"] == "utility"]
    assert constants["low"] < constants["high"]
    monkeypatch.setattr(RewardModel, "measure", lambda *_: pytest.fail("measured again"))
    resume(cut(3), engine=engine())


def test_the_model_is_loaded_once_in_a_search(keys, monkeypatch):
    loads = []
    load = AutoModelForSequenceClassification.from_pretrained
    monkeypatch.setattr(
        AutoModelForSequenceClassification, "from_pretrained", lambda *a, **k: loads.append(a) or load(*a, **k)
    )
    search(keys(), engine=engine())
    assert len(loads) == 1


def test_another_reward_model_is_refused_on_resume(keys, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    run = search(keys(model=str(copy)), engine=engine()).run_dir
    resume(run, engine=engine())
    save_scorer(copy, lambda token: -liking(token), template="{{ messages[-1]['content'] }}.")
    with pytest.raises(RunError, match="utility changed since the run began"):
        resume(run, engine=engine())


def test_a_model_that_cannot_be_loaded_leaves_no_run(keys, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ConfigError, match=r"utility\.model: .* cannot be loaded as a sequence classifier"):
        search(keys(model=str(copy)), engine=engine())
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="cannot be loaded as a sequence classifier"):
        evaluate(keys(model=str(copy)), expert="base", engine=engine())


def test_the_model_may_lie_beside_the_configuration(keys, folder, tmp_path):
    """A relative folder is the configuration's; a run finds it again from anywhere."""
    shutil.copytree(folder, tmp_path / "rewards" / "mine")
    path = tmp_path / "my.json"
    path.write_text(json.dumps(keys(model="rewards/mine")))
    run = search(path, engine=engine()).run_dir
    resume(run, engine=engine())
    measured = evaluate(run, expert=["between", "degree", "heaviest"], engine=engine())
    assert [m.split for m in measured] == ["test"] * 3 and all(0 <= m.value <= 1 for m in measured)
    assert all(a["answer"].startswith("reward ") for m in measured for a in m.answers)


def test_rewards_may_be_parts(keys, tmp_path):
    """Two modes as one value: each part has constants of its own, and is loaded before the run."""
    whole = keys()
    data, model = whole["utility"]["data"], whole["utility"]["model"]
    each = {"kind": "reward_model", "data": data, "model": model, "dtype": "float32"}
    parts = {name: {**each, "mode": name} for name in ("concise", "verbose")}
    result = search({**whole, "utility": {"kind": "multi_task", "parts": parts}}, engine=engine())
    (constants,) = [r["values"] for r in records(result.run_dir) if r["kind"] == "constants" and r["name"] == "utility"]
    assert set(constants) == {f"{part}/{end}" for part in parts for end in ("low", "high")}
    header = records(result.run_dir)[0]
    assert "model" not in header["config"]["utility"]["parts"]["concise"]
    (tmp_path / "torn").mkdir()
    parts["verbose"]["model"] = str(tmp_path / "torn")
    with pytest.raises(ConfigError, match=r"utility\.parts, verbose: utility\.model: .*torn holds no config\.json"):
        search({**keys(name="other"), "utility": {"kind": "multi_task", "parts": parts}}, engine=engine())


def test_a_part_may_take_texts_of_any_length(keys, monkeypatch):
    whole = keys()
    asked = []
    count = ScriptedEngine.count_tokens

    def counted(self, texts, *, any_length=False):
        asked.append((len(texts), any_length))
        return count(self, texts, any_length=any_length)

    monkeypatch.setattr(ScriptedEngine, "count_tokens", counted)
    spec = {"kind": "multi_task", "parts": [whole["utility"], {"kind": "perplexity", "data": whole["utility"]["data"]}]}
    telling = ScriptedEngine(answer, block_tokens=40, logprob=lambda before, after, _: -float(len(after.split())))
    search({**whole, "utility": {**spec, "optimise": "reward_model"}}, engine=telling)
    assert {(8, False), (8, True), (10, False), (10, True)} == set(asked)
