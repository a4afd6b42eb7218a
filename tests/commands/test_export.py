"""What is exported is what was searched: in PEFT, in transformers, and with full weights."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from modelswarms import ConfigError, ExpertSpace, RunError, export, search, zoo
from modelswarms.cli import main
from modelswarms.engines import EngineConfig, make_engine
from modelswarms.runs import RunFolder

PROMPTS = [item["question"] for item in json.loads(zoo.questions_path().read_text())["test"][:3]]


def base():
    return AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32)


def logits(model, prompts=tuple(PROMPTS)):
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    with torch.no_grad():
        return [model.eval()(**tokenizer(prompt, return_tensors="pt")).logits[0] for prompt in prompts]


@pytest.fixture(scope="module")
def ours(small_run):
    """Logits of the engine's own model at the best coefficients."""
    coefficients = small_run.best["coefficients"]
    space = ExpertSpace.load({name: zoo.expert_paths()[name] for name in coefficients}, base=zoo.base_path())
    engine = make_engine(EngineConfig(device="cpu", dtype="float32"), zoo.base_path())
    engine.start(space)
    with engine.bind(space.coefficients(list(coefficients.values()))):
        found = logits(engine._model)
    engine.close()
    return found


def assert_close(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)
        assert one.argmax(-1).tolist() == other.argmax(-1).tolist()


def test_peft_and_transformers_have_the_engines_logits(small_run, ours, tmp_path):
    done = export(small_run.run_dir, tmp_path / "out")
    assert done.over
    assert not done.full
    assert_close(logits(PeftModel.from_pretrained(base(), tmp_path / "out")), ours)
    model = base()
    model.load_adapter(str(tmp_path / "out"))
    assert_close(logits(model), ours)
    differ = max((a - b).abs().max() for a, b in zip(logits(base()), ours, strict=True))
    assert differ > 0.1  # the adapter does something


def test_full_weights_have_the_engines_logits(small_run, ours, tmp_path):
    done = export(small_run.run_dir, tmp_path / "full", full=True, dtype="float32")
    assert done.full
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "full", dtype=torch.float32)
    assert_close(logits(model), ours)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "full")
    assert tokenizer(PROMPTS[0])["input_ids"] == AutoTokenizer.from_pretrained(zoo.base_path())(PROMPTS[0])["input_ids"]


def test_full_weights_have_the_bases_precision_unless_told(small_run, tmp_path):
    export(small_run.run_dir, tmp_path / "full", full=True)
    assert json.loads((tmp_path / "full" / "config.json").read_text())["dtype"] == "bfloat16"
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "full").dtype == torch.bfloat16


def test_best_was_scored_again_and_nothing_differs(small_run):
    again = small_run.best["rescored"]
    assert again["dtype"] == "float32"
    assert again["examples"] == 24
    assert again["differ"] == again["near_ties"]
    assert again["value"] == small_run.best["dev"] or again["near_ties"]
    assert not any("PEFT" in warning for warning in small_run.details["warnings"])


def test_the_card_names_parents_figures_and_no_folder(small_run, tmp_path):
    export(small_run.run_dir, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert card == (small_run.run_dir / "best" / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert front["base_model"] == "modelswarms-zoo/base"
    assert front["library_name"] == "peft"
    for name, weight in small_run.best["coefficients"].items():
        assert f"| {name} | {weight:+.6f} |" in card
    assert f"{small_run.best['test']:.4f}" in card
    assert str(tmp_path) not in card
    assert str(small_run.run_dir.parent) not in card
    assert "/home" not in card


def test_an_unfinished_run_gives_its_best_so_far(keys, scripted, tmp_path):
    run = search(keys, engine=scripted()).run_dir
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    cut = tmp_path / "cut"
    shutil.copytree(run, cut, ignore=shutil.ignore_patterns("best", "result.json"))
    (cut / "journal.jsonl").write_text("".join(lines[:20]))
    done = export(cut, tmp_path / "out")
    known = [r for r in RunFolder(cut).journal.read() if r["kind"] == "evaluation"]
    assert done.dev == max(r["value"] for r in known if r["value"] is not None)
    assert not done.over
    assert "The search is not over" in (tmp_path / "out" / "README.md").read_text()
    assert (tmp_path / "out" / "adapter_model.safetensors").exists()
    assert not (cut / "best").exists()


def test_wrong_input_is_named_and_nothing_is_written(small_run, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        export(small_run.run_dir, tmp_path / "full")
    with pytest.raises(ConfigError, match="--full as well"):
        export(small_run.run_dir, tmp_path / "out", dtype="float32")
    with pytest.raises(ConfigError, match="float32, bfloat16, float16"):
        export(small_run.run_dir, tmp_path / "out", full=True, dtype="int8")
    with pytest.raises(RunError, match="not the folder of a run"):
        export(tmp_path, tmp_path / "out")
    assert main(["export", str(tmp_path / "nowhere"), str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full"]


def test_command(small_run, tmp_path, capsys):
    assert main(["export", str(small_run.run_dir), str(tmp_path / "out")]) == 0
    assert small_run.best["candidate"] in capsys.readouterr().out
