"""Folders as people have them: half copied, half right, in the way; and what is written to them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from adapters import make_base, make_expert
from modelswarms import ExpertError, ExpertSpace
from modelswarms.experts import base_fingerprint, find_experts, read_adapter

IDS = torch.tensor([[5, 9, 11, 40, 2, 33]])
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture
def experts(equal_experts, tmp_path):
    shutil.copytree(equal_experts, tmp_path / "all")
    return tmp_path / "all"


def rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_saving_leaves_other_files_alone(experts, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    for _ in range(2):
        ExpertSpace.load(experts).compose([1, 0, 0]).save(tmp_path / "mine")
    assert sorted(os.listdir(tmp_path / "mine")) == [CONFIG, WEIGHTS, "notes.txt"]
    with pytest.raises(ExpertError, match=r"notes\.txt is a file"):
        ExpertSpace.load(experts).compose([1, 0, 0]).save(tmp_path / "mine" / "notes.txt")


def test_who_may_read_one_file_of_an_expert_may_read_both(experts):
    ExpertSpace.load(experts).compose([1, 0, 0]).save(experts / "mine")
    assert (experts / "mine" / WEIGHTS).stat().st_mode == (experts / "mine" / CONFIG).stat().st_mode


def test_saving_over_an_expert_does_not_disturb_those_that_were_read(experts):
    space = ExpertSpace.load(experts)
    space.compose([0.5, 0.5, -1]).save(experts / "ant")
    space.compose([0.5, 0.5, -1]).save(experts / "twin")
    assert (experts / "ant" / WEIGHTS).read_bytes() == (experts / "twin" / WEIGHTS).read_bytes()


@pytest.mark.parametrize("file", [WEIGHTS, CONFIG])
def test_an_interrupted_save_leaves_no_adapter(experts, monkeypatch, file):
    """Not the old configuration beside new tensors, nor the other way about; the next save mends it."""
    adapter = ExpertSpace.load(experts).compose([1, 1, 1])
    adapter.save(experts / "dog")
    settle = Path.replace

    def interrupted(partial, target):
        if target.name == file:
            raise KeyboardInterrupt
        return settle(partial, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            adapter.save(experts / "bee")
    with pytest.raises(ExpertError, match=f"expert bee: .*holds no {CONFIG}"):
        read_adapter("bee", experts / "bee")
    adapter.save(experts / "bee")
    written = {path.name: path.read_bytes() for path in (experts / "bee").iterdir() if path.name != "README.md"}
    assert written == {path.name: path.read_bytes() for path in (experts / "dog").iterdir()}


@pytest.mark.parametrize("left", [WEIGHTS, "adapter_model.bin", CONFIG])
def test_half_an_expert_is_not_passed_over(experts, left):
    """Nine of ten experts would be a search that nobody asked for."""
    shutil.rmtree(experts / "bee")
    (experts / "bee").mkdir()
    (experts / "bee" / left).write_text("{}")
    with pytest.raises(ExpertError, match="expert bee: "):
        ExpertSpace.load(experts)


def test_what_is_no_expert_is_passed_over(experts):
    (experts / "logs").mkdir()
    (experts / "README.md").write_text("ten experts")
    shutil.copytree(experts / "ant", experts / ".trash")
    assert ExpertSpace.load(experts).names == ("ant", "bee", "cat")


def test_a_folder_is_called_by_its_name_wherever_one_stands(experts, monkeypatch):
    monkeypatch.chdir(experts / "ant")
    assert [name for name, _ in find_experts(".")] == ["ant"]
    assert [name for name, _ in find_experts(["../bee/", "."])] == ["bee", "ant"]
    monkeypatch.setenv("HOME", str(experts))
    assert [name for name, _ in find_experts({"x": "~/bee"})] == ["x"]
    assert ExpertSpace.load(["~/cat"]).names == ("cat",)


@pytest.mark.parametrize("spec", [3, None, "", [None], [""], {"a": 3}, {"ant"}, [["nested"]]], ids=repr)
def test_what_is_no_folder_is_said_to_be_none(spec):
    with pytest.raises(ExpertError, match=r"expert(s| a): .*give a folder"):
        find_experts(spec)


@pytest.mark.parametrize("nothing", [[], (), {}])
def test_no_experts_are_refused(nothing):
    with pytest.raises(ExpertError, match="none are given"):
        ExpertSpace.load(nothing)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\x00", '{"r": 4}'])
def test_a_configuration_that_is_none_is_named(experts, text):
    (experts / "bee" / CONFIG).write_text(text)
    with pytest.raises(ExpertError, match=f"expert bee: .*{CONFIG}"):
        ExpertSpace.load(experts)


@pytest.mark.parametrize(
    "settings",
    [
        {"layers_to_transform": [0]},
        {"layers_to_transform": 1},
        {"target_modules": "all-linear"},
        {"target_modules": r".*layers\.1\.self_attn\.(q|v)_proj"},
        {"target_modules": "all-linear", "exclude_modules": ["v_proj"]},
        {"target_modules": ["self_attn.q_proj", "model.layers.1.mlp.up_proj"]},
        {"init_lora_weights": "orthogonal", "lora_dropout": 0.3},
    ],
    ids=str,
)
def test_what_peft_writes_comes_back_the_same(base, tmp_path, settings):
    """Targets of every form: what is saved selects just the modules that have factors, or PEFT would warn."""
    make_expert(base, tmp_path / "all" / "one", 3, **settings)
    ExpertSpace.load(tmp_path / "all", base=base).compose([-0.7]).save(tmp_path / "out", str(base))
    model = LlamaForCausalLM.from_pretrained(base)
    adapter = read_adapter("one", tmp_path / "all" / "one")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        composed = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base), tmp_path / "out").eval()
    assert set(load_file(tmp_path / "out" / WEIGHTS)) == set(load_file(tmp_path / "all" / "one" / WEIGHTS))
    with torch.no_grad():
        for module in adapter.tensors:
            model.get_submodule(module).weight += -0.7 * adapter.delta(module)
        torch.testing.assert_close(composed(IDS).logits, model.eval()(IDS).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("targets", [["q_proj"], "q_proj", r".*self_attn\.q_proj", "(", ["proj"], []], ids=str)
def test_tensors_that_peft_would_pass_over_are_refused(experts, targets):
    rewrite(experts / "bee" / CONFIG, target_modules=targets)
    with pytest.raises(ExpertError, match="expert bee: .*which target_modules .* leaves out"):
        ExpertSpace.load(experts)


@pytest.mark.parametrize("stored", [True, False])
def test_a_tied_output_matrix_is_refused(base, tmp_path, stored):
    """In the weights, it cannot change without the input embedding; PEFT does change it alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT's own about tied targets
        folder = make_expert(base, tmp_path / "all" / "head", 1, target_modules=["lm_head"])
    if not stored:
        flat = {key: value for key, value in load_file(folder / WEIGHTS).items() if "lora_" in key}
        save_file(flat, folder / WEIGHTS)
    says = "save_embedding_layers=False" if stored else "changes lm_head, .* tied to the input embedding"
    with pytest.raises(ExpertError, match=f"expert head: .*{says}"):
        ExpertSpace.load(tmp_path / "all", base=base)


def test_shapes_are_compared_among_all_experts(base, tmp_path):
    other = make_base(tmp_path / "other", hidden=32)
    make_expert(base, tmp_path / "all" / "ant", 1, target_modules=["q_proj"])
    make_expert(base, tmp_path / "all" / "bee", 2, target_modules=["up_proj"])
    make_expert(other, tmp_path / "all" / "cat", 3, target_modules=["up_proj"])
    with pytest.raises(ExpertError, match=r"expert cat: .*\(40, 32\) matrix, expert bee's is \(40, 24\)"):
        ExpertSpace.load(tmp_path / "all")


@pytest.mark.parametrize("factor", ["A", "B"])
def test_a_base_is_compared_on_both_sides(experts, base, factor):
    for name in ("ant", "bee", "cat"):
        flat = load_file(experts / name / WEIGHTS)
        key = f"base_model.model.model.layers.1.mlp.down_proj.lora_{factor}.weight"
        flat[key] = torch.cat([flat[key], flat[key]], dim=1 if factor == "A" else 0)
        save_file(flat, experts / name / WEIGHTS)
    with pytest.raises(ExpertError, match=r"expert ant: .*down_proj changes .*; it was made from another base"):
        ExpertSpace.load(experts, base=base)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn], ids=str)
def test_factors_of_every_precision_are_read_in_float32(experts, dtype):
    path = experts / "bee" / WEIGHTS
    flat = {key: value.to(dtype) for key, value in load_file(path).items()}
    save_file(flat, path)
    for module, (a, b) in read_adapter("bee", experts / "bee").tensors.items():
        for letter, read in (("A", a), ("B", b)):
            assert torch.equal(read, flat[f"base_model.model.{module}.lora_{letter}.weight"].float())


def test_values_beyond_float32_are_refused(experts):
    path = experts / "bee" / WEIGHTS
    save_file({key: value.double() * 1e39 for key, value in load_file(path).items()}, path)
    with pytest.raises(ExpertError, match="expert bee: .*infinite"):
        ExpertSpace.load(experts)


def test_a_quantised_base_is_refused(experts, base, tmp_path):
    shutil.copytree(base, tmp_path / "base")
    rewrite(tmp_path / "base" / "config.json", quantization_config={"load_in_4bit": True})
    with pytest.raises(ExpertError, match="quantised.*full-precision"):
        ExpertSpace.load(experts, base=tmp_path / "base")


def test_a_base_in_several_files_is_read_whole(experts, base, tmp_path):
    LlamaForCausalLM.from_pretrained(base).save_pretrained(tmp_path / "base", max_shard_size="10KB")
    assert ExpertSpace.load(experts, base=tmp_path / "base").n == 3
    sorted((tmp_path / "base").glob("*.safetensors"))[1].unlink()
    with pytest.raises(ExpertError, match="holds no model-00002-of.*its index names"):
        ExpertSpace.load(experts, base=tmp_path / "base")
    (tmp_path / "base" / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ExpertError, match="index.json cannot be read"):
        ExpertSpace.load(experts, base=tmp_path / "base")


@pytest.mark.parametrize(
    "file", ["config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"]
)
def test_all_that_answers_depend_on_is_in_the_base_s_fingerprint(base, tmp_path, file):
    shutil.copytree(base, tmp_path / "base")
    assert base_fingerprint(tmp_path / "base") == base_fingerprint(base)
    with (tmp_path / "base" / file).open("a") as opened:
        opened.write(" ")
    assert base_fingerprint(tmp_path / "base") != base_fingerprint(base)


def test_different_names_of_the_base_are_one_warning(experts, caplog):
    rewrite(experts / "bee" / CONFIG, base_model_name_or_path="hub/one")
    rewrite(experts / "cat" / CONFIG, base_model_name_or_path="hub/two")
    ExpertSpace.load(experts)
    (record,) = caplog.records
    assert all(text in record.getMessage() for text in ("ant: ", "bee: hub/one", "cat: hub/two"))


def test_importing_needs_no_torch():
    code = "import sys, modelswarms.experts; sys.exit('torch' in sys.modules or 'safetensors' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
