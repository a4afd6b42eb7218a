"""Small random bases with the zoo's tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from modelswarms import zoo

ROOM = 48
"""Tokens that they take in, unless told otherwise."""


class Letters:
    """A tokenizer that writes token t as the t-th letter."""

    def decode(self, tokens, **keys):
        return "".join(chr(0x4E00 + t) for t in tokens)


def random_base(folder: Path, adds_bos: bool = False, **settings) -> Path:
    """A small random base with the zoo's tokenizer, which ``adds_bos`` makes begin every text with a token."""
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    config = AutoConfig.for_model(**{
        "model_type": "llama", "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "max_position_embeddings": ROOM, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 1, **settings,
    })  # fmt: skip
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if adds_bos:
        fast = json.loads((folder / "tokenizer.json").read_text())
        begin = {"SpecialToken": {"id": "<pad>", "type_id": 0}}
        text = {"Sequence": {"id": "A", "type_id": 0}}
        fast["post_processor"] = {
            "type": "TemplateProcessing", "single": [begin, text], "pair": [begin, text, text],
            "special_tokens": {"<pad>": {"id": "<pad>", "ids": [0], "tokens": ["<pad>"]}},
        }  # fmt: skip
        (folder / "tokenizer.json").write_text(json.dumps(fast))
        named = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps({**named, "bos_token": "<pad>"}))
    return folder
