"""Everything outside the allow-list is refused with the expert's name and the field."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from adapters import make_base, make_expert
from modelswarms import ConfigError, ExpertError, ExpertSpace
from modelswarms.experts import find_experts

HARMLESS = {
    "task_type": "CAUSAL_LM", "auto_mapping": {"base_model_class": "X"}, "peft_version": "0.99",
    "base_model_name_or_path": "elsewhere", "revision": "abc", "inference_mode": False, "lora_dropout": 0.3,
    "target_modules": "all-linear", "exclude_modules": ["lm_head"], "layers_to_transform": [0, 1],
    "layers_pattern": "layers", "megatron_core": "x", "qalora_group_size": 8,
    "init_lora_weights": "gaussian", "runtime_config": {"ephemeral_gpu_offload": True}, "ensure_weight_tying": True,
}  # fmt: skip
MEANT = {"peft_type": "IA3", "r": 5, "lora_alpha": "x", "use_rslora": "yes"}


@pytest.fixture
def expert(equal_experts, tmp_path):
    shutil.copytree(equal_experts / "bee", tmp_path / "all" / "bee")
    shutil.copytree(equal_experts / "ant", tmp_path / "all" / "ant")
    return tmp_path / "all" / "bee"


def rewrite(expert, **changes):
    path = expert / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(LoraConfig)])
def test_every_field_of_peft_is_either_harmless_or_refused_by_name(expert, field):
    """A new field of PEFT is refused until somebody has thought about it."""
    rewrite(expert, **{field: HARMLESS.get(field, MEANT.get(field, {"some": "setting"}))})
    if field in HARMLESS:
        assert ExpertSpace.load(expert.parent).n == 2
    else:
        with pytest.raises(ExpertError, match=rf"expert bee:.*(r = 5|{field})"):
            ExpertSpace.load(expert.parent)


@pytest.mark.parametrize(
    ("field", "value"),
    [("use_dora", True), ("bias", "all"), ("bias", "lora_only"), ("modules_to_save", ["lm_head"]),
     ("rank_pattern", {"q_proj": 2}), ("alpha_pattern", {"q_proj": 2}), ("fan_in_fan_out", True), ("lora_bias", True),
     ("target_parameters", ["x"]), ("trainable_token_indices", [1]), ("layer_replication", [[0, 1]]),
     ("init_lora_weights", "pissa"), ("init_lora_weights", "pissa_niter_4"), ("init_lora_weights", "olora"),
     ("init_lora_weights", "corda"), ("init_lora_weights", "loftq"), ("loftq_config", {"loftq_bits": 4}),
     ("task_type", "SEQ_CLS"), ("a_field_of_next_year", 0.5), ("another", "on"), ("peft_type", "LOHA"),
     ("r", 0), ("r", True), ("lora_alpha", float("nan")), ("lora_alpha", float("inf")), ("lora_alpha", "16"),
     ("init_lora_weights", "mica"), ("init_lora_weights", "eva"), ("init_lora_weights", "lora_ga"),
     ("use_bdlora", {"nblocks": 2}), ("alora_invocation_tokens", [1, 2]), ("target_modules", {"q_proj": 1}),
     ("base_model_name_or_path", 7)],
)  # fmt: skip
def test_what_changes_the_meaning_is_refused(expert, field, value):
    rewrite(expert, **{field: value})
    with pytest.raises(ExpertError, match=rf"expert bee: {field} is .*([Ll]eave|alpha)"):
        ExpertSpace.load(expert.parent)


def test_dora_as_peft_writes_it_is_refused(base, tmp_path):
    make_expert(base, tmp_path / "all" / "dora", 1, use_dora=True)
    with pytest.raises(ExpertError, match="expert dora: use_dora is True"):
        ExpertSpace.load(tmp_path / "all")


def tensors(expert, change):
    path = expert / "adapter_model.safetensors"
    flat = load_file(path)
    change(flat)
    save_file(flat, path)


def first(flat, factor="A"):
    return next(key for key in flat if f"lora_{factor}" in key)


DAMAGE = {
    "NaN": (lambda flat: flat[first(flat)].fill_(float("nan")), "NaN or infinite"),
    "infinite": (lambda flat: flat[first(flat)].fill_(float("inf")), "NaN or infinite"),
    "no B": (lambda flat: flat.pop(first(flat, "B")), "no lora_B"),
    "no A": (lambda flat: flat.pop(first(flat)), "no lora_A"),
    "stray": (lambda flat: flat.update({"base_model.model.lm_head.weight": torch.ones(2, 2)}), "lm_head.weight"),
    "embedding": (
        lambda flat: flat.update({"base_model.model.embed.lora_embedding_A": torch.ones(2, 2)}),
        "embedding_A",
    ),
    "rank": (lambda flat: flat.update({first(flat): torch.ones(3, 24)}), "r = 4"),
    "whole numbers": (lambda flat: flat.update({first(flat): torch.ones(4, 24, dtype=torch.int64)}), "int64"),
    "three axes": (lambda flat: flat.update({first(flat): torch.ones(4, 24, 1)}), "3 dimensions"),
    "empty": (lambda flat: flat.clear(), "no tensors"),
}


@pytest.mark.parametrize(("change", "says"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_tensors_are_named(expert, change, says):
    tensors(expert, change)
    with pytest.raises(ExpertError, match=f"expert bee: .*{says}"):
        ExpertSpace.load(expert.parent)


@pytest.mark.parametrize("size", [0, 3, 8, 200, 5000])
def test_truncated_weights_are_named(expert, size):
    path = expert / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ExpertError, match="expert bee: .*damaged"):
        ExpertSpace.load(expert.parent)


def test_missing_files_are_named(expert):
    (expert / "adapter_model.safetensors").rename(expert / "adapter_model.bin")
    with pytest.raises(ExpertError, match=r"expert bee: .*adapter_model\.bin.*safe_serialization"):
        ExpertSpace.load(expert.parent)
    (expert / "adapter_model.bin").unlink()
    with pytest.raises(ExpertError, match="expert bee: .*holds no adapter_model"):
        ExpertSpace.load(expert.parent)
    (expert / "adapter_config.json").write_text("{")
    with pytest.raises(ExpertError, match="expert bee: .*cannot be read"):
        ExpertSpace.load(expert.parent)


def test_factors_need_equal_experts(mixed_experts, base, equal_experts, tmp_path):
    with pytest.raises(ExpertError, match=r"expert bee: rank is 6.*combine: delta does not"):
        ExpertSpace.load(mixed_experts, combine="factors")
    shutil.copytree(equal_experts / "ant", tmp_path / "all" / "ant")
    make_expert(base, tmp_path / "all" / "few", 5, target_modules=["q_proj"])
    with pytest.raises(ExpertError, match="expert few: not the same modules"):
        ExpertSpace.load(tmp_path / "all", combine="factors")
    with pytest.raises(ConfigError, match="combine"):
        ExpertSpace.load(equal_experts, combine="mean")


def test_another_base_is_judged_by_shapes_and_not_by_name(equal_experts, tmp_path, base, caplog):
    other = make_base(tmp_path / "other", hidden=32)
    with pytest.raises(ExpertError, match="expert ant: .*another base"):
        ExpertSpace.load(equal_experts, base=other)
    shutil.copytree(equal_experts, tmp_path / "all")
    rewrite(tmp_path / "all" / "cat", base_model_name_or_path="a/hub-id")
    assert ExpertSpace.load(tmp_path / "all", base=base).n == 3
    assert any("different bases" in record.message for record in caplog.records)


def test_a_wrong_base_is_named(equal_experts, tmp_path):
    for make, says in (
        (lambda: None, "is no folder"),
        (lambda: (tmp_path / "base").mkdir(), "holds no config.json"),
        (lambda: (tmp_path / "base" / "config.json").write_text("{}"), "model_type"),
        (lambda: (tmp_path / "base" / "config.json").write_text('{"model_type": "llama"}'), "no weights"),
    ):
        make()
        with pytest.raises(ExpertError, match=f"base: .*{says}"):
            ExpertSpace.load(equal_experts, base=tmp_path / "base")


def test_experts_are_found(equal_experts, tmp_path):
    names = ["ant", "bee", "cat"]
    assert [name for name, _ in find_experts(equal_experts)] == names
    assert [name for name, _ in find_experts([str(equal_experts / n) for n in names])] == names
    assert [name for name, _ in find_experts({"x": equal_experts / "ant"})] == ["x"]
    assert [name for name, _ in find_experts(equal_experts / "bee")] == ["bee"]
    (tmp_path / "empty").mkdir()
    for wrong, says in (
        ([equal_experts / "ant", equal_experts / "ant"], "two are called 'ant'"),
        (tmp_path / "nowhere", "no folder"),
        (tmp_path / "empty", "holds no adapter folders"),
        ([], "none are given"),
        ([tmp_path / "nowhere"], "nowhere"),
    ):
        with pytest.raises(ExpertError, match=says):
            find_experts(wrong)


def test_fingerprints_tell_contents_and_not_places(equal_experts, tmp_path, base):
    one = ExpertSpace.load(equal_experts, base=base).fingerprint()
    shutil.copytree(equal_experts, tmp_path / "all")
    assert ExpertSpace.load(tmp_path / "all", base=base).fingerprint() == one
    tensors(tmp_path / "all" / "cat", lambda flat: flat[first(flat)].add_(1))
    changed = ExpertSpace.load(tmp_path / "all", base=base).fingerprint()
    assert {k for k in one["experts"] if one["experts"][k] != changed["experts"][k]} == {"cat"}
