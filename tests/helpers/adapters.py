"""Small bases and adapters made with PEFT."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

MODULES = ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"]


def make_base(folder: Path, hidden: int = 24) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=60, hidden_size=hidden, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def make_expert(base: Path, folder: Path, seed: int, **settings) -> Path:
    """A PEFT adapter with random A and B."""
    config = LoraConfig(**{"r": 4, "lora_alpha": 6, "target_modules": MODULES, "task_type": "CAUSAL_LM", **settings})
    model = get_peft_model(LlamaForCausalLM.from_pretrained(base), config)
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    return folder
