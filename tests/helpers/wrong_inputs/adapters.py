"""Experts that cannot be used."""

from __future__ import annotations

import shutil
from pathlib import Path

from wrong_inputs.row import (
    Arrange,
    Row,
    both,
    cut,
    edited,
    removed,
    settings,
    tensors,
    three_experts,
    written,
)

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def configured(**keys: object) -> Arrange:
    """Three experts; ben's configuration says something else."""
    return three_experts(edited(CONFIG, lambda config: config.update(keys)))


def renamed_to_bin(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")


def of_rank_four(flat: dict) -> None:
    for key in flat:
        flat[key] = (flat[key][:4] if "lora_A" in key else flat[key][:, :4]).contiguous()


def wider(flat: dict) -> None:
    for key in flat:
        if "lora_A" in key:
            flat[key] = flat[key].repeat(1, 2)


def first(flat: dict) -> str:
    return next(key for key in sorted(flat) if "lora_A" in key)


def with_nan(flat: dict) -> None:
    flat[first(flat)][0, 0] = float("nan")


def without_b(flat: dict) -> None:
    del flat[first(flat).replace("lora_A", "lora_B")]


def three_dimensional(flat: dict) -> None:
    flat[first(flat)] = flat[first(flat)][None]


def whole_numbers(flat: dict) -> None:
    flat[first(flat)] = flat[first(flat)].int()


def with_dora(flat: dict) -> None:
    key = first(flat)
    flat[key.replace("lora_A.weight", "lora_magnitude_vector")] = flat[key][0].clone()


def with_embedding(flat: dict) -> None:
    flat["base_model.model.model.embed_tokens.weight"] = flat[first(flat)].clone()


def one_layer_less(flat: dict) -> None:
    for key in [key for key in flat if ".layers.0." in key]:
        del flat[key]


def another_layer(flat: dict) -> None:
    for key in [key for key in flat if ".layers.0." in key]:
        flat[key.replace(".layers.0.", ".layers.99.")] = flat.pop(key)


def everywhere_wider(work: Path) -> None:
    for folder in (work / "experts").iterdir():
        tensors(wider)(folder)


def same_name_twice(work: Path) -> None:
    three_experts()(work)
    shutil.copytree(work / "experts" / "ben", work / "more" / "ben")


def rank_four(folder: Path) -> None:
    edited(CONFIG, lambda config: config.update(r=4))(folder)
    tensors(of_rank_four)(folder)


ROWS = [
    Row(
        "experts-nowhere",
        "the folder of experts does not exist",
        "experts: nowhere is no folder; check the path, or give a hub id (org/name).",
        settings(experts="./nowhere"),
    ),
    Row(
        "experts-file",
        "a file where the folder of experts should be",
        "experts: data.json is no folder; check the path, or give a hub id (org/name).",
        settings(experts="./data.json"),
    ),
    Row(
        "experts-empty",
        "the folder of experts is empty",
        "experts: experts holds no adapter folders (there is: nothing); give a folder whose "
        "subfolders hold adapter_config.json.",
        both(lambda work: (work / "experts").mkdir(), settings(experts="experts")),
    ),
    Row(
        "experts-other",
        "the folder of experts holds something else",
        "experts: experts holds no adapter folders (there is: notes); give a folder whose subfolders "
        "hold adapter_config.json.",
        both(written("experts/notes/read.txt", "hello"), settings(experts="experts")),
    ),
    Row(
        "experts-none",
        "a list of no experts",
        "experts: none are given; give a folder of adapters, a list of adapter folders, or a mapping of names to them.",
        settings(experts=[]),
    ),
    Row(
        "experts-number",
        "a number instead of experts",
        "experts: 3 is not allowed; give a text or a list of texts or keys and values.",
        settings(experts=3),
    ),
    Row(
        "experts-list-of-numbers",
        "a list of numbers instead of experts",
        "experts: [1, 2] is not allowed; give a text or a list of texts or keys and values.",
        settings(experts=[1, 2]),
    ),
    Row(
        "expert-null",
        "a name without a folder",
        "expert ann: None is not a folder; give a folder of adapters, a list of adapter folders, or "
        "a mapping of names to them.",
        settings(experts={"ann": None}),
    ),
    Row(
        "expert-nowhere",
        "one expert of a mapping does not exist",
        "expert ann: nowhere is no folder; check the path, or give a hub id (org/name).",
        settings(experts={"ann": "./nowhere"}),
    ),
    Row(
        "experts-offline",
        "a hub id without a network",
        "expert nothing: nobody/nothing is no folder here and not in the hub's cache, and "
        "HF_HUB_OFFLINE forbids to ask for it; unset it, or check the path.",
        settings(experts=["nobody/nothing"]),
    ),
    Row(
        "experts-hub-form",
        "neither a folder nor a hub id",
        "experts: 'some one/ben!' is no folder, and no valid hub id; check the path, or give "
        "org/name, org/name@revision or org/name@revision:subfolder.",
        settings(experts=["some one/ben!"]),
    ),
    Row(
        "two-of-one-name",
        "two experts of one name",
        "experts: two are called 'ben' (experts/ben and more/ben); give a mapping of distinct names to folders.",
        both(same_name_twice, settings(experts=["experts/ben", "more/ben"])),
    ),
    Row(
        "config-missing",
        "no adapter_config.json",
        "expert ben: experts/ben holds no adapter_config.json; give a PEFT adapter folder.",
        three_experts(removed(CONFIG)),
    ),
    Row(
        "config-empty",
        "an empty adapter_config.json",
        "expert ben: experts/ben/adapter_config.json cannot be read (…); save the adapter again.",
        three_experts(written(CONFIG, "")),
    ),
    Row(
        "config-invalid",
        "adapter_config.json is not JSON",
        "expert ben: experts/ben/adapter_config.json cannot be read (…); save the adapter again.",
        three_experts(written(CONFIG, "{r: 8")),
    ),
    Row(
        "config-list",
        "adapter_config.json holds a list",
        "expert ben: experts/ben/adapter_config.json holds no keys and values; save the adapter again.",
        three_experts(written(CONFIG, "[1]")),
    ),
    Row(
        "config-latin",
        "adapter_config.json is not UTF-8",
        "expert ben: experts/ben/adapter_config.json cannot be read (…); save the adapter again.",
        three_experts(written(CONFIG, b'{"r": "\xe9"}')),
    ),
    Row(
        "config-no-rank",
        "no rank",
        "expert ben: adapter_config.json has no 'r'; save the adapter with PEFT again.",
        three_experts(edited(CONFIG, lambda config: config.pop("r"))),
    ),
    Row(
        "rank-text",
        "a rank that is no number",
        "expert ben: r is 'eight': the rank is a whole number above 0; leave the expert out, or "
        "train it without this setting.",
        configured(r="eight"),
    ),
    Row(
        "peft-type",
        "an adapter that is no LoRA",
        "expert ben: peft_type is 'LOHA': only LORA adapters can be combined; leave the expert out, "
        "or train it without this setting.",
        configured(peft_type="LOHA"),
    ),
    Row(
        "task-type",
        "an adapter of another task",
        "expert ben: task_type is 'SEQ_CLS': only CAUSAL_LM adapters can be combined; leave the "
        "expert out, or train it without this setting.",
        configured(task_type="SEQ_CLS"),
    ),
    Row(
        "dora",
        "DoRA",
        "expert ben: use_dora is True, which cannot be combined exactly; leave the expert out, or "
        "train it without this setting.",
        configured(use_dora=True),
    ),
    Row(
        "modules-to-save",
        "whole modules saved beside the factors",
        "expert ben: modules_to_save is ['lm_head'], which cannot be combined exactly; leave the "
        "expert out, or train it without this setting.",
        configured(modules_to_save=["lm_head"]),
    ),
    Row(
        "bias",
        "trained biases",
        "expert ben: bias is 'all': trained biases are not combined; leave the expert out, or train "
        "it without this setting.",
        configured(bias="all"),
    ),
    Row(
        "rank-pattern",
        "ranks by module",
        "expert ben: rank_pattern is {'q_proj': 4}, which cannot be combined exactly; leave the "
        "expert out, or train it without this setting.",
        configured(rank_pattern={"q_proj": 4}),
    ),
    Row(
        "pissa",
        "an initialisation that changes the base",
        "expert ben: init_lora_weights is 'pissa': this initialisation changes the base's weights as "
        "well, so its adapter does not stand alone; leave the expert out, or train it without this "
        "setting.",
        configured(init_lora_weights="pissa"),
    ),
    Row(
        "unknown-field",
        "a field that PEFT may add one day",
        "expert ben: use_magic is True, which cannot be combined exactly; leave the expert out, or "
        "train it without this setting.",
        configured(use_magic=True),
    ),
    Row(
        "weights-missing",
        "no adapter_model.safetensors",
        "expert ben: experts/ben holds no adapter_model.safetensors; save the adapter again.",
        three_experts(removed(WEIGHTS)),
    ),
    Row(
        "weights-bin",
        "weights as adapter_model.bin only",
        "expert ben: experts/ben holds adapter_model.bin, which can run code when it is opened; load "
        "it with PEFT and save it with safe_serialization=True.",
        three_experts(renamed_to_bin),
    ),
    Row(
        "weights-empty",
        "an empty weights file",
        "expert ben: experts/ben/adapter_model.safetensors is damaged (…); copy or save the adapter again.",
        three_experts(written(WEIGHTS, "")),
    ),
    Row(
        "weights-cut",
        "a truncated weights file",
        "expert ben: experts/ben/adapter_model.safetensors is damaged (…); copy or save the adapter again.",
        three_experts(cut(WEIGHTS, 20000)),
    ),
    Row(
        "weights-garbage",
        "a weights file of something else",
        "expert ben: experts/ben/adapter_model.safetensors is damaged (…); copy or save the adapter again.",
        three_experts(written(WEIGHTS, b"garbage!" * 99)),
    ),
    Row(
        "no-tensors",
        "a weights file without tensors",
        "expert ben: adapter_model.safetensors holds no tensors; save the adapter again.",
        three_experts(tensors(dict.clear)),
    ),
    Row(
        "no-b",
        "an A without its B",
        "expert ben: model.layers.0.mlp.down_proj has no lora_B; save the adapter again.",
        three_experts(tensors(without_b)),
    ),
    Row(
        "nan",
        "NaN in the weights",
        "expert ben: base_model.model.model.layers.0.mlp.down_proj.lora_A.weight holds NaN or "
        "infinite values; train or copy the adapter again.",
        three_experts(tensors(with_nan)),
    ),
    Row(
        "three-dimensions",
        "a factor of three dimensions",
        "expert ben: base_model.model.model.layers.0.mlp.down_proj.lora_A.weight has 3 dimensions, "
        "not 2; leave the expert out. Only linear LoRA factors can be combined.",
        three_experts(tensors(three_dimensional)),
    ),
    Row(
        "whole-numbers",
        "factors of whole numbers",
        "expert ben: base_model.model.model.layers.0.mlp.down_proj.lora_A.weight is torch.int32, not "
        "floating point; save the adapter again.",
        three_experts(tensors(whole_numbers)),
    ),
    Row(
        "dora-tensor",
        "a tensor that is no LoRA factor",
        "expert ben: tensor base_model.model.model.layers.0.mlp.down_proj.lora_magnitude_vector is "
        "not a LoRA factor; leave the expert out. Only linear LoRA factors can be combined.",
        three_experts(tensors(with_dora)),
    ),
    Row(
        "embedding",
        "PEFT saved the embedding beside the factors",
        "expert ben: tensor base_model.model.model.embed_tokens.weight is not a LoRA factor; PEFT "
        "stored a matrix of the base beside them: save the adapter with save_embedding_layers=False.",
        three_experts(tensors(with_embedding)),
    ),
    Row(
        "rank-differs",
        "the tensors' rank is not the configuration's",
        "expert ben: model.layers.0.mlp.down_proj has factors (…) and (…), but adapter_config.json "
        "says r = …; save the adapter again.",
        three_experts(tensors(of_rank_four)),
    ),
    Row(
        "not-targeted",
        "tensors that the configuration does not target",
        "expert ben: adapter_model.safetensors changes model.layers.0.mlp.down_proj, which "
        "target_modules in adapter_config.json leaves out; copy both files from one place, or "
        "save the adapter again.",
        configured(target_modules=["q_proj"]),
    ),
    Row(
        "shape-differs",
        "one expert's matrices have another shape",
        "expert ben: model.layers.0.mlp.down_proj changes a (…) matrix, expert ann's is (…); they "
        "were made from different bases. Leave one out.",
        three_experts(tensors(wider)),
    ),
    Row(
        "other-base",
        "the base's matrices have another shape",
        "expert ann: model.layers.0.mlp.down_proj changes a (…) matrix, the base's is (…); it was "
        "made from another base: give that, or leave the expert out.",
        both(three_experts(), everywhere_wider),
    ),
    Row(
        "no-such-layer",
        "a layer that the base has not",
        "expert ben: the base has no model.layers.99.mlp.down_proj; it was made from another base: "
        "give that, or leave the expert out.",
        three_experts(tensors(another_layer)),
    ),
    Row(
        "factors-ranks",
        "factors of different ranks added apart",
        "expert ben: rank is 4, expert ann's is 8; combine: factors needs them equal, combine: delta does not.",
        three_experts(rank_four, combine="factors"),
    ),
    Row(
        "factors-targets",
        "factors of different modules added apart",
        "expert ben: not the same modules as expert ann (such as model.layers.0.mlp.down_proj); "
        "combine: factors needs them equal, combine: delta does not.",
        three_experts(tensors(one_layer_less), combine="factors"),
    ),
]
