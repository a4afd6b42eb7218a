"""The data merge: an adapter that was trained elsewhere, valued beside the experts."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml

from adapters import make_expert
from modelswarms import ConfigError, ExpertError, compare, resume, search
from modelswarms.cli import main
from modelswarms.commands.mergekit import export_recipe
from modelswarms.experts import read_adapter
from random_bases import random_base


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    base = random_base(folder / "base")
    for k, name in enumerate(("ant", "bee")):
        make_expert(base, folder / "experts" / name, k + 1)
    make_expert(base, folder / "trained", 7, r=6, lora_alpha=5)
    make_expert(random_base(folder / "other", hidden_size=16), folder / "foreign", 8)
    items = [{"question": f"Is {k} a degree?", "answer": str(k % 3)} for k in range(6)]
    (folder / "data.json").write_text(json.dumps({"dev": items[:4], "test": items[4:]}))
    return folder


@pytest.fixture
def keys(made):
    utility = {"kind": "exact_match", "data": str(made / "data.json"), "max_new_tokens": 2}
    return {"base": str(made / "base"), "experts": str(made / "experts"), "utility": utility, "ensemble": 0}


def test_it_is_that_adapter_whatever_it_is_worth(keys, made, tmp_path):
    searcher = {"kind": "data_merge", "adapter": str(made / "trained")}
    result = search({**keys, "searcher": searcher, "run_dir": str(tmp_path / "run")})
    assert result.best["coefficients"] == {"ant": 0, "bee": 0, "data merge": 1}
    assert result.details["evaluations"] == 3
    assert result.best["rescored"]["difference"] == 0
    trained, best = read_adapter("x", made / "trained"), read_adapter("x", result.run_dir / "best")
    for module in trained.tensors:
        torch.testing.assert_close(best.delta(module), trained.delta(module))
    recipe = yaml.safe_load(export_recipe(result.run_dir, tmp_path / "r.yml").read_text())
    assert [entry["model"] for entry in recipe["models"]] == [f"{made / 'base'}+{made / 'trained'}"]


def test_it_is_one_more_method_of_a_comparison(keys, made, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({**keys, "rescore": False}))
    command = ["compare", "my.yaml", "--methods", "best_single", "--evaluations", "5", "--out", "c"]
    assert main([*command, "--data-merge", str(made / "trained")]) == 0
    assert "data merge" in capsys.readouterr().out
    row = next(
        r for r in json.loads((tmp_path / "c" / "comparison.json").read_text())["rows"] if r["method"] == "data_merge"
    )
    assert row["evaluations"] == 3 and row["test"] is not None


def test_another_adapter_in_its_place_is_refused(keys, made, tmp_path):
    shutil.copytree(made / "trained", tmp_path / "trained")
    searcher = {"kind": "data_merge", "adapter": str(tmp_path / "trained")}
    run = search({**keys, "searcher": searcher, "rescore": False, "run_dir": str(tmp_path / "run")}).run_dir
    shutil.copy(made / "experts" / "ant" / "adapter_model.safetensors", tmp_path / "trained")
    with pytest.raises(ConfigError, match="changed since the run began; restore it, or start a new run"):
        resume(run)


def test_one_of_another_base_is_refused_before_any_run(keys, made, tmp_path):
    with pytest.raises(ExpertError, match="expert data merge: .* changes a "):
        compare(keys, ["swarm"], data_merge=made / "foreign", out=tmp_path / "c")
    with pytest.raises(ConfigError, match=r"data merge: .*nowhere holds no adapter_model.safetensors"):
        compare(keys, ["swarm"], data_merge=tmp_path / "nowhere", out=tmp_path / "c")
    with pytest.raises(ConfigError, match="methods: data_merge has to be given something; write --data-merge FOLDER"):
        compare(keys, ["swarm", "data_merge"], out=tmp_path / "c")
    assert not (tmp_path / "c").exists()
