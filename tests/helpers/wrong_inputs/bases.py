"""Bases that cannot be used."""

from __future__ import annotations

import json

from wrong_inputs.row import Row, cut, edited, own_base, removed, settings, tensors, written

WEIGHTS = "model.safetensors"
INDEX = json.dumps({"metadata": {}, "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors"}})


def half_an_embedding(flat: dict) -> None:
    key = next(key for key in flat if "embed_tokens" in key)
    flat[key] = flat[key][:10].contiguous()


def without_a_norm(flat: dict) -> None:
    for key in [key for key in flat if ".layers.1.input_layernorm" in key]:
        del flat[key]


ROWS = [
    Row(
        "base-nowhere",
        "the base does not exist",
        "base: nowhere is no folder; check the path, or give a hub id (org/name).",
        settings(base="./nowhere"),
    ),
    Row(
        "base-file",
        "a file where the base should be",
        "base: data.json is no folder; check the path, or give a hub id (org/name).",
        settings(base="./data.json"),
    ),
    Row(
        "base-hub-offline",
        "a base of the hub without a network",
        "base: nobody/nothing is no folder here and not in the hub's cache, and HF_HUB_OFFLINE "
        "forbids to ask for it; unset it, or check the path.",
        settings(base="nobody/nothing"),
    ),
    Row(
        "base-no-config",
        "a base without config.json",
        "base: base holds no config.json; give the folder of a transformers model.",
        own_base(removed("config.json")),
    ),
    Row(
        "base-config-invalid",
        "config.json is not JSON",
        "base: base/config.json cannot be read (…); copy the model again.",
        own_base(written("config.json", "{")),
    ),
    Row(
        "base-no-type",
        "config.json names no model_type",
        "base: base/config.json names no model_type; give the folder of a transformers model.",
        own_base(edited("config.json", lambda config: config.pop("model_type"))),
    ),
    Row(
        "base-unknown-type",
        "a model_type that transformers does not know",
        "base: base cannot be loaded (…); copy the model again, or update transformers.",
        own_base(edited("config.json", lambda config: config.update(model_type="llama99"))),
        loads=True,
    ),
    Row(
        "base-quantised",
        "a quantised base",
        "base: base is quantised, and changes cannot be added to it; give the full-precision model.",
        own_base(edited("config.json", lambda config: config.update(quantization_config={"bits": 4}))),
    ),
    Row(
        "base-no-weights",
        "a base without weights",
        "base: base holds no weights (*.safetensors); copy the model again.",
        own_base(removed(WEIGHTS)),
    ),
    Row(
        "base-weights-cut",
        "truncated weights",
        "base: base/model.safetensors is damaged (…); copy the model again.",
        own_base(cut(WEIGHTS, 100_000)),
    ),
    Row(
        "base-weights-garbage",
        "weights of something else",
        "base: base/model.safetensors is damaged (…); copy the model again.",
        own_base(written(WEIGHTS, b"garbage!" * 99)),
    ),
    Row(
        "base-shard-missing",
        "one of several weight files is missing",
        "base: base holds no model-00002-of-00002.safetensors, which its index names; copy the model again.",
        own_base(written("model.safetensors.index.json", INDEX)),
    ),
    Row(
        "base-index-invalid",
        "the index of the weight files is not JSON",
        "base: base/model.safetensors.index.json cannot be read; copy the model again.",
        own_base(written("model.safetensors.index.json", "[")),
    ),
    Row(
        "base-weights-shape",
        "weights that are not those of config.json",
        "base: the weights in base do not have the shapes of config.json; copy the model again, or "
        "update transformers.",
        own_base(tensors(half_an_embedding, WEIGHTS)),
        loads=True,
    ),
    Row(
        "base-incomplete",
        "weights of which one is missing",
        "base: base holds no weights for model.layers.1.input_layernorm.weight and … more; copy the "
        "model again, or update transformers.",
        own_base(tensors(without_a_norm, WEIGHTS)),
        loads=True,
    ),
    Row(
        "base-no-tokenizer",
        "a base without a tokenizer",
        "base: base has no tokenizer that can be loaded (…); copy tokenizer.json and the files that "
        "belong to it there.",
        own_base(removed("tokenizer.json")),
        loads=True,
    ),
    Row(
        "base-tokenizer-invalid",
        "a tokenizer that is not JSON",
        "base: base has no tokenizer that can be loaded (…); copy tokenizer.json and the files that "
        "belong to it there.",
        own_base(written("tokenizer.json", "{")),
        loads=True,
    ),
]
