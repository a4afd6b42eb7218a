"""Folders that transformers and PEFT read, and reading them back into stacked weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modelswarms.zoo.build.lora import Adapter
from modelswarms.zoo.build.model import EPSILON, MATRICES, ROPE_THETA, ModelShape, Weights
from modelswarms.zoo.build.vocabulary import CONTEXT, END_ID, PAD_ID, ROW_OF, VOCABULARY, save_tokenizer

__all__ = ["load_base", "load_expert", "model_config", "save_base", "save_expert"]

_PLACE: Final = {name: ("self_attn." if name in MATRICES[:4] else "mlp.") + name for name in MATRICES}
_NORM: Final = {"input_norm": "input_layernorm", "post_norm": "post_attention_layernorm"}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def model_config(shape: ModelShape) -> dict[str, Any]:
    """transformers' configuration of the base."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": None,
        "dtype": "bfloat16",
        "eos_token_id": END_ID,
        "head_dim": shape.head_width,
        "hidden_act": "silu",
        "hidden_size": shape.width,
        "initializer_range": 0.02,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": CONTEXT,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.heads,
        "pad_token_id": PAD_ID,
        "rms_norm_eps": EPSILON,
        "rope_parameters": {"rope_theta": ROPE_THETA, "rope_type": "default"},
        "tie_word_embeddings": True,
        "use_cache": True,
        "vocab_size": len(VOCABULARY),
    }


def save_base(folder: Path, weights: Weights, shape: ModelShape) -> None:
    """Write the base in bf16, with tokenizer; the configuration comes last and marks the folder as complete."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = torch.tensor(ROW_OF, device=weights["embed"].device)
    tensors = {"model.embed_tokens.weight": weights["embed"][rows], "model.norm.weight": weights["final_norm"]}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        for name, place in (*_PLACE.items(), *_NORM.items()):
            tensors[f"{prefix}{place}.weight"] = weights[name][layer]
    save_file(_bf16(tensors), folder / "model.safetensors", metadata={"format": "pt"})
    save_tokenizer(folder)
    generation = {"do_sample": False, "eos_token_id": END_ID, "max_new_tokens": 4, "pad_token_id": PAD_ID}
    _write_json(folder / "generation_config.json", generation)
    _write_json(folder / "config.json", model_config(shape))


def load_base(folder: Path, device: torch.device) -> Weights:
    """Stacked fp32 weights of an exported base; ``embed`` has the exported vocabulary's rows."""
    stored = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
    layers = range(json.loads((folder / "config.json").read_text())["num_hidden_layers"])
    weights = {"embed": stored["model.embed_tokens.weight"], "final_norm": stored["model.norm.weight"]}
    for name, place in (*_PLACE.items(), *_NORM.items()):
        weights[name] = torch.stack([stored[f"model.layers.{layer}.{place}.weight"] for layer in layers])
    return {name: weight.to(device) for name, weight in weights.items()}


def save_expert(folder: Path, adapter: Adapter, base: str) -> None:
    """Write an adapter as a PEFT folder in bf16; the configuration comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, place in _PLACE.items():
        for layer in range(len(adapter.a[name])):
            prefix = f"base_model.model.model.layers.{layer}.{place}."
            tensors[f"{prefix}lora_A.weight"] = adapter.a[name][layer]
            tensors[f"{prefix}lora_B.weight"] = adapter.b[name][layer]
    save_file(_bf16(tensors), folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "base_model_name_or_path": base,
        "bias": "none",
        "inference_mode": True,
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": adapter.rank,
        "target_modules": sorted(MATRICES),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }
    _write_json(folder / "adapter_config.json", config)


def load_expert(folder: Path, device: torch.device) -> Adapter:
    """Read such a folder back, in fp32."""
    stored = {
        name: tensor.float().to(device) for name, tensor in load_file(folder / "adapter_model.safetensors").items()
    }
    layers = range(1 + max(int(name.split(".")[4]) for name in stored))

    def stack(factor: str, place: str) -> Tensor:
        return torch.stack(
            [stored[f"base_model.model.model.layers.{layer}.{place}.lora_{factor}.weight"] for layer in layers]
        )

    alpha = json.loads((folder / "adapter_config.json").read_text())["lora_alpha"]
    return Adapter(
        {name: stack("A", place) for name, place in _PLACE.items()},
        {name: stack("B", place) for name, place in _PLACE.items()},
        int(alpha),
    )


def _bf16(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", torch.bfloat16).contiguous() for name, tensor in sorted(tensors.items())}
