"""Work of the size that users have: a model shaped like Gemma-7B with random weights, LoRA experts, real prompts.

Random weights take as long as trained ones; what they answer means nothing. Prompts are those of the data files that
Model Swarms published (https://github.com/BunsenFeng/model_swarm), under a tokenizer trained on them here, which
splits numbers into digits: 200 nlgraph prompts make about as many tokens as Gemma's tokenizer makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from modelswarms.utilities import load_utility

NEW_TOKENS = {"nlgraph": 10, "mmlu": 10, "gsm8k": 200}
"""New tokens of an answer, as published."""

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")

GEMMA = {
    "model_type": "gemma", "vocab_size": 256000, "hidden_size": 3072, "intermediate_size": 24576,
    "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 256,
    "max_position_embeddings": 8192, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1,
}  # fmt: skip
SMALL = {
    **GEMMA, "vocab_size": 20000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16,
}  # fmt: skip
"""To try a benchmark out on a processor."""


def prompts(name: str, data: Path) -> list[str]:
    """The prompts of a data set's dev split, as its utility writes them."""
    utility, examples = load_utility({"kind": name, "data": str(data / f"{name}.json")}, Path())
    return [utility.prompt(example) for example in examples.dev]


def make_tokenizer(folder: Path, texts: Sequence[str]) -> None:
    """A byte-pair tokenizer of 16,000 tokens in a base's folder, trained on the texts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\d"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=16000, special_tokens=["<pad>", "<eos>", "<bos>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", padding_side="left"
    )
    fast.save_pretrained(folder)


def random_model(shape: dict[str, Any], device: str, dtype: torch.dtype, seed: int = 0) -> Any:
    """A model of a shape on a device, its weights drawn as its family draws them."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape), dtype=dtype)
    return model.eval().requires_grad_(False)


def save_experts(folder: Path, shape: dict[str, Any], count: int, rank: int = 16) -> None:
    """Random LoRA adapters as PEFT saves them."""
    from safetensors.torch import save_file

    width = shape["num_attention_heads"] * shape["head_dim"]
    narrow = shape["num_key_value_heads"] * shape["head_dim"]
    sizes = {"q_proj": (shape["hidden_size"], width), "k_proj": (shape["hidden_size"], narrow),
             "v_proj": (shape["hidden_size"], narrow), "o_proj": (width, shape["hidden_size"])}  # fmt: skip
    for k in range(count):
        draw = torch.Generator().manual_seed(k)
        tensors = {}
        for layer in range(shape["num_hidden_layers"]):
            for target, (n_in, n_out) in sizes.items():
                at = f"base_model.model.model.layers.{layer}.self_attn.{target}"
                tensors[f"{at}.lora_A.weight"] = torch.randn(rank, n_in, generator=draw) / n_in**0.5
                tensors[f"{at}.lora_B.weight"] = torch.randn(n_out, rank, generator=draw) * 0.02
        place = folder / f"expert{k}"
        place.mkdir(parents=True)
        save_file({name: x.to(torch.bfloat16) for name, x in tensors.items()}, place / "adapter_model.safetensors")
        config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "bias": "none",
                  "target_modules": list(TARGETS), "base_model_name_or_path": "base"}  # fmt: skip
        (place / "adapter_config.json").write_text(json.dumps(config))
